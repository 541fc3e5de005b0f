"""Servers that the learner already has: INPROD_POSTGRES_URL and INPROD_REDIS_URL. Theirs alone, and used with care."""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit, urlunsplit

import redis

from inprod.errors import ServiceError
from inprod.messages import _
from inprod.recipes import Recipe
from inprod.services import settings
from inprod.services.base import POSTGRES, REDIS, Lease, Progress, RedisLease, ServerDeath
from inprod.services.databases import Databases

POSTGRES_VARIABLE = "INPROD_POSTGRES_URL"
REDIS_VARIABLE = "INPROD_REDIS_URL"
_TIMEOUT = 3.0
_CLAIM = "inprod:database:{number}"
#: A claim whose owner never came back.
_CLAIM_SECONDS = 12 * 3600


def is_named() -> bool:
    """Whether the environment names a server."""
    return bool(os.environ.get(POSTGRES_VARIABLE) or os.environ.get(REDIS_VARIABLE))


class External:
    """A database a lease on a given Postgres; an empty numbered database on a given Redis."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._databases: Databases | None = None
        self._servers: dict[str, str] = {}

    @property
    def backend(self) -> str:
        """`external`."""
        return "external"

    def start(self, needs: frozenset[str], progress: Progress | None = None, template: Recipe | None = None) -> None:
        """See that the servers answer and are new enough."""
        with self._lock:
            if POSTGRES in needs and POSTGRES not in self._servers:
                if progress:
                    progress(_("asking Postgres"))
                databases = Databases(_url(POSTGRES_VARIABLE), ours=False)
                version = databases.prepare()
                _new_enough("PostgreSQL", version, settings.OLDEST_POSTGRES, POSTGRES_VARIABLE)
                self._databases, self._servers[POSTGRES] = databases, f"PostgreSQL {version}"
            if REDIS in needs and REDIS not in self._servers:
                with _answering(_client()) as client:
                    info = client.info("server")
                valkey = info.get("valkey_version")
                version = str(valkey or info["redis_version"])
                name = "Valkey" if valkey else "Redis"
                _new_enough(name, version, settings.OLDEST_REDIS, REDIS_VARIABLE)
                self._servers[REDIS] = f"{name} {version}"
            postgres = self._databases
        if template is not None and postgres is not None:
            postgres.fill(template, progress)

    def servers(self) -> Mapping[str, str]:
        """Product and version, by need."""
        return dict(self._servers)

    @contextmanager
    def lease(self, needs: frozenset[str], name: str, template: Recipe | None = None) -> Iterator[Lease]:
        """What `needs` names; gone afterwards, and nothing else on these servers is touched."""
        self.start(needs)
        with ExitStack() as stack:
            database = (
                stack.enter_context(self._databases.lease(name, template))
                if POSTGRES in needs and self._databases
                else None
            )
            own = stack.enter_context(_redis_database()) if REDIS in needs else None
            yield Lease(database, own)

    def deaths(self) -> tuple[ServerDeath, ...]:
        """We did not start them, so we see no end of theirs."""
        return ()

    def close(self) -> None:
        """Nothing here is ours to stop."""
        self._servers.clear()


def _url(variable: str) -> str:
    found = os.environ.get(variable, "")
    if not found:
        raise ServiceError(
            _("This needs a server that the environment doesn't name."),
            looked=f"{variable}=",
            do=_("set {variable} as well, or unset the other one").format(variable=variable),
        )
    return found


def _new_enough(name: str, version: str, oldest: int, variable: str) -> None:
    if int(version.split(".")[0] or 0) < oldest:
        raise ServiceError(
            _("{name} {version} is too old for the course.").format(name=name, version=version),
            looked=variable,
            do=_("name a server of version {oldest} or newer").format(oldest=oldest),
        )


def _client(number: int | None = None) -> redis.Redis:
    url = _with_number(_url(REDIS_VARIABLE), number)
    try:
        return redis.Redis.from_url(
            url, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT, decode_responses=True
        )
    except ValueError as error:
        raise _no_redis(error) from error


def _with_number(url: str, number: int | None) -> str:
    return url if number is None else urlunsplit(urlsplit(url)._replace(path=f"/{number}"))


def _no_redis(error: Exception) -> ServiceError:
    return ServiceError(
        _("Redis refused: {error}").format(error=error),
        looked=REDIS_VARIABLE,
        do=_("see that it runs: `redis-cli -u ${variable} ping`").format(variable=REDIS_VARIABLE),
    )


@contextmanager
def _answering(client: redis.Redis) -> Iterator[redis.Redis]:
    try:
        yield client
    except redis.RedisError as error:
        raise _no_redis(error) from error
    finally:
        client.close()


@contextmanager
def _redis_database() -> Iterator[RedisLease]:
    """A numbered database that was empty; what is in it afterwards came from the lease, and goes."""
    token = secrets.token_hex(8)
    with _answering(_client()) as client:
        last = int(client.config_get("databases")["databases"] or 16) - 1
    with _answering(_client(last)) as registry:
        number = next((n for n in range(1, last) if _claim(registry, n, token)), None)
    if number is None:
        raise ServiceError(
            _("Your Redis has no empty database left."),
            looked=_("{variable}, databases 1 to {last}").format(variable=REDIS_VARIABLE, last=last - 1),
            do=_("name a Redis that is yours alone; we never empty a database that held something"),
        )
    try:
        yield RedisLease(_with_number(_url(REDIS_VARIABLE), number))
    finally:
        with contextlib.suppress(ServiceError):
            with _answering(_client(number)) as own:
                own.flushdb()
            with _answering(_client(last)) as registry:
                if registry.get(_CLAIM.format(number=number)) == token:
                    registry.delete(_CLAIM.format(number=number))


def _claim(registry: redis.Redis, number: int, token: str) -> bool:
    """Take a number that nobody holds and whose database is empty."""
    key = _CLAIM.format(number=number)
    if not registry.set(key, token, nx=True, ex=_CLAIM_SECONDS):
        return False
    with _answering(_client(number)) as candidate:
        empty = candidate.dbsize() == 0
    if not empty:
        registry.delete(key)
    return empty
