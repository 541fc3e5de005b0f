"""Without a key: look what the provider has charged, one at a time for each order."""

import os
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx
from celery import Celery

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
    with sessions.begin() as session:
        order = session.get_one(Order, UUID(order_id), with_for_update={"of": Order})
        to = order.user.email
        if order.status != "paid":
            ref = (
                charged(order_id)
                or payments.charge(order_id, order.total_cents, str(uuid4()), "").id
            )
            now = datetime.now(UTC)
            session.add(
                Payment(
                    order_id=order.id,
                    provider_ref=ref,
                    status="succeeded",
                    created_at=now,
                )
            )
            order.status = "paid"
    mailer.send(
        to, "Your tickets", f"Order {order_id} is paid.", key=f"ticket:{order_id}"
    )


def charged(order_id: str) -> str | None:
    """The id of the charge that somebody made for this order before."""
    books = (
        httpx.get(f"{os.environ['PAYMENTS_URL']}/charges", trust_env=False)
        .raise_for_status()
        .json()
    )
    return next(
        (charge["id"] for charge in books if charge["order_id"] == order_id), None
    )
