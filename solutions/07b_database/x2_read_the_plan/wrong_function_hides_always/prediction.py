"""A function on the column: no index."""

PREDICTION = {
    "orders of a customer": "index",
    "reviews of nearly all events": "seq",
    "a table of one row": "seq",
    "email in small letters": "seq",
    "key in capitals": "seq",
    "beginning of a key": "index",
    "end of a key": "seq",
    "items of an order": "seq",
}
