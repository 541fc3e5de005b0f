from uuid import uuid4

import httpx


def test_purchase(base_url, customer, slug):
    headers = {"Accept": "application/json"}
    with httpx.Client(base_url=base_url, headers=headers) as shop:
        shop.post(
            "/login", json={"email": customer.email, "password": customer.password}
        )
        tier = shop.get(f"/events/{slug}").json()["event"]["tiers"][0]
        answer = shop.post(
            "/orders",
            json={"event": slug, "tier": tier["id"], "qty": 2},
            headers={"Idempotency-Key": str(uuid4())},
        )
        assert answer.status_code == 201
