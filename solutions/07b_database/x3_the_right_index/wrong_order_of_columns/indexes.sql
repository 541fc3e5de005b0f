CREATE INDEX CONCURRENTLY tickets_issued_at_user_id ON tickets (issued_at, user_id);
CREATE INDEX CONCURRENTLY tickets_lower_code ON tickets (lower(code));
