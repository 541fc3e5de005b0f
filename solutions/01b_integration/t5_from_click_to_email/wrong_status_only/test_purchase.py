from uuid import uuid4

import httpx


def test_purchase(base_url, customer, slug):
    with httpx.Client(base_url=base_url, headers={"Accept": "application/json"}) as shop:
        login = shop.post("/login", json={"email": customer.email, "password": customer.password})
        assert login.status_code == 200
        tier = shop.get(f"/events/{slug}").json()["event"]["tiers"][0]
        order = {"event": slug, "tier": tier["id"], "qty": 2}
        answer = shop.post("/orders", json=order, headers={"Idempotency-Key": str(uuid4())})
        assert answer.status_code == 201
        assert answer.json()["order"]["status"] == "pending"
        assert answer.headers["Location"]
