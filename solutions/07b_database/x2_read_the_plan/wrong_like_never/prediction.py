"""LIKE and % mean: read everything."""

PREDICTION = {
    "orders of a customer": "index",
    "reviews of nearly all events": "seq",
    "a table of one row": "seq",
    "email in small letters": "index",
    "key in capitals": "seq",
    "beginning of a key": "seq",
    "end of a key": "seq",
    "items of an order": "seq",
}
