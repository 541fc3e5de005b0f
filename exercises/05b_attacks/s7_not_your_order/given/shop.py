"""What the API stands on: the application, its two public pages, who asks, and the database."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from typing import Any

import psycopg
from flask import Flask, abort, request
from itsdangerous import BadSignature, URLSafeSerializer
from psycopg.rows import dict_row

app = Flask(__name__, static_folder=None)


@dataclass(frozen=True)
class Person:
    """Who asks. Without a login, `id` is None."""

    id: int | None
    staff: bool


def me() -> Person:
    """Who sent this request, by the signed token; Postgres knows whether they belong to the staff."""
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    try:
        user = URLSafeSerializer(os.environ["SECRET_KEY"]).loads(token)
    except BadSignature:
        return Person(None, staff=False)
    found = rows("SELECT id, role = 'staff' AS staff FROM users WHERE id = %s", user)
    return Person(**found[0]) if found else Person(None, staff=False)


def rows(statement: str, *args: Any) -> list[dict[str, Any]]:
    """All rows of a statement, as dicts."""
    return _connection().execute(statement, args).fetchall()


def row(statement: str, *args: Any) -> dict[str, Any]:
    """Its first row; where there is none, the request ends with 404."""
    return next(iter(rows(statement, *args)), None) or abort(404)


def change(statement: str, *args: Any) -> dict[str, int]:
    """How many rows it touched; where there were none, the request ends with 404. Each change is committed at once."""
    return {"changed": _connection().execute(statement, args).rowcount or abort(404)}


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Whether the process lives."""
    return {"status": "ok"}


@app.get("/events")
def events() -> list[dict[str, Any]]:
    """What is on; it hangs at every street corner, too."""
    return rows("SELECT slug, title FROM events ORDER BY starts_at LIMIT 10")


@cache
def _connection() -> psycopg.Connection[dict[str, Any]]:
    """The connection of this process, which answers one request after the other."""
    return psycopg.connect(os.environ["DATABASE_URL"], autocommit=True, connect_timeout=5, row_factory=dict_row)
