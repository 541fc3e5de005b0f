"""The outbox: committed with its reason, taken by one at a time, in order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from guiche import outbox
from guiche.models import OutboxMessage


def numbers(messages: object) -> list[int]:
    """Of messages that `fill` has written."""
    assert isinstance(messages, list)
    return [message.payload["n"] for message in messages]


def fill(sessions: sessionmaker[Session], count: int) -> None:
    """Messages 0, 1, 2 …"""
    with sessions.begin() as session:
        for n in range(count):
            outbox.write(session, "charge_order", {"n": n, "name": "Conceição"})
            session.flush()


def test_written_with_its_reason(sessions: sessionmaker[Session]) -> None:
    """What is rolled back was never promised."""
    with sessions() as session:
        outbox.write(session, "charge_order", {"n": 1})
        session.rollback()
    with sessions() as session:
        assert session.scalars(select(OutboxMessage)).all() == []
    fill(sessions, 1)
    with sessions() as session:
        (message,) = outbox.take(session, 10)
        assert (message.topic, message.payload) == ("charge_order", {"n": 0, "name": "Conceição"})
        assert message.sent_at is None
        assert abs(datetime.now(UTC) - message.created_at) < timedelta(minutes=1)


def test_nobody_takes_what_somebody_has(sessions: sessionmaker[Session]) -> None:
    """Two relays share the work and don't wait for each other; who ends without sending leaves it to the next."""
    fill(sessions, 5)
    with sessions() as one, sessions() as two:
        assert numbers(list(outbox.take(one, 2))) == [0, 1]
        assert numbers(list(outbox.take(two, 10))) == [2, 3, 4]
        one.rollback()
    with sessions() as three:
        assert numbers(list(outbox.take(three, 10))) == [0, 1, 2, 3, 4]


def test_sent_is_sent(sessions: sessionmaker[Session]) -> None:
    """Once the mark is committed, and not before."""
    fill(sessions, 3)
    with sessions.begin() as session:
        for message in outbox.take(session, 2):
            outbox.mark_sent(session, message)
    with sessions() as session:
        assert numbers(list(outbox.take(session, 10))) == [2]
        outbox.mark_sent(session, outbox.take(session, 10)[0])
        session.rollback()
        assert numbers(list(outbox.take(session, 10))) == [2]
