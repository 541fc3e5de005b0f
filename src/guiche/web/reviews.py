"""Reviews by customers."""

from __future__ import annotations

import logging

from flask import Blueprint, Response, jsonify, url_for

from guiche.reviews import LONGEST, BadReview, add_review
from guiche.web.context import db, visitor
from guiche.web.errors import Problem
from guiche.web.events import event_page
from guiche.web.json_or_html import Sent, see_other
from guiche.web.wants import wants_json

blueprint = Blueprint("reviews", __name__)
log = logging.getLogger(__name__)


@blueprint.post("/events/<slug>/reviews")
def add(slug: str) -> Response:
    """Say something about an event."""
    event = url_for("events.show", slug=slug)
    who = visitor()
    if who is None:
        raise Problem(401, "login_required", "Log in to write a review.", back=event)
    sent = Sent()
    # A browser counts a line break as one character and sends two.
    body = sent.text("body", longest=4 * LONGEST, default="").replace("\r\n", "\n")
    link = sent.text("link", longest=4 * LONGEST, default="")
    try:
        review = add_review(db(), slug=slug, user_id=who.id, body=body, link=link)
    except LookupError:
        raise Problem(404, "not_found", "There is no such event.") from None
    except BadReview as error:
        if wants_json():
            raise Problem(400, "bad_review", str(error)) from None
        return event_page(slug, status=400, message=str(error), body=body, link=link)
    db().commit()
    log.info("review added", extra={"review_id": review.id, "user_id": who.id, "slug": slug})
    if wants_json():
        response = jsonify(review={"id": review.id, "body": review.body, "link": review.link})
        response.status_code = 201
        response.headers["Location"] = f"{event}#reviews"
        return response
    return see_other(f"{event}#reviews")
