"""The column is indexed, and upper() is quick."""

PREDICTION = {
    "orders of a customer": "index",
    "reviews of nearly all events": "seq",
    "a table of one row": "seq",
    "email in small letters": "index",
    "key in capitals": "index",
    "beginning of a key": "index",
    "end of a key": "seq",
    "items of an order": "seq",
}
