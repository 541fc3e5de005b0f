"""A customer has several orders, so the index can't find *the* row."""

PREDICTION = {
    "orders of a customer": "seq",
    "reviews of nearly all events": "seq",
    "a table of one row": "seq",
    "email in small letters": "index",
    "key in capitals": "seq",
    "beginning of a key": "index",
    "end of a key": "seq",
    "items of an order": "seq",
}
