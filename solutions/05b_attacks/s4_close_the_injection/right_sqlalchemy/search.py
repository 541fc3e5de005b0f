"""GET /events: the search of the box office."""

import os
from functools import cache
from typing import Any

from flask import Flask, abort, request
from sqlalchemy import Engine, column, create_engine, make_url, select, table

EVENTS = table("events", *map(column, ("slug", "title", "starts_at", "price")))
SORTS = {name: EVENTS.c[name] for name in ("title", "starts_at", "price")}

app = Flask(__name__)


@cache
def engine() -> Engine:
    """One pool a process, made at the first request."""
    url = make_url(os.environ["DATABASE_URL"])
    return create_engine(url.set(drivername="postgresql+psycopg"))


@app.get("/events")
def events() -> Any:
    """The events that match, as JSON."""
    args = request.args
    by = SORTS.get(args.get("sort", "starts_at"))
    direction = args.get("dir", "asc")
    if by is None or direction not in ("asc", "desc"):
        abort(400)
    try:
        low = int(args.get("min_price", "0"))
    except ValueError:
        abort(400)
    query = (
        select(EVENTS)
        .where(EVENTS.c.title.icontains(args.get("q", ""), autoescape=True))
        .where(EVENTS.c.price >= low)
        .order_by(by.desc() if direction == "desc" else by.asc())
    )
    with engine().connect() as connection:
        rows = connection.execute(query).mappings().all()
    return {
        "events": [{**row, "starts_at": row["starts_at"].isoformat()} for row in rows]
    }
