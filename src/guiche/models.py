"""The tables. Rows are read and written in repo.py, events.py and their neighbours."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Identity, Index, MetaData, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

#: Names that a migration can refer to.
NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

PENDING, PAID, REFUSED, CANCELLED, EXPIRED = STATUSES = ("pending", "paid", "refused", "cancelled", "expired")
CUSTOMER, STAFF = ROLES = ("customer", "staff")

Id = Annotated[int, mapped_column(BigInteger, Identity(), primary_key=True)]
Moment = Annotated[datetime, mapped_column(server_default=func.now())]


class Base(DeclarativeBase):
    """What all tables have in common: text without a limit, moments with a zone, constraints with a name."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {str: Text, datetime: DateTime(timezone=True), dict[str, Any]: JSONB}  # noqa: RUF012


class User(Base):
    """Somebody who buys, or who works here."""

    __tablename__ = "users"

    id: Mapped[Id]
    email: Mapped[str]
    name: Mapped[str]
    password_hash: Mapped[str]
    role: Mapped[str] = mapped_column(default=CUSTOMER, server_default=CUSTOMER)

    __table_args__ = (
        CheckConstraint(f"role IN {ROLES}", "role"),
        # One account an address, however it is written.
        Index("uq_users_email_lower", text("lower(email)"), unique=True),
    )


class Event(Base):
    """An evening that people buy tickets for."""

    __tablename__ = "events"

    id: Mapped[Id]
    slug: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    description: Mapped[str]
    starts_at: Mapped[datetime] = mapped_column(index=True)
    venue: Mapped[str]
    #: Tens of kilobytes: read only where it is asked for.
    banner: Mapped[bytes | None] = mapped_column(deferred=True)
    banner_type: Mapped[str | None]

    tiers: Mapped[list[Tier]] = relationship(back_populates="event", order_by="Tier.id")


class Tier(Base):
    """Seats of one price."""

    __tablename__ = "tiers"

    id: Mapped[Id]
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"), index=True)
    name: Mapped[str]
    price_cents: Mapped[int]
    capacity: Mapped[int]
    sold: Mapped[int] = mapped_column(default=0, server_default="0")

    event: Mapped[Event] = relationship(back_populates="tiers", lazy="joined", innerjoin=True)

    __table_args__ = (
        CheckConstraint("price_cents >= 0", "price_cents"),
        # The last word on overselling, whatever the code does.
        CheckConstraint("sold BETWEEN 0 AND capacity", "sold"),
    )


class Order(Base):
    """What a customer bought, or tried to buy."""

    __tablename__ = "orders"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    status: Mapped[str] = mapped_column(default=PENDING, server_default=PENDING)
    total_cents: Mapped[int]
    idempotency_key: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[Moment]

    user: Mapped[User] = relationship()
    items: Mapped[list[OrderItem]] = relationship(back_populates="order", order_by="OrderItem.id")
    notes: Mapped[list[OrderNote]] = relationship(back_populates="order", order_by="OrderNote.id")

    __table_args__ = (
        CheckConstraint(f"status IN {STATUSES}", "status"),
        CheckConstraint("total_cents >= 0", "total_cents"),
        # Few orders are pending at any moment, and the worker looks for the oldest of them.
        Index("ix_orders_pending", "created_at", postgresql_where=text(f"status = '{PENDING}'")),
    )


class OrderItem(Base):
    """Seats of one tier in an order, at the price of that moment."""

    __tablename__ = "order_items"

    id: Mapped[Id]
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    tier_id: Mapped[int] = mapped_column(ForeignKey("tiers.id"))
    qty: Mapped[int]
    unit_cents: Mapped[int]

    order: Mapped[Order] = relationship(back_populates="items")
    tier: Mapped[Tier] = relationship(lazy="joined", innerjoin=True)

    __table_args__ = (CheckConstraint("qty > 0", "qty"), CheckConstraint("unit_cents >= 0", "unit_cents"))


class OrderNote(Base):
    """What the box office wrote down about an order."""

    __tablename__ = "order_notes"

    id: Mapped[Id]
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    body: Mapped[str]

    order: Mapped[Order] = relationship(back_populates="notes")


class Payment(Base):
    """Money that moved, once an order."""

    __tablename__ = "payments"

    id: Mapped[Id]
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"), unique=True)
    provider_ref: Mapped[str] = mapped_column(unique=True)
    status: Mapped[str]
    created_at: Mapped[Moment]


class Review(Base):
    """What a customer says about an event."""

    __tablename__ = "reviews"

    id: Mapped[Id]
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    body: Mapped[str]
    link: Mapped[str | None]
    created_at: Mapped[Moment]

    user: Mapped[User] = relationship()


class OutboxMessage(Base):
    """Work that was promised in the same transaction as its reason."""

    __tablename__ = "outbox"

    id: Mapped[Id]
    topic: Mapped[str]
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[Moment]
    sent_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_outbox_unsent", "id", postgresql_where=text("sent_at IS NULL")),)


class WebhookEvent(Base):
    """A message of the payment provider that was handled: it may come again."""

    __tablename__ = "webhook_events"

    id: Mapped[str] = mapped_column(primary_key=True)
    received_at: Mapped[Moment]
