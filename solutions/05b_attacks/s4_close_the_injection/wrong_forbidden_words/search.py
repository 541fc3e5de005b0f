"""GET /events: the search of the box office."""

import os
import re
from typing import Any

import psycopg
from flask import Flask, abort, request
from psycopg.rows import dict_row

SORTS = {"title": "title", "starts_at": "starts_at", "price": "price"}
DIRECTIONS = {"asc": "ASC", "desc": "DESC"}
FORBIDDEN = re.compile(r"['\";]|--|/\*|\b(union|select|drop|update)\b", re.IGNORECASE)

app = Flask(__name__)


@app.get("/events")
def events() -> Any:
    """The events that match, as JSON."""
    column = SORTS.get(request.args.get("sort", "starts_at")) or abort(400)
    direction = DIRECTIONS.get(request.args.get("dir", "asc")) or abort(400)
    min_price = request.args.get("min_price", "0")
    if not re.fullmatch("[0-9]{1,9}", min_price):
        abort(400)
    q = request.args.get("q", "")
    if FORBIDDEN.search(q):
        abort(400)
    q = re.sub(r"([\\%_])", r"\\\1", q)
    statement = f"""
        SELECT slug, title, starts_at, price FROM events
        WHERE title ILIKE '%{q}%' AND price >= {min_price}
        ORDER BY {column} {direction}
    """
    url = os.environ["DATABASE_URL"]
    with psycopg.connect(url, row_factory=dict_row) as connection:
        rows = connection.execute(statement).fetchall()
    for row in rows:
        row["starts_at"] = row["starts_at"].isoformat()
    return {"events": rows}
