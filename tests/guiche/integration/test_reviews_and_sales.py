"""What customers say, and what the staff sees."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from guiche.models import CANCELLED, PAID, Review
from guiche.repo import OrderRepo
from guiche.reviews import LONGEST, SHOWN, BadReview, add_review, reviews_of
from guiche.sales import sales
from tests.guiche.integration.conftest import statements
from tests.guiche.rows import STARTS, add_event, add_user

SLUG = "nona-sinfonia"


def test_review(engine: Engine, session: Session, sessions: sessionmaker[Session]) -> None:
    """Kept as it was written, shown with its author by one statement."""
    user, event = add_user(session), add_event(session)
    add_review(session, slug=SLUG, user_id=user.id, body=" <b>Lindo</b> & forte ", link="https://blog.example/1")
    add_review(session, slug=SLUG, user_id=user.id, body="De novo!")
    session.commit()
    with sessions() as fresh, statements(engine) as sent:
        found = [(one.user.name, one.body, one.link) for one in reviews_of(fresh, event.id)]
    assert found == [("Ana", "De novo!", None), ("Ana", "<b>Lindo</b> & forte", "https://blog.example/1")]
    assert len(sent) == 1
    assert reviews_of(session, event.id + 1) == []


def test_newest_first_and_not_all(session: Session) -> None:
    """A page shows the newest ones."""
    user, event = add_user(session), add_event(session)
    for n in range(SHOWN + 5):
        at = STARTS + timedelta(minutes=n)
        session.add(Review(event_id=event.id, user_id=user.id, body=str(n), created_at=at))
    session.commit()
    assert [int(one.body) for one in reviews_of(session, event.id)] == list(range(SHOWN + 4, 4, -1))


@pytest.mark.parametrize(
    ("body", "link"),
    [
        ("", ""),
        (" \n", ""),
        ("x" * (LONGEST + 1), ""),
        ("a\0b", ""),
        ("\ud800", ""),
        ("Lindo", "javascript:alert(1)"),
        ("Lindo", "http://a\0"),
    ],
)
def test_bad_reviews(session: Session, body: str, link: str) -> None:
    """Refused with a sentence for the author, and not kept."""
    user = add_user(session)
    add_event(session)
    with pytest.raises(BadReview, match=r"\w+.*\.$"):
        add_review(session, slug=SLUG, user_id=user.id, body=body, link=link)
    session.commit()
    assert session.scalars(select(Review)).all() == []


@pytest.mark.parametrize("slug", ["nowhere", "a\0"])
def test_review_of_nothing(session: Session, slug: str) -> None:
    """There is no such event."""
    with pytest.raises(LookupError):
        add_review(session, slug=slug, user_id=add_user(session).id, body="Lindo")


def test_sales(engine: Engine, session: Session, sessions: sessionmaker[Session]) -> None:
    """Paid seats of each event, the best sold first; by one statement."""
    user = add_user(session)
    small, large = add_event(session, "pequeno", cents=[1_000]), add_event(session, "grande", cents=[9_000, 2_000])
    repo = OrderRepo(session)
    for number, (tier, qty, status) in enumerate(
        [
            (small.tiers[0], 4, PAID),
            (large.tiers[0], 1, PAID),
            (large.tiers[1], 2, PAID),
            (large.tiers[1], 5, CANCELLED),
            (small.tiers[0], 5, "pending"),
        ]
    ):
        repo.place(user_id=user.id, tier_id=tier.id, qty=qty, key=str(number)).order.status = status
    add_event(session, "vazio")
    session.commit()
    with sessions() as fresh, statements(engine) as sent:
        found = sales(fresh)
    assert [(one.slug, one.orders, one.seats, one.cents) for one in found] == [
        ("grande", 2, 3, 13_000),
        ("pequeno", 1, 4, 4_000),
    ]
    assert len(sent) == 1
