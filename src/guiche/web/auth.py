"""Logging in and out."""

from __future__ import annotations

import logging

from flask import Blueprint, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select

from guiche.models import User
from guiche.passwords import check_password
from guiche.web.parts import Refused, after_post, customer, page, sent, services

log = logging.getLogger("guiche.web")
blueprint = Blueprint("auth", __name__)

LONGEST = 256


@blueprint.get("/login")
def ask() -> ResponseReturnValue:
    """The form."""
    if customer() is not None:
        return redirect(url_for("events.home"))
    return page("login.html", {"next": _inside(request.args.get("next", ""))})


@blueprint.post("/login")
def log_in() -> ResponseReturnValue:
    """Check the password; the answer does not tell which of the two was wrong."""
    email, password = sent("email").strip()[:LONGEST], sent("password")[:LONGEST]
    limits = services().limits
    if limits.reached(email):
        log.warning("login refused", extra={"reason": "too many attempts"})
        raise Refused(429, "too_many_attempts", "Too many attempts. Please wait a quarter of an hour.")
    with services().sessions() as db:
        user = db.scalars(select(User).where(func.lower(User.email) == email.lower())).one_or_none()
    if not check_password(user.password_hash if user else None, password) or user is None:
        limits.failed(email)
        log.warning("login failed", extra={"known": user is not None})
        raise Refused(401, "wrong_login", "E-mail or password is not right.")
    limits.forget(email)
    session.clear()
    session.permanent = True
    session.update(user_id=user.id, name=user.name, role=user.role)
    log.info("login ok", extra={"user_id": user.id})
    told = {"user": {"id": user.id, "name": user.name, "role": user.role}}
    inside = _inside(sent("next"))
    if inside and not request.is_json:
        return redirect(inside, code=303)
    return after_post(told, "events.home")


@blueprint.post("/logout")
def log_out() -> ResponseReturnValue:
    """Forget who it was."""
    session.clear()
    return after_post({}, "events.home")


def _inside(target: str) -> str:
    """A path of ours; whatever leads elsewhere is dropped."""
    return target if target.startswith("/") and not target.startswith(("//", "/\\")) else ""
