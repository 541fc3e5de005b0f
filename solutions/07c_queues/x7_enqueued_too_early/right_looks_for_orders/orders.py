"""An order, and the job that looks for orders to confirm."""

import os
from uuid import uuid4

from celery import Celery
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from guiche.db import make_engine, make_sessions
from guiche.models import Order, OrderNote

app = Celery("orders", broker=os.environ["REDIS_URL"])
sessions = make_sessions(make_engine(os.environ["DATABASE_URL"]))


@app.task
def look_for_orders() -> None:
    """Confirm every pending order that has no confirmation yet."""
    confirmed = exists().where(
        OrderNote.order_id == Order.id, OrderNote.body == "confirmed"
    )
    waiting = select(Order).where(Order.status == "pending", ~confirmed).limit(100)
    with sessions.begin() as session:
        for order in session.scalars(waiting.with_for_update(skip_locked=True)):
            session.add(OrderNote(order_id=order.id, body="confirmed"))


app.conf.beat_schedule = {
    "orders": {"task": look_for_orders.name, "schedule": 0.5, "options": {"expires": 1}}
}


def place(session: Session, user_id: int, total_cents: int) -> str:
    """Add an order and have it confirmed; the caller commits, or rolls back."""
    order = Order(
        id=uuid4(),
        user_id=user_id,
        total_cents=total_cents,
        idempotency_key=uuid4().hex,
    )
    session.add(order)
    return str(order.id)
