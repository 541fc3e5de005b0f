import time
from uuid import uuid4

import httpx
import pytest

SEATS = 2


def eventually(look, what, seconds=5):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if look():
            return
        time.sleep(0.1)
    pytest.fail(f"{what}: not within {seconds} s")


def test_purchase(base_url, mails_url, customer, slug):
    with httpx.Client(
        base_url=base_url, headers={"Accept": "application/json"}
    ) as shop:

        def left():
            return shop.get(f"/events/{slug}").json()["event"]["tiers"][0]["left"]

        def ticket_came():
            mails = httpx.get(mails_url).json()
            return any(
                mail["to"] == customer.email and where in mail["text"] for mail in mails
            )

        shop.post(
            "/login", json={"email": customer.email, "password": customer.password}
        ).raise_for_status()
        tier = shop.get(f"/events/{slug}").json()["event"]["tiers"][0]
        order = {"event": slug, "tier": tier["id"], "qty": SEATS}
        answer = shop.post(
            "/orders", json=order, headers={"Idempotency-Key": str(uuid4())}
        )
        assert answer.status_code == 201
        where = f"/orders/{answer.json()['order']['id']}"

        assert shop.get(where).status_code == 200
        eventually(lambda: left() != tier["left"], "seats are taken")
        assert left() == tier["left"] - SEATS
        eventually(
            lambda: shop.get(where).json()["order"]["status"] == "paid",
            "the order is paid",
        )
        eventually(ticket_came, "the ticket is in the mail")
