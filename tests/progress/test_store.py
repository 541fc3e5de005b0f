"""The learner's record: what is counted, what is shown, and what is carried to another machine."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import stat
from pathlib import Path

import pytest

from inprod.course import Course
from inprod.errors import InprodError
from inprod.exercises import Exercise, discover
from inprod.progress import Progress, ProgressError, State, lesson_title
from inprod.results import Observation, Problem, Report, Verdict

SAMPLES = Path(__file__).parents[1] / "samples" / "course"


def report(exercise: str = "A1", verdict: Verdict = Verdict.NOT_YET, version: str = "1" * 12) -> Report:
    """A report with one observation."""
    return Report(
        exercise=exercise,
        version=version,
        title="Add up",
        verdict=verdict,
        observations=(Observation("test_a", "It adds.", verdict, key="k", saw="“é”"),),
        max_points=10,
        problem=Problem("a", "b", "c") if verdict is Verdict.COULD_NOT_JUDGE else None,
        backend="embedded",
        at="2026-01-01T00:00:00+00:00",
    )


@pytest.fixture
def progress(tmp_path: Path) -> Progress:
    """A work folder that is not there yet."""
    return Progress(tmp_path / "work")


@pytest.fixture
def exercises() -> tuple[Exercise, ...]:
    """The miniature course's."""
    return discover(Course(SAMPLES))


def test_a_fresh_folder_is_read_without_being_made(progress: Progress, exercises: tuple[Exercise, ...]) -> None:
    """Looking leaves nothing behind."""
    assert progress.tries("A1") == 0
    assert progress.summary(exercises).passed == 0
    assert progress.last_report("A1") is None
    assert progress.prediction("page") is None
    assert not progress.path.parent.exists()


def test_only_verdicts_count(progress: Progress) -> None:
    """The machine's trouble is recorded and never counted."""
    progress.record(report())
    progress.record(report(verdict=Verdict.COULD_NOT_JUDGE))
    progress.record(report(verdict=Verdict.COULD_NOT_JUDGE))
    assert progress.tries("A1") == 1
    assert not progress.may_see_solution("A1")
    last = progress.last_report("A1")
    assert last is not None
    assert last.verdict is Verdict.NOT_YET
    assert last.observations == report().observations
    with sqlite3.connect(progress.path) as connection:
        assert connection.execute("SELECT count(*) FROM attempts").fetchone()[0] == 3


def test_the_solution_opens(progress: Progress) -> None:
    """After three tries, or after a pass, for this exercise alone."""
    for _number in range(3):
        progress.record(report())
    progress.record(report("B1", Verdict.PASS))
    assert progress.may_see_solution("A1")
    assert progress.may_see_solution("B1")
    assert not progress.may_see_solution("C1")


def test_a_pass_stays_a_pass(progress: Progress, exercises: tuple[Exercise, ...]) -> None:
    """A later failure takes nothing away; a changed exercise is said to have changed."""
    first, second = exercises[:2]
    progress.record(report(first.id, Verdict.PASS, first.version))
    progress.record(report(first.id, Verdict.NOT_YET, first.version))
    progress.record(report(second.id, Verdict.PASS, "0" * 12))
    summary = progress.summary(exercises)
    by_id = {e.id: e for e in summary.exercises}
    assert by_id[first.id].state is State.PASSED
    assert (by_id[first.id].tries, by_id[first.id].changed) == (2, False)
    assert by_id[second.id].changed
    assert summary.points == first.points + second.points
    assert (summary.passed, summary.total) == (2, len(exercises))


def test_hints_come_one_by_one(progress: Progress) -> None:
    """The last one again when all were shown; a new object (a restarted kernel) goes on where it was."""
    assert [progress.show_hint("A1") for _number in range(2)] == [1, 2]
    again = Progress(progress.path.parent)
    assert [again.show_hint("A1") for _number in range(3)] == [3, 3, 3]
    assert again.standing("A1").hints == 3


def test_the_newest_prediction_counts(progress: Progress) -> None:
    """A guess may be changed."""
    progress.predict("page", {"n": 1})
    progress.predict("page", {"n": 2, "text": "ç"})
    assert Progress(progress.path.parent).prediction("page") == {"n": 2, "text": "ç"}


def test_history_keeps_each_text_once(progress: Progress) -> None:
    """The same text twice in a row is one entry."""
    for content in ("a", "a", "b", "a"):
        progress.keep("A1", "adding.py", content, "run")
    assert [k.content for k in progress.kept("A1")] == ["a", "b", "a"]
    assert progress.kept("A1", "other.py") == ()


def test_the_file_is_private(progress: Progress) -> None:
    """Reports are readable by their owner alone, also where the file was opened up before."""
    progress.record(report())
    progress.path.chmod(0o644)
    progress.record(report())
    assert stat.S_IMODE(progress.path.stat().st_mode) == 0o600


def test_export_and_import(progress: Progress, tmp_path: Path) -> None:
    """Everything arrives, once; the file is private; a second import adds nothing."""
    progress.record(report("A1", Verdict.PASS))
    progress.show_hint("A1")
    progress.open_solution("A1")
    progress.predict("page", {"n": 2})
    progress.keep("A1", "adding.py", "x = 'é'\n", "run")
    target = tmp_path / "out.json"
    assert progress.export(target) == 5
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert json.loads(target.read_text())["kind"] == "inprod-progress"
    other = Progress(tmp_path / "other")
    other.record(report("B1"))
    assert other.import_(target) == 5
    assert other.import_(target) == 0
    assert other.standing("A1") == progress.standing("A1")
    assert other.tries("B1") == 1
    assert other.kept("A1") == progress.kept("A1")
    assert other.prediction("page") == {"n": 2}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "not JSON"),
        ("[]", "does not say"),
        ('{"kind": "inprod-progress", "schema": 1, "attempts": {}}', "not a list"),
        ('{"kind": "inprod-progress", "schema": 1, "hints": [3]}', "entry 1"),
        ('{"kind": "inprod-progress", "schema": 1, "hints": [{"uuid": "x"}]}', "entry 1"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_file_that_is_no_export(progress: Progress, tmp_path: Path, content: str, reason: str) -> None:
    """It is refused whole, with the place named."""
    progress.record(report())
    source = tmp_path / "in.json"
    source.write_text(content)
    with pytest.raises(InprodError) as raised:
        progress.import_(source)
    assert reason in raised.value.looked
    assert progress.tries("A1") == 1


def test_one_bad_row_refuses_the_whole_import(progress: Progress, tmp_path: Path) -> None:
    """Nothing of a file with a forged verdict is taken."""
    source = tmp_path / "out.json"
    progress.record(report())
    progress.record(report())
    progress.export(source)
    data = json.loads(source.read_text())
    data["attempts"][1]["verdict"] = "pass"
    source.write_text(json.dumps(data))
    other = Progress(tmp_path / "other")
    with pytest.raises(InprodError) as raised:
        other.import_(source)
    assert "`attempts`, entry 2" in raised.value.looked
    assert other.standings() == {}


def test_a_newer_schema_is_left_alone(progress: Progress, tmp_path: Path) -> None:
    """An older course neither reads nor repairs what a newer one wrote."""
    progress.record(report())
    with sqlite3.connect(progress.path) as connection:
        connection.execute("PRAGMA user_version=2")
    before = progress.path.read_bytes()
    with pytest.raises(ProgressError, match="newer version"):
        Progress(progress.path.parent).record(report())
    assert progress.path.read_bytes() == before
    export = tmp_path / "new.json"
    export.write_text('{"kind": "inprod-progress", "schema": 2}')
    with pytest.raises(InprodError, match="another version"):
        Progress(tmp_path / "other").import_(export)


def test_an_export_that_breaks_off_leaves_the_older_one(progress: Progress, tmp_path: Path) -> None:
    """A folder that is not there: an error with its place, nothing left."""
    with pytest.raises(ProgressError) as raised:
        progress.export(tmp_path / "nowhere" / "out.json")
    assert "nowhere" in raised.value.looked


def test_a_full_disk_is_said(progress: Progress, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite's own word for it becomes one sentence with a remedy; what was there stays."""
    progress.record(report())
    from inprod.progress import schema

    real = schema._connect

    def small(path: Path | str) -> sqlite3.Connection:
        connection = real(path)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")
        return connection

    monkeypatch.setattr(schema, "_connect", small)
    large = dataclasses.replace(report(), title="x" * 100_000)
    with pytest.raises(ProgressError, match="full") as raised:
        progress.record(large)
    assert "free some space" in raised.value.do
    assert progress.tries("A1") == 1


@pytest.mark.parametrize(
    ("folder", "title"), [("01a_unit_tests", "01a · Unit tests"), ("00_setup", "00 · Setup"), ("x", "x")]
)
def test_lesson_titles(folder: str, title: str) -> None:
    """A folder's name as words."""
    assert lesson_title(folder) == title
