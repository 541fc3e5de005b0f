"""Answers whose own tests start containers: they may where the course runs on Docker, and leave nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from inprod.results import Verdict
from inprod.running import run_check
from inprod.services import engine
from inprod.services.containers import Containers
from tests.support import NoServices, make_exercise

CHECK = '''
import json
from inprod.testing import saw

def test_its_tests(answer, backend):
    """Its tests are green."""
    suite = answer.pytest("answer.py", docker={docker}, timeout={timeout})
    if not suite.green:
        text = json.dumps([backend, suite.first_failure, suite.trouble])
        raise saw("red", did="d", saw="{{text}}", needs="n", why="w", try_="t", text=text)
'''
TESTS = """\
import os, time
import redis
from testcontainers.redis import RedisContainer

def test_redis():
    with RedisContainer(os.environ["REDIS_IMAGE"]) as started:
        client = redis.Redis(started.get_container_host_ip(), int(started.get_exposed_port(6379)))
        assert client.ping()
        open("id", "w").write(started.get_wrapped_container().id)
        time.sleep({sleep})
"""

BARE = """\
import os, socket
import pytest

def test_nothing():
    assert not {"DOCKER_HOST", "POSTGRES_IMAGE", "TESTCONTAINERS_RYUK_DISABLED"} & set(os.environ)
    with socket.create_server(("127.0.0.1", 0)) as door, pytest.raises(PermissionError):
        socket.create_connection(door.getsockname(), timeout=2)
"""


def _left() -> set[str]:
    """Containers of testcontainers on this engine."""
    filters = quote('{"label": ["org.testcontainers"]}')
    found = engine.get(engine.resolve().url, f"/containers/json?all=1&filters={filters}")
    return {str(container["Id"]) for container in found or ()}


@pytest.fixture(scope="module")
def services() -> Iterator[Containers]:
    """The Docker backend."""
    found = Containers()
    yield found
    found.close()


@pytest.mark.docker
def test_its_tests_may_start_containers(services: Containers, tmp_path: Path) -> None:
    """The engine answers, the image is the course's, and the ports are open."""
    exercise = make_exercise(tmp_path, CHECK.format(docker=True, timeout=25), starter=TESTS.format(sleep=0), seconds=30)
    report = run_check(exercise, exercise.starter, services)
    assert report.problem is None
    assert (report.verdict, [o.saw for o in report.failed]) == (Verdict.PASS, [])


@pytest.mark.docker
def test_what_a_killed_suite_leaves_is_removed(services: Containers, tmp_path: Path) -> None:
    """With the check, and nobody else's containers."""
    before = _left()
    exercise = make_exercise(
        tmp_path, CHECK.format(docker=True, timeout=8), starter=TESTS.format(sleep=600), seconds=30
    )
    seen: set[str] = set()
    report = run_check(exercise, exercise.starter, services, on_event=lambda _event: seen.update(_left() - before))
    assert "not done in time" in report.failed[0].saw
    assert seen
    assert not seen & _left()


@pytest.mark.docker
def test_without_being_asked_for_nothing_is_told(services: Containers, tmp_path: Path) -> None:
    """No DOCKER_HOST, no image, and no port."""
    exercise = make_exercise(tmp_path, CHECK.format(docker=False, timeout=10), starter=BARE, seconds=20)
    report = run_check(exercise, exercise.starter, services)
    assert (report.verdict, [o.saw for o in report.failed]) == (Verdict.PASS, [])


def test_on_other_backends_it_stays_behind_all_walls(tmp_path: Path) -> None:
    """Even where the check asks for Docker."""
    exercise = make_exercise(tmp_path, CHECK.format(docker=True, timeout=10), starter=BARE, seconds=20)
    report = run_check(exercise, exercise.starter, NoServices())
    assert (report.verdict, [o.saw for o in report.failed]) == (Verdict.PASS, [])


def test_a_check_knows_the_backend(tmp_path: Path) -> None:
    """By name, for a check that must say which one happened."""
    exercise = make_exercise(tmp_path, CHECK.format(docker=True, timeout=10), starter="def test_no():\n    assert 0\n")
    report = run_check(exercise, exercise.starter, NoServices())
    assert report.failed[0].saw.startswith('["none", "test_no')
