CREATE INDEX CONCURRENTLY tickets_user_id ON tickets (user_id);
CREATE INDEX CONCURRENTLY tickets_lower_code ON tickets (lower(code));
