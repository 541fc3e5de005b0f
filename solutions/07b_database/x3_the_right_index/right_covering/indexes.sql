-- week is answered from the index alone.
CREATE INDEX CONCURRENTLY tickets_of_user ON tickets (user_id, issued_at DESC)
    INCLUDE (price_cents);
CREATE INDEX CONCURRENTLY tickets_at_the_door ON tickets (lower(code))
    INCLUDE (status, user_id, price_cents);
