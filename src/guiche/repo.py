"""Orders in Postgres: placed once, with the seats that there are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from guiche import pricing
from guiche.models import CANCELLED, PENDING, Event, Order, OrderItem, Tier
from guiche.plain import storable

MOST_SEATS = 1_000_000  #: of one order: no house is larger, and Postgres's integers are

#: What the statement returns replaces what the session remembers.
_FRESH: Final = {"populate_existing": True, "synchronize_session": False}


class SoldOut(Exception):
    """There are fewer seats left than were asked for."""


class KeyTaken(Exception):
    """Somebody else has used this idempotency key."""


@dataclass(frozen=True)
class Placed:
    """An order, and whether this call made it."""

    order: Order
    created: bool


class OrderRepo:
    """The orders of one session; the caller commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def place(self, *, user_id: int, tier_id: int, qty: int, key: str, at: datetime | None = None) -> Placed:
        """Order `qty` seats; asked again with the same key, it is the same order.

        Raises:
            SoldOut: fewer are left.
            KeyTaken: the key is another customer's.
            LookupError: there is no such tier.
            ValueError: `qty` is below 1, `key` is empty, or `at` has no time zone.
        """
        if qty < 1 or not key:
            raise ValueError("an order has a key, and one seat at least")
        if at is not None and at.utcoffset() is None:
            raise ValueError("the moment of an order needs a time zone")
        # What can't be done leaves nothing behind, even if the caller commits.
        with self._session.begin_nested():
            order = self._claim(user_id, key, at or datetime.now(UTC))
            if order is not None:
                tier = self._take_seats(tier_id, qty)
                order.total_cents = pricing.total([tier.price_cents] * qty)
                self._session.add(OrderItem(order_id=order.id, tier_id=tier.id, qty=qty, unit_cents=tier.price_cents))
                return Placed(order, created=True)
        return Placed(self._placed_before(user_id, key), created=False)

    def get(self, order_id: UUID, *, user_id: int) -> Order | None:
        """A customer's own order; somebody else's does not exist."""
        return self._session.scalars(select(Order).where(Order.id == order_id, Order.user_id == user_id)).one_or_none()

    def placed_on(self, user_id: int, day: date, zone: str = "America/Sao_Paulo") -> list[Order]:
        """The orders of a day as the calendar in `zone` has it, newest first."""
        midnight, next_midnight = (
            datetime.combine(day + timedelta(days=days), time(), ZoneInfo(zone)).astimezone(UTC) for days in (0, 1)
        )
        return self._newest(Order.user_id == user_id, Order.created_at >= midnight, Order.created_at < next_midnight)

    def find(self, user_id: int, text: str) -> list[Order]:
        """The orders for an event whose title contains `text`, whatever the case, newest first."""
        if not storable(text):
            return []
        # autoescape: %, _ and \ are characters like others for somebody who searches.
        titles = Event.title.icontains(text, autoescape=True)
        titled = select(OrderItem.order_id).join(OrderItem.tier).join(Tier.event).where(titles)
        return self._newest(Order.user_id == user_id, Order.id.in_(titled))

    def cancel(self, order_id: UUID, *, user_id: int) -> bool:
        """Cancel a pending order and free its seats; False when there is nothing to cancel."""
        mine = select(Order).where(Order.id == order_id, Order.user_id == user_id).with_for_update(of=Order)
        order = self._session.scalars(mine.execution_options(populate_existing=True)).one_or_none()
        if order is None or order.status != PENDING:
            return False
        order.status = CANCELLED
        seats = select(OrderItem.tier_id, func.sum(OrderItem.qty)).where(OrderItem.order_id == order_id)
        # One after the other by id: so two that cancel at once never wait for each other in a circle.
        for tier_id, qty in self._session.execute(seats.group_by(OrderItem.tier_id).order_by(OrderItem.tier_id)).all():
            back = update(Tier).where(Tier.id == tier_id).values(sold=Tier.sold - qty)
            self._session.scalars(back.returning(Tier), execution_options=_FRESH).one()
        self._session.flush()
        return True

    def _claim(self, user_id: int, key: str, at: datetime) -> Order | None:
        """A new order under this key, still without a price; None when there is one: one statement decides."""
        row = {"id": uuid4(), "user_id": user_id, "total_cents": 0, "idempotency_key": key, "created_at": at}
        claim = insert(Order).values(row).on_conflict_do_nothing(index_elements=[Order.idempotency_key])
        return self._session.scalars(claim.returning(Order)).one_or_none()

    def _placed_before(self, user_id: int, key: str) -> Order:
        order = self._session.scalars(select(Order).where(Order.idempotency_key == key)).one()
        if order.user_id != user_id:
            raise KeyTaken("this idempotency key belongs to another customer")
        return order

    def _take_seats(self, tier_id: int, qty: int) -> Tier:
        if qty > MOST_SEATS:
            raise SoldOut(f"nobody has {qty} seats")
        # Looking and taking are one statement: nobody fits in between.
        take = update(Tier).where(Tier.id == tier_id, Tier.capacity - Tier.sold >= qty).values(sold=Tier.sold + qty)
        tier = self._session.scalars(take.returning(Tier), execution_options=_FRESH).one_or_none()
        if tier is None and self._session.get(Tier, tier_id) is None:
            raise LookupError(f"there is no tier {tier_id}")
        if tier is None:
            raise SoldOut(f"fewer than {qty} seats are left")
        return tier

    def _newest(self, *conditions: ColumnElement[bool]) -> list[Order]:
        found = select(Order).where(*conditions).order_by(Order.created_at.desc(), Order.id.desc())
        return list(self._session.scalars(found).all())
