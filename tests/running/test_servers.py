"""Servers that die in the middle of a check: nobody's answer is wrong, and the next check is unharmed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from inprod.results import Verdict
from inprod.running import Event, run_check
from inprod.services.embedded import Embedded
from tests.support import make_exercise, write_answer

CHECKS = {
    "postgres": '''
from inprod.testing import wait_until

def test_asks(postgres):
    """It asks again and again."""
    wait_until(lambda: postgres.rows("SELECT pg_sleep(0.05)") == [], timeout=8)

def test_another(postgres):
    """It asks once more."""
    postgres.rows("SELECT 1")
''',
    "redis": '''
from inprod.testing import wait_until

def test_asks(redis):
    """It asks again and again."""
    wait_until(lambda: redis.client.get("nothing"), timeout=8)

def test_another(redis):
    """It asks once more."""
    redis.client.ping()
''',
}
NAMES = {"postgres": "Postgres", "redis": "Redis"}
FINE = {
    "postgres": 'def test_asks(postgres):\n    """It asks."""\n    postgres.rows("SELECT 1")\n',
    "redis": 'def test_asks(redis):\n    """It asks."""\n    redis.client.ping()\n',
}


@pytest.fixture
def servers() -> Iterator[Embedded]:
    """Servers of a test's own."""
    services = Embedded()
    yield services
    services.close()


@pytest.mark.parametrize("need", CHECKS)
def test_a_server_killed_in_mid_check_is_could_not_judge(servers: Embedded, tmp_path: Path, need: str) -> None:
    """The report names the server and how it ended; it comes within seconds, and the next check passes."""
    exercise = make_exercise(tmp_path, CHECKS[need], needs=need, seconds=10)
    answer = write_answer(tmp_path, "def answer():\n    return None\n")

    def kill(event: Event) -> None:
        if event.kind == "tick":  # the observation is at work
            for pid, name in servers._names.items():
                if name == NAMES[need] and pid not in servers._exited:
                    os.kill(pid, signal.SIGKILL)

    report = run_check(exercise, answer, servers, on_event=kill)
    assert report.verdict is Verdict.COULD_NOT_JUDGE, report
    assert report.problem is not None
    assert servers.servers().get(need, "")[:5] in report.problem.saw
    assert "signal 9" in report.problem.saw
    assert report.problem.do
    assert report.seconds < 9

    fine = make_exercise(tmp_path / "fine", FINE[need], needs=need)
    assert run_check(fine, answer, servers).verdict is Verdict.PASS
