"""Reviews of an event: written by customers, shown to everybody."""

import json
import os
import re
from typing import Any

import psycopg
from flask import Flask, render_template, request
from markupsafe import Markup
from psycopg.rows import dict_row

app = Flask(__name__)

KEEP = "INSERT INTO reviews (event, author, body, link) VALUES (%s, %s, %s, %s)"
SHOW = "SELECT author, body, link FROM reviews WHERE event = %s ORDER BY id"
ARTICLE = Markup(
    '<article data-author="{author}"><h2>{author}</h2><p>{body}</p>{a}</article>'
)
LINK = Markup('<a href="{}" rel="nofollow noopener">More</a>')


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


def article(author: str, body: str, link: str) -> Markup:
    """One review."""
    a = LINK.format(link) if re.match("https?://", link) else Markup("")
    return ARTICLE.format(author=author, body=body, a=a)


@app.get("/events/<event>/reviews")
def show(event: str) -> Any:
    """The page with all of them."""
    with connect() as connection:
        reviews = connection.execute(SHOW, (event,)).fetchall()
    data = json.dumps(reviews).replace("<", "\\u003c")
    articles = Markup("").join(article(**review) for review in reviews)
    return render_template("reviews.html.j2", articles=articles, data=data)
