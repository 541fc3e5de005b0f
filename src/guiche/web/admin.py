"""For the people of the box office."""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import UTC

from flask import Blueprint, Response, flash, jsonify, url_for

from guiche.plain import storable
from guiche.sales import sales
from guiche.web.context import db, require_staff, services
from guiche.web.errors import Problem
from guiche.web.json_or_html import Sent, reply, see_other
from guiche.web.wants import wants_json

blueprint = Blueprint("admin", __name__, url_prefix="/admin")
log = logging.getLogger(__name__)

LONGEST_TITLE = 200


@blueprint.get("/sales")
def show() -> Response:
    """Paid seats by event."""
    require_staff()
    rows = [{**asdict(sold), "starts_at": sold.starts_at.astimezone(UTC).isoformat()} for sold in sales(db())]
    return reply({"sales": rows}, "sales.html")


@blueprint.post("/events/<slug>")
def rename(slug: str) -> Response:
    """Give an event another title, for every reader from now on."""
    who = require_staff()
    title = " ".join(Sent().text("title", longest=LONGEST_TITLE).split())
    if not title or not storable(title):
        raise Problem(400, "bad_title", "An event needs a title.", back=url_for("admin.show"))
    if not storable(slug):
        raise Problem(404, "not_found", "There is no such event.")
    # The connection of this request is free for what comes: a request never needs two at once.
    db().rollback()
    try:
        services().pages.rename(slug, title)
    except LookupError:
        raise Problem(404, "not_found", "There is no such event.", back=url_for("admin.show")) from None
    log.info("event renamed", extra={"slug": slug, "user_id": who.id})
    if wants_json():
        return jsonify(event={"slug": slug, "title": title})
    flash(f"The event is called “{title}” now.")
    return see_other(url_for("admin.show"))
