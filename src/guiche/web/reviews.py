"""Writing a review."""

from __future__ import annotations

import logging

from flask import Blueprint, abort
from flask.typing import ResponseReturnValue

from guiche.reviews import BadReview, add_review
from guiche.web.parts import Refused, after_post, logged_in, sent, services

log = logging.getLogger("guiche.web")
blueprint = Blueprint("reviews", __name__)


@blueprint.post("/events/<slug>/reviews")
def write(slug: str) -> ResponseReturnValue:
    """Keep it as it was written."""
    who = logged_in()
    with services().sessions.begin() as session:
        try:
            review = add_review(session, slug=slug, user_id=who.id, body=sent("body"), link=sent("link"))
        except BadReview as error:
            raise Refused(400, "bad_review", str(error)) from error
        except LookupError:
            abort(404)
        told = {"review": {"id": review.id, "body": review.body, "link": review.link}}
    log.info("review added", extra={"event": slug, "user_id": who.id})
    return after_post(told, "events.show", status=201, slug=slug, _anchor="reviews")
