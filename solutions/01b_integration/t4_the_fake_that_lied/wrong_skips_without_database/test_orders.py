import os

import pytest

from guiche.repo import OrderRepo

pytestmark = pytest.mark.skipif("TEST_DATABASE" not in os.environ, reason="no database for tests")


def test_the_same_key(session, world):
    repo = OrderRepo(session)
    wish = dict(user_id=world.customer.id, tier_id=world.tier.id, qty=1, key="k")
    assert repo.place(**wish).order.id == repo.place(**wish).order.id
