"""GET /events: the search of the box office."""

import os
from typing import Any

import psycopg
from flask import Flask, request
from psycopg.rows import dict_row

STATEMENT = """
    SELECT slug, title, starts_at, price FROM events
    WHERE position(lower(%(q)s) IN lower(title)) > 0 AND price >= %(low)s
    ORDER BY
        CASE %(by)s WHEN 'title asc' THEN title END ASC,
        CASE %(by)s WHEN 'title desc' THEN title END DESC,
        CASE %(by)s WHEN 'price asc' THEN price END ASC,
        CASE %(by)s WHEN 'price desc' THEN price END DESC,
        CASE %(by)s WHEN 'starts_at asc' THEN starts_at END ASC,
        CASE %(by)s WHEN 'starts_at desc' THEN starts_at END DESC
"""
SORTS = ("title", "starts_at", "price")

app = Flask(__name__)


@app.get("/events")
def events() -> Any:
    """The events that match, as JSON."""
    args = {"q": "", "min_price": "0", "sort": "starts_at", "dir": "asc"}
    args |= request.args.to_dict()
    if args["sort"] not in SORTS or args["dir"] not in ("asc", "desc"):
        return {"error": "unknown order"}, 400
    if set(args["min_price"]) - set("0123456789") or not args["min_price"]:
        return {"error": "min_price is a whole number"}, 400
    by = f"{args['sort']} {args['dir']}"
    values = {"q": args["q"], "low": int(args["min_price"]), "by": by}
    url = os.environ["DATABASE_URL"]
    with psycopg.connect(url, row_factory=dict_row) as connection:
        rows = connection.execute(STATEMENT, values).fetchall()
    return {"events": [{**r, "starts_at": r["starts_at"].isoformat()} for r in rows]}
