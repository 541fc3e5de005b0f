CREATE UNIQUE INDEX CONCURRENTLY tickets_moment ON tickets (user_id, issued_at);
CREATE INDEX CONCURRENTLY tickets_lower_code ON tickets (lower(code));
