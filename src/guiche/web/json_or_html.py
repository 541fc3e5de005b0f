"""One URL for people and programs: what is wanted, and what was sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, jsonify, make_response, redirect, render_template, request

from guiche.web.errors import Problem
from guiche.web.wants import wants_json

BIGGEST = 2**63 - 1


def reply(data: Mapping[str, Any], template: str, *, status: int = 200, **more: Any) -> Response:
    """`data` as JSON, or the template filled with it; `more` is for people only."""
    response = jsonify(data) if wants_json() else make_response(render_template(template, **data, **more))
    response.status_code = status
    return response


def see_other(where: str) -> Response:
    """Send a browser on after a change, so that a reload changes nothing again."""
    return make_response(redirect(where, 303))


class Sent:
    """The fields of a form or of a JSON object, read with care: anything may have been sent."""

    def __init__(self) -> None:
        fields: Any = request.form
        if request.is_json:
            fields = request.get_json()
            if not isinstance(fields, dict):
                raise Problem(400, "bad_request", "Please send a JSON object.")
        self._fields: Mapping[str, Any] = fields

    def text(self, name: str, *, longest: int, default: str | None = None) -> str:
        """A text; with a default it may be missing or empty."""
        value = self._fields.get(name)
        if value is None or value == "":
            if default is not None:
                return default
            raise Problem(400, "missing_field", f"“{name}” is missing.")
        if not isinstance(value, str) or len(value) > longest:
            raise Problem(400, "bad_field", f"“{name}” is a text of at most {longest} characters.")
        return value

    def whole(self, name: str) -> int:
        """A whole number from 1 on."""
        value = self._fields.get(name)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
            value = int(value)
        # True is an int in Python, and no number in JSON.
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= BIGGEST:
            raise Problem(400, "bad_field", f"“{name}” is a whole number from 1 on.")
        return value
