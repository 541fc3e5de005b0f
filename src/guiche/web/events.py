"""What can be seen without a login: home, the list of events, one event, its banner."""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, request
from sqlalchemy import select

from guiche.events import MOST_CENTS, PAGE_SIZE, SORTS, Search, search
from guiche.models import Event
from guiche.plain import storable
from guiche.reviews import reviews_of
from guiche.web.context import db, services
from guiche.web.errors import Problem
from guiche.web.json_or_html import reply

blueprint = Blueprint("events", __name__)

ON_HOME = 10  # one large, and three rows of three
LONGEST = 200
_WHOLE = re.compile(r"[0-9]{1,9}")
#: What a browser may be told that a banner is; anything else would be a page of ours that others wrote.
PICTURES = frozenset({"image/svg+xml", "image/png", "image/jpeg", "image/webp", "image/avif", "image/gif"})
_BANNER_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"


@blueprint.get("/")
def home() -> Response:
    """What comes next; when nothing does, what was on last."""
    coming = search(db(), Search(after=datetime.now(UTC)))
    found = coming if coming.events else search(db(), Search(descending=True))
    shown = found.events[:ON_HOME]
    return reply({"events": [_listed(event) for event in shown]}, "home.html", coming=bool(coming.events), found=found)


@blueprint.get("/events")
def list_events() -> Response:
    """A page of a search."""
    wanted, asked = _search()
    found = search(db(), wanted)
    data = {
        "events": [_listed(event) for event in found.events],
        "total": found.total,
        "page": found.page,
        "pages": found.pages,
    }
    return reply(data, "events.html", asked=asked, first=(found.page - 1) * PAGE_SIZE + 1)


@blueprint.get("/events/<slug>")
def show(slug: str) -> Response:
    """One event, with its reviews."""
    return event_page(slug)


@blueprint.get("/events/<slug>/banner")
def banner(slug: str) -> Response:
    """The picture of an event; a browser keeps it for an hour and asks whether it has changed."""
    picture = select(Event.banner, Event.banner_type).where(Event.slug == slug)
    row = db().execute(picture).one_or_none() if storable(slug) else None
    if row is None or row.banner is None or row.banner_type not in PICTURES:
        raise Problem(404, "not_found", "There is no picture of this event.")
    response = Response(row.banner, content_type=row.banner_type)
    response.set_etag(hashlib.sha256(row.banner).hexdigest()[:32])
    response.headers["Cache-Control"] = "public, max-age=3600"
    response.headers["Content-Security-Policy"] = _BANNER_POLICY
    response.make_conditional(request)
    return response


def event_page(slug: str, *, status: int = 200, message: str = "", body: str = "", link: str = "") -> Response:
    """The page of an event; a review that can't be taken comes back with what is wrong."""
    page = services().pages.read(slug) if storable(slug) else None
    if page is None:
        raise Problem(404, "not_found", "There is no such event. It may have another name now: search for it.")
    found = [
        {
            "author": review.user.name,
            "body": review.body,
            "link": review.link,
            "created_at": review.created_at.astimezone(UTC).isoformat(),
        }
        for review in reviews_of(db(), page["id"])
    ]
    data = {"event": page, "reviews": found}
    return reply(data, "event.html", status=status, message=message, body=body, link=link)


def _listed(event: Any) -> dict[str, Any]:
    told = asdict(event)
    return {**told, "starts_at": event.starts_at.astimezone(UTC).isoformat()}


def _search() -> tuple[Search, dict[str, str]]:
    """What is looked for, and the parameters that a link to another page repeats."""
    given = {
        name: request.args.get(name, "").strip() for name in ("q", "min_price", "max_price", "sort", "dir", "when")
    }
    asked = {name: value for name, value in given.items() if value}
    if len(given["q"]) > LONGEST:
        raise Problem(400, "bad_parameter", f"“q” has at most {LONGEST} characters.")
    sort = _one_of("sort", given["sort"] or "starts_at", *SORTS)
    direction = _one_of("dir", given["dir"] or "asc", "asc", "desc")
    when = _one_of("when", given["when"] or "all", "all", "coming")
    wanted = Search(
        q=given["q"],
        min_cents=_cents("min_price", given["min_price"]),
        max_cents=_cents("max_price", given["max_price"]),
        descending=direction == "desc",
        page=_page(request.args.get("page", "").strip() or "1"),
        after=datetime.now(UTC) if when == "coming" else None,
    )
    return replace(wanted, sort=next(known for known in SORTS if known == sort)), asked


def _one_of(name: str, value: str, *allowed: str) -> str:
    # Never part of a statement: it chooses one of ours.
    if value not in allowed:
        raise Problem(400, "bad_parameter", f"“{name}” is one of {', '.join(allowed)}.")
    return value


def _cents(name: str, value: str) -> int | None:
    if not value:
        return None
    if not _WHOLE.fullmatch(value):
        raise Problem(400, "bad_parameter", f"“{name}” is a whole number of reais, such as 80.")
    return min(int(value) * 100, MOST_CENTS)


def _page(value: str) -> int:
    if not _WHOLE.fullmatch(value) or int(value) < 1:
        raise Problem(400, "bad_parameter", "“page” is a whole number from 1 on.")
    return int(value)
