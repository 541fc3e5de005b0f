"""The provider's answers, and what they mean to us."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from guiche.payments import Charge, PaymentRefused, PaymentsClient, PaymentsDown

GOOD = {"id": "ch_1", "order_id": "o", "amount_cents": 100}


@contextmanager
def provider(status: int, body: Any, delay: float = 0.0) -> Iterator[tuple[PaymentsClient, list[dict[str, str]]]]:
    """A client of a server that always answers the same, and the headers that it got."""
    seen: list[dict[str, str]] = []
    hold = threading.Event()

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append({**self.headers, "path": self.path})
            self.rfile.read(int(self.headers["Content-Length"]))
            hold.wait(delay)
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    client = PaymentsClient(f"http://127.0.0.1:{server.server_port}", timeout=0.5)
    try:
        yield client, seen
    finally:
        hold.set()
        client.close()
        server.shutdown()
        thread.join(5)
        server.server_close()


@pytest.mark.parametrize("status", [200, 201])
def test_a_charge(status: int) -> None:
    """New or known, it is the same charge; key and request id travel as headers."""
    with provider(status, GOOD) as (client, seen):
        assert client.charge("o", 100, "key-1", "req-1") == Charge("ch_1", "o", 100)
        assert (seen[0]["Idempotency-Key"], seen[0]["X-Request-ID"]) == ("key-1", "req-1")
        assert seen[0]["path"] == "/charges"


def test_a_declined_payment_is_refused() -> None:
    """402 is an answer: nobody asks again."""
    with provider(402, {}) as (client, _seen), pytest.raises(PaymentRefused):
        client.charge("o", 100, "k", "r")


@pytest.mark.parametrize("status", [400, 401, 404, 409, 429, 500, 502, 503, 302])
def test_any_other_status_is_no_answer(status: int) -> None:
    """It is unknown whether money moved, and so the order stays."""
    with provider(status, GOOD) as (client, _seen), pytest.raises(PaymentsDown):
        client.charge("o", 100, "k", "r")


@pytest.mark.parametrize(
    "body", [b"", b"<html>", [], None, {"id": "ch_1"}, {**GOOD, "order_id": "p"}, {**GOOD, "amount_cents": 99}]
)
def test_an_answer_that_makes_no_sense_is_none(body: Any) -> None:
    """Another order or another amount is not our charge."""
    with provider(201, body) as (client, _seen), pytest.raises(PaymentsDown):
        client.charge("o", 100, "k", "r")


def test_a_slow_provider_is_given_up() -> None:
    """Within the timeout, and a little."""
    with provider(201, GOOD, delay=5) as (client, _seen):
        began = time.monotonic()
        with pytest.raises(PaymentsDown):
            client.charge("o", 100, "k", "r")
        assert time.monotonic() - began < 2


def test_a_provider_that_is_away_is_down() -> None:
    """Nobody listens there."""
    with pytest.raises(PaymentsDown):
        PaymentsClient("http://127.0.0.1:1").charge("o", 100, "k", "r")
