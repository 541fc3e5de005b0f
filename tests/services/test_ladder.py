"""Which backend serves: the first that can, and never another than the one that was demanded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from inprod.errors import ServiceError
from inprod.services import ladder, open_services
from inprod.services.base import Services
from inprod.services.ladder import Ladder
from tests.support import NoServices

NEEDS = frozenset({"postgres"})


class Step(NoServices):
    """A backend that starts, or fails."""

    def __init__(self, name: str, *, fails: bool = False) -> None:
        self.backend = name
        self.fails = fails
        self.closed = False

    def start(self, needs: frozenset[str], progress: object = None, template: object = None) -> None:
        if self.fails:
            raise ServiceError(f"{self.backend} is away.", looked=f"at {self.backend}", do=f"mend {self.backend}")

    def close(self) -> None:
        self.closed = True


def climb(*steps: Step) -> Ladder:
    def making(step: Step) -> Callable[[], Services]:
        return lambda: step

    return Ladder([(step.backend, making(step)) for step in steps])


def test_the_first_step_that_starts_is_kept() -> None:
    """What fails is closed, told, and left."""
    broken, working, unused = Step("docker", fails=True), Step("embedded"), Step("last")
    services = climb(broken, working, unused)
    told: list[str] = []
    services.start(NEEDS, told.append)
    assert (services.backend, services.fell, told) == ("embedded", ("docker is away.",), ["docker is away."])
    assert broken.closed
    services.close()
    assert working.closed


def test_nothing_is_tried_when_nothing_is_needed() -> None:
    """A check without servers starts none."""
    services = climb(Step("docker", fails=True))
    services.start(frozenset())
    with services.lease(frozenset(), "none") as lease:
        assert (lease.postgres, lease.redis) == (None, None)
    assert services.backend == "auto"


def test_when_every_step_fails_all_of_it_is_told() -> None:
    """The last remedy is the one to follow; where the others failed stands beside."""
    services = climb(Step("docker", fails=True), Step("embedded", fails=True))
    with pytest.raises(ServiceError) as caught:
        services.start(NEEDS)
    assert caught.value.what == "embedded is away."
    assert caught.value.looked == "docker is away. (at docker); at embedded"
    assert caught.value.do == "mend embedded"


def test_a_demanded_backend_never_falls_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker was asked for and does not answer: an error with a remedy, no embedded server."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'nothing.sock'}")
    services = open_services("docker")
    with pytest.raises(ServiceError) as caught:
        services.start(NEEDS)
    assert "nothing.sock" in str(caught.value)


def test_without_docker_the_embedded_servers_serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole ladder on this machine, with the socket gone."""
    for name in ("INPROD_POSTGRES_URL", "INPROD_REDIS_URL", "INPROD_BACKEND"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'nothing.sock'}")
    services = open_services()
    try:
        services.start(NEEDS)
        assert services.backend == "embedded"
    finally:
        services.close()


def test_a_named_server_is_the_only_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever names a server gets that one or an error."""
    monkeypatch.setenv("INPROD_POSTGRES_URL", "postgresql://postgres@127.0.0.1:1/postgres")
    assert [name for name, _make in ladder.steps()] == ["external"]
