"""Login and logout."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Response,
    flash,
    g,
    jsonify,
    make_response,
    render_template,
    request,
    session,
    url_for,
)
from sqlalchemy import func, select

from guiche.models import User
from guiche.passwords import LONGEST, check_password
from guiche.plain import storable
from guiche.web.context import db, remember, services
from guiche.web.errors import Problem
from guiche.web.json_or_html import Sent, see_other
from guiche.web.wants import wants_json

blueprint = Blueprint("auth", __name__)
log = logging.getLogger(__name__)

LONGEST_EMAIL = 254


@blueprint.get("/login")
def form() -> Response:
    """The form."""
    following = request.args.get("next", "")
    return make_response(render_template("login.html", message="", following=following, email=""))


@blueprint.post("/login")
def login() -> Response | tuple[Response, int]:
    """Log in. Unknown address and wrong password look alike, and take the same time."""
    sent = Sent()
    email = sent.text("email", longest=LONGEST_EMAIL).strip()
    password = sent.text("password", longest=LONGEST)
    following = sent.text("next", longest=2_000, default="")
    limits = services().limits
    if limits.reached(email):
        log.warning("login refused", extra={"reason": "too many attempts"})
        raise Problem(429, "too_many_attempts", "Too many attempts for this address. Wait a quarter of an hour.")
    user = _user(email)
    if not check_password(user.password_hash if user else None, password) or user is None:
        limits.failed(email)
        log.warning("login failed", extra={"user_id": user.id if user else None})
        return _refused(email, following)
    limits.forget(email)
    remember(user)
    log.info("login ok", extra={"user_id": user.id})
    if wants_json():
        return jsonify(user={"id": user.id, "name": user.name, "email": user.email, "role": user.role})
    return see_other(_local(following))


@blueprint.post("/logout")
def logout() -> Response:
    """Forget who it was."""
    session.clear()
    g.visitor = None
    if wants_json():
        return make_response("", 204)
    flash("You are logged out.")
    return see_other(url_for("events.home"))


def _user(email: str) -> User | None:
    if not storable(email):
        return None
    return db().scalars(select(User).where(func.lower(User.email) == email.lower())).one_or_none()


def _refused(email: str, following: str) -> tuple[Response, int]:
    message = "This address and password don’t belong together. Check both, and try again."
    if wants_json():
        return jsonify(error={"code": "login_failed", "message": message}), 401
    page = render_template("login.html", message=message, following=following, email=email)
    return make_response(page), 401


def _local(following: str) -> str:
    """A path of ours: whoever follows a link to the login must not end at somebody else's."""
    parts = urlsplit(following) if following.isprintable() else None
    plain = parts and not parts.scheme and not parts.netloc and following.startswith("/")
    return following if plain and "\\" not in following and not following.startswith("//") else url_for("orders.mine")
