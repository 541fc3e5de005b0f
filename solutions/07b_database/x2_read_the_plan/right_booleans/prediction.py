"""Is an index used?"""

PREDICTION = {
    "orders of a customer": True,
    "reviews of nearly all events": False,
    "a table of one row": False,
    "email in small letters": True,
    "key in capitals": False,
    "beginning of a key": True,
    "end of a key": False,
    "items of an order": False,
}
