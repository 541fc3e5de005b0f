"""Answers go into notebooks and come out of them, without a library and without a loss."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from inprod.build import place
from inprod.course import Course
from inprod.errors import InprodError


def notebook(*cells: dict[str, Any]) -> str:
    return json.dumps({"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def code(source: str | list[str], cell_id: str = "x") -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": cell_id,
        "metadata": {},
        "source": source,
        "outputs": [{"output_type": "stream", "name": "stdout", "text": "old"}],
        "execution_count": 3,
    }


def test_the_last_cell_of_a_file_wins() -> None:
    """Copies, several files, lower case and leading blank lines; prose and other cells do not count."""
    text = notebook(
        code("%%answer A1\nfirst = 1"),
        code(["%%answer B1 names.py\n", "a = 1\n", "b = 2"]),
        code("\n%%answer a1\nsecond = 2\n\n"),
        code("print('%%answer A1')"),
        {"cell_type": "markdown", "id": "m", "metadata": {}, "source": "%%answer A1\nprose"},
    )
    assert place.answer_cells(text) == {("B1", "names.py"): "a = 1\nb = 2\n", ("A1", ""): "second = 2\n"}


def test_fill_replaces_the_text_and_drops_the_outputs() -> None:
    """The cell keeps its id and its line; a cell without an answer keeps its text; other cells stay."""
    built = json.loads(
        notebook(
            code("%%answer A1\nold", "A1"), code("%%answer B1 names.py\nkept", "B1-names-py"), code("1 + 1", "demo")
        )
    )
    filled = place.fill(built, {("A1", ""): "new = 1\n"})["cells"]
    assert place.source_of(filled[0]) == "%%answer A1\nnew = 1"
    assert (filled[0]["id"], filled[0]["outputs"], filled[0]["execution_count"]) == ("A1", [], None)
    assert (place.source_of(filled[1]), filled[1]["outputs"]) == ("%%answer B1 names.py\nkept", [])
    assert filled[2] == built["cells"][2]


def test_a_single_file_is_found_by_its_name_as_well() -> None:
    """Where a cell names no file, the exercise's only answer is meant."""
    built = json.loads(notebook(code("%%answer A1\nold")))
    filled = place.fill(built, {("A1", "adding.py"): "new"})
    assert place.source_of(filled["cells"][0]) == "%%answer A1\nnew"


def test_what_goes_in_comes_out(built_once: Course) -> None:
    """A learner's notebook holds the given answer, no verdict of anyone's, and is the same text every time."""
    answers = {("A1", ""): "def total(numbers):\n    return 7\n"}
    text = place.learner_notebook(built_once, "01_sums", answers)
    assert place.answer_cells(text) == answers
    assert text == place.learner_notebook(built_once, "01_sums", answers)
    assert json.loads(text)["metadata"]["inprod"]["kind"] == "work"
    (cell,) = [cell for cell in json.loads(text)["cells"] if cell["id"] == "A1"]
    assert (cell["outputs"], cell["execution_count"]) == ([], None)


def test_own_cells_are_those_that_the_learner_added() -> None:
    """By id; an empty one, and a copy of a built cell, are nothing to keep."""
    built = notebook(code("1 + 1", "demo"))
    text = notebook(
        code("1 + 2  # changed", "demo"), code("mine", "mine"), code("  \n", "empty"), code("1 + 1", "a-copy")
    )
    assert [cell["id"] for cell in place.own_cells(text, built)] == ["mine"]


@pytest.mark.parametrize(
    ("text", "says"),
    [("{\n  broken", "not JSON (line 2)"), ("[]", "no list of cells"), ('{"cells": 1}', "no list of cells")],
)
def test_a_broken_notebook_is_said_in_words(text: str, says: str) -> None:
    """Whatever a learner's file holds, the error says what is wrong with it."""
    with pytest.raises(InprodError) as caught:
        place.answer_cells(text)
    assert says in caught.value.what


def test_a_lesson_that_was_never_built_is_an_error(sources: Course) -> None:
    """The error names the file and the lessons there are."""
    with pytest.raises(InprodError) as caught:
        place.learner_notebook(sources, "01_sums", {})
    assert caught.value.looked == str(sources.notebooks / "01_sums.ipynb")
    assert "01_sums" in caught.value.do


def test_lessons_come_in_the_order_of_their_files(sources: Course) -> None:
    """By name; drafts with an underscore are no lessons."""
    for name in ("00_first.md", "_draft.md", "01_sums_b.md"):
        (sources.notebooks / name).touch()
    assert place.lessons(sources) == ("00_first", "01_sums", "01_sums_b")


def test_a_kernel_may_import_it() -> None:
    """No notebook library comes along: beside JupyterLab they cost more than a check."""
    heavy = ("nbformat", "jsonschema", "jupytext", "nbclient", "IPython")
    script = f"import sys, inprod.build.place; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "[]"
