"""The four questions, as code: what is indexed, what is known, how much, how large."""

INDEXED = {
    "orders": {"id", "user_id", "idempotency_key"},
    "users": {"id", "lower(email)"},
}
QUERIES = {
    "orders of a customer": ("orders", "user_id", "=", 12 / 60_000),
    "reviews of nearly all events": ("reviews", "event_id", ">", 0.9),
    "a table of one row": ("alembic_version", "version_num", "=", 1),
    "email in small letters": ("users", "lower(email)", "=", 1 / 5_000),
    "key in capitals": ("orders", "upper(idempotency_key)", "=", 1 / 60_000),
    "beginning of a key": ("orders", "idempotency_key", "x%", 100 / 60_000),
    "end of a key": ("orders", "idempotency_key", "%x", 6 / 60_000),
    "items of an order": ("order_items", "order_id", "=", 3 / 200_000),
}


def uses_an_index(table, what, how, share):
    return what in INDEXED.get(table, ()) and not how.startswith("%") and share < 0.1


def PREDICTION():
    return {name: uses_an_index(*query) for name, query in QUERIES.items()}
