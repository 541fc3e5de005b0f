"""X3: what do the queries cost with these indexes, what do the writes cost, and who had to wait?"""

from __future__ import annotations

import contextlib
import random
import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors

from inprod.messages import _
from inprod.testing import Answer, CouldNotJudge, Once, saw, wait_until
from inprod.testing.postgres import Postgres

GIVEN = Path(__file__).parents[1] / "given"
FEWER = 50  #: times fewer blocks
WAL = 1.5  #: times as many bytes
MOST = 2  #: indexes
MOST_SHOWN = 120  #: characters of a statement on a card
ENDED = 12.0  #: seconds for a statement
BATCH = 300  #: rows of an INSERT whose WAL is counted

#: One statement: up to a semicolon that stands in no comment, string, name or dollar quotes.
STATEMENT = re.compile(
    r"""(?: --[^\n]* | /\*.*?\*/ | [eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "[^"]*"
        | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ | [^;] )+""",
    re.DOTALL | re.VERBOSE,
)
COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
#: The modes that conflict with ROW EXCLUSIVE, which every INSERT takes.
BLOCKING = "('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')"
LOCKS = f"SELECT mode FROM pg_locks WHERE pid = %s AND relation = to_regclass('tickets') AND mode IN {BLOCKING}"
BUY = """
INSERT INTO tickets (user_id, status, price_cents, code, issued_at, printed)
SELECT 101, 'issued', 1, 'X', now(), 'X'
"""
WRITE = """
EXPLAIN (ANALYZE, WAL, FORMAT JSON)
INSERT INTO tickets (user_id, status, price_cents, code, issued_at, printed)
SELECT 101 + floor(random() * 2500), 'issued', 1000, 'Tk' || upper(substr(md5(random()::text), 1, 8)) || n,
    timestamptz '2026-11-20 18:00-03' - random() * interval '30 days', repeat(md5(n::text), 9)
FROM generate_series(1, %s) AS n
"""
INDEXES = """
SELECT c.relname AS name, i.indisvalid AND i.indisready AS valid, pg_get_indexdef(i.indexrelid, 1, false) AS first,
    pg_get_indexdef(i.indexrelid) AS definition
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT i.indisprimary ORDER BY i.indexrelid
"""
#: Whatever an answer could have made or changed besides indexes, a line each.
THINGS = """
WITH own AS (SELECT oid, nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')
SELECT format('relation %s %s %s', relname, relkind, concat(reloptions, relrowsecurity, c.oid)) AS thing
FROM pg_class c JOIN own ON own.oid = relnamespace WHERE relkind NOT IN ('i', 'I')
UNION ALL SELECT format('column %s %s %s', attname, atttypid::regtype, concat(attnotnull, attstorage, attisdropped))
FROM pg_attribute WHERE attrelid = to_regclass('tickets') AND attnum > 0
UNION ALL SELECT format('constraint %s', conname) FROM pg_constraint WHERE conrelid = to_regclass('tickets')
UNION ALL SELECT format('trigger %s', tgname) FROM pg_trigger WHERE tgrelid = to_regclass('tickets')
UNION ALL SELECT format('rule %s', rulename) FROM pg_rewrite WHERE ev_class = to_regclass('tickets')
UNION ALL SELECT format('function %s', proname) FROM pg_proc JOIN own ON own.oid = pronamespace
UNION ALL SELECT format('operator %s', oprname) FROM pg_operator JOIN own ON own.oid = oprnamespace
UNION ALL SELECT format('rows of-tickets %s', concat(count(*), ' ', sum(hashtextextended(t::text, 0)))) FROM tickets t
"""

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Run:
    """One execution of a query, as EXPLAIN (ANALYZE, BUFFERS) tells it."""

    blocks: int
    nodes: tuple[str, ...]
    indexes: tuple[str, ...]  #: those that were used

    @property
    def plan(self) -> str:
        return " ← ".join(self.nodes)


@dataclass
class Evidence:
    """What was seen while the answer's statements ran, and afterwards."""

    statements: list[str] = field(default_factory=list)
    failed: tuple[str, psycopg.Error] | None = None
    late: str = ""
    locks: list[tuple[str, str]] = field(default_factory=list)  #: statement and mode
    waited: bool = False  #: a customer's INSERT gave up waiting
    indexes: Rows = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    before: dict[str, int] = field(default_factory=dict)  #: blocks
    worst: dict[str, Run] = field(default_factory=dict)
    other_results: str = ""
    wal: tuple[int, int] = (1, 1)


@pytest.fixture
def seen(once: Once, answer: Answer, postgres: Postgres, rng: random.Random) -> Evidence:
    """The evidence; the answer runs once for all observations."""
    return once(lambda: Watch(postgres, rng).watch(answer.source("indexes.sql")))


class Watch:
    """Measures, lets the answer run among customers, and measures again."""

    def __init__(self, postgres: Postgres, rng: random.Random) -> None:
        self.postgres = postgres
        self.rng = rng
        self.seen = Evidence()

    def watch(self, script: str) -> Evidence:
        """Everything, in order; a script that failed is not measured any further."""
        self.make()
        runs = list(self.runs())
        results = [self.postgres.rows(query, values) for _name, query, values in runs]
        for name, query, values in runs:
            if name not in self.seen.before:
                self.seen.before[name] = self.ask(query, values).blocks
        wal, things = self.wal(), self.things()
        self.execute(statements(script))
        self.seen.indexes = self.postgres.rows(INDEXES)
        self.seen.changed = self.difference(things)
        if self.seen.changed or self.seen.failed or self.seen.late:
            return self.seen
        self.own("VACUUM (ANALYZE) tickets")
        for (name, query, values), wanted in zip(runs, results, strict=True):
            run = self.ask(query, values)
            if name not in self.seen.worst or run.blocks > self.seen.worst[name].blocks:
                self.seen.worst[name] = run
            if self.postgres.rows(query, values) != wanted:
                self.seen.other_results = name
        self.seen.wal = (wal, self.wal())
        return self.seen

    def make(self) -> None:
        """The table, with rows of this run; it belongs to the answer's role."""
        self.own(f"SELECT setseed({self.rng.random()})", *statements((GIVEN / "tickets.sql").read_text("utf-8")))

    def own(self, *texts: str) -> None:
        """Run statements as the answer's role, in one session."""
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            for text in texts:
                connection.execute(text.encode())

    def runs(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Each query with several customers, days or codes."""
        text = (GIVEN / "queries.sql").read_text("utf-8")
        queries = dict(re.findall(r"^-- (\w+):[^\n]*\n(.*?);", text, re.DOTALL | re.MULTILINE))
        users = [*self.rng.sample(range(1, 21), 2), *self.customers()]
        for user in users:
            yield "page", queries["page"], {"user": user}
            day = f"2026-{self.rng.randint(1, 11):02}-{self.rng.randint(1, 12):02} 00:00-03"
            yield "week", queries["week"].replace("%(day)s", "%(day)s::timestamptz"), {"user": user, "day": day}
        issued = self.postgres.rows("SELECT code FROM tickets WHERE status = 'issued' ORDER BY md5(code) LIMIT 2")
        for code in (*(row["code"].swapcase() for row in issued), f"tk{self.rng.getrandbits(32):x}"):
            yield "door", queries["door"], {"code": code}

    def customers(self) -> list[int]:
        """Some who have neither one ticket nor twenty."""
        some = "SELECT user_id FROM tickets WHERE user_id > 100 GROUP BY 1 HAVING count(*) BETWEEN 8 AND 18 ORDER BY 1"
        return self.rng.sample([row["user_id"] for row in self.postgres.rows(some)], 2)

    def ask(self, query: str, values: dict[str, Any]) -> Run:
        """Run a query; its blocks, and the nodes of its plan."""
        told = self.postgres.rows(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}", values)
        top = told[0]["QUERY PLAN"][0]["Plan"]
        nodes = list(_nodes(top))
        return Run(
            top["Shared Hit Blocks"] + top["Shared Read Blocks"],
            tuple(node["Node Type"] for node in nodes),
            tuple(node["Index Name"] for node in nodes if "Index Name" in node),
        )

    def wal(self) -> int:
        """Bytes of WAL of an INSERT; it is undone. The least of three, since some split a page of an index."""
        told = []
        for _time in range(3):
            self.postgres.execute("BEGIN")
            plan = self.postgres.rows(WRITE, BATCH)[0]["QUERY PLAN"][0]["Plan"]
            self.postgres.execute("ROLLBACK")
            told.append(int(plan["WAL Bytes"]))
        return min(told)

    def things(self) -> set[str]:
        try:
            return {row["thing"] for row in self.postgres.rows(THINGS)}
        except psycopg.Error as error:  # such as: there is no table
            return {str(error).splitlines()[0]}

    def difference(self, before: set[str]) -> list[str]:
        """What is gone or new, the shortest way to say it first."""
        return sorted(before ^ self.things(), key=lambda thing: (thing.startswith("rows"), thing))

    def execute(self, script: list[str]) -> None:
        """Run the statements as psql does: in autocommit, until one fails."""
        self.seen.statements = script
        session = psycopg.connect(self.postgres.url, autocommit=True)
        with contextlib.closing(session), ThreadPoolExecutor(1) as pool:
            for statement in script:
                if not self.one(session, pool, statement):
                    return

    def one(self, session: psycopg.Connection, pool: ThreadPoolExecutor, statement: str) -> bool:
        """Run one statement while a customer's transaction is open; whether the script goes on."""
        pid = session.info.backend_pid
        with self.customer() as customer:
            with contextlib.suppress(psycopg.Error):  # a lock that an earlier statement still holds
                customer.execute(BUY)
            running = pool.submit(session.execute, statement.encode())
            wait_until(lambda: running.done() or self.postgres.blocked(), timeout=ENDED / 2, what="it waits or ends")
            modes = [row["mode"] for row in self.postgres.rows(LOCKS, pid)]
            self.seen.locks += [(statement, mode) for mode in modes]
            if modes:
                with self.customer() as second:
                    try:
                        second.execute(BUY)
                    except errors.LockNotAvailable:
                        self.seen.waited = True
        return self.ended(session, running, statement)

    @contextlib.contextmanager
    def customer(self) -> Iterator[psycopg.Connection]:
        """Somebody in a transaction, who waits for a lock only briefly, and buys nothing in the end."""
        with psycopg.connect(self.postgres.url) as connection:
            connection.execute("SET lock_timeout = '300ms'")
            yield connection
            with contextlib.suppress(psycopg.Error):
                connection.rollback()

    def ended(self, session: psycopg.Connection, running: Future[Any], statement: str) -> bool:
        if not wait_until(running.done, timeout=ENDED, what="the statement ends"):
            self.seen.late = statement
            session.cancel_safe(timeout=5)
        try:
            running.result(timeout=ENDED)
        except psycopg.Error as error:
            self.seen.failed = self.seen.failed or (statement, error)
        except TimeoutError as error:
            raise CouldNotJudge(_("A statement could not be ended."), looked=statement[:200]) from error
        return not self.seen.failed and not self.seen.late


def shown(statement: str) -> str:
    """A statement in one line, without its comments."""
    line = " ".join(re.sub(r"--[^\n]*|/\*.*?\*/", " ", statement, flags=re.DOTALL).split())
    return line if len(line) <= MOST_SHOWN else f"{line[:MOST_SHOWN]}…"


def statements(script: str) -> list[str]:
    """The statements of a script, without the semicolons between them."""
    found = [match[0].strip() for match in STATEMENT.finditer(script)]
    return [text for text in found if COMMENT.sub("", text).strip()]


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def require_run(seen: Evidence) -> None:
    """Where the script did not get through, nothing behind it can be judged."""
    if not seen.statements:
        raise saw(
            "no-statement",
            did="Read `indexes.sql`.",
            saw="no statement, only comments or nothing",
            needs="`CREATE INDEX` once or twice",
            why="Without an index, each of the three queries reads the whole table.",
            try_="Begin with the customer's queries: which column do both compare with `=`?",
        )
    if seen.late:
        raise saw(
            "too-slow",
            did="Ran `{statement}`.",
            saw="It had not ended after {seconds} seconds, so it was cancelled.",
            needs="each statement ends within {seconds} seconds; an index of this table takes less than one",
            why="Whatever runs for long holds its locks for long.",
            try_="Look for a statement that waits for something, or that doesn't make an index.",
            statement=shown(seen.late),
            seconds=int(ENDED),
        )
    if seen.failed is not None and isinstance(seen.failed[1], errors.ActiveSqlTransaction):
        raise saw(
            "in-a-transaction",
            did="Ran `{statement}`.",
            saw="Postgres refused: {error}",
            needs="the statement on its own, outside a transaction",
            why="It works in several transactions of its own, and waits for those of others in between.",
            try_="Leave out `BEGIN` and `COMMIT`. A migration of Alembic has `autocommit_block()` for this.",
            statement=shown(seen.failed[0]),
            error=str(seen.failed[1]).splitlines()[0],
        )
    if invalid := [index["name"] for index in seen.indexes if not index["valid"]]:
        raise saw(
            "left-invalid",
            did="Ran your statements and looked for new indexes.",
            saw="`{name}` is INVALID. {error}",
            needs="all indexes valid",
            why="`CREATE INDEX CONCURRENTLY` leaves its index behind when it fails. No query uses it, and writes pay.",
            try_="Ask whether two rows may have the same values. Then drop the index, and make one that can succeed.",
            name=invalid[0],
            error=str(seen.failed[1]).splitlines()[0] if seen.failed else "",
        )
    if seen.failed is not None:
        raise saw(
            "statement-failed",
            did="Ran `{statement}`.",
            saw="Postgres refused: {error}",
            needs="statements that run",
            why="A script that stops half-way leaves half of its work in production.",
            try_="Run this statement in the lesson's database first.",
            statement=shown(seen.failed[0]),
            error=str(seen.failed[1]).splitlines()[0],
        )


def compare(seen: Evidence, name: str) -> None:
    """Whether a query touches as few blocks as it must; if not, why not."""
    require_run(seen)
    require_only_indexes(seen)
    run, before = seen.worst[name], seen.before[name]
    values: dict[str, Any] = {
        "name": name,
        "blocks": run.blocks,
        "before": before,
        "most": before // FEWER,
        "plan": run.plan,
        "index": next(iter(run.indexes), "none"),
    }
    if seen.other_results == name:
        raise saw(
            "other-results",
            did="Ran `{name}` with your indexes.",
            saw="other rows than without them",
            needs="the same rows",
            why="An index changes how rows are found, never which.",
            try_="Make indexes, and nothing that changes rows or functions.",
            **values,
        )
    if run.blocks * FEWER <= before:
        return
    firsts = {index["name"]: index["first"] for index in seen.indexes}
    if name == "door" and "status" in firsts.values():
        raise saw(
            "few-values",
            did="Ran `{name}` with EXPLAIN (ANALYZE, BUFFERS).",
            saw="{blocks} blocks, {before} without an index. The plan: {plan}. An index begins with `status`.",
            needs="at most {most} blocks",
            why="With three values, each of them leads to a third of the rows, and those lie in nearly every block.",
            try_="Which condition of `door` leaves one row, and not a third of them?",
            **values,
        )
    if name == "door" and any(re.search(r"(?<!\w)\(code\b|, code\b", index["definition"]) for index in seen.indexes):
        raise saw(
            "other-expression",
            did="Ran `{name}` with EXPLAIN (ANALYZE, BUFFERS).",
            saw="{blocks} blocks, {before} without an index. The plan: {plan}. An index has `code`, as it is written.",
            needs="at most {most} blocks",
            why="An index on `code` is sorted by `code`. The query asks for `lower(code)`, which is another value.",
            try_="An index may be on an expression. Which one stands left of the equals sign?",
            **values,
        )
    if not run.indexes:
        raise saw(
            "whole-table",
            did="Ran `{name}` with EXPLAIN (ANALYZE, BUFFERS).",
            saw="{blocks} blocks, {before} without an index. The plan: {plan}",
            needs="at most {most} blocks",
            why="None of your indexes fits this query, so Postgres reads the table from end to end.",
            try_="Compare the conditions of `{name}` with the columns of your indexes, beginning with the first.",
            **values,
        )
    definitions = {index["name"]: index["definition"] for index in seen.indexes}
    if name != "door" and firsts.get(run.indexes[0]) == "user_id" and "issued_at" in definitions[run.indexes[0]]:
        raise saw(
            "time-out-of-order",
            did="Ran `{name}` with EXPLAIN (ANALYZE, BUFFERS).",
            saw="{blocks} blocks for an agency, {before} without an index. The plan: {plan}. The index: {definition}",
            needs="at most {most} blocks, for an agency with 1,000 tickets too",
            why="The time is in the index, and the entries of a customer are not sorted as the query orders them.",
            try_="Put it right behind `user_id`, plain or with `DESC`. `NULLS LAST` and `INCLUDE` are other orders.",
            definition=definitions[run.indexes[0]].partition(" USING ")[2],
            **values,
        )
    if name != "door" and firsts.get(run.indexes[0]) == "user_id":
        raise saw(
            "all-of-the-customer",
            did="Ran `{name}` with EXPLAIN (ANALYZE, BUFFERS).",
            saw="{blocks} blocks for an agency, {before} without an index. The plan: {plan}",
            needs="at most {most} blocks, for an agency with 1,000 tickets too",
            why="The index finds the customer and knows nothing of time. So all tickets are fetched for the newest 20.",
            try_="What would have to stand next to `user_id`, so that the newest tickets are the last of a customer's?",
            **values,
        )
    raise saw(
        "wrong-order",
        did="Ran `{name}` with EXPLAIN (ANALYZE, BUFFERS).",
        saw="The plan says {plan}, with `{index}`. It touches {blocks} blocks, {before} without an index.",
        needs="at most {most} blocks",
        why="An index is sorted by its first column. What is compared with `=` and stands behind lies all over it.",
        try_="Put the column with `=` first, and the one of the range or the order after it.",
        **values,
    )


def require_only_indexes(seen: Evidence) -> None:
    """Where rows or other things changed, the cost of a query means nothing."""
    if seen.changed:
        raise saw(
            "not-only-indexes",
            did="Compared the database before and after your statements.",
            saw="new, changed or gone: {thing}",
            needs="new indexes, and everything else as it was",
            why="A script for an index that also does something else is a surprise for whoever runs it.",
            try_="Make indexes only. The queries and the table stay as they are.",
            thing=" ".join(seen.changed[0].split()[:2]),
        )


def test_runs(seen: Evidence) -> None:
    """Your statements run as psql runs them, and leave nothing half-made."""
    require_run(seen)


def test_writers(seen: Evidence) -> None:
    """Customers can buy while the indexes are made."""
    if seen.locks:
        statement, mode = seen.locks[0]
        raise saw(
            "writers-wait",
            did="Ran `{statement}` while a customer's transaction was open, and looked into pg_locks.",
            saw="{mode} on `tickets`. {waited}",
            needs="no lock on `tickets` that keeps an INSERT waiting",
            why="The statement waits for one open transaction, and every INSERT that comes later waits behind it.",
            try_="`CREATE INDEX` has a word for this. It takes longer, and lets others write.",
            statement=shown(statement),
            mode=mode,
            waited=_("The next customer's INSERT waited, and gave up.") if seen.waited else "",
        )
    require_run(seen)


def test_indexes(seen: Evidence) -> None:
    """One or two indexes are new, and nothing else."""
    require_run(seen)
    require_only_indexes(seen)
    if not seen.indexes:
        raise saw(
            "no-index",
            did="Ran your {n} statements and looked for new indexes.",
            saw="none",
            needs="one or two",
            why="Without an index, each of the three queries reads the whole table.",
            try_="Begin with the customer's queries: which column do both compare with `=`?",
            n=len(seen.statements),
        )
    if len(seen.indexes) > MOST:
        raise saw(
            "too-many",
            did="Counted the new indexes.",
            saw="{n}: {names}",
            needs="at most {most}",
            why="Each index is paid for at every INSERT, and takes memory from the others.",
            try_="Two of the queries ask about a customer. Find the one index that serves both.",
            n=len(seen.indexes),
            names=", ".join(index["name"] for index in seen.indexes)[:160],
            most=MOST,
        )


def test_page(seen: Evidence) -> None:
    """The newest tickets cost a fiftieth, for an agency and for a customer."""
    compare(seen, "page")


def test_week(seen: Evidence) -> None:
    """Seven days of a customer cost a fiftieth."""
    compare(seen, "week")


def test_door(seen: Evidence) -> None:
    """The code at the door costs a fiftieth, however it is typed."""
    compare(seen, "door")


def test_wal(seen: Evidence) -> None:
    """An INSERT writes at most 1.5 times as much."""
    require_run(seen)
    require_only_indexes(seen)
    before, after = seen.wal
    if after > WAL * before:
        raise saw(
            "wal",
            did="Inserted {n} rows with EXPLAIN (ANALYZE, WAL), before and after.",
            saw="{before} bytes of WAL, and {after} with your indexes: {times} times as many",
            needs="at most {most} times",
            why="What an index holds is written once more at every INSERT, and sent to every replica.",
            try_="Which columns are in an index and needed by no query there? The long ones count most.",
            n=BATCH,
            before=before,
            after=after,
            times=round(after / before, 2),
            most=WAL,
        )
