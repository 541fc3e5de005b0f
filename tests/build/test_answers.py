"""A learner does not scroll sideways: starter and right answers are as narrow as a lesson's cells."""

from __future__ import annotations

from pathlib import Path

import pytest

from inprod.build.answers import lint_answers
from inprod.build.lint import MAX_WIDTH
from tests.support import make_exercise

CHECK = "def test_nothing(answer): ...\n"


@pytest.mark.parametrize("name", ["starter", "reference", "right_other", "wrong_one"])
def test_a_wide_line_is_found(tmp_path: Path, name: str) -> None:
    """In what is shown; a wrong answer is read by contributors only, and other files are not answers."""
    exercise = make_exercise(tmp_path, CHECK)
    folder = exercise.starter if name == "starter" else exercise.solutions / name
    folder.mkdir(parents=True, exist_ok=True)
    fits = "#" * MAX_WIDTH
    (folder / "answer.py").write_text(f"{fits}\n{fits}#\n", encoding="utf-8")
    (folder / "why.md").write_text("w" * 200, encoding="utf-8")
    found = lint_answers(exercise)
    assert [(finding.path.parent.name, finding.line) for finding in found] == [(name, 2)] * (name != "wrong_one")
    assert all(str(MAX_WIDTH + 1) in finding.what for finding in found)
