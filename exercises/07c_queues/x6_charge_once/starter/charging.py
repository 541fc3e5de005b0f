"""The worker's task: charge an order, write it down, send the ticket."""

import os
from datetime import UTC, datetime
from uuid import UUID, uuid4

from celery import Celery

from guiche.db import make_engine, make_sessions
from guiche.mail import Mailer
from guiche.models import Order, Payment
from guiche.payments import PaymentsClient

app = Celery("charging", broker=os.environ["REDIS_URL"])
sessions = make_sessions(make_engine(os.environ["DATABASE_URL"]))
payments = PaymentsClient(os.environ["PAYMENTS_URL"])
mailer = Mailer(os.environ["MAIL_URL"])


@app.task(name="charge_order")
def charge_order(order_id: str) -> None:
    with sessions() as session:
        order = session.get_one(Order, UUID(order_id))
        charge = payments.charge(
            order_id, order.total_cents, key=str(uuid4()), request_id=""
        )
        paid = Payment(
            order_id=order.id,
            provider_ref=charge.id,
            status="succeeded",
            created_at=datetime.now(UTC),
        )
        session.add(paid)
        order.status = "paid"
        session.commit()
        mailer.send(
            order.user.email,
            "Your tickets",
            f"Order {order_id} is paid.",
            key=f"ticket:{order_id}",
        )
