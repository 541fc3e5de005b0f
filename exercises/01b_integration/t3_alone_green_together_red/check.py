"""T3: nine tests that leave each other alone, in any order and in two processes."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

import guiche
from inprod.messages import _
from inprod.testing import Answer, AnswerFailed, NotYet, Suite, saw
from inprod.testing.postgres import Postgres

BUYING = (
    "test_a_late_evening_is_still_that_day",
    "test_the_same_key_is_the_same_order",
    "test_who_comes_too_late_changes_nothing",
    "test_who_cancels_frees_the_seats",
)
JOBS = (
    "test_unpaid_orders_expire",
    "test_new_orders_do_not_expire",
    "test_work_that_was_asked_for_is_found_once",
)
SALES = ("test_a_paid_order_is_in_the_report", "test_an_unpaid_order_is_not")
TESTS = tuple(
    f"{file}.py::{name}"
    for file, names in (("test_buying", BUYING), ("test_jobs", JOBS), ("test_sales", SALES))
    for name in names
)
ORDERS = 8
SECONDS = 10.0
SECONDS_IN_ORDERS = 25.0  #: eight times as many tests
SECONDS_TOGETHER = 16.0  #: they wait for each other
NOWHERE = "postgresql://nobody@127.0.0.1:9/nothing"

#: Mistakes that at least one of the nine tests is about.
MISTAKES = (
    ("self._take_seats(tier_id, qty)", "self._take_seats(tier_id, qty + 1)"),
    (".values(sold=Tier.sold - qty)", ".values(sold=Tier.sold)"),
)

#: Each test once for each order, in one process. A sorting of the learner's comes after this one, and is seen.
IN_ORDERS = """
import pytest

NAMES = []


def pytest_generate_tests(metafunc):
    metafunc.fixturenames.append("order")
    metafunc.parametrize("order", [f"order {number}" for number in range(1, 1 + len(NAMES) // 9)])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    by_name = {item.nodeid: item for item in items}
    items[:] = [by_name[name] for name in NAMES]
"""

#: In the middle of its first tests, a process waits until the other one is in the middle of a test, too, or waits
#: for a lock. So the two meet on every machine, however busy it is.
MEETING = '''

import os as _os
import time as _time

import psycopg as _psycopg

_connection = _psycopg.connect(_os.environ["DATABASE_URL"], autocommit=True, application_name="meeting 0")
_OTHERS = """
SELECT application_name, wait_event_type FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
_alone = furnish
_met = 0


def furnish(session, who):
    global _met
    world = _alone(session, who)
    _met += 1
    if _met <= 2:
        _connection.execute(f"SET application_name = 'meeting {_met}'")
        _wait(_other_is_there, 8)
        _wait(_other_is_in_a_test, 1.5)
    return world


def _wait(condition, seconds):
    end = _time.monotonic() + seconds
    stood = 0
    while stood < 25 and _time.monotonic() < end:
        rows = _connection.execute(_OTHERS).fetchall()
        theirs = [int(name.split()[1]) for name, _waits in rows if name.startswith("meeting ")]
        if condition(theirs):
            return
        # Somebody who waits for a lock for so long waits for us.
        stood = stood + 1 if any(waits == "Lock" for _name, waits in rows) else 0
        _time.sleep(0.01)


def _other_is_there(theirs):
    return bool(theirs)


def _other_is_in_a_test(theirs):
    return not theirs or max(theirs) >= _met
'''


@dataclass
class Runner:
    """Runs the nine tests with the learner's conftest.py, on tables that are empty."""

    answer: Answer
    postgres: Postgres
    package: Path
    stuck: list[Suite]  #: a run that hung: no other is begun
    left_behind: list[dict[str, int]]  #: the rows after a run

    def alone(
        self,
        *names: str,
        options: tuple[str, ...] = (),
        url: str = "",
        files: dict[str, str] | None = None,
        seconds: float = SECONDS,
    ) -> Suite:
        """Run tests while nothing else does, on empty tables; the files of the tests are put back first."""
        if self.stuck:
            return self.stuck[0]
        self.empty()
        env = {"DATABASE_URL": url or self.postgres.url}
        found = self.answer.pytest(*options, *names, env=env, files=files, under=self.package, timeout=seconds)
        if found.trouble:
            self.stuck.append(found)
        return found

    def together(self, names: Sequence[str], files: dict[str, str]) -> list[Suite]:
        """Run tests in two processes at once."""
        if self.stuck:
            return self.stuck
        self.empty()

        def run(worker: str) -> Suite:
            env = {"DATABASE_URL": self.postgres.url, "PYTEST_XDIST_WORKER": worker, "PYTEST_XDIST_WORKER_COUNT": "2"}
            return self.answer.pytest(*names, env=env, files=files, under=self.package, timeout=SECONDS_TOGETHER)

        with ThreadPoolExecutor(2) as threads:
            return list(threads.map(run, ("gw0", "gw1")))

    def tables(self) -> list[str]:
        """Every table that there is, quoted."""
        self.postgres.until_quiet()
        found = self.postgres.rows(
            "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE tablename <> 'alembic_version'"
            " AND schemaname <> 'information_schema' AND schemaname NOT LIKE 'pg\\_%' ORDER BY 1"
        )
        return [row["name"] for row in found]

    def empty(self) -> None:
        """Empty them all."""
        if tables := self.tables():
            self.postgres.execute(f"TRUNCATE {', '.join(tables)} CASCADE")

    def left(self) -> dict[str, int]:
        """How many rows lie in which tables."""
        query = " UNION ALL ".join(f"SELECT '{name}' AS name, count(*) AS n FROM {name}" for name in self.tables())
        found = self.postgres.rows(query) if query else []
        return {row["name"].removeprefix("public."): row["n"] for row in found if row["n"]}

    def said(self, found: Suite) -> str:
        """Why a suite is not green."""
        if found.trouble or found.first_failure:
            return found.trouble or re.sub(r"\[order \d\]: ", ": ", found.first_failure)
        if found.names:
            return _("{passed} passed, {n} were run").format(passed=found.passed, n=len(found.names))
        # pytest says nothing of a conftest.py that it can't import.
        try:
            env = {"DATABASE_URL": self.postgres.url}
            ended = self.answer.run(["python", "-c", "import conftest"], env=env, under=self.package)
            lines = [line.strip() for line in ended.stderr.splitlines() if line.strip()]
        except AnswerFailed as failed:
            lines = [failed.said or failed.kind]
        return lines[-1][:300] if lines else _("none of the tests was run")


@pytest.fixture(scope="module")
def stuck() -> list[Suite]:
    """Where a run that hung is remembered."""
    return []


@pytest.fixture(scope="module")
def left_behind() -> list[dict[str, int]]:
    """Where the rows are remembered that a run has left."""
    return []


@pytest.fixture
def tests(
    answer: Answer, postgres: Postgres, package: Path, stuck: list[Suite], left_behind: list[dict[str, int]]
) -> Runner:
    """The nine tests, ready to be run."""
    return Runner(answer, postgres, package, stuck, left_behind)


def short(order: Sequence[str]) -> str:
    return ", ".join(f"`{name.rpartition('::')[2]}`" for name in order)


def shuffled(rng: random.Random) -> list[list[str]]:
    """Eight orders; in the first one, somebody has sold before nothing is sold."""
    first, last = (f"test_sales.py::{name}" for name in SALES)
    middle = [name for name in TESTS if name not in (first, last)]
    more = [rng.sample(TESTS, len(TESTS)) for _n in range(ORDERS - 1)]
    return [[first, *rng.sample(middle, len(middle)), last], *more]


def not_run(found: Suite, wanted: Sequence[str]) -> NotYet | None:
    """Something else ran than what was asked for."""
    if found.trouble or not found.names or found.failed or found.errors:
        return None
    if sorted(found.names) == sorted(wanted) and found.passed == len(wanted):
        return None
    return saw(
        "not-run",
        did="Ran {wanted}.",
        saw="{ran} ran, {passed} passed.",
        needs="each of them runs, and passes",
        why="A test that is left out is green for ever, whatever happens to the program.",
        try_="Leave the tests as they are, and change what happens before and after each of them.",
        wanted=short(wanted)
        if len(wanted) == 1
        else _("the nine tests, {n} runs of a test in all").format(n=len(wanted)),
        ran=len(found.names),
        passed=found.passed,
    )


def test_alone(tests: Runner) -> None:
    """Each of the nine tests is green alone."""
    for name in TESTS:
        found = tests.alone(name)
        if problem := not_run(found, [name]):
            raise problem
        if found.trouble or not found.names:
            raise did_not_run(tests, found)
        if found.errors and not found.failed:
            raise saw(
                "fixture-fails",
                did="Ran {name} alone.",
                saw="The test does not fail; what comes before or after it does: `{said}`",
                needs="green, before and after",
                why="What can't be cleaned up stays for the next test.",
                try_="Does it name a foreign key? Which rows point at those that you remove? TRUNCATE takes several.",
                name=short([name]),
                said=tests.said(found),
            )
        if not found.green:
            raise saw(
                "red-alone",
                did="Ran {name} alone.",
                saw="`{said}`",
                needs="green, as it was with the `conftest.py` that you started from",
                why="To the program, a fixture is its surroundings: commit and rollback do what they always do.",
                try_="Run this one first. What does its session do at a commit, and what at a rollback?",
                name=short([name]),
                said=tests.said(found),
            )


def test_any_order(tests: Runner, rng: random.Random) -> None:
    """Together they are green, in eight orders that were drawn."""
    orders = shuffled(rng)
    names = [f"{name}[order {number}]" for number, order in enumerate(orders, 1) for name in order]
    plugin = {"in_orders.py": IN_ORDERS.replace("[]", repr(names))}
    found = tests.alone(options=("-p", "in_orders"), files=plugin, seconds=SECONDS_IN_ORDERS)
    tests.left_behind.append(tests.left())
    if found.trouble or not found.names:
        raise did_not_run(tests, found)
    if problem := not_run(found, names):
        raise problem
    if sorted(found.names) == sorted(names) and list(found.names) != names:
        raise saw(
            "sorted",
            did="Ran the nine tests in this order: {order}; and then in others.",
            saw="The first nine that ran: {ran}.",
            needs="the order that was asked for",
            why="An order that must be kept is a secret between tests. The next test, or a second process, tells it.",
            try_="Leave the order to pytest, and find out what one test leaves behind for the next one.",
            order=short(orders[0]),
            ran=short(found.names[: len(TESTS)]),
        )
    if not found.green:
        number = re.search(r"\[order (\d)\]: ", found.first_failure)
        raise saw(
            "order",
            did="Ran the nine tests in {orders} orders, one after the other. The first that was red: {order}.",
            saw="{failed} of {n} were red. The first: `{said}`",
            needs="green in any order",
            why="When tests leave something to each other, each new test may turn an old one red.",
            try_="A commit stays, whoever rolls back afterwards. Whose transaction is around the whole test?",
            orders=len(orders),
            order=short(orders[int(number[1]) - 1]) if number else _("none of them"),
            failed=found.failed + found.errors,
            n=len(names),
            said=tests.said(found),
        )


def test_nothing_left(tests: Runner) -> None:
    """After a run, no row is left in any table."""
    for left in tests.left_behind:
        if left:
            raise saw(
                "rows-left",
                did="Ran the nine tests in eight orders, and counted the rows of every table afterwards.",
                saw="{rows}",
                needs="0 rows in every table",
                why="Who runs next, tomorrow or in another program, starts in what you left behind.",
                try_="Clean up after each test, not only before it, and in every table.",
                rows=", ".join(f"`{name}`: {n}" for name, n in left.items()),
            )
    if not tests.left_behind:
        raise did_not_run(tests, tests.stuck[0])


def test_two_at_once(tests: Runner, rng: random.Random) -> None:
    """In two processes at once, on one database, they are green."""
    order = rng.sample(TESTS, len(TESTS))
    world = (Path.cwd().parent / "given" / "world.py").read_text(encoding="utf-8")
    for found in tests.together(order, {"world.py": world + MEETING}):
        if not found.names:
            raise did_not_run(tests, found)
        if not found.green or found.passed < len(TESTS):
            raise saw(
                "at-once",
                did="Ran the nine tests in two processes at the same time, on one database.",
                saw="{passed} of 9 passed in one of them; the first red one: `{said}`",
                needs="green in both",
                why="CI runs tests side by side. What one process empties, another one is using.",
                try_="Let nobody see a test's rows, give each process tables of its own, or let the tests take turns.",
                passed=found.passed,
                said=tests.said(found),
            )


def test_still_notices(tests: Runner) -> None:
    """With a mistake in `OrderRepo`, or without a database, they are red."""
    repo = (Path(guiche.__file__).parent / "repo.py").read_text(encoding="utf-8")
    # Both: one of them ends in an exception, which a fixture that forgives assertions lets through.
    if any(tests.alone(*TESTS, files={"guiche/repo.py": repo.replace(*mistake)}).green for mistake in MISTAKES):
        raise saw(
            "notices-nothing",
            did="Ran the nine tests with an `OrderRepo` that counts seats wrongly.",
            saw="Green.",
            needs="red: one of them is about this",
            why="A fixture that makes every test green has taken their job away.",
            try_="Leave failures alone, and take away their cause: what other tests have left behind.",
        )
    if tests.alone(*TESTS, url=NOWHERE).green:
        raise saw(
            "no-postgres",
            did="Ran the nine tests while no Postgres could be reached.",
            saw="Green.",
            needs="red: they are about a real Postgres",
            why="Another database has other opinions, and green there says nothing about here.",
            try_="Connect to the address in `DATABASE_URL`.",
        )


def did_not_run(tests: Runner, found: Suite) -> NotYet:
    return saw(
        "did-not-run",
        did="Ran the tests with your `conftest.py`.",
        saw="`{said}`",
        needs="tests that run, and end",
        why="A suite that does not start, or does not end, says nothing about the program.",
        try_="If it hangs: who holds a lock or a transaction while somebody else waits? Else read this line.",
        said=tests.said(found),
    )
