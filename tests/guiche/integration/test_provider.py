"""The payment provider: what it records, and how it can be made to misbehave."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from guiche import signatures
from guiche.system import WEBHOOK_KEY
from inprod.testing import wait_until
from tests.guiche.conftest import StartSystem
from tests.guiche.support import Running, stays

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing", "redis://127.0.0.1:1/0"


class Shop:
    """Takes webhooks, and answers them with `statuses` in turn, the last one from then on."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_port}/hook"
        self.statuses = [204]
        self.taken: list[tuple[dict[str, str], bytes]] = []


@pytest.fixture
def shop() -> Iterator[Shop]:
    """A server that takes webhooks."""

    class Takes(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.taken.append((dict(self.headers), body))
            self.send_response(made.statuses.pop(0) if len(made.statuses) > 1 else made.statuses[0])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Takes)
    made = Shop(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    server.shutdown()
    thread.join(5)
    server.server_close()


@pytest.fixture
def provider(start_system: StartSystem, shop: Shop) -> Running:
    """The provider alone."""
    return start_system(*NOWHERE, only=("provider",), WEBHOOK_URL=shop.url)


def charge(
    provider: Running, *, key: str = "k", cents: int = 100, order: str = "o", request_id: str = ""
) -> httpx.Response:
    """Ask for a charge."""
    wanted = {"order_id": order, "amount_cents": cents}
    headers = {"Idempotency-Key": key} | ({"X-Request-ID": request_id} if request_id else {})
    return provider.http.post(f"{provider.provider_url}/charges", json=wanted, headers=headers)


def test_a_key_charges_once(provider: Running) -> None:
    """The same key is answered with the same charge; another key is another charge; all are listed in order."""
    first, again = charge(provider, request_id="req-1"), charge(provider, request_id="req-2")
    other = charge(provider, key="k2", order="p", cents=5)
    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 201)
    assert first.json() == again.json()
    listed = provider.charges()
    assert listed == [first.json(), other.json()]
    assert {**listed[0], "id": "", "at": ""} == {
        "id": "", "order_id": "o", "amount_cents": 100, "key": "k", "at": "", "request_id": "req-1",
    }  # fmt: skip


def test_many_at_once_charge_once(provider: Running) -> None:
    """Sixteen with one key."""
    threads = [threading.Thread(target=charge, args=[provider]) for _n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(provider.charges()) == 1


def test_a_key_belongs_to_one_charge(provider: Running) -> None:
    """Another amount under the same key is a mistake, and charges nobody."""
    charge(provider)
    assert charge(provider, cents=99).status_code == 409
    assert len(provider.charges()) == 1


NONSENSE: list[dict[str, object]] = [{}, {"order_id": "o"}, {"order_id": "o", "amount_cents": -1}, {"order_id": 1}]


@pytest.mark.parametrize("wanted", NONSENSE)
def test_nonsense_is_refused(provider: Running, wanted: dict[str, object]) -> None:
    """Neither half a charge nor a negative one."""
    url = f"{provider.provider_url}/charges"
    assert provider.http.post(url, json=wanted, headers={"Idempotency-Key": "k"}).status_code == 422
    assert provider.http.post(url, json={"order_id": "o", "amount_cents": 1}).status_code == 422
    assert provider.charges() == []


def test_down_and_refusing_charge_nobody(provider: Running) -> None:
    """And afterwards all is well again: what a PUT leaves out is normal."""
    provider.behave(down=True)
    assert charge(provider).status_code == 503
    provider.behave(refuse=True)
    assert charge(provider).status_code == 402
    assert provider.charges() == []
    provider.behave()
    assert charge(provider).status_code == 201


def test_a_slow_answer_comes_after_the_charge(provider: Running) -> None:
    """Who gives up waiting does not know that the money has moved."""
    provider.behave(delay=30)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{provider.provider_url}/charges",
            json={"order_id": "o", "amount_cents": 1},
            headers={"Idempotency-Key": "k"},
            timeout=0.5,
            trust_env=False,
        )
    assert len(provider.charges()) == 1


def test_a_forgetful_provider_charges_again(provider: Running) -> None:
    """`duplicate` ignores the key."""
    provider.behave(duplicate=True)
    charge(provider)
    charge(provider)
    assert len(provider.charges()) == 2


def test_a_webhook_is_signed_and_traced(provider: Running, shop: Shop) -> None:
    """It tells of the charge under the request id of whoever asked for it."""
    made = charge(provider, request_id="req-1").json()
    assert wait_until(lambda: shop.taken, timeout=5)
    ((headers, body),) = shop.taken
    signatures.verify([WEBHOOK_KEY], body, headers[signatures.HEADER], time.time())
    event = json.loads(body)
    assert (event["type"], event["data"]) == ("charge.succeeded", made)
    assert event["id"].startswith("evt_")
    assert headers["X-Request-ID"] == "req-1"


def test_a_webhook_is_sent_until_it_is_taken(provider: Running, shop: Shop) -> None:
    """The same event, again; and then no more."""
    shop.statuses = [500, 503, 200]
    charge(provider)
    assert wait_until(lambda: len(shop.taken) == 3, timeout=10)
    assert len({body for _headers, body in shop.taken}) == 1
    assert stays(lambda: len(shop.taken) == 3, seconds=2.5)


def test_without_webhooks_nobody_is_told(provider: Running, shop: Shop) -> None:
    """`webhooks: false` keeps quiet."""
    provider.behave(webhooks=False)
    charge(provider)
    assert stays(lambda: not shop.taken, seconds=0.5)


def test_log_lines_carry_the_request_id(provider: Running) -> None:
    """One that is not well formed is replaced, not repeated."""
    charge(provider, request_id="req-1")
    answer = charge(provider, key="k2", request_id="a b" * 99)
    first, second = provider.events("provider", "charged")
    assert first["request_id"] == "req-1"
    assert second["request_id"] == answer.headers["X-Request-ID"] != "a b" * 99
