"""The pytest plugin of a judge: fixtures for check.py, and one record an observation."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from inprod.messages import _
from inprod.results import Observation, Verdict
from inprod.services.base import PostgresLease, RedisLease
from inprod.testing.answer import Answer
from inprod.testing.docker import Docker
from inprod.testing.failures import AnswerFailed
from inprod.testing.once import Once
from inprod.testing.saw import CouldNotJudge, NotYet

if TYPE_CHECKING:
    from inprod.testing.mailbox import Mailbox
    from inprod.testing.postgres import Postgres
    from inprod.testing.proxy import ProxyMaker
    from inprod.testing.redis_ import Redis

Tell = Callable[[dict[str, Any]], None]


class Quiet:
    """No terminal report: a judge's output is for nobody."""

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            config.pluginmanager.unregister(reporter)


class CheckPlugin(Quiet):
    """What a check.py may use; built from the job that the owner sent."""

    def __init__(self, job: dict[str, Any], host: socket.socket, folder: Path, tell: Tell) -> None:
        self._job = job
        self._host = host
        self._folder = folder
        self._tell = tell

    # Fixtures: nouns, private to one observation, except the servers' contents, which a whole check shares.

    @pytest.fixture
    def answer(self) -> Iterator[Answer]:
        """The learner's files, to call and run."""
        given = self._job["docker"]
        docker = Docker(**given, used=lambda: self._tell({"docker": True})) if given else None
        found = Answer(self._host, self._folder, docker)
        yield found
        found.close()

    @pytest.fixture(scope="session")
    def backend(self) -> str:
        """Where the servers come from: `embedded`, `docker` or `external`."""
        return str(self._job["backend"])

    @pytest.fixture
    def seed(self) -> int:
        """This run's seed; it stands in the report."""
        return int(self._job["seed"])

    @pytest.fixture
    def rng(self, seed: int, request: pytest.FixtureRequest) -> random.Random:
        """Random numbers of this run, the same for the same seed and observation."""
        return random.Random(f"{seed}:{request.node.name}")  # noqa: S311 - test data, meant to be replayed

    @pytest.fixture(scope="session")
    def once(self) -> Once:
        """Runs the one scene that all observations look at."""
        return Once()

    @pytest.fixture(scope="session")
    def postgres(self) -> Iterator[Postgres]:
        """The check's own database."""
        from inprod.testing.postgres import Postgres

        lease = self._job["lease"]["postgres"]
        if lease is None:
            raise CouldNotJudge(_("The check uses Postgres, but its task.md does not list it under `needs`."))
        found = Postgres(PostgresLease(**lease))
        yield found
        found.close()

    @pytest.fixture(scope="session")
    def redis(self) -> Iterator[Redis]:
        """The check's own Redis."""
        from inprod.testing.redis_ import Redis

        lease = self._job["lease"]["redis"]
        if lease is None:
            raise CouldNotJudge(_("The check uses Redis, but its task.md does not list it under `needs`."))
        found = Redis(RedisLease(**lease).url)
        yield found
        found.close()

    @pytest.fixture
    def proxy(self) -> Iterator[ProxyMaker]:
        """Makes TCP proxies that delay, cut and freeze."""
        from inprod.testing.proxy import ProxyMaker

        maker = ProxyMaker()
        yield maker
        maker.close()

    @pytest.fixture
    def mailbox(self) -> Iterator[Mailbox]:
        """A mail server that keeps what it gets."""
        from inprod.testing.mailbox import Mailbox

        made = Mailbox()
        yield made
        made.close()

    # Records.

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._tell({"broken": str(report.longrepr)[-1500:]})

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            loaded = getattr(getattr(item, "module", None), "__file__", None)
            if loaded != str(item.path):  # a module of the same name that was loaded before
                self._tell({"broken": f"{item.path} was collected, but {loaded} was loaded"})
        collected = [{"name": _name(item), "sentence": _sentence(item)} for item in session.items]
        self._tell({"collected": collected})

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._tell({"start": _short(nodeid.rpartition("::")[2])})

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
        report = yield
        if call.excinfo is not None:
            self._failed(item, call.excinfo)
        elif call.when == "call":
            seen = Observation(_name(item), _sentence(item), Verdict.PASS)
            self._tell({"observation": seen.to_dict()})
        return report

    def _failed(self, item: pytest.Item, info: pytest.ExceptionInfo[BaseException]) -> None:
        error = info.value
        if isinstance(error, AnswerFailed):
            error = error.not_yet()
        if isinstance(error, NotYet):
            self._tell({"observation": error.observation(_name(item), _sentence(item)).to_dict()})
        elif isinstance(error, CouldNotJudge):
            self._tell({"problem": {"saw": error.saw, "looked": error.looked, "do": error.do}})
        else:
            where = info.traceback[-1]
            self._tell(
                {
                    "broken": f"{_name(item)}: {type(error).__name__}: {error}"[:800]
                    + f" ({Path(str(where.path)).name}:{where.lineno + 1})"
                }
            )


def _short(name: str) -> str:
    return name.removeprefix("test_")


def _name(item: pytest.Item) -> str:
    return _short(item.name)


def _sentence(item: pytest.Item) -> str:
    doc = (getattr(getattr(item, "function", None), "__doc__", None) or "").strip()
    return _(" ".join(doc.split()))
