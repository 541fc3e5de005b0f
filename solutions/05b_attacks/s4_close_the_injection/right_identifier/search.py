"""GET /events: the search of the box office."""

import os
from typing import Any

import psycopg
from flask import Flask, abort, request
from psycopg import sql
from psycopg.rows import dict_row

SORTS = ("title", "starts_at", "price")
DIRECTIONS = ("asc", "desc")
STATEMENT = sql.SQL(
    "SELECT slug, title, starts_at, price FROM events"
    " WHERE strpos(lower(title), lower(%(q)s)) > 0 AND price >= %(low)s"
    " ORDER BY {column} {direction}"
)

app = Flask(__name__)


def one_of(name: str, allowed: tuple[str, ...], default: str) -> str:
    """The parameter, when it is one of these."""
    value = request.args.get(name, default)
    if value not in allowed:
        abort(400, f"{name} is one of {', '.join(allowed)}")
    return value


@app.get("/events")
def events() -> Any:
    """The events that match, as JSON."""
    column = sql.Identifier(one_of("sort", SORTS, "starts_at"))
    direction = sql.SQL(one_of("dir", DIRECTIONS, "asc"))
    low = request.args.get("min_price", "0")
    if not (low.isascii() and low.isdigit()):
        abort(400, "min_price is a whole number")
    values = {"q": request.args.get("q", ""), "low": int(low)}
    statement = STATEMENT.format(column=column, direction=direction)
    url = os.environ["DATABASE_URL"]
    with psycopg.connect(url, row_factory=dict_row) as connection:
        rows = connection.execute(statement, values).fetchall()
    return {
        "events": [{**row, "starts_at": row["starts_at"].isoformat()} for row in rows]
    }
