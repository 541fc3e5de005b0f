"""Does Postgres use an index for this query? "index" or "seq" for each."""

PREDICTION = {
    # SELECT * FROM orders WHERE user_id = 4711
    "orders of a customer": None,
    # SELECT * FROM reviews WHERE event_id > 12
    "reviews of nearly all events": None,
    # SELECT * FROM alembic_version WHERE version_num = '0001'
    "a table of one row": None,
    # SELECT * FROM users WHERE lower(email) = 'zelia.4711@example.com'
    "email in small letters": None,
    # SELECT * FROM orders WHERE upper(idempotency_key) = 'SEED-004711'
    "key in capitals": None,
    # SELECT * FROM orders WHERE idempotency_key LIKE 'seed-0471%'
    "beginning of a key": None,
    # SELECT * FROM orders WHERE idempotency_key LIKE '%4711'
    "end of a key": None,
    # SELECT * FROM order_items WHERE order_id = '6f0c…'  (an order's id)
    "items of an order": None,
}
