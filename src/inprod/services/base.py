"""The one interface that every backend keeps; callers never ask which it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from inprod.recipes import Recipe

#: What a backend can serve.
POSTGRES = "postgres"
REDIS = "redis"


@dataclass(frozen=True)
class PostgresLease:
    """A database of one's own, made from the template and dropped after use.

    Two login roles share it. `url` is the answer's: no superuser, no other database. `judge_url` is the
    judge's: it may also read the statistics of all roles, and is a member of the answer's. Both are members
    of `owner`, the NOLOGIN role that owns the database and what lies in it.
    """

    url: str
    judge_url: str
    owner: str
    database: str


@dataclass(frozen=True)
class RedisLease:
    """A Redis of one's own (embedded: a server; elsewhere: an emptied database), gone after use."""

    url: str


@dataclass(frozen=True)
class Lease:
    """What one check, or one notebook, may use; None where it was not asked for."""

    postgres: PostgresLease | None = None
    redis: RedisLease | None = None


@dataclass(frozen=True)
class ServerDeath:
    """A server that stopped by itself."""

    server: str  #: product and version
    how: str  #: `signal 9`, `exit code 1`
    last_line: str  #: of its log


#: Told of every step that takes time: "starting Postgres", "pulling postgres:18-alpine (12 of 150 MB)".
Progress = Callable[[str], None]


class Services(Protocol):
    """Real Postgres and Redis, started at first need and gone with their owner."""

    @property
    def backend(self) -> str:
        """`external`, `docker` or `embedded`."""
        ...

    def start(self, needs: frozenset[str], progress: Progress | None = None, template: Recipe | None = None) -> None:
        """Have the servers for `needs` up, and `template` filled on Postgres. Idempotent and thread-safe.

        Raises:
            ServiceError: with where we looked and the remedy.
        """
        ...

    def servers(self) -> Mapping[str, str]:
        """Product and version of each server that was started, by need: `{"postgres": "PostgreSQL 18.6"}`."""
        ...

    def lease(self, needs: frozenset[str], name: str, template: Recipe | None = None) -> AbstractContextManager[Lease]:
        """What `needs` names, fresh and private; `name` (a-z, 0-9, _) becomes part of role and database names.

        The database is a copy of `template`, which is filled first where it is missing; without one it is empty.
        """
        ...

    def deaths(self) -> tuple[ServerDeath, ...]:
        """Servers that stopped by themselves since they were started (also the Redis of a lease)."""
        ...

    def close(self) -> None:
        """Stop all that was started; idempotent. What close() never ran for, the supervisor ends."""
        ...
