CREATE INDEX CONCURRENTLY tickets_user_id_issued_at ON tickets (user_id, issued_at);
CREATE INDEX CONCURRENTLY tickets_code ON tickets (code);
