"""What a view needs of its application and its request: services, a session, and who asks."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app, g, request, session
from sqlalchemy import select
from sqlalchemy.orm import Session

from guiche.models import STAFF, User
from guiche.web.errors import Problem
from guiche.wiring import Services

#: The same for everybody, or asked by machines: the cookie is not looked at, so caches may share what they answer.
FOR_EVERYBODY = frozenset({"static", "events.banner", "health.alive", "health.ready", "metrics.show"})
EXTENSION = "guiche"


@dataclass(frozen=True)
class Visitor:
    """Who is logged in, as the signed cookie says; no statement is spent on it."""

    id: int
    name: str
    staff: bool


def services() -> Services:
    """The parts that this application was made of."""
    found: Services = current_app.extensions[EXTENSION]
    return found


def db() -> Session:
    """The session of this request, opened at first need."""
    if "db" not in g:
        g.db = services().sessions()
    opened: Session = g.db
    return opened


def close_db(_error: BaseException | None = None) -> None:
    """Give the connection back; what was not committed is undone."""
    opened: Session | None = g.pop("db", None)
    if opened is not None:
        opened.close()


def recognise() -> None:
    """Remember who asks, for views, templates and the log."""
    g.visitor = None
    if request.endpoint in FOR_EVERYBODY or "user" not in session:
        return
    try:
        known = session["user"]
        g.visitor = Visitor(int(known["id"]), str(known["name"]), bool(known["staff"]))
    except (KeyError, TypeError, ValueError):
        session.clear()  # signed by us, but by another version


def remember(user: User) -> None:
    """Log somebody in: with a new session, whatever was in the old one."""
    session.clear()
    session["user"] = {"id": user.id, "name": user.name, "staff": user.role == STAFF}
    session.permanent = True


def visitor() -> Visitor | None:
    """Who is logged in, if somebody is."""
    found: Visitor | None = g.get("visitor")
    return found


def customer() -> Visitor:
    """Who is logged in; without a login the answer is 401."""
    found = visitor()
    if found is None:
        raise Problem(401, "login_required", "Please log in first.")
    return found


def require_staff() -> Visitor:
    """A member of the staff, asked of Postgres: a cookie may be older than a role that was taken away."""
    found = customer()
    role = db().scalar(select(User.role).where(User.id == found.id))
    if role != STAFF:
        raise Problem(403, "staff_only", "This page is for the people of the box office.")
    return found
