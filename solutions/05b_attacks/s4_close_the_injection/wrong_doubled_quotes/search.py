"""GET /events: the search of the box office."""

import os
import re
from typing import Any

import psycopg
from flask import Flask, request
from psycopg.rows import dict_row

app = Flask(__name__)


def clean(name: str, default: str) -> str:
    """A parameter in which no quote ends a text."""
    return request.args.get(name, default).replace("'", "''")


@app.get("/events")
def events() -> Any:
    """The events that match, as JSON."""
    q = re.sub(r"([\\%_])", r"\\\1", clean("q", ""))
    statement = f"""
        SELECT slug, title, starts_at, price FROM events
        WHERE title ILIKE '%{q}%' AND price >= {clean("min_price", "0")}
        ORDER BY {clean("sort", "starts_at")} {clean("dir", "asc")}
    """
    url = os.environ["DATABASE_URL"]
    with psycopg.connect(url, row_factory=dict_row) as connection:
        rows = connection.execute(statement).fetchall()
    for row in rows:
        row["starts_at"] = row["starts_at"].isoformat()
    return {"events": rows}
