"""A check's own database, as the judge uses it: contents, counts and locks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from inprod.messages import _
from inprod.services.base import PostgresLease
from inprod.testing.saw import CouldNotJudge
from inprod.testing.waiting import wait_until

_CONNECT = 5
#: A check holds its lock for seconds; whoever forgets one must not hang the judge.
_STATEMENT_MS = 15_000
#: A session that stays connected hands in its numbers at most this long after its last statement.
_HANDED_IN = 11

Connection = psycopg.Connection[dict[str, Any]]


#: pg_stat_statements keeps the text as it was sent, comments in front included.
_STEERING = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/)*"
    r"(?:BEGIN|START\s+TRANSACTION|COMMIT|END|ROLLBACK|ABORT|SET|RESET|SHOW|SAVEPOINT|RELEASE|DISCARD|DEALLOCATE)\b",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class Statement:
    """What the server counted for one statement of the answer's; its constants are `$1`, `$2`."""

    query: str
    calls: int
    rows: int
    shared_blks_hit: int
    shared_blks_read: int


class Postgres:
    """One database that nobody else uses. `url` is for the answer's environment; the check itself has more rights."""

    def __init__(self, lease: PostgresLease) -> None:
        self.url = lease.url
        self._lease = lease
        self._own = self._connect()
        #: Under its own name instead of the owner's: only so are other roles' statistics visible.
        self._statistics = self._connect(by_name=True)
        self._user = urlsplit(self.url).username or ""
        self._share_what_the_answer_makes()
        self._baseline: Mapping[tuple[Any, ...], tuple[int, ...]] = {}

    def __repr__(self) -> str:
        return "<the check's Postgres>"

    def execute(self, statement: str, *args: Any) -> int:
        """Run a statement; how many rows it touched.

        `args` fill the `%s`: one by one, or as the single list, tuple or dict that psycopg takes.
        """
        return self._own.execute(_trusted(statement), _parameters(args)).rowcount

    def rows(self, statement: str, *args: Any) -> list[dict[str, Any]]:
        """The rows of a query, with `args` as in `execute`."""
        return self._own.execute(_trusted(statement), _parameters(args)).fetchall()

    def reads(self, table: str) -> int:
        """How often `table` was read since it was made: sequential and index scans, by anybody, the check included.

        A session's reads are counted when it ends: call `until_quiet` first.
        """
        self._own.execute("SELECT pg_stat_force_next_flush()")
        row = self._one(
            "SELECT coalesce(seq_scan, 0) + coalesce(idx_scan, 0) AS n FROM pg_stat_user_tables"
            " WHERE relid = %s::regclass",
            table,
        )
        return int(row["n"])

    def statements(self) -> int:
        """How many statements the answer has sent since the database was made; counted at once."""
        row = self._one(
            "SELECT coalesce(sum(calls), 0) AS n FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid"
            " JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = current_database() AND r.rolname = %s",
            self._user,
        )
        return int(row["n"])

    def statement_stats(self) -> list[Statement]:
        """The answer's statements since the last `forget_statements`, alike ones as one, in the order of their text.

        Counted at once. Those that only steer a session or a transaction are left out.
        """
        found = []
        for key, (text, now) in self._statement_numbers().items():
            numbers = tuple(n - b for n, b in zip(now, self._baseline.get(key, (0,) * len(now)), strict=True))
            if numbers[0] > 0 and not _STEERING.match(text):
                found.append(Statement(text, *numbers))
        return sorted(found, key=lambda statement: statement.query)

    def forget_statements(self) -> None:
        """Let `statement_stats` begin anew: only what comes from now on counts."""
        self._baseline = {key: numbers for key, (_text, numbers) in self._statement_numbers().items()}

    def until_quiet(self, *, timeout: float = 15.0) -> None:
        """Return when everyone else has gone, or has been idle for so long that all counts are in.

        Raises:
            CouldNotJudge: somebody was still busy after `timeout` seconds.
        """
        if not wait_until(lambda: not self._others(), timeout=timeout, what="sessions that end"):
            raise CouldNotJudge(
                _("Some sessions of the database did not end."),
                looked="; ".join(str(row["state"]) for row in self._others()),
                do=_("run the check again"),
            )

    def sessions(self) -> int:
        """How many sessions others than the check have open in this database."""
        row = self._one(f"SELECT count(*) AS n FROM pg_stat_activity WHERE {_OTHERS}", self._pids())  # noqa: S608
        return int(row["n"])

    def busy(self) -> int:
        """How many of those sessions are running a statement, or wait for a lock in one."""
        row = self._one(
            f"SELECT count(*) AS n FROM pg_stat_activity WHERE state = 'active' AND {_OTHERS}",  # noqa: S608
            self._pids(),
        )
        return int(row["n"])

    def blocked(self) -> int:
        """How many sessions wait for a lock of any kind: a table's, a row's, or one of their own making."""
        row = self._one(
            f"SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND {_OTHERS}",  # noqa: S608
            self._pids(),
        )
        return int(row["n"])

    @contextmanager
    def lock(self, table: str) -> Iterator[None]:
        """Hold `table`: until the end of the block, nobody else reads or writes it."""
        with self._connect() as connection, connection.transaction():
            connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier(table)))
            yield

    def waiting(self, table: str) -> int:
        """How many sessions wait for `table`, which `lock` holds."""
        row = self._one(
            "SELECT count(DISTINCT pid) AS n FROM pg_locks WHERE relation = %s::regclass AND NOT granted", table
        )
        return int(row["n"])

    def close(self) -> None:
        """Let go of the connections; the database goes with the lease."""
        self._own.close()
        self._statistics.close()

    def _statement_numbers(self) -> dict[tuple[Any, ...], tuple[str, tuple[int, ...]]]:
        """Text and numbers of each of the answer's statements, by what tells it from others."""
        # The server may drop entries that are rare; one that comes back starts at zero, and its time of birth differs.
        rows = self._statistics.execute(
            _trusted(
                "SELECT queryid, toplevel, stats_since, query, calls, rows, shared_blks_hit, shared_blks_read"
                " FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid JOIN pg_database d ON d.oid = s.dbid"
                " WHERE d.datname = current_database() AND r.rolname = %s"
            ),
            [self._user],
        ).fetchall()
        return {
            (row["queryid"], row["toplevel"], row["stats_since"]): (
                str(row["query"]),
                (row["calls"], row["rows"], row["shared_blks_hit"], row["shared_blks_read"]),
            )
            for row in rows
        }

    def _share_what_the_answer_makes(self) -> None:
        """What the answer's role makes belongs to it alone, and the judge works as the owner's role."""
        for kind in ("TABLES", "SEQUENCES", "SCHEMAS"):
            self._statistics.execute(
                sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} GRANT ALL ON {} TO {}").format(
                    sql.Identifier(self._user), sql.SQL(kind), sql.Identifier(self._lease.owner)
                )
            )

    def _connect(self, *, by_name: bool = False) -> Connection:
        connection: Connection = psycopg.connect(
            self._lease.judge_url, autocommit=True, connect_timeout=_CONNECT, row_factory=dict_row
        )
        if by_name:
            connection.execute("SET ROLE NONE")
        connection.execute(sql.SQL("SET statement_timeout = {}").format(sql.Literal(_STATEMENT_MS)))
        return connection

    def _one(self, query: str, *args: Any) -> dict[str, Any]:
        row = self._statistics.execute(_trusted(query), list(args)).fetchone()
        if row is None:
            raise LookupError(f"{query} {args}: no row")
        return row

    def _pids(self) -> list[int]:
        return [self._own.info.backend_pid, self._statistics.info.backend_pid]

    def _others(self) -> Sequence[dict[str, Any]]:
        busy = f"NOT (state = 'idle' AND state_change < now() - interval '{_HANDED_IN} s')"
        query = f"SELECT pid, state FROM pg_stat_activity WHERE {_OTHERS} AND {busy}"  # noqa: S608 - our own constants
        return self._statistics.execute(_trusted(query), [self._pids()]).fetchall()


_OTHERS = "datname = current_database() AND backend_type = 'client backend' AND pid <> ALL(%s)"


def _trusted(statement: str) -> sql.SQL:
    """A check's own text; psycopg wants to be told that no stranger wrote it."""
    text: Any = statement
    return sql.SQL(text)


def _parameters(args: tuple[Any, ...]) -> Any:
    if len(args) == 1 and isinstance(args[0], list | tuple | dict):
        return args[0]
    return list(args) or None
