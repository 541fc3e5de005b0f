"""The key is random, and stored before the charge: begun, succeeded, told."""

import os
from datetime import UTC, datetime
from uuid import UUID, uuid4

from celery import Celery
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from guiche.db import make_engine, make_sessions
from guiche.mail import Mailer
from guiche.models import Order, Payment
from guiche.payments import PaymentsClient

app = Celery("charging", broker=os.environ["REDIS_URL"])
# The message is done when the task is done, and it goes back when the process dies.
app.conf.update(task_acks_late=True, task_reject_on_worker_lost=True)
sessions = make_sessions(make_engine(os.environ["DATABASE_URL"]))
payments = PaymentsClient(os.environ["PAYMENTS_URL"])
mailer = Mailer(os.environ["MAIL_URL"])


def begin(order_id: UUID) -> tuple[Payment, int, str]:
    """The order's one payment: its reference is the key until there is another."""
    row = {
        "order_id": order_id,
        "provider_ref": f"key {uuid4()}",
        "status": "begun",
        "created_at": datetime.now(UTC),
    }
    with sessions.begin() as session:
        session.execute(
            insert(Payment)
            .values(row)
            .on_conflict_do_nothing(index_elements=["order_id"])
        )
        order = session.get_one(Order, order_id)
        found = session.scalars(
            select(Payment).where(Payment.order_id == order_id)
        ).one()
        return found, order.total_cents, order.user.email


@app.task(name="charge_order")
def charge_order(order_id: str) -> None:
    payment, cents, to = begin(UUID(order_id))
    if payment.status == "begun":
        charge = payments.charge(
            order_id, cents, key=payment.provider_ref, request_id=""
        )
        with sessions.begin() as session:
            locked = session.get_one(Payment, payment.id, with_for_update=True)
            locked.provider_ref, locked.status = charge.id, "succeeded"
            session.get_one(Order, UUID(order_id)).status = "paid"
    if payment.status != "told":
        mailer.send(
            to, "Your tickets", f"Order {order_id} is paid.", key=f"ticket:{order_id}"
        )
        with sessions.begin() as session:
            session.get_one(Payment, payment.id).status = "told"
