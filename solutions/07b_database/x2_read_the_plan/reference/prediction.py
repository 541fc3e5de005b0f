"""An index on exactly this, a known beginning, and few of many rows."""

PREDICTION = {
    # SELECT * FROM orders WHERE user_id = 4711
    "orders of a customer": "index",
    # SELECT * FROM reviews WHERE event_id > 12
    "reviews of nearly all events": "seq",
    # SELECT * FROM alembic_version WHERE version_num = '0001'
    "a table of one row": "seq",
    # SELECT * FROM users WHERE lower(email) = 'zelia.4711@example.com'
    "email in small letters": "index",
    # SELECT * FROM orders WHERE upper(idempotency_key) = 'SEED-004711'
    "key in capitals": "seq",
    # SELECT * FROM orders WHERE idempotency_key LIKE 'seed-0471%'
    "beginning of a key": "index",
    # SELECT * FROM orders WHERE idempotency_key LIKE '%4711'
    "end of a key": "seq",
    # SELECT * FROM order_items WHERE order_id = '6f0c…'  (an order's id)
    "items of an order": "seq",
}
