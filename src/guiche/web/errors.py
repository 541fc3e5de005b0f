"""Failures, told once: to people as a page that says what to do, to programs as JSON, to us as a log line."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from flask import Flask, Response, jsonify, make_response, render_template, request
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from guiche.web.wants import wants_json

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Told:
    """What a status means here."""

    code: str
    title: str
    message: str


#: In the words of the page.
TOLD = {
    400: Told(
        "bad_request",
        "We could not read that",
        "Something was missing or had an unexpected form. Go back, check what you entered, and send it again.",
    ),
    401: Told("login_required", "Log in to go on", "Please log in first."),
    403: Told("forbidden", "Not for this account", "This account may not do that. Log in with another one."),
    404: Told(
        "not_found",
        "Nothing at this address",
        "The event may have another name now, or the link has a typing error. Search for it below.",
    ),
    405: Told("method_not_allowed", "Not possible here", "Go back, and use the buttons of the page."),
    409: Told("conflict", "That changed meanwhile", "Load the page again, and choose anew."),
    413: Told("too_large", "That is too long", "Please send a shorter text."),
    415: Told("unsupported_media_type", "We could not read that", "Please send a form, or JSON as application/json."),
    429: Told(
        "too_many_attempts", "Please wait a while", "There were too many attempts. Try again in a quarter of an hour."
    ),
    500: Told(
        "internal_error",
        "This one is on us",
        "Something broke on our side, and we have a record of it. If you were buying, look at your orders"
        " before you try again.",
    ),
    503: Told(
        "unavailable",
        "Back in a moment",
        "A part of the box office can’t be reached right now. Your orders are safe. Try again in a minute.",
    ),
}
_RETRY = {429: "900", 503: "10"}


class Problem(HTTPException):
    """A request that ends here, with a message for whoever sent it."""

    def __init__(self, status: int, code: str, message: str, *, back: str = "") -> None:
        super().__init__(description=message)
        self.code = status
        self.error = code
        self.back = back  #: where a person goes on


def register(app: Flask) -> None:
    """Have `app` answer failures from here."""
    app.register_error_handler(HTTPException, _answer)
    for failure in (OperationalError, InterfaceError, PoolTimeout):
        app.register_error_handler(failure, _database_away)


def _answer(error: HTTPException) -> Response:
    status = error.code or 500
    if isinstance(error, Problem):
        return _told(status, error.error, str(error.description), back=error.back, headers={})
    if error.response is not None or status < 400:  # a redirect of the router
        return make_response(error.get_response())
    told = TOLD.get(status, TOLD[400] if status < 500 else TOLD[500])
    allow = {name: value for name, value in error.get_headers() if name == "Allow"}
    return _told(status, told.code, told.message, back="", headers=allow)


def _database_away(error: Exception) -> Response:
    log.error("database not available", exc_info=error)
    return _told(503, TOLD[503].code, TOLD[503].message, back="", headers={})


def _told(status: int, code: str, message: str, *, back: str, headers: Mapping[str, str]) -> Response:
    if wants_json():
        response = jsonify(error={"code": code, "message": message})
    elif status == 401:
        following = request.full_path.rstrip("?") if request.method == "GET" else back
        response = make_response(render_template("login.html", message=message, following=following, email=""))
    else:
        told = TOLD.get(status, TOLD[400] if status < 500 else TOLD[500])
        response = make_response(render_template("error.html", status=status, told=told, message=message, back=back))
    response.status_code = status
    response.headers.update(dict(headers))
    if status in _RETRY:
        response.headers["Retry-After"] = _RETRY[status]
    return response
