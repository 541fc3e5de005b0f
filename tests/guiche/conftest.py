"""Real servers and the whole system for Guichê's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import guiche
from guiche import system
from inprod.recipes import Recipe
from inprod.services import open_services
from inprod.services.base import Services
from inprod.testing.proxy import ProxyMaker
from tests.guiche.support import Running, add_shop, free_port

POSTGRES, REDIS = frozenset({"postgres"}), frozenset({"redis"})
PACKAGE = Path(guiche.__file__).parent

StartSystem = Callable[..., Running]


@pytest.fixture(scope="session")
def servers() -> Iterator[Services]:
    """Postgres and Redis, started at first need."""
    services = open_services()
    yield services
    services.close()


@pytest.fixture
def empty_url(servers: Services) -> Iterator[str]:
    """A database without a table."""
    yield from _database(servers)


@pytest.fixture
def database_url(servers: Services) -> Iterator[str]:
    """A database of the test's own, migrated and without a row."""
    yield from _database(servers, _recipe("guiche_empty", "migrate", "migrate.py", "migrations"))


@pytest.fixture
def seeded_url(servers: Services) -> Iterator[str]:
    """A database of the test's own with the sample data."""
    sources = ("banners.py", "migrate.py", "migrations", "pricing.py", "seed.py", "seed_data.py", "seed_rows.py")
    yield from _database(servers, _recipe("guiche_seeded", "seed", *sources))


def _recipe(name: str, command: str, *sources: str) -> Recipe:
    make = ("python", "-m", "guiche", command)
    return Recipe(name, make, tuple(PACKAGE / source for source in sources), PACKAGE.parent)


def _database(servers: Services, recipe: Recipe | None = None) -> Iterator[str]:
    with servers.lease(POSTGRES, "guiche", recipe) as lease:
        assert lease.postgres is not None
        yield lease.postgres.url


@pytest.fixture
def redis_url(servers: Services) -> Iterator[str]:
    """An empty Redis of the test's own."""
    with servers.lease(REDIS, "guiche") as lease:
        assert lease.redis is not None
        yield lease.redis.url


@pytest.fixture
def proxy() -> Iterator[ProxyMaker]:
    """Makes proxies that can be cut."""
    make = ProxyMaker()
    yield make
    make.close()


@pytest.fixture
def start_system(tmp_path: Path) -> Iterator[StartSystem]:
    """Starts provider, worker and web: `start_system(database_url, redis_url, ORDER_MINUTES="1")`."""
    with ExitStack() as stack:

        def start(
            database_url: str, redis_url: str, *, only: tuple[str, ...] = (), real_url: str = "", **extra: str
        ) -> Running:
            described = system.processes(
                database_url=database_url,
                redis_url=redis_url,
                folder=tmp_path,
                web_port=free_port(),
                provider_port=free_port(),
                web_workers=1,
                extra=extra,
            )
            running = Running(described, tmp_path, real_url or database_url)
            stack.callback(running.close)
            running.start(*only)
            return running

        yield start


@pytest.fixture(name="system")
def whole_system(start_system: StartSystem, database_url: str, redis_url: str) -> Running:
    """The whole system with one customer and one event, ready."""
    add_shop(database_url)
    return start_system(database_url, redis_url)
