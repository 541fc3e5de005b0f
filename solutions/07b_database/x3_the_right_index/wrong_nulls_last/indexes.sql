CREATE INDEX CONCURRENTLY tickets_newest ON tickets (user_id, issued_at DESC NULLS LAST);
CREATE INDEX CONCURRENTLY tickets_lower_code ON tickets (lower(code));
