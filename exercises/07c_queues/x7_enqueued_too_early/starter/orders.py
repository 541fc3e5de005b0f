"""An order, and the job that confirms it."""

import os
from uuid import UUID, uuid4

from celery import Celery
from sqlalchemy.orm import Session

from guiche.db import make_engine, make_sessions
from guiche.models import Order, OrderNote

app = Celery("orders", broker=os.environ["REDIS_URL"])
sessions = make_sessions(make_engine(os.environ["DATABASE_URL"]))


@app.task
def confirm(order_id: str) -> None:
    """The worker's job: confirm an order, in a transaction of its own."""
    with sessions.begin() as session:
        order = session.get_one(Order, UUID(order_id))
        session.add(OrderNote(order_id=order.id, body="confirmed"))


def place(session: Session, user_id: int, total_cents: int) -> str:
    """Add an order and have it confirmed; the caller commits, or rolls back."""
    order = Order(
        id=uuid4(),
        user_id=user_id,
        total_cents=total_cents,
        idempotency_key=uuid4().hex,
    )
    session.add(order)
    session.flush()
    confirm.delay(str(order.id))
    return str(order.id)
