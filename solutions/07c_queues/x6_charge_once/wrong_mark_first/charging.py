"""Whoever sets the mark does the work."""

import os
from datetime import UTC, datetime
from uuid import UUID

from celery import Celery
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


@app.task(name="charge_order")
def charge_order(order_id: str) -> None:
    row = {"order_id": UUID(order_id), "provider_ref": f"begun {order_id}", "status": "begun"}
    row["created_at"] = datetime.now(UTC)
    with sessions.begin() as session:
        mine = session.scalar(insert(Payment).values(row).on_conflict_do_nothing().returning(Payment.id))
        order = session.get_one(Order, UUID(order_id))
        cents, to = order.total_cents, order.user.email
    if mine is None:
        return
    charge = payments.charge(order_id, cents, key=order_id, request_id="")
    with sessions.begin() as session:
        payment = session.get_one(Payment, mine)
        payment.provider_ref, payment.status = charge.id, "succeeded"
        session.get_one(Order, UUID(order_id)).status = "paid"
    mailer.send(to, "Your tickets", f"Order {order_id} is paid.", key=f"ticket:{order_id}")
