import os
import unittest
from datetime import date, datetime, timedelta, timezone

from sqlalchemy import text
from world import furnish

from guiche.db import make_engine, make_sessions
from guiche.repo import OrderRepo

BRASILIA = timezone(timedelta(hours=-3))


class Orders(unittest.TestCase):
    def setUp(self):
        self.engine = make_engine(os.environ["DATABASE_URL"])
        self.session = make_sessions(self.engine)()
        self.session.execute(
            text(
                "TRUNCATE users, events, tiers, orders, order_items"
                " RESTART IDENTITY CASCADE"
            )
        )
        self.world = furnish(self.session)
        self.repo = OrderRepo(self.session)
        self.who = self.world.customer.id

    def tearDown(self):
        self.session.close()
        self.engine.dispose()

    def place(self, key, at=None):
        return self.repo.place(
            user_id=self.who, tier_id=self.world.tier.id, qty=1, key=key, at=at
        )

    def test_idempotent(self):
        self.assertTrue(self.place("x").created)
        self.assertFalse(self.place("x").created)
        self.session.refresh(self.world.tier)
        self.assertEqual(self.world.tier.sold, 1)
        self.assertTrue(self.place("y").created)

    def test_evening(self):
        self.place("x", datetime(2026, 8, 31, 21, 1, tzinfo=BRASILIA))
        self.assertEqual(len(self.repo.placed_on(self.who, date(2026, 8, 31))), 1)

    def test_case(self):
        self.place("x")
        self.assertEqual(len(self.repo.find(self.who, "bEETHOVEN")), 1)
