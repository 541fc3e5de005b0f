"""The start page: it knows where the learner stands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from inprod.exercises import find
from inprod.progress import Progress
from inprod.results import Report, Verdict
from tests.lab.support import Desk, files_of, make_desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A course of two lessons: the second has no exercise."""
    desk = make_desk(tmp_path / "course")
    source = desk.course.notebooks / "01_sums.md"
    text = source.read_text(encoding="utf-8").replace("# 01 · Sums", "# 02 · More | sums")
    text = text.replace("\n{exercise} A1\n", "").replace("\n{exercise} B1\n", "").replace("minutes: 20", "minutes: 35")
    (desk.course.notebooks / "02_more.md").write_text(text, encoding="utf-8")
    desk.publish()
    return desk


def page(desk: Desk) -> str:
    """The page after one more start."""
    desk.prepare()
    return (desk.work / "start.md").read_text(encoding="utf-8")


def judge(desk: Desk, exercise: str, verdict: Verdict, minute: int) -> None:
    """Record a verdict of some minute."""
    at = (datetime(2026, 11, 25, 22, tzinfo=UTC) + timedelta(minutes=minute)).isoformat()
    found = find(desk.course, exercise)
    Progress(desk.work).record(Report(found.id, found.version, found.title, verdict, at=at))


def test_whoever_is_new_learns_where_to_begin(desk: Desk) -> None:
    """Which lesson, how long, how to run a cell, how to get help."""
    text = page(desk)
    assert text.startswith("# Welcome\n")
    assert "**Begin here: [01 · Sums](01_sums.ipynb)** · 20 min · 2 exercises" in text
    assert "- [02 · More \\| sums](02_more.ipynb) · 35 min\n" in text
    assert "`%hint A1`" in text
    assert "`%progress`" in text


def test_the_courses_own_words_greet(desk: Desk) -> None:
    """The description of the project stands under the greeting, once."""
    with (desk.course.root / "pyproject.toml").open("a", encoding="utf-8") as project:
        project.write('description = "Sums that hold."\n')
    assert page(desk).startswith("# Welcome\n\nSums that hold.\n")
    judge(desk, "A1", Verdict.PASS, 1)
    assert "Sums that hold." not in page(desk)


def test_whoever_comes_back_goes_on_where_they_were(desk: Desk) -> None:
    """At what was tried last, when it is not passed yet."""
    judge(desk, "B1", Verdict.NOT_YET, 1)
    text = page(desk)
    assert text.startswith("# Welcome back\n")
    assert "**Go on here: [01 · Sums](01_sums.ipynb)**" in text
    assert "You were at B1 · " in text
    assert "0 of 2 exercises are passed." in text
    assert "`%hint B1`" in text


def test_after_a_pass_comes_the_next(desk: Desk) -> None:
    """And what was left out comes in the end."""
    judge(desk, "A1", Verdict.PASS, 1)
    text = page(desk)
    assert "Next is B1 · " in text
    assert "- **[01 · Sums](01_sums.ipynb)** · 20 min · 1 of 2 passed" in text
    judge(desk, "B1", Verdict.PASS, 2)
    assert "**You have passed all 2 exercises.**" in page(desk)
    assert "all passed ✓" in page(desk)


def test_a_skipped_exercise_is_found_again(desk: Desk) -> None:
    """The last is passed, the first is open: back to the first."""
    judge(desk, "B1", Verdict.PASS, 1)
    assert "Next is A1 · " in page(desk)


def test_a_page_that_says_the_same_is_not_written(desk: Desk) -> None:
    """Nothing happened since."""
    judge(desk, "A1", Verdict.PASS, 1)
    page(desk)
    before = files_of(desk.work)
    page(desk)
    assert files_of(desk.work) == before


def test_notes_on_the_page_are_kept(desk: Desk) -> None:
    """The page is made anew, and what somebody wrote on it is not lost."""
    noted = page(desk) + "\nAsk Ana about pools.\n"
    (desk.work / "start.md").write_text(noted, encoding="utf-8")
    assert "Ana" not in page(desk)
    (kept,) = desk.kept()
    assert (desk.work / "kept" / kept).read_text(encoding="utf-8") == noted
    assert desk.said == [f"Your changes to start.md are kept in kept/{kept}."]
