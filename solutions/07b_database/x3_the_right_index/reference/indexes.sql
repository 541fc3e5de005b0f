-- page and week: the customer with =, then the time as range and as order.
CREATE INDEX CONCURRENTLY tickets_user_id_issued_at ON tickets (user_id, issued_at);

-- door: what stands left of the equals sign.
CREATE INDEX CONCURRENTLY tickets_lower_code ON tickets (lower(code));
