"""Events: the home page, the list, one event and its picture."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, abort, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from guiche.events import SORTS, Search, search
from guiche.models import Event
from guiche.reviews import reviews_of
from guiche.web.parts import Refused, page, services

blueprint = Blueprint("events", __name__)

FEATURED = 6
DEAREST = 1_000_000  #: in whole units


@blueprint.get("/")
def home() -> ResponseReturnValue:
    """What comes next."""
    with services().sessions() as session:
        found = search(session, Search(after=datetime.now(UTC)))
    return page("home.html", {"events": [_listed(event) for event in found.events[:FEATURED]]})


@blueprint.get("/events")
def listing() -> ResponseReturnValue:
    """A page of a search."""
    wanted = _wanted()
    with services().sessions() as session:
        found = search(session, wanted)
    told = {"events": [_listed(event) for event in found.events], "total": found.total, "page": found.page}
    return page("events.html", told | {"pages": found.pages}, wanted=wanted, asked=request.args)


@blueprint.get("/events/<slug>")
def show(slug: str) -> ResponseReturnValue:
    """One event; this is the hot page, and so it comes from the cache."""
    event = services().pages.read(slug)
    if event is None:
        abort(404)
    with services().sessions() as session:
        reviews = [
            {"author": review.user.name, "body": review.body, "link": review.link, "at": review.created_at.isoformat()}
            for review in reviews_of(session, int(event["id"]))
        ]
    return page("event.html", {"event": event, "reviews": reviews}, key=secrets.token_urlsafe(16))


@blueprint.get("/events/<slug>/banner")
def banner(slug: str) -> ResponseReturnValue:
    """The picture; a browser that has it asks only whether it changed."""
    with services().sessions() as session:
        row = session.execute(select(Event.banner, Event.banner_type).where(Event.slug == slug)).one_or_none()
    if row is None or row.banner is None:
        abort(404)
    response = Response(row.banner, content_type=row.banner_type)
    response.set_etag(hashlib.sha256(row.banner).hexdigest()[:32])
    response.cache_control.max_age = 3600
    response.cache_control.public = True
    return response.make_conditional(request)


def _wanted() -> Search:
    """The search in the query string; 400 for what is no number, or no column to sort by."""
    asked = request.args
    sort, direction = asked.get("sort") or "starts_at", asked.get("dir") or "asc"
    column = next((known for known in SORTS if known == sort), None)
    if column is None or direction not in ("asc", "desc"):
        raise Refused(400, "bad_sort", f"Sort by {', '.join(SORTS)}; the direction is asc or desc.")
    return Search(
        q=asked.get("q", "").strip()[:100],
        min_cents=_number("min_price", 0, DEAREST, 100),
        max_cents=_number("max_price", 0, DEAREST, 100),
        sort=column,
        descending=direction == "desc",
        page=_number("page", 1, 10_000, 1) or 1,
    )


def _number(name: str, least: int, most: int, times: int) -> int | None:
    text = request.args.get(name, "").strip()
    if not text:
        return None
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else -1
    if not least <= number <= most:
        raise Refused(400, "bad_number", f"{name} is a whole number from {least} to {most}.")
    return number * times


def _listed(event: Any) -> dict[str, Any]:
    return asdict(event) | {"starts_at": event.starts_at.astimezone(UTC).isoformat()}
