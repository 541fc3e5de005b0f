"""Whether this request is a program's."""

from __future__ import annotations

from flask import request


def wants_json() -> bool:
    """Accept names JSON before HTML; who sends JSON and accepts anything gets JSON, too."""
    accepted = request.accept_mimetypes
    json, html = accepted["application/json"], accepted["text/html"]
    return json > html or (request.is_json and json == html)
