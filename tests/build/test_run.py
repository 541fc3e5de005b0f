"""Notebooks are built whole and the same on every run, and what is stale is found without executing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest

from inprod.build import build, check
from inprod.build.run import Stale
from inprod.course import Course
from inprod.errors import InprodError
from tests.build.conftest import SAMPLE, edit, lesson_path


def silent(_line: str) -> None:
    """Say nothing."""


def cells(course: Course, folder: str) -> dict[str, dict[str, Any]]:
    path = course.root / folder / "01_sums.ipynb"
    return {cell["id"]: cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]}


def stale(course: Course) -> list[tuple[str, str]]:
    found = check(course)
    return [(str(f.path.relative_to(course.root)), f.why) for f in found if isinstance(f, Stale)]


def test_the_lesson_has_its_demos_run_and_its_answers_not(built_once: Course) -> None:
    """Task and starter stand there, the answer is unrun, and demos carry their outputs."""
    found = cells(built_once, "notebooks")
    task = "".join(found["A1-task"]["source"])
    assert task.startswith("### A1 · Add up\n*apply · 5 min · 10 points · needs no server*\n\nWrite `total(numbers)`")
    assert "[`limit.txt`](../exercises/01_sums/a1_add_up/given/limit.txt)" in task
    starter = (built_once.exercises / "01_sums/a1_add_up/starter/adding.py").read_text(encoding="utf-8")
    assert "".join(found["A1"]["source"]) == "%%answer A1\n" + starter.rstrip("\n")
    assert (found["A1"]["outputs"], found["A1"]["execution_count"]) == ([], None)
    assert found["demo-empty"]["outputs"] == [{"name": "stdout", "output_type": "stream", "text": ["0\n"]}]


def test_the_solution_has_every_check_passed(built_once: Course) -> None:
    """The reference stands in the cell, its card says pass, and the other right answers follow."""
    found = cells(built_once, "solutions")
    assert "return sum(numbers)" in "".join(found["A1"]["source"])
    (card,) = found["A1"]["outputs"]
    assert "A1 · Add up – pass (3 of 3 hold · 10 points)" in "".join(card["data"]["text/plain"])
    why = "".join(found["A1-why"]["source"])
    assert "The built-in starts from 0." in why
    assert "- **loop**: More lines than the built-in" in why


def test_a_parsons_problem_is_asked_here_and_answered_there(built_once: Course) -> None:
    """The lesson has the question, and nothing ran; the solution has the order, and its promise came."""
    asked, answered = cells(built_once, "notebooks")["order-sum"], cells(built_once, "solutions")["order-sum"]
    assert "".join(asked["source"]).endswith("\norder = ?")
    assert "BADE" not in json.dumps(asked)
    assert "".join(answered["source"]).endswith('\norder = "BADE"')
    assert "01-sum · BADE – it works" in "".join(answered["outputs"][0]["data"]["text/plain"])


def test_a_wrong_order_does_not_build(sources: Course) -> None:
    """The author hears of it, with the promise that did not come."""
    edit(lesson_path(sources), ":order: BADE", ":order: BACE")
    with pytest.raises(InprodError, match="order-sum"):
        build(sources, say=silent)


def test_an_answer_of_several_files_has_a_cell_for_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole sample, on real servers: two cells, the last of which carries the verdict."""
    monkeypatch.setenv("INPROD_BACKEND", "embedded")
    shutil.copytree(SAMPLE, tmp_path / "course")
    course = Course(tmp_path / "course")
    build(course, say=silent)
    found = cells(course, "solutions")
    assert "".join(found["B1-names-py"]["source"]).startswith("%%answer B1 names.py\nimport os\n")
    assert "".join(found["B1-settings-py"]["source"]) == "%%answer B1 settings.py\nSECONDS = 60"
    assert "pass" not in json.dumps(found["B1-names-py"]["outputs"])
    (card,) = found["B1-settings-py"]["outputs"]
    assert "B1 · Keep a copy – pass (3 of 3 hold · 10 points)" in "".join(card["data"]["text/plain"])
    assert "127.0.0.1" not in json.dumps(found)
    assert check(course) == ()


def test_what_differs_between_runs_is_not_saved(built_once: Course) -> None:
    """A cell that is not compared ran, and keeps no output."""
    cell = cells(built_once, "notebooks")["demo-process"]
    assert cell["execution_count"] is not None
    assert cell["outputs"] == []


def test_built_notebooks_are_nbformat_own_bytes(built_once: Course) -> None:
    """Valid, and a fixpoint of reading and writing, so that JupyterLab changes nothing by saving."""
    for folder in (built_once.notebooks, built_once.solutions):
        text = (folder / "01_sums.ipynb").read_text(encoding="utf-8")
        node = nbformat.reads(text, as_version=4)
        nbformat.validate(node)
        assert nbformat.writes(node, indent=1) + "\n" == text


def test_a_fresh_build_has_no_finding(built_once: Course) -> None:
    """Neither stale nor against the template."""
    assert check(built_once) == ()


def test_a_second_build_gives_the_same_bytes(built: Course) -> None:
    """Both notebooks are run again, and neither file is written."""
    said: list[str] = []
    result = build(built, lessons=["01_sums"], say=said.append)
    assert result.written == ()
    assert len(result.unchanged) == len(said) == 2


def test_a_changed_demo_is_stale_in_both(built: Course) -> None:
    """Outputs belong to the code that made them."""
    edit(lesson_path(built), "print(sum([]))", "print(sum([1]))")
    why = "its code or a check has changed since it was run; run `inprod build`"
    assert stale(built) == [("notebooks/01_sums.ipynb", why), ("solutions/01_sums.ipynb", why)]


def test_changed_prose_and_a_changed_output_are_stale(built: Course) -> None:
    """The bytes are compared: prose of the source, and what somebody wrote into the notebook."""
    edit(lesson_path(built), "Nothing about sums.", "Nothing at all.")
    why = "its text has changed since it was built; run `inprod build`"
    assert stale(built) == [("notebooks/01_sums.ipynb", why), ("solutions/01_sums.ipynb", why)]


def test_a_changed_task_is_stale(built: Course) -> None:
    """The lesson shows the old text, and the solution was judged against another version."""
    edit(built.exercises / "01_sums/a1_add_up/task.md", "The list stays as it was.", "Leave the list alone.")
    assert [path for path, _why in stale(built)] == ["notebooks/01_sums.ipynb", "solutions/01_sums.ipynb"]


def test_a_changed_check_makes_the_solution_stale(built: Course) -> None:
    """Its cards were earned from another check; the lesson ran none."""
    edit(built.exercises / "01_sums/a1_add_up/check.py", "Some numbers add up.", "Numbers add up.")
    assert [path for path, _why in stale(built)] == ["solutions/01_sums.ipynb"]


def test_a_missing_and_a_stray_notebook_are_found(built: Course) -> None:
    """One was never built; behind the other there is no lesson."""
    shutil.move(built.solutions / "01_sums.ipynb", built.solutions / "02_gone.ipynb")
    assert stale(built) == [
        ("solutions/01_sums.ipynb", "was never built; run `inprod build`"),
        ("solutions/02_gone.ipynb", "no lesson 02_gone.md stands behind it; remove it"),
    ]


def test_a_broken_source_is_a_finding_with_its_line(built: Course) -> None:
    """A lesson that cannot be read, then an exercise that cannot: check says so and goes on."""
    line = edit(lesson_path(built), "minutes: 20", "minutes: many")
    assert [str(f).split(": ")[0] for f in check(built)] == [f"{lesson_path(built)}:{line}"]
    task = built.exercises / "01_sums/a1_add_up/task.md"
    line = edit(task, "level: apply", "level: easy")
    assert [str(f).split(": ")[0] for f in check(built)] == [f"{task}:{line}"]


def test_a_missing_reference_is_a_finding(built: Course) -> None:
    """It names the file that the solution would have shown."""
    reference = built.solutions / "01_sums/a1_add_up/reference"
    (reference / "adding.py").unlink()
    assert [str(f).split(": ")[0] for f in check(built)] == [f"{reference / 'adding.py'}:1"]


def test_a_demo_may_raise_and_keeps_no_path_of_this_machine(sources: Course) -> None:
    """With its tag, an exception is a demo; of its traceback the last line is saved."""
    edit(lesson_path(sources), ":id: demo-empty", ":id: demo-empty\n:tags: [raises-exception]")
    edit(lesson_path(sources), "print(sum([]))", "sum(None)")
    build(sources, say=silent)
    error = {"ename": "TypeError", "evalue": "'NoneType' object is not iterable", "output_type": "error"}
    traceback = ["TypeError: 'NoneType' object is not iterable"]
    assert cells(sources, "notebooks")["demo-empty"]["outputs"] == [{**error, "traceback": traceback}]


@pytest.mark.parametrize("code", ["import os; os._exit(3)", "1 / 0"])
def test_a_demo_that_breaks_ends_the_build(sources: Course, code: str) -> None:
    """A kernel that died and an exception alike name the cell; nothing is written."""
    edit(lesson_path(sources), "print(sum([]))", code)
    with pytest.raises(InprodError) as caught:
        build(sources, say=silent)
    assert "The cell demo-empty of notebooks/01_sums.ipynb failed" in caught.value.what
    assert not (sources.notebooks / "01_sums.ipynb").exists()


@pytest.mark.parametrize(
    ("new", "says"),
    [("{exercise} Z9", "Z9 is no exercise of this lesson."), ("{exercise} A1\n\n{exercise} A1", "A1 is placed twice.")],
)
def test_a_wrong_place_is_a_finding_with_its_line(built: Course, new: str, says: str) -> None:
    """An unknown exercise, and one that stands twice."""
    line = edit(lesson_path(built), "{exercise} A1", new) + new.count("\n")
    assert [str(f) for f in check(built)] == [f"{lesson_path(built)}:{line}: {says}"]


def test_a_reference_that_fails_ends_the_build_with_its_card(sources: Course) -> None:
    """The error holds the card's text and the cell's id, and no solution is written."""
    reference = sources.solutions / "01_sums/a1_add_up/reference/adding.py"
    reference.write_text("def total(numbers):\n    return 7\n", encoding="utf-8")
    with pytest.raises(InprodError) as caught:
        build(sources, say=silent)
    assert "The cell A1 of solutions/01_sums.ipynb failed:\nA1 · Add up – not yet" in caught.value.what
    assert "Traceback" not in caught.value.what
    assert not (sources.solutions / "01_sums.ipynb").exists()


def test_an_unknown_lesson_is_an_error(sources: Course) -> None:
    """It lists the lessons there are."""
    with pytest.raises(InprodError) as caught:
        build(sources, lessons=["99_none"], say=silent)
    assert "01_sums" in caught.value.looked
