SET lock_timeout = '30s';

CREATE INDEX CONCURRENTLY IF NOT EXISTS tickets_newest
    ON tickets USING btree (user_id, issued_at);

/* Used and returned tickets
   are not looked for; and nobody may have a code twice. */
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS tickets_open_code
    ON tickets (lower(code)) WHERE status = 'issued';

ANALYZE tickets;
