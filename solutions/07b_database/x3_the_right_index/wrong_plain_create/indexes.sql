CREATE INDEX tickets_user_id_issued_at ON tickets (user_id, issued_at);
CREATE INDEX tickets_lower_code ON tickets (lower(code));
