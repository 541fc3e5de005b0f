"""Log lines and numbers on their own."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import QueuePool

from guiche import logs
from guiche.metrics import Metrics

SCRIPT = """
import os, sys
from pathlib import Path
from guiche.metrics import Metrics
metrics = Metrics(Path(sys.argv[1]))
children = []
for number in range(2):
    child = os.fork()
    if child == 0:
        for _ in range(number + 1):
            metrics.request("GET", "/", 200, 0.1)
        os._exit(0)
    children.append(child)
for child in children:
    os.waitpid(child, 0)
metrics.request("GET", "/", 200, 0.1)
sys.stdout.buffer.write(metrics.text())
"""


def line(**fields: object) -> dict[str, object]:
    """One event as it is printed; it must be one line."""
    record = logging.makeLogRecord({"name": "guiche", "levelno": 20, "levelname": "INFO", **fields})
    printed = logs.JsonFormatter().format(record)
    assert len(printed.splitlines()) == 1
    printed.encode()
    found: dict[str, object] = json.loads(printed)
    return found


def test_a_line_has_what_a_search_needs() -> None:
    """Time with its zone, level, logger, message, request and the extra fields."""
    token = logs.request_id.set("abc")
    try:
        found = line(msg="order %s", args=("placed",), order_id="o-1")
    finally:
        logs.request_id.reset(token)
    assert (found["msg"], found["request_id"], found["order_id"], found["level"]) == (
        "order placed",
        "abc",
        "o-1",
        "INFO",
    )
    assert str(found["ts"]).endswith("+00:00")


@pytest.mark.parametrize("text", ["a\nb", "a\u2028b", "a\x85b", "a\x1eb", "caf\u00e9", "\ud800"])
def test_whatever_is_told_stays_one_line(text: str) -> None:
    """Nobody who sends a path can forge a line, or lose one."""
    assert len(str(line(msg=text, path=text)["path"])) == len(text)


def test_an_exception_stands_in_its_line() -> None:
    """Not below it."""
    try:
        raise ValueError("two\nlines")
    except ValueError:
        found = line(msg="failed", exc_info=sys.exc_info())
    assert "ValueError: two\nlines" in str(found["exc"])


def test_a_message_that_does_not_fit_its_arguments_is_told_all_the_same() -> None:
    """A mistake in a log call loses no line."""
    assert "order %d" in str(line(msg="order %d", args=("x",))["msg"])


def test_processes_count_together(tmp_path: Path) -> None:
    """Three processes, four requests, and whoever is asked says four, though two of the three are gone."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert 'http_requests_total{method="GET",route="/",status="200"} 4.0' in done.stdout
    assert 'http_request_seconds_count{route="/"} 4.0' in done.stdout


def test_connections_at_work() -> None:
    """Counted while they are out, and not after."""
    metrics = Metrics()
    engine = create_engine("sqlite://", poolclass=QueuePool)
    metrics.watch(engine)
    with engine.connect(), engine.connect():
        assert b"db_pool_in_use 2.0" in metrics.text()
    assert b"db_pool_in_use 0.0" in metrics.text()
    engine.dispose()


def test_orders_by_status() -> None:
    """A counter each."""
    metrics = Metrics()
    metrics.order("pending")
    metrics.order("pending")
    metrics.order("cancelled")
    text = metrics.text()
    assert b'orders_total{status="pending"} 2.0' in text
    assert b'orders_total{status="cancelled"} 1.0' in text
