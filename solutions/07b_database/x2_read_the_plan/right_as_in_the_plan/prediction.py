"""The words that EXPLAIN prints."""

PREDICTION = {
    "orders of a customer": "Bitmap Heap Scan",
    "reviews of nearly all events": "Seq Scan",
    "a table of one row": "Seq Scan",
    "email in small letters": "Index Scan",
    "key in capitals": "Seq Scan",
    "beginning of a key": "Index Scan",
    "end of a key": "Seq Scan",
    "items of an order": "Seq Scan",
}
