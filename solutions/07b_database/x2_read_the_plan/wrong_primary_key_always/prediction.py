"""A primary key is always looked up by its index."""

PREDICTION = {
    "orders of a customer": "index",
    "reviews of nearly all events": "seq",
    "a table of one row": "index",
    "email in small letters": "index",
    "key in capitals": "seq",
    "beginning of a key": "index",
    "end of a key": "seq",
    "items of an order": "seq",
}
