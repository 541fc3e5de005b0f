"""An order, and the job that confirms it."""

import os
from uuid import UUID, uuid4
from weakref import WeakKeyDictionary

from celery import Celery
from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

from guiche.db import make_engine, make_sessions
from guiche.models import Order, OrderNote

app = Celery("orders", broker=os.environ["REDIS_URL"])
sessions = make_sessions(make_engine(os.environ["DATABASE_URL"]))


#: Orders by the transaction that they were placed in; what is rolled back is forgotten
#: with its transaction.
owed: WeakKeyDictionary[SessionTransaction, list[Order]] = WeakKeyDictionary()


@app.task
def confirm(order_id: str) -> None:
    """The worker's job: confirm an order, in a transaction of its own."""
    with sessions.begin() as session:
        order = session.get_one(Order, UUID(order_id))
        session.add(OrderNote(order_id=order.id, body="confirmed"))


@event.listens_for(Session, "after_commit")
def enqueue(session: Session) -> None:
    """Send the jobs of the transaction that has ended, if it is the outermost one."""
    transaction = session.get_transaction()
    if transaction is not None and not session.in_nested_transaction():
        for order in owed.pop(transaction, []):
            if order in session:
                confirm.delay(str(order.id))


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
    if (transaction := session.get_transaction()) is not None:
        owed.setdefault(transaction, []).append(order)
    return str(order.id)
