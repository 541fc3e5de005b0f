"""What a view needs: the services, the customer, and an answer in the form that was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import current_app, jsonify, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Forbidden, HTTPException, Unauthorized

from guiche.wiring import Services


@dataclass(frozen=True)
class Customer:
    """Who is logged in, as the signed cookie says."""

    id: int
    name: str
    role: str

    @property
    def staff(self) -> bool:
        """Whether this is somebody who works here."""
        return self.role == "staff"


class Refused(HTTPException):
    """An expected refusal: a status, a code for programs and a sentence for people."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.code = status
        self.kind = kind


def services() -> Services:
    """What the application is made of."""
    found: Services = current_app.extensions["guiche"]
    return found


def customer() -> Customer | None:
    """Who is logged in."""
    if "user_id" not in session:
        return None
    return Customer(int(session["user_id"]), str(session.get("name", "")), str(session.get("role", "customer")))


def logged_in() -> Customer:
    """Who is logged in; 401 for nobody."""
    found = customer()
    if found is None:
        raise Unauthorized("Please log in.")
    return found


def staff() -> Customer:
    """Somebody of the staff; 401 for nobody, 403 for a customer."""
    found = logged_in()
    if not found.staff:
        raise Forbidden("This page is for the staff.")
    return found


def wants_json() -> bool:
    """Whether a program asks."""
    best = request.accept_mimetypes.best_match(["text/html", "application/json"], default="text/html")
    return best == "application/json" or (request.is_json and "text/html" not in request.headers.get("Accept", ""))


def page(template: str, data: dict[str, Any], *, status: int = 200, **only_html: Any) -> ResponseReturnValue:
    """`data` as JSON for a program, else as a page; `only_html` is for the page alone."""
    if wants_json():
        return jsonify(data), status
    return render_template(template, **data, **only_html), status


def after_post(data: dict[str, Any], endpoint: str, *, status: int = 200, **values: Any) -> ResponseReturnValue:
    """`data` as JSON for a program; a browser is sent to a page, so that a reload sends nothing twice."""
    if wants_json():
        return jsonify(data), status
    return redirect(url_for(endpoint, **values), code=303)


def sent(name: str, default: str = "") -> str:
    """A field of the form or of the JSON body, as text."""
    found = body().get(name, default)
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else default


def body() -> dict[str, Any]:
    """The fields that were sent; 400 for JSON that is none, or no object."""
    if not request.is_json:
        return request.form.to_dict()
    found = request.get_json()
    if not isinstance(found, dict):
        raise Refused(400, "bad_request", "Send a JSON object.")
    return found
