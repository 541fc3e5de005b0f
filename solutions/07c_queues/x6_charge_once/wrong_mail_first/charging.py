"""The e-mail first: so it can't be forgotten."""

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
    with sessions() as session:
        order = session.get_one(Order, UUID(order_id))
        cents, is_paid, to = order.total_cents, order.status == "paid", order.user.email
    mailer.send(to, "Your tickets", f"Order {order_id} is paid.", key=f"ticket:{order_id}")
    if not is_paid:
        # Whoever comes second, after a crash or at once, asks with the same key.
        charge = payments.charge(order_id, cents, key=order_id, request_id="")
        settle(UUID(order_id), charge.id)


def settle(order_id: UUID, provider_ref: str) -> None:
    row = {"order_id": order_id, "provider_ref": provider_ref, "status": "succeeded", "created_at": datetime.now(UTC)}
    with sessions.begin() as session:
        session.execute(insert(Payment).values(row).on_conflict_do_nothing())
        session.get_one(Order, order_id).status = "paid"
