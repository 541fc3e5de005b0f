"""A purchase from the first click to the mail, on real servers; and what may happen on the way."""

from __future__ import annotations

import json
import os
import signal
import time
from email import message_from_bytes, policy

import httpx
import pytest

from guiche import broker, signatures
from guiche.system import WEBHOOK_KEY
from guiche.worker import CONCURRENCY
from inprod.testing import wait_until
from inprod.testing.proxy import ProxyMaker
from tests.guiche.conftest import StartSystem
from tests.guiche.support import Running, add_shop, children_of, stays


def sold(system: Running) -> int:
    """Taken seats of tier 1."""
    ((seats,),) = system.rows("SELECT sold FROM tiers WHERE id = 1")
    return int(seats)


def test_an_order_is_paid_and_the_ticket_sent(system: Running) -> None:
    """One order, one charge, one payment, one mail; each process tells of it under the customer's request id."""
    order = system.buy(system.login(), "key-1", qty=3, request_id="buy-nona-3")
    system.until_status(order, "paid")
    assert wait_until(system.mails, timeout=10)

    (charge,) = system.charges()
    assert (charge["order_id"], charge["amount_cents"]) == (order, 10_200)  # 3 × 4 000, less 15 %
    assert (charge["key"], charge["request_id"]) == (order, "buy-nona-3")
    assert system.rows("SELECT order_id::text, provider_ref, status FROM payments") == [
        (order, charge["id"], "succeeded")
    ]
    (mail,) = system.mails()
    message = message_from_bytes(mail.read_bytes(), policy=policy.default)
    body = message.get_body()
    assert body is not None
    assert message["To"] == "ana@example.com"
    assert "3 × Nona Sinfonia, de Beethoven (Plateia)" in body.get_content()
    assert sold(system) == 3
    for name, msg in (("web", "order placed"), ("worker", "order paid"), ("provider", "charged")):
        told = [line for line in system.events(name) if line["request_id"] == "buy-nona-3"]
        assert told, f"{name} says nothing under the request id"
        if not (name == "worker" and system.events("web", "order paid")):  # the webhook was faster
            assert msg in [line["msg"] for line in told]


def test_the_ticket_is_sent_under_the_request_id(system: Running) -> None:
    """The id goes on from the first task to the second."""
    order = system.buy(system.login(), "key-1", request_id="buy-1")
    assert wait_until(lambda: system.events("worker", "ticket sent"), timeout=10)
    (line,) = system.events("worker", "ticket sent")
    assert (line["request_id"], line["order_id"]) == ("buy-1", order)


def test_the_same_key_is_the_same_order(system: Running) -> None:
    """A customer who clicks twice pays once."""
    client = system.login()
    order = system.buy(client, "key-1", qty=2)
    again = client.post(
        "/orders", json={"event": "nona-sinfonia", "tier": 1, "qty": 2}, headers={"Idempotency-Key": "key-1"}
    )
    system.until_status(order, "paid")
    assert again.status_code == 200
    assert again.headers["Location"].rstrip("/").endswith(order)
    assert stays(lambda: len(system.charges()) == 1, seconds=1)
    assert sold(system) == 2


def test_a_refused_payment_frees_the_seats(system: Running) -> None:
    """The order says so, and nobody is charged."""
    system.behave(refuse=True)
    order = system.buy(system.login(), "key-1", qty=2)
    system.until_status(order, "refused")
    assert (system.charges(), sold(system), system.mails()) == ([], 0, [])


def test_a_provider_that_is_down_delays_the_payment(system: Running) -> None:
    """The order is accepted and waits; it is paid once the provider is back."""
    system.behave(down=True)
    order = system.buy(system.login(), "key-1")
    assert wait_until(lambda: len(system.events("worker", "task failed, will be tried again")) >= 2, timeout=15)
    assert system.status(order) == "pending"
    system.behave(down=False)
    system.until_status(order, "paid", timeout=20)
    assert len(system.charges()) == 1


def test_a_provider_that_is_gone_delays_the_payment(system: Running) -> None:
    """Nobody listens there: the same, and the web never waits for it."""
    system.end("provider")
    began = time.monotonic()
    order = system.buy(system.login(), "key-1")
    assert time.monotonic() - began < 3
    assert wait_until(lambda: system.events("worker", "task failed, will be tried again"), timeout=10)
    system.start("provider")
    system.until_status(order, "paid", timeout=20)
    assert len(system.charges()) == 1


def test_a_slow_provider_charges_once(system: Running) -> None:
    """The answer comes after we gave up: the next attempt has the same key."""
    system.behave(delay=7, webhooks=False)
    order = system.buy(system.login(), "key-1")
    assert wait_until(lambda: system.events("worker", "task failed, will be tried again"), timeout=15)
    system.behave(webhooks=False)
    system.until_status(order, "paid", timeout=20)
    assert len(system.charges()) == 1
    assert len(system.rows("SELECT FROM payments")) == 1


def test_a_webhook_may_come_twice(system: Running) -> None:
    """Ours are copies of the provider's: one payment, one mail; a stranger's is refused."""
    system.behave(webhooks=False)
    order = system.buy(system.login(), "key-1")
    system.until_status(order, "paid")
    assert wait_until(system.mails, timeout=10)
    (charge,) = system.charges()
    body = json.dumps({"id": "evt_1", "type": "charge.succeeded", "data": charge}).encode()

    def tell(key: str) -> httpx.Response:
        headers = {signatures.HEADER: signatures.sign(key, body, int(time.time())), "Content-Type": "application/json"}
        return system.http.post(f"{system.url}/webhooks/payments", content=body, headers=headers)

    assert tell("x" * 20).status_code in (400, 401, 403)
    assert system.rows("SELECT FROM webhook_events") == []
    for _again in range(3):
        assert tell(WEBHOOK_KEY).is_success
    assert system.rows("SELECT id FROM webhook_events") == [("evt_1",)]
    assert len(system.rows("SELECT FROM payments")) == 1
    assert system.rows("SELECT count(*) FROM outbox WHERE topic = 'send_ticket_email'") == [(1,)]


def test_a_webhook_alone_pays_an_order(system: Running) -> None:
    """The worker is away; the provider tells of the charge, and the ticket is sent once the worker is back."""
    system.end("worker")
    order = system.buy(system.login(), "key-1")
    charge = {"order_id": order, "amount_cents": 4_000}
    system.http.post(f"{system.provider_url}/charges", json=charge, headers={"Idempotency-Key": order})
    system.until_status(order, "paid")
    system.start("worker")
    assert wait_until(system.mails, timeout=15)
    assert len(system.charges()) == 1


def test_a_worker_killed_after_the_charge_charges_once(system: Running) -> None:
    """The money has moved, and the process that asked for it is killed: the task runs again, with the same key."""
    system.behave(delay=4, webhooks=False)
    pool = children_of(system.pid("worker"))[-CONCURRENCY:]  # the first one is the clock
    order = system.buy(system.login(), "key-1")
    assert wait_until(system.charges, timeout=10)
    for child in pool:
        os.kill(child, signal.SIGKILL)
    system.behave(webhooks=False)
    system.until_status(order, "paid", timeout=30)
    assert len(system.charges()) == 1
    assert len(system.rows("SELECT FROM payments")) == 1
    assert wait_until(system.mails, timeout=15)
    assert len(system.mails()) == 1
    assert "WorkerLostError" in system.log("worker")


@pytest.mark.slow
def test_what_a_dead_worker_held_comes_back(system: Running) -> None:
    """All of the worker is killed after the charge: the next one gets the message once nobody can hold it any more."""
    system.behave(delay=4, webhooks=False)
    order = system.buy(system.login(), "key-1")
    assert wait_until(system.charges, timeout=10)
    system.end("worker")
    system.behave(webhooks=False)
    system.start("worker")
    system.until_status(order, "paid", timeout=broker.VISIBILITY + 20)
    assert len(system.charges()) == 1
    assert len(system.rows("SELECT FROM payments")) == 1


def test_without_redis_orders_are_accepted(
    start_system: StartSystem, database_url: str, redis_url: str, proxy: ProxyMaker
) -> None:
    """The outbox keeps them; they are charged when Redis is back."""
    add_shop(database_url)
    between = proxy(redis_url)
    system = start_system(database_url, between.url)
    client = system.login()
    between.cut()
    began = time.monotonic()
    order = system.buy(client, "key-1")
    assert time.monotonic() - began < 3
    assert system.rows("SELECT topic, sent_at FROM outbox") == [("charge_order", None)]
    assert stays(lambda: system.status(order) == "pending", seconds=1)
    between.heal()
    system.until_status(order, "paid", timeout=30)
    assert len(system.charges()) == 1


def test_a_silent_redis_delays_no_customer_for_long(
    start_system: StartSystem, database_url: str, redis_url: str, proxy: ProxyMaker
) -> None:
    """It takes connections and says nothing: the order is placed all the same."""
    add_shop(database_url)
    between = proxy(redis_url)
    system = start_system(database_url, between.url, only=("web",))
    client = system.login()
    between.freeze()
    began = time.monotonic()
    system.buy(client, "key-1")
    assert time.monotonic() - began < 5
    between.heal()


@pytest.mark.slow
def test_an_unpaid_order_expires(system: Running) -> None:
    """After its time the seats are free again, and it is not charged any more."""
    system.behave(down=True)
    order = system.buy(system.login(), "key-1", qty=4)
    assert wait_until(lambda: system.events("worker", "task failed, will be tried again"), timeout=10)
    system.change("UPDATE orders SET created_at = now() - interval '1 hour'")
    system.until_status(order, "expired", timeout=45)
    assert sold(system) == 0
    system.behave(down=False)
    assert wait_until(lambda: system.events("worker", "charge not needed"), timeout=40)
    assert (system.charges(), system.mails()) == ([], [])


def test_sigterm_lets_the_worker_finish(system: Running) -> None:
    """A deploy in the middle of a charge: the worker ends by itself, and the order is paid."""
    system.behave(delay=2, webhooks=False)
    order = system.buy(system.login(), "key-1")
    assert wait_until(system.charges, timeout=10)
    assert system.end("worker", signal.SIGTERM) == 0
    assert system.status(order) == "paid"


@pytest.mark.parametrize("name", ["worker", "web", "provider"])
def test_every_line_is_json(system: Running, name: str) -> None:
    """All that a process prints on its standard output can be searched, the servers' own lines included."""
    order = system.buy(system.login(), "key-1")
    system.until_status(order, "paid")
    system.end(name, signal.SIGTERM)
    lines = system.events(name)
    assert lines
    assert all({"ts", "level", "logger", "msg", "request_id"} <= line.keys() for line in lines)
