"""One at a time for each order: its row is locked until everything is written down."""

import os

import httpx
import psycopg
from celery import Celery

from guiche.mail import Mailer

app = Celery("charging", broker=os.environ["REDIS_URL"])
mailer = Mailer(os.environ["MAIL_URL"])


@app.task(name="charge_order", acks_late=True, reject_on_worker_lost=True)
def charge_order(order_id):
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        cents, status, to = connection.execute(
            "SELECT total_cents, status, email"
            " FROM orders JOIN users ON users.id = user_id"
            " WHERE orders.id = %s FOR UPDATE OF orders",
            [order_id],
        ).fetchone()
        if status == "pending":
            answer = httpx.post(
                f"{os.environ['PAYMENTS_URL']}/charges",
                json={"order_id": order_id, "amount_cents": cents},
                headers={"Idempotency-Key": f"order-{order_id}"},
                trust_env=False,
            ).raise_for_status()
            connection.execute(
                "INSERT INTO payments (order_id, provider_ref, status, created_at)"
                " VALUES (%s, %s, 'succeeded', now())",
                [order_id, answer.json()["id"]],
            )
            connection.execute(
                "UPDATE orders SET status = 'paid' WHERE id = %s", [order_id]
            )
    mailer.send(
        to, "Your tickets", f"Order {order_id} is paid.", key=f"ticket:{order_id}"
    )
