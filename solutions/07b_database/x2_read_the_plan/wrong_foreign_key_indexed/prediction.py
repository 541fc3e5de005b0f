"""A foreign key has an index, as a primary key has."""

PREDICTION = {
    "orders of a customer": "index",
    "reviews of nearly all events": "seq",
    "a table of one row": "seq",
    "email in small letters": "index",
    "key in capitals": "seq",
    "beginning of a key": "index",
    "end of a key": "seq",
    "items of an order": "index",
}
