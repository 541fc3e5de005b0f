"""Work that a change asks for, written in the same transaction: committed with it, or never heard of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from guiche.models import OutboxMessage


def write(session: Session, topic: str, payload: Mapping[str, Any]) -> None:
    """Ask for work; the caller commits."""
    session.add(OutboxMessage(topic=topic, payload=dict(payload), created_at=datetime.now(UTC)))


def take(session: Session, limit: int) -> Sequence[OutboxMessage]:
    """The oldest messages that nobody has sent or is sending; they stay locked until the caller commits."""
    unsent = select(OutboxMessage).where(OutboxMessage.sent_at.is_(None)).order_by(OutboxMessage.id).limit(limit)
    return session.scalars(unsent.with_for_update(skip_locked=True)).all()


def mark_sent(session: Session, message: OutboxMessage) -> None:
    """It is on its way; the caller commits."""
    message.sent_at = datetime.now(UTC)
