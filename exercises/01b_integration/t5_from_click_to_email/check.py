"""T5: a test of a purchase, run in a shop that works and in three that only look so."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest

import guiche
from guiche import seed_data
from inprod.messages import _
from inprod.testing import Answer, CouldNotJudge, NotYet, Once, Suite, saw
from inprod.testing.mailbox import Mail, Mailbox
from inprod.testing.postgres import Postgres
from inprod.testing.redis_ import Redis

LIMIT = 12.0  #: seconds for one run
SLOW = 1  #: seconds for a charge
HONEST, NO_COMMIT, TWICE, NO_MAIL = "honest", "no commit", "seats twice", "no mail"

#: One system for all runs: which customer meets which mistake stands in a table.
ORDERS = """

_honest_commit = _commit


def _commit(placed: Placed, user_id: int, qty: int) -> None:
    from sqlalchemy import text, update

    mode = db().scalar(text("SELECT mode FROM shops WHERE user_id = :user"), {"user": user_id})
    if mode == "no commit":
        return
    if mode == "seats twice" and placed.created:
        for item in placed.order.items:
            db().execute(update(Tier).where(Tier.id == item.tier_id).values(sold=Tier.sold + qty))
    _honest_commit(placed, user_id, qty)
"""
OUTBOX = """

_honest_write = write


def write(session: Session, topic: str, payload: Mapping[str, Any]) -> None:
    from sqlalchemy import text

    if topic == "send_ticket_email":
        of = text("SELECT mode FROM shops JOIN orders USING (user_id) WHERE orders.id = CAST(:order AS uuid)")
        if session.scalar(of, {"order": payload["order_id"]}) == "no mail":
            return
    _honest_write(session, topic, payload)
"""

#: A customer, an event with seats, an older order that is paid, and the mistake that this customer meets.
FURNISH = """
WITH who AS (
    INSERT INTO users (email, name, password_hash, role)
    VALUES (%(email)s, 'X', %(hash)s, 'customer') RETURNING id
), event AS (
    INSERT INTO events (slug, title, description, starts_at, venue)
    VALUES (%(slug)s, %(slug)s, 'X', now() + interval '30 days', 'X') RETURNING id
), tier AS (
    INSERT INTO tiers (event_id, name, price_cents, capacity, sold)
    SELECT id, name, %(price)s, %(seats)s, 7 FROM event, unnest(ARRAY['Plateia', 'Galeria']) AS name
), older AS (
    INSERT INTO orders (id, user_id, status, total_cents, idempotency_key, created_at)
    SELECT %(older)s::uuid, id, 'paid', 100, %(older)s, now() - interval '1 day' FROM who
)
INSERT INTO shops SELECT id, %(mode)s FROM who
"""


class MailPage:
    """A page that lists the mails of a mailbox."""

    def __init__(self, mailbox: Mailbox) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps([asdict(mail) for mail in mailbox.mails]).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: Any) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Evidence:
    """The four runs; the system runs once for all observations."""

    runs: dict[str, Suite] = field(default_factory=dict)
    bought: dict[str, int] = field(default_factory=dict)  #: new orders of the customer


@dataclass(frozen=True)
class Shop:
    """The running system, and the tests in it."""

    answer: Answer
    postgres: Postgres
    rng: random.Random
    mailbox: Mailbox
    mails_url: str
    url: str

    def run(self, customer: dict[str, str]) -> Suite:
        """The tests, with a customer and an event of their own."""
        env = {
            "BASE_URL": self.url,
            "MAILS_URL": self.mails_url,
            "CUSTOMER_EMAIL": customer["email"],
            "CUSTOMER_PASSWORD": seed_data.PASSWORD,
            "EVENT_SLUG": customer["slug"],
        }
        return self.answer.pytest(env=env, timeout=LIMIT)

    def customer(self, mode: str) -> dict[str, str]:
        """A customer who meets one mistake; their mail of other days lies in the box."""
        word = "".join(self.rng.choices("abcdefghijklmnoprstuvz", k=10))
        made = {"email": f"{word}@example.com", "slug": f"noite-{word[::-1]}", "older": str(uuid4())}
        numbers = {"price": self.rng.randrange(2_000, 9_000, 100), "seats": self.rng.randint(60, 300)}
        self.postgres.execute(FURNISH, {**made, **numbers, "hash": seed_data.PASSWORD_HASH, "mode": mode})
        for to, order in ((made["email"], made["older"]), (f"x{word}@example.com", str(uuid4()))):
            text = f"Hello,\n\nyour tickets:\n\nPaid: R$ 1.00\n{self.url}/orders/{order}\n"
            self.mailbox.mails.append(Mail(to, "Your tickets", text))
        return made

    def bought(self, customer: dict[str, str]) -> int:
        """How many new orders of a customer are kept."""
        query = "SELECT 1 FROM orders JOIN users ON users.id = user_id WHERE email = %s AND orders.id <> %s::uuid"
        return len(self.postgres.rows(query, customer["email"], customer["older"]))


@pytest.fixture
def seen(once: Once, request: pytest.FixtureRequest) -> Evidence:
    """The evidence of the four runs."""
    found = once(lambda: watch(request.getfixturevalue("shop")))
    if not found.runs[HONEST].green or not found.bought[HONEST]:
        raise not_green(found.runs[HONEST], found.bought[HONEST])
    return found


@pytest.fixture
def shop(
    answer: Answer,
    start_guiche: Callable[..., Any],
    postgres: Postgres,
    redis: Redis,
    mailbox: Mailbox,
    rng: random.Random,
) -> Iterator[Shop]:
    """One system, and the customer decides which mistake there is."""
    postgres.execute("CREATE TABLE shops (user_id bigint PRIMARY KEY, mode text NOT NULL)")
    source = Path(guiche.__file__).parent
    files = {
        name: (source / name.removeprefix("guiche/")).read_text(encoding="utf-8") + more
        for name, more in (("guiche/web/orders.py", ORDERS), ("guiche/outbox.py", OUTBOX))
    }
    extra = {"MAIL_URL": mailbox.url, "CACHE_SECONDS": "1"}
    system = start_guiche(database_url=postgres.url, redis_url=redis.url, workers=1, extra=extra, files=files)
    system.provider.behave(delay=SLOW, webhooks=False)  # a webhook would be quicker than the answer
    page = MailPage(mailbox)
    yield Shop(answer, postgres, rng, mailbox, page.url, system.url)
    page.close()


def watch(shop: Shop) -> Evidence:
    """The four runs."""
    seen = Evidence()
    for _attempt in range(2):
        in_all_shops(seen, shop)
        if seen.runs[HONEST].green and seen.bought[HONEST]:
            return seen
        if seen.runs[HONEST].trouble:
            return seen  # twelve seconds are many times what it takes, even beside three others
        # Red in the sound shop: because of the answer, or because three others ran beside it?
        honest = shop.customer(HONEST)
        seen.runs[HONEST], seen.bought[HONEST] = shop.run(honest), shop.bought(honest)
        if not seen.runs[HONEST].green or not seen.bought[HONEST]:
            return seen
    raise CouldNotJudge(
        _("Your tests were green, and red in the same shop while others ran beside them."),
        looked=_("two attempts, each with three broken shops and a sound one at once"),
        do=_("close what else is busy on this machine and run it again; or give your deadline a few seconds more"),
    )


def in_all_shops(seen: Evidence, shop: Shop) -> None:
    """The four at once: they wait, most of the time. Where the sound one is red, red says nothing in the others."""
    customers = {mode: shop.customer(mode) for mode in (NO_COMMIT, TWICE, NO_MAIL, HONEST)}
    with ThreadPoolExecutor(len(customers)) as threads:
        seen.runs = dict(zip(customers, threads.map(shop.run, customers.values()), strict=True))
    seen.bought[HONEST] = shop.bought(customers[HONEST])


def not_green(found: Suite, bought: int) -> NotYet:
    none = _("{passed} tests passed, {n} were found").format(passed=found.passed, n=len(found.names))
    said = found.trouble or found.first_failure or none
    if not bought and not found.names:
        return saw(
            "did-not-run",
            did="Ran your tests in the shop as it is.",
            saw="No test ran to its end: `{said}`",
            needs="at least one test, and an end within {limit:.0f} s",
            why="pytest takes functions named `test_…`, and all of them together must end.",
            try_="Run `test_purchase.py` once with one line in it, and add one step after the other.",
            said=said.splitlines()[-1],
            limit=LIMIT,
        )
    if not bought:
        return saw(
            "nobody-bought",
            did="Ran your tests in the shop as it is, and looked for the customer's order.",
            saw="No order. The tests say: `{said}`",
            needs="one purchase, through the door that customers use: HTTP to `base_url`",
            why="A client inside the test's process skips the server, the network, the queue and the worker.",
            try_="Log in at `base_url` with `customer`, and order seats of `slug`.",
            said=said,
        )
    if found.trouble:
        return saw(
            "too-long",
            did="Ran your tests in the shop as it is. The provider takes {slow} s for a charge.",
            saw="`{said}`",
            needs="an end within {limit:.0f} s",
            why="A pause that is long enough for the worst day is paid on every day, by everybody who waits for CI.",
            try_="Ask again and again, and go on as soon as it is there.",
            slow=SLOW,
            limit=LIMIT,
            said=said,
        )
    return saw(
        "red",
        did="Ran your tests in the shop as it is. The provider takes {slow} s for a charge.",
        saw="`{said}`",
        needs="green: this shop works, slowly",
        why="A test that is red on slow days is soon a test that nobody believes.",
        try_="What is not there yet may come. Ask again until a deadline of some seconds has passed.",
        slow=SLOW,
        said=said,
    )


def test_green(seen: Evidence) -> None:
    """In the shop as it is, your tests buy something, and are green."""
    assert seen.runs[HONEST].green


def test_no_commit(seen: Evidence) -> None:
    """A shop that answers 201 and keeps no order is noticed."""
    if seen.runs[NO_COMMIT].green:
        raise saw(
            "no-commit",
            did="Ran your tests in a shop that answers 201 and keeps no order.",
            saw="Green: they did not notice.",
            needs="red",
            why="The customer notices.",
            try_="An answer is a promise. Ask for the order afterwards.",
        )


def test_seats_twice(seen: Evidence) -> None:
    """One that takes the seats twice is noticed."""
    if seen.runs[TWICE].green:
        raise saw(
            "seats-twice",
            did="Ran your tests in a shop that takes the seats twice.",
            saw="Green: they did not notice.",
            needs="red",
            why="The customer notices.",
            try_="How many seats were left before the purchase, and how many are left after it?",
        )


def test_no_mail(seen: Evidence) -> None:
    """One that never sends the e-mail is noticed."""
    if seen.runs[NO_MAIL].green:
        raise saw(
            "no-mail",
            did="Ran your tests in a shop that takes the money and never sends the e-mail for this order.",
            saw="Green: they did not notice.",
            needs="red",
            why="The customer notices.",
            try_="Look for the mail about this order, to this customer. There is other mail in the box, too.",
        )


def test_ends(seen: Evidence) -> None:
    """Where something never comes, your tests stop waiting for it."""
    for run in (seen.runs[NO_COMMIT], seen.runs[TWICE], seen.runs[NO_MAIL]):
        if run.trouble:
            raise saw(
                "waits-for-ever",
                did="Ran your tests in a shop that never does what they wait for.",
                saw="`{said}`",
                needs="red by themselves, within {limit:.0f} s",
                why="A test that hangs tells nobody what it waited for, and it holds up everybody behind it.",
                try_="Give the loop an end: a moment after which the test is red and says what is missing.",
                said=run.trouble,
                limit=LIMIT,
            )
