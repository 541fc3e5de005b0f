"""GET /events: the search of the box office."""

import os
from typing import Any

import psycopg
from flask import Flask, request
from psycopg.rows import dict_row

app = Flask(__name__)


@app.get("/events")
def events() -> Any:
    """The events that match, as JSON."""
    q = request.args.get("q", "").lower()
    sort = request.args.get("sort", "starts_at")
    direction = request.args.get("dir", "asc")
    price = request.args.get("min_price", "0")
    if sort not in {"title", "starts_at", "price"} or direction not in {"asc", "desc"}:
        return {"error": "unknown order"}, 400
    if not price.isdecimal():
        return {"error": "min_price is a whole number"}, 400
    with psycopg.connect(
        os.environ["DATABASE_URL"], row_factory=dict_row
    ) as connection:
        rows = connection.execute("SELECT slug, title, starts_at, price FROM events")
        found = [
            r for r in rows if q in r["title"].lower() and r["price"] >= int(price)
        ]
    found.sort(key=lambda row: row[sort], reverse=direction == "desc")
    return {"events": [{**r, "starts_at": r["starts_at"].isoformat()} for r in found]}
