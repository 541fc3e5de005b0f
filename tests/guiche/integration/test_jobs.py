"""Charge, settle, expire and mail on a real database, with a provider that does as it is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from guiche import jobs, outbox, relay
from guiche.config import Settings
from guiche.payments import Charge, PaymentRefused, PaymentsDown
from guiche.repo import OrderRepo
from guiche.wiring import Services, build
from tests.guiche.support import add_shop

#: Nobody listens there.
NOWHERE = "http://127.0.0.1:1"


@dataclass
class Payments:
    """A provider in memory."""

    fails: Exception | None = None
    before: Any = None  #: called before the answer
    charged: list[tuple[str, int, str, str]] = field(default_factory=list)

    def charge(self, order_id: str, amount_cents: int, key: str, request_id: str) -> Charge:
        """Charge, or fail."""
        if self.before:
            self.before()
        if self.fails:
            raise self.fails
        self.charged.append((order_id, amount_cents, key, request_id))
        return Charge(f"ch_{key}", order_id, amount_cents)


@dataclass
class Queue:
    """Keeps what is sent to it, or is away."""

    away: bool = False
    sent: list[tuple[str, dict[str, str], str]] = field(default_factory=list)

    def send_task(self, name: str, *, kwargs: dict[str, str], headers: dict[str, str], retry: bool) -> None:
        """Keep it."""
        assert not retry
        if self.away:
            raise ConnectionError("away")
        self.sent.append((name, kwargs, headers["request_id"]))


@pytest.fixture
def payments() -> Payments:
    """A provider in memory."""
    return Payments()


@pytest.fixture
def services(database_url: str, payments: Payments, tmp_path: Path) -> Iterator[Services]:
    """A shop with one customer and one event, and no Redis."""
    add_shop(database_url)
    settings = Settings(
        database_url=database_url,
        redis_url="redis://127.0.0.1:1/0",
        secret_key="s" * 20,
        payments_url=NOWHERE,
        webhook_keys=("k" * 20,),
        mail_url=f"file://{tmp_path}",
        public_url="http://shop.example/",
    )
    made = replace(build(settings), payments=payments)  # type: ignore[arg-type]
    yield made
    made.engine.dispose()


def order(services: Services, *, key: str = "k", qty: int = 2) -> UUID:
    """A pending order."""
    with services.sessions.begin() as session:
        return OrderRepo(session).place(user_id=1, tier_id=1, qty=qty, key=key).order.id


def rows(services: Services, query: LiteralString) -> list[tuple[Any, ...]]:
    """What the database answers."""
    with psycopg.connect(services.settings.database_url) as connection:
        return connection.execute(query).fetchall()


def state(services: Services) -> tuple[Any, ...]:
    """Status, seats taken and payments of the one order there is."""
    payments: LiteralString = "(SELECT array_agg(status) FROM payments)"
    return rows(services, "SELECT o.status, sold, " + payments + " FROM orders o, tiers WHERE tiers.id = 1")[0]


def test_a_charge_pays_the_order(services: Services, payments: Payments) -> None:
    """Once, with the order's id as key, and a mail is asked for."""
    number = order(services)
    for _again in range(2):
        jobs.charge_order(services, number, "req-1")
    assert payments.charged == [(str(number), 8_000, str(number), "req-1")]
    assert state(services) == ("paid", 2, ["succeeded"])
    assert rows(services, "SELECT topic, payload->>'order_id' FROM outbox WHERE topic = 'send_ticket_email'") == [
        ("send_ticket_email", str(number))
    ]


def test_no_transaction_is_open_while_the_provider_thinks(services: Services, payments: Payments) -> None:
    """Its slowness must not hold a connection of ours."""
    seen: list[list[tuple[Any, ...]]] = []
    payments.before = lambda: seen.append(
        rows(services, "SELECT pid FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND usename = user")
    )
    jobs.charge_order(services, order(services), "r")
    assert seen == [[]]


def test_a_provider_that_is_down_changes_nothing(services: Services, payments: Payments) -> None:
    """The order waits, its seats are kept."""
    payments.fails = PaymentsDown("no answer")
    with pytest.raises(PaymentsDown):
        jobs.charge_order(services, order(services), "r")
    assert state(services) == ("pending", 2, None)


def test_a_refusal_frees_the_seats(services: Services, payments: Payments) -> None:
    """And there is no payment."""
    payments.fails = PaymentRefused("declined")
    jobs.charge_order(services, order(services), "r")
    assert state(services) == ("refused", 0, None)


def test_an_unknown_order_is_not_charged(services: Services, payments: Payments) -> None:
    """A message about nothing ends there."""
    jobs.charge_order(services, uuid4(), "r")
    assert payments.charged == []


def test_cancelled_while_the_money_moved(services: Services, payments: Payments) -> None:
    """The order stays cancelled, and the money is marked to be given back."""
    number = order(services)

    def cancel() -> None:
        with services.sessions.begin() as session:
            assert OrderRepo(session).cancel(number, user_id=1)

    payments.before = cancel
    jobs.charge_order(services, number, "r")
    assert state(services) == ("cancelled", 0, ["refund_due"])
    assert rows(services, "SELECT FROM outbox WHERE topic = 'send_ticket_email'") == []


def test_task_and_webhook_settle_once(services: Services) -> None:
    """Eight at once: one payment, one mail."""
    number = order(services)
    start, told = threading.Barrier(8), list[bool]()

    def settle() -> None:
        start.wait(5)
        with services.sessions.begin() as session:
            told.append(jobs.settle(session, number, "ch_1"))

    threads = [threading.Thread(target=settle) for _n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(told) == [False] * 7 + [True]
    assert state(services) == ("paid", 2, ["succeeded"])
    assert rows(services, "SELECT count(*) FROM outbox WHERE topic = 'send_ticket_email'") == [(1,)]


def test_a_second_charge_of_an_order_is_told(services: Services, caplog: pytest.LogCaptureFixture) -> None:
    """The first one counts; people hear of the second."""
    number = order(services)
    for ref in ("ch_1", "ch_2"):
        with services.sessions.begin() as session:
            jobs.settle(session, number, ref)
    assert rows(services, "SELECT provider_ref FROM payments") == [("ch_1",)]
    (line,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert line.getMessage() == "order charged twice"
    assert (line.__dict__["provider_ref"], line.__dict__["first_ref"]) == ("ch_2", "ch_1")


def test_only_old_pending_orders_expire(services: Services) -> None:
    """Their seats are free again, once."""
    old, paid, fresh = (order(services, key=key, qty=qty) for key, qty in (("old", 3), ("paid", 2), ("fresh", 1)))
    with services.sessions.begin() as session:
        jobs.settle(session, paid, "ch_1")
    with psycopg.connect(services.settings.database_url) as connection:
        connection.execute("UPDATE orders SET created_at = now() - interval '16 minutes' WHERE id <> %s", [fresh])
    assert jobs.expire_unpaid(services) == 1
    assert jobs.expire_unpaid(services) == 0
    assert dict(rows(services, "SELECT id, status FROM orders")) == {old: "expired", paid: "paid", fresh: "pending"}
    assert rows(services, "SELECT sold FROM tiers") == [(3,)]


def test_an_order_past_its_time_is_not_charged(services: Services, payments: Payments) -> None:
    """It would expire at any moment."""
    number = order(services)
    with psycopg.connect(services.settings.database_url) as connection:
        connection.execute("UPDATE orders SET created_at = now() - interval '16 minutes'")
    jobs.charge_order(services, number, "r")
    assert payments.charged == []


def test_two_that_expire_at_once_free_seats_once(services: Services) -> None:
    """Several workers have a clock each."""
    for n in range(4):
        order(services, key=str(n))
    with psycopg.connect(services.settings.database_url) as connection:
        connection.execute("UPDATE orders SET created_at = now() - interval '1 hour'")
    start, found = threading.Barrier(4), list[int]()

    def expire() -> None:
        start.wait(5)
        found.append(jobs.expire_unpaid(services))

    threads = [threading.Thread(target=expire) for _n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sum(found) == 4
    assert rows(services, "SELECT sold FROM tiers") == [(0,)]
    assert rows(services, "SELECT count(*) FROM orders WHERE status = 'expired'") == [(4,)]


def test_a_ticket_is_for_paid_orders(services: Services, tmp_path: Path) -> None:
    """Before it is paid there is none; sent twice, it is one message."""
    number = order(services)
    jobs.send_ticket(services, number)
    assert list(tmp_path.glob("*.eml")) == []
    jobs.charge_order(services, number, "r")
    for _again in range(2):
        jobs.send_ticket(services, number)
    (mail,) = tmp_path.glob("*.eml")
    assert f"http://shop.example/orders/{number}" in mail.read_text(encoding="utf-8")


def test_the_report_counts_paid_seats(services: Services) -> None:
    """Plain data, as Celery's results need it."""
    number = order(services)
    order(services, key="other")
    jobs.charge_order(services, number, "r")
    (line,) = jobs.sales_report(services)
    assert (line["slug"], line["orders"], line["seats"], line["cents"]) == ("nona-sinfonia", 1, 2, 8_000)
    assert isinstance(line["starts_at"], str)


def test_the_relay_sends_each_message_once(services: Services) -> None:
    """With its request id as a header; what is unknown is told and left behind."""
    queue = Queue()
    with services.sessions.begin() as session:
        for n in range(120):
            outbox.write(session, "charge_order", {"order_id": str(n), "request_id": f"r-{n}"})
        outbox.write(session, "os.system", {"order_id": "x"})
    assert relay.run(services.sessions, queue) == 121
    assert relay.run(services.sessions, queue) == 0
    assert queue.sent == [("guiche.charge_order", {"order_id": str(n)}, f"r-{n}") for n in range(120)]


def test_without_a_queue_messages_stay(services: Services) -> None:
    """They are sent when it is back."""
    queue = Queue(away=True)
    with services.sessions.begin() as session:
        outbox.write(session, "charge_order", {"order_id": "1"})
    with pytest.raises(ConnectionError):
        relay.run(services.sessions, queue)
    queue.away = False
    assert relay.run(services.sessions, queue) == 1
    assert len(queue.sent) == 1


def test_a_database_that_is_away_is_told(services: Services, payments: Payments) -> None:
    """As an OperationalError, which the task tries again; nobody is charged."""
    away = build(replace(services.settings, database_url="postgresql://a@127.0.0.1:1/a"))
    with pytest.raises(OperationalError):
        jobs.charge_order(away, uuid4(), "r")
    assert payments.charged == []
