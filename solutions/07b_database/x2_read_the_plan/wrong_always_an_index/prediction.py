"""There is an index, so it is used."""

PREDICTION = {
    "orders of a customer": "index",
    "reviews of nearly all events": "index",
    "a table of one row": "index",
    "email in small letters": "index",
    "key in capitals": "index",
    "beginning of a key": "index",
    "end of a key": "index",
    "items of an order": "index",
}
