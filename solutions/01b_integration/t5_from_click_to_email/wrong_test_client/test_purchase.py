from uuid import uuid4

import pytest

from guiche.config import Settings
from guiche.web.app import create_app


@pytest.fixture
def shop():
    settings = Settings(
        database_url="postgresql://localhost/guiche",
        redis_url="redis://localhost:6379/0",
        secret_key="a-secret-for-tests",
        payments_url="http://localhost:9000",
        webhook_keys=("key",),
        mail_url="file:///tmp/mail",
        public_url="http://localhost",
    )
    return create_app(settings).test_client()


def test_purchase(shop, customer, slug):
    shop.post("/login", json={"email": customer.email, "password": customer.password})
    tier = shop.get(f"/events/{slug}", headers={"Accept": "application/json"}).json["event"]["tiers"][0]
    order = {"event": slug, "tier": tier["id"], "qty": 2}
    answer = shop.post("/orders", json=order, headers={"Idempotency-Key": str(uuid4())})
    assert answer.status_code == 201
