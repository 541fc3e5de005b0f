import json
import os
import time
import unittest
import urllib.error
from http.cookiejar import CookieJar
from urllib.request import HTTPCookieProcessor, Request, build_opener
from uuid import uuid4


class Purchase(unittest.TestCase):
    def setUp(self):
        self.browser = build_opener(HTTPCookieProcessor(CookieJar()))
        self.post(
            "/login",
            {
                "email": os.environ["CUSTOMER_EMAIL"],
                "password": os.environ["CUSTOMER_PASSWORD"],
            },
        )

    def ask(self, path, body=None, **headers):
        url = path if path.startswith("http") else os.environ["BASE_URL"] + path
        data = None if body is None else json.dumps(body).encode()
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            **headers,
        }
        with self.browser.open(Request(url, data, headers), timeout=5) as answer:
            return json.load(answer)

    def post(self, path, body):
        return self.ask(path, body, **{"Idempotency-Key": str(uuid4())})

    def state(self):
        tiers = self.ask(f"/events/{os.environ['EVENT_SLUG']}")["event"]["tiers"]
        orders = self.ask("/me/orders")["orders"]
        mails = [mail["to"] for mail in self.ask(os.environ["MAILS_URL"])]
        return {
            "left": sum(tier["left"] for tier in tiers),
            "paid": [order["status"] for order in orders].count("paid"),
            "mails": mails.count(os.environ["CUSTOMER_EMAIL"]),
        }

    def test_one_seat(self):
        before = self.state()
        slug = os.environ["EVENT_SLUG"]
        tier = self.ask(f"/events/{slug}")["event"]["tiers"][0]
        self.post("/orders", {"event": slug, "tier": tier["id"], "qty": 1})
        wanted = {
            "left": before["left"] - 1,
            "paid": before["paid"] + 1,
            "mails": before["mails"] + 1,
        }
        deadline = time.monotonic() + 6
        while (now := self.state()) != wanted and time.monotonic() < deadline:
            time.sleep(0.25)
        self.assertEqual(now, wanted)
