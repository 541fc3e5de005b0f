CREATE INDEX CONCURRENTLY tickets_all ON tickets (user_id, issued_at) INCLUDE (status, price_cents, printed);
CREATE INDEX CONCURRENTLY tickets_lower_code ON tickets (lower(code));
