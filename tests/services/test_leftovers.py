"""Containers that fail or are left: each failure told within seconds, and nothing stays however we end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import docker
import pytest

from inprod.errors import ServiceError
from inprod.services import doctor, engine, images, leftovers, settings
from inprod.services.containers import Containers
from inprod.testing import wait_until
from tests.services import engines

REDIS = frozenset({"redis"})
POSTGRES = frozenset({"postgres"})
OWNER = """\
import sys, time
from inprod.services.containers import Containers
services = Containers()
services.start(frozenset({"postgres", "redis"}))
with services.lease(frozenset({"postgres", "redis"}), "owner"):
    print(*services._all, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def fresh() -> Iterator[Containers]:
    """Servers of a test's own."""
    containers = Containers()
    yield containers
    containers.close()


@pytest.mark.docker
@pytest.mark.parametrize("end", ["exit", signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_its_owner(end):
    """Whichever way the process ends, its containers go."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as owner:
        assert owner.stdin
        assert owner.stdout
        names = owner.stdout.readline().split()
        assert len(names) == 2
        assert all(map(engines.exists, names))
        if end == "exit":
            owner.stdin.close()
        else:
            owner.send_signal(end)
        owner.wait(timeout=20)
        assert wait_until(lambda: not any(map(engines.exists, names)), timeout=10)


@pytest.mark.docker
def test_an_interrupt_while_it_starts_leaves_nothing():
    """Ctrl-C in the second that Postgres takes."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as owner:
        prefix = f"inprod-postgres-{owner.pid}-"

        def ours() -> list[str]:
            found = engine.get(engines.url(), "/containers/json?all=1")
            return [name for one in found for name in one["Names"] if name.startswith(f"/{prefix}")]

        assert wait_until(ours, timeout=20)
        owner.send_signal(signal.SIGINT)
        owner.wait(timeout=20)
        assert wait_until(lambda: not ours(), timeout=10)


@pytest.fixture
def leave() -> Iterator[object]:
    """Makes a container with these labels; all are gone after the test."""
    made: list[str] = []

    def make(**changes: str) -> str:
        labels = {**leftovers.labels(), **{f"inprod.owner-{key}": value for key, value in changes.items()}}
        with_client = docker.from_env()
        made.append(str(with_client.containers.create(images.images().redis, labels=labels).name))
        with_client.close()
        return made[-1]

    yield make
    for name in made:
        engine.remove(engines.url(), name)


@pytest.mark.docker
def test_the_next_start_sweeps_what_dead_owners_left(leave, fresh):
    """Where the supervisor was killed as well; a pid that was given out again is no owner."""
    gone = subprocess.Popen(["true"])
    gone.wait(timeout=5)
    dead, reused = leave(pid=str(gone.pid)), leave(start="1")
    living, foreign = leave(), leave(pid=str(gone.pid), host="another machine")
    neighbours = leave(pid=str(gone.pid), uid="12345")
    fresh.start(REDIS)
    assert [engines.exists(name) for name in (dead, reused)] == [False, False]
    assert [engines.exists(name) for name in (living, foreign, neighbours)] == [True, True, True]


@pytest.mark.docker
def test_cleanup_names_what_it_removed(leave):
    """And touches only what dead owners left."""
    dead, living = leave(start="1"), leave()
    told: list[str] = []
    assert dead in doctor.cleanup(told.append)
    assert f"removed {dead}" in told
    assert engines.exists(living)


@pytest.mark.docker
def test_an_image_that_is_no_postgres_fails_with_its_last_words(monkeypatch):
    """Within seconds, and nothing stays."""
    monkeypatch.setenv("INPROD_POSTGRES_IMAGE", images.images().redis)
    mine = f'/containers/json?all=1&filters={{"label":["{leftovers.PID}={os.getpid()}"]}}'
    containers = Containers()
    with pytest.raises(ServiceError) as caught:
        containers.start(POSTGRES)
    assert images.images().redis in caught.value.what
    assert "postgres" in caught.value.what
    assert "--backend embedded" in caught.value.do
    assert engine.get(engines.url(), mine) == []
    containers.close()


@pytest.mark.docker
def test_a_server_that_ends_while_it_starts_is_noticed_at_once(monkeypatch):
    """A setting that Postgres refuses: no waiting for the deadline, and its own last line."""
    monkeypatch.setattr(settings, "postgres_arguments", lambda: ["-c", "max_connections=-1"])
    containers = Containers()
    began = time.monotonic()
    with pytest.raises(ServiceError) as caught:
        containers.start(POSTGRES)
    containers.close()
    assert time.monotonic() - began < 20
    assert "max_connections" in caught.value.what


def test_no_engine_is_told_in_a_sentence(tmp_path, monkeypatch):
    """Not in a hundred lines of traceback."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(ServiceError) as caught:
        Containers().start(REDIS)
    assert str(caught.value).count("\n") == 2
    assert "No Docker engine" in caught.value.what
    assert caught.value.exit_code == 3


def test_a_hung_engine_is_told_within_seconds(tmp_path, monkeypatch):
    """And not after the minute that the client library waits."""
    failures: list[ServiceError] = []

    def start() -> None:
        try:
            Containers().start(REDIS)
        except ServiceError as error:
            failures.append(error)

    with engines.hung(tmp_path) as hung:
        monkeypatch.setenv("DOCKER_HOST", hung)
        thread = threading.Thread(target=start, daemon=True)
        thread.start()
        thread.join(5)
    assert [error.what for error in failures]
    assert "no answer" in failures[0].what


def test_a_failed_download_is_told(tmp_path, monkeypatch):
    """Docker was demanded, and no registry is in reach."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    told: list[str] = []
    script = engines.Script(pull_refusal="lookup registry.example: no such host")
    with engines.scripted(tmp_path, script) as scripted:
        monkeypatch.setenv("DOCKER_HOST", scripted)
        with pytest.raises(ServiceError) as caught:
            Containers(pull=True).start(REDIS, told.append)
    assert "no such host" in caught.value.what
    assert "INPROD_IMAGE_PREFIX" in caught.value.do
    assert told == [f"pulling {images.images().redis}"]


def test_a_container_that_can_not_be_made_is_told(tmp_path, monkeypatch):
    """The engine has the image and refuses the container."""
    script = engines.Script(images={images.images().redis}, pull_refusal="no space left on device")
    with engines.scripted(tmp_path, script) as scripted:
        monkeypatch.setenv("DOCKER_HOST", scripted)
        containers = Containers()
        with pytest.raises(ServiceError) as caught:
            containers.start(REDIS)
        containers.close()
    assert "no space left" in caught.value.what
    assert "docker system df" in caught.value.do
    assert [request for request in script.asked if request.startswith("DELETE /containers/inprod-redis-")]
