"""For the staff: what was sold, and another title for an event."""

from __future__ import annotations

import logging
from dataclasses import asdict

from flask import Blueprint, abort
from flask.typing import ResponseReturnValue

from guiche.sales import sales
from guiche.web.parts import Refused, after_post, page, sent, services, staff

log = logging.getLogger("guiche.web")
blueprint = Blueprint("admin", __name__)

LONGEST_TITLE = 120


@blueprint.get("/admin/sales")
def show_sales() -> ResponseReturnValue:
    """Paid seats by event."""
    staff()
    with services().sessions() as session:
        found = [asdict(sold) | {"starts_at": sold.starts_at.isoformat()} for sold in sales(session)]
    return page("sales.html", {"sales": found})


@blueprint.post("/admin/events/<slug>")
def rename(slug: str) -> ResponseReturnValue:
    """Give an event another title; every reader sees it within a second."""
    who = staff()
    title = sent("title").strip()
    if not 1 <= len(title) <= LONGEST_TITLE:
        raise Refused(400, "bad_title", f"A title has 1 to {LONGEST_TITLE} characters.")
    try:
        services().pages.rename(slug, title)
    except LookupError:
        abort(404)
    log.info("event renamed", extra={"event": slug, "user_id": who.id})
    return after_post({"event": {"slug": slug, "title": title}}, "events.show", slug=slug)
