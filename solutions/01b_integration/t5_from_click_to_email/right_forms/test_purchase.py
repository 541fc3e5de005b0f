import re
import time
from uuid import uuid4

import pytest
import requests


@pytest.fixture
def shop(base_url, customer):
    with requests.Session() as session:
        session.post(
            f"{base_url}/login",
            data={"email": customer.email, "password": customer.password},
            timeout=5,
        )
        yield session


@pytest.fixture
def seats(shop, base_url, slug):
    def left():
        answer = shop.get(
            f"{base_url}/events/{slug}",
            headers={"Accept": "application/json"},
            timeout=5,
        )
        return {tier["id"]: tier["left"] for tier in answer.json()["event"]["tiers"]}

    return left


def test_the_ticket_comes(shop, seats, base_url, mails_url, customer, slug):
    before = seats()
    tier = max(before)
    form = {"event": slug, "tier": tier, "qty": 3, "idempotency_key": str(uuid4())}
    page = shop.post(f"{base_url}/orders", data=form, timeout=5)
    assert page.ok
    order = re.fullmatch(r".*/orders/([0-9a-f-]{36})", page.url)[1]

    for _attempt in range(30):
        mails = requests.get(mails_url, timeout=5).json()
        mine = [mail for mail in mails if order in mail["text"]]
        if mine:
            break
        time.sleep(0.2)
    assert [mail["to"] for mail in mine] == [customer.email]
    assert seats() == {**before, tier: before[tier] - 3}
