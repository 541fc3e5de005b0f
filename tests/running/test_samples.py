"""Checks that start from sample data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from inprod.exercises import Exercise, load
from inprod.results import Verdict
from inprod.running import Event, run_check
from inprod.services.embedded import Embedded
from tests.support import make_exercise

CHECK = '''
from inprod.testing import saw

def test_buys(answer, postgres):
    """It sells a seat."""
    answer.call("answer.py:answer", env={"DATABASE_URL": postgres.url})
    left = postgres.rows("SELECT count(*) AS n FROM seats")[0]["n"]
    mine = postgres.rows("SELECT n FROM mine")
    if left != 99 or mine != [{"n": 1}]:
        raise saw("left", did="d", saw="{left}", needs="99", why="w", try_="t", left=left)
    postgres.execute("INSERT INTO mine VALUES (2)")
'''
ANSWER = """\
import os, psycopg

def answer():
    with psycopg.connect(os.environ["DATABASE_URL"]) as db:
        db.execute("DELETE FROM seats WHERE id = 1")
        db.execute("CREATE TABLE mine (n int)")
        db.execute("INSERT INTO mine VALUES (1)")
"""
MAKE = """\
import os, psycopg
with psycopg.connect(os.environ["DATABASE_URL"]) as db:
    db.execute("SELECT pg_sleep(3)")
    db.execute("CREATE TABLE seats AS SELECT generate_series(1, 100) AS id")
"""


@pytest.fixture(scope="module")
def servers() -> Iterator[Embedded]:
    """One set of servers for this module."""
    services = Embedded()
    yield services
    services.close()


def _exercise(root: Path, make: str) -> Exercise:
    (root / "fill.py").write_text(make, encoding="utf-8")
    text = '[databases.seats]\nmake = ["python", "fill.py"]\nfrom = ["fill.py"]\n'
    (root / "course.toml").write_text(text, encoding="utf-8")
    made = make_exercise(root, CHECK, starter=ANSWER, needs="postgres", seconds=5)
    task = made.folder / "task.md"
    task.write_text(task.read_text(encoding="utf-8").replace("level:", "database: seats\nlevel:"), encoding="utf-8")
    return load(made.folder, root / "solutions")


def test_each_check_gets_a_fresh_copy_and_pays_for_no_filling(servers: Embedded, tmp_path: Path) -> None:
    """Three seconds of filling are in neither the deadline nor the report; the second check says nothing of it."""
    exercise = _exercise(tmp_path, MAKE)
    servers.start(exercise.needs)
    said: list[Event] = []
    first = run_check(exercise, exercise.starter, servers, deadline=2.9, on_event=said.append)
    assert (first.verdict, first.problem) == (Verdict.PASS, None), first.failed
    assert first.seconds < 2.9
    assert "filling the sample data" in [event.text for event in said if event.kind == "step"]
    again = run_check(exercise, exercise.starter, servers, on_event=said.append)
    assert again.verdict is Verdict.PASS
    assert [event.text for event in said].count("filling the sample data") == 1


def test_data_that_can_not_be_made_is_could_not_judge(servers: Embedded, tmp_path: Path) -> None:
    """Nobody's answer is wrong by it."""
    exercise = _exercise(tmp_path, "raise SystemExit('no seats today')\n")
    report = run_check(exercise, exercise.starter, servers)
    assert report.verdict is Verdict.COULD_NOT_JUDGE
    assert report.problem is not None
    assert "no seats today" in report.problem.saw
