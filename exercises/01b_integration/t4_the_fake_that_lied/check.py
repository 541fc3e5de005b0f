"""T4: do these tests notice what only a real Postgres shows?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

import guiche
from inprod.messages import _
from inprod.testing import Answer, NotYet, Suite, saw
from inprod.testing.postgres import Postgres

SECONDS = 8.0
NOWHERE = "postgresql://nobody@127.0.0.1:9/nothing"
TABLES = "order_items, order_notes, payments, reviews, outbox, webhook_events, orders, tiers, events, users"

#: A repository that keeps all promises but one, around the real one.
AROUND = """
from guiche.honest_repo import *
from guiche.honest_repo import OrderRepo as Honest


class OrderRepo(Honest):
"""

REWRITTEN = """
    def placed_on(self, user_id, day, zone="America/Sao_Paulo"):
        from sqlalchemy import text
        from guiche.models import Order
        ids = self._session.execute(
            text("SELECT id FROM orders WHERE user_id = :user AND (created_at AT TIME ZONE :zone)::date = :day"
                 " ORDER BY created_at DESC, id DESC"),
            {"user": user_id, "zone": zone, "day": day},
        ).scalars()
        return [self._session.get(Order, one) for one in ids]

    def find(self, user_id, text):
        mine = self.placed_between(user_id)
        return [o for o in mine if any(text.casefold() in i.tier.event.title.casefold() for i in o.items)]

    def placed_between(self, user_id):
        from sqlalchemy import select
        from guiche.models import Order
        found = select(Order).where(Order.user_id == user_id).order_by(Order.created_at.desc(), Order.id.desc())
        return list(self._session.scalars(found))
"""

TWICE = """
    def place(self, *, key, **order):
        from uuid import uuid4
        return super().place(key=f"{key}/{uuid4()}", **order)
"""

SEATS_AGAIN = """
    def place(self, *, user_id, tier_id, qty, key, at=None):
        from sqlalchemy import update
        from guiche.models import Tier
        placed = super().place(user_id=user_id, tier_id=tier_id, qty=qty, key=key, at=at)
        if not placed.created:
            self._session.execute(update(Tier).where(Tier.id == tier_id).values(sold=Tier.sold + qty))
        return placed
"""

UTC_DAYS = """
    def placed_on(self, user_id, day, zone="America/Sao_Paulo"):
        return super().placed_on(user_id, day, "UTC")
"""

CAPITALS = """
    def find(self, user_id, text):
        found = super().find(user_id, text)
        return [o for o in found if any(text in item.tier.event.title for item in o.items)]
"""


@dataclass(frozen=True)
class Runner:
    """Runs the suite against one repository or another."""

    answer: Answer
    postgres: Postgres
    package: Path
    green: dict[str, bool]  #: what is known of it, by change

    def run(self, change: str = "", *, url: str = "") -> Suite:
        """The suite with a changed repository, on empty tables; `url` leads elsewhere."""
        self.postgres.until_quiet()
        try:
            self.postgres.execute(f"TRUNCATE {TABLES} RESTART IDENTITY CASCADE")
        except psycopg.Error as error:
            raise saw(
                "tables-gone",
                did="Ran your tests, and wanted to run them again.",
                saw="They left the database without its tables: {error}",
                needs="the tables of Guichê, as they were",
                why="The next test, or the next colleague, finds a database that nobody can use.",
                try_="Empty a table with TRUNCATE, or roll back; leave the tables themselves alone.",
                error=str(error).splitlines()[0],
            ) from error
        files = {}
        if change:
            honest = (Path(guiche.__file__).parent / "repo.py").read_text(encoding="utf-8")
            files = {"guiche/honest_repo.py": honest, "guiche/repo.py": AROUND + change}
        env = {"DATABASE_URL": url or self.postgres.url}
        return self.answer.pytest(env=env, files=files, under=self.package, timeout=SECONDS, docker=not url)

    def notices(self, change: str, *, url: str = "") -> bool:
        """Whether a test failed with the change; what was skipped has noticed nothing.

        Raises:
            NotYet: the suite is not even green where it should be, so that red would say nothing.
        """
        if not self.green.get("as it is"):
            raise not_green(self.run())
        found = self.run(change, url=url)
        return bool(found.failed or found.errors or found.trouble)


@pytest.fixture(scope="module")
def known() -> dict[str, bool]:
    """What one observation found out for the others."""
    return {}


@pytest.fixture
def suite(answer: Answer, postgres: Postgres, package: Path, known: dict[str, bool]) -> Runner:
    """Your suite, ready to be run."""
    return Runner(answer, postgres, package, known)


def said(found: Suite) -> str:
    """Why a suite is not green."""
    if found.trouble:
        return found.trouble
    if found.first_failure:
        return found.first_failure
    if found.skipped:
        return _("{n} of {all} tests were skipped, and none passed").format(n=found.skipped, all=len(found.names))
    return _("no test passed; {n} were found").format(n=len(found.names))


def test_green(suite: Runner) -> None:
    """With the repository as it is, your tests are green."""
    found = suite.run()
    suite.green["as it is"] = found.green
    if not found.green:
        raise not_green(found)


def not_green(found: Suite) -> NotYet:
    """Why, as the likeliest reason has it."""
    if "SQLite" in said(found):
        return saw(
            "sqlite",
            did="Ran your tests with the repository as it is.",
            saw="`{said}`",
            needs="tests that ask Postgres",
            why="SQLite has other opinions about capitals, days and conflicts. Green there says nothing about here.",
            try_="Use the fixture `session`: it is a session on a real Postgres.",
            said=said(found),
        )
    if not found.passed and not found.failed and not found.errors:
        return saw(
            "nothing-passed",
            did="Ran your tests with the repository as it is.",
            saw="`{said}`",
            needs="tests that are collected, end within {seconds:.0f} seconds, and pass",
            why="A suite that runs nothing is never red, whatever happens to the program.",
            try_="Run pytest on the file by hand. Is there a function whose name begins with test_? Does it end?",
            said=said(found),
            seconds=SECONDS,
        )
    return saw(
        "red",
        did="Ran your tests with the repository as it is.",
        saw="`{said}`",
        needs="green: this repository keeps its promises",
        why="A test that is red for no reason is soon a test that nobody looks at.",
        try_="Read the promise once more. Is the test asking for something else?",
        said=said(found),
    )


def test_green_when_rewritten(suite: Runner) -> None:
    """With one that was rewritten and keeps the same promises, they are green, too."""
    found = suite.run(REWRITTEN)
    if not found.green:
        raise saw(
            "red-when-rewritten",
            did="Ran your tests with a repository that asks Postgres in other words.",
            saw="`{said}`",
            needs="green: it keeps the same promises",
            why="Tests that know how the work is done break with every tidying up, and so nobody tidies up.",
            try_="Look at what comes out, not at which statements or helpers were used.",
            said=said(found),
        )


def test_red_without_database(suite: Runner) -> None:
    """Without a database they are red."""
    if not suite.notices("", url=NOWHERE):
        raise saw(
            "green-without-postgres",
            did="Ran your tests while no Postgres could be reached.",
            saw="None of them failed.",
            needs="red: what is promised here is decided in Postgres",
            why="A double gives the answers that you wrote down. It agrees with every mistake that you believe in.",
            try_="Let the tests use the fixtures `session` and `world`, and the real `OrderRepo`.",
        )


def test_notices_second_order(suite: Runner) -> None:
    """A repository that makes a second order for the same key is noticed."""
    if not suite.notices(TWICE):
        raise saw(
            "second-order",
            did="Ran your tests with a repository that makes a second order when the same key comes again.",
            saw="None of them failed: they did not notice.",
            needs="red",
            why="A customer who clicks twice pays twice.",
            try_="Place the same key twice. Is it one order, and how many seats are taken?",
        )


def test_notices_utc_days(suite: Runner) -> None:
    """One whose days begin at midnight in UTC is noticed."""
    if not suite.notices(UTC_DAYS):
        raise saw(
            "utc-days",
            did="Ran your tests with a repository whose days begin at midnight in UTC.",
            saw="None of them failed: they did not notice.",
            needs="red",
            why="Every order after nine in the evening stands in the wrong day's report.",
            try_="At which hours is it another day in São Paulo than in UTC? Place an order then.",
        )


def test_notices_capitals(suite: Runner) -> None:
    """One that searches with capitals is noticed."""
    if not suite.notices(CAPITALS):
        raise saw(
            "capitals",
            did="Ran your tests with a repository whose search knows capitals.",
            saw="None of them failed: they did not notice.",
            needs="red",
            why="Nobody types capitals on a telephone, and so nobody finds the order.",
            try_="The title says “Nona Sinfonia”. What does somebody type who is in a hurry?",
        )


def test_notices_seats(suite: Runner) -> None:
    """One that takes the seats again when the same key comes again is noticed."""
    if not suite.notices(SEATS_AGAIN):
        raise saw(
            "seats-again",
            did="Ran your tests with a repository that gives the same order, and takes the seats once more.",
            saw="None of them failed: they did not notice.",
            needs="red",
            why="Every impatient click sells a seat to nobody.",
            try_="Place the same key twice, then look at the seats: `session.refresh(world.tier)`, `world.tier.sold`.",
        )
