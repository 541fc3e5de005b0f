"""Reviews of an event: written by customers, shown to everybody."""

import json
import os
from typing import Any

import psycopg
from flask import Flask, render_template, request
from psycopg.rows import dict_row

app = Flask(__name__)

KEEP = "INSERT INTO reviews (event, author, body, link) VALUES (%s, %s, %s, %s)"
SHOW = "SELECT author, body, link FROM reviews WHERE event = %s ORDER BY id"


def connect() -> Any:
    """A connection to the database."""
    return psycopg.connect(os.environ["DATABASE_URL"], row_factory=dict_row)


@app.post("/events/<event>/reviews")
def write(event: str) -> Any:
    """Keep a review: `author`, `body` and `link`, as JSON."""
    sent = request.get_json()
    review = (event, sent["author"], sent["body"], sent.get("link", ""))
    with connect() as connection:
        connection.execute(KEEP, review)
    return {}, 201


@app.get("/events/<event>/reviews")
def show(event: str) -> Any:
    """The page with all of them."""
    with connect() as connection:
        reviews = connection.execute(SHOW, (event,)).fetchall()
    data = json.dumps(reviews)
    return render_template("reviews.html.j2", reviews=reviews, data=data)
