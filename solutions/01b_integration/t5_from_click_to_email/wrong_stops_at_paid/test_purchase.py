import time
from uuid import uuid4

import httpx


def buy(shop, customer, slug):
    shop.post("/login", json={"email": customer.email, "password": customer.password})
    tier = shop.get(f"/events/{slug}").json()["event"]["tiers"][0]
    order = {"event": slug, "tier": tier["id"], "qty": 2}
    answer = shop.post("/orders", json=order, headers={"Idempotency-Key": str(uuid4())})
    return tier, f"/orders/{answer.json()['order']['id']}"


def test_purchase(base_url, customer, slug):
    with httpx.Client(base_url=base_url, headers={"Accept": "application/json"}) as shop:
        tier, where = buy(shop, customer, slug)
        end = time.monotonic() + 5
        while shop.get(where).json()["order"]["status"] != "paid":
            assert time.monotonic() < end
            time.sleep(0.1)
        assert shop.get(f"/events/{slug}").json()["event"]["tiers"][0]["left"] == tier["left"] - 2
