"""What customers say of an event."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from guiche.models import Event, Review
from guiche.plain import storable

LONGEST = 2_000
SHOWN = 20


class BadReview(ValueError):
    """A review that can't be taken; the message is for its author."""


def add_review(session: Session, *, slug: str, user_id: int, body: str, link: str = "") -> Review:
    """Keep a review as it was written; it is escaped where it is shown. The caller commits.

    Raises:
        BadReview: it is empty or too long, or its link is none.
        LookupError: there is no such event.
    """
    text, link = body.strip(), link.strip()
    if not text:
        raise BadReview("Please write a word or two.")
    if len(text) > LONGEST:
        raise BadReview(f"Please use at most {LONGEST} characters.")
    if not storable(text):
        raise BadReview("Please leave out the characters that can't be shown.")
    if link and not is_web_link(link):
        raise BadReview("A link begins with https:// or http://.")
    event_id = session.scalar(select(Event.id).where(Event.slug == slug)) if storable(slug) else None
    if event_id is None:
        raise LookupError(f"there is no event {slug}")
    review = Review(event_id=event_id, user_id=user_id, body=text, link=link or None)
    session.add(review)
    session.flush()
    return review


def reviews_of(session: Session, event_id: int) -> Sequence[Review]:
    """The newest reviews of an event with their authors: one statement."""
    newest = select(Review).where(Review.event_id == event_id).order_by(Review.created_at.desc(), Review.id.desc())
    return session.scalars(newest.limit(SHOWN).options(joinedload(Review.user, innerjoin=True))).all()


def is_web_link(link: str) -> bool:
    """Whether it leads to a web page: `javascript:` and its relatives don't."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and len(link) <= LONGEST and storable(link)
