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
    q = request.args.get("q", "")
    min_price = request.args.get("min_price", "0")
    sort = request.args.get("sort", "starts_at")
    direction = request.args.get("dir", "asc")
    statement = f"""
        SELECT slug, title, starts_at, price FROM events
        WHERE title ILIKE '%{q}%' AND price >= {min_price}
        ORDER BY {sort} {direction}
    """
    url = os.environ["DATABASE_URL"]
    with psycopg.connect(url, row_factory=dict_row) as connection:
        rows = connection.execute(statement).fetchall()
    for row in rows:
        row["starts_at"] = row["starts_at"].isoformat()
    return {"events": rows}
