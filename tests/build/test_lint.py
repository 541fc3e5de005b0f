"""The template's rules: a clean lesson has no finding, and each broken rule has one with its line."""

from __future__ import annotations

import pytest

from inprod.build.lesson import read_lesson
from inprod.build.lint import lint
from inprod.build.run import check
from inprod.course import Course
from inprod.exercises import discover
from tests.build.conftest import edit, lesson_path


def findings(course: Course, saved: frozenset[str] | None = None) -> list[tuple[int, str]]:
    exercises = {exercise.id: exercise for exercise in discover(course)}
    found = lint(read_lesson(lesson_path(course)), exercises, saved=saved)
    assert all(str(f).startswith(f"{lesson_path(course)}:{f.line}: ") for f in found)
    return [(finding.line, finding.what) for finding in found]


def test_the_sample_keeps_every_rule(sources: Course) -> None:
    """No finding, so that the findings below come from what each test changes."""
    assert findings(sources) == []


@pytest.mark.parametrize(
    ("old", "new", "offset", "says"),
    [
        ('+++ {"part": "hook"}', '+++ {"part": "hok"}', 2, "The part hok is not one of"),
        ('+++ {"part": "cards"}', '+++ {"part": "worked"}', 6, "hook comes before worked"),
        ("# 01 · Sums", "# 01 · Numbers", 0, "begins with a heading `# … Sums`"),
        ("## Words you met", "# Words you met", 0, "A second title: Words you met"),
        ("### Step: start from nothing", "#### Step: start from nothing", 0, "leaves a level out"),
        ("%load_ext inprod", "import inprod", 0, "first code cell is `%load_ext inprod`"),
        ("print(sum([]))", "print(sum([]))\n" * 26, 0, "has 26 lines"),
        ("print(sum([]))", f"print(sum([{'0, ' * 30}]))", 0, "has a line of 104 characters"),
        (":reason: every process has another number\n", "", 0, "no :reason: says why"),
        ("print(sum([]))", "# NBVAL_IGNORE_OUTPUT\nprint(sum([]))", 0, "belongs into its :tags:"),
        ("print(sum([]))", "%%answer A1\nprint(sum([]))", 0, "write `{exercise} ID` instead"),
        ("%%predict empty nothing\nnothing = None", "print(0)", 0, "runs before anything was predicted"),
        ("20 min · 1 exercise", "15 min · 1 exercise", -6, "do not say `20 min`"),
        ("20 min · 1 exercise", "20 min · 4 exercises", -6, "do not say `1 exercise`"),
        ("order = ?", 'order = "BADE"', -7, "needs a last line `order = ?`"),
        ("promise: 3\n", "", -1, "needs a last line `order = ?`"),
        (":order: BADE\n", "", 0, "needs a last line `order = ?`"),
        (":id: hook-run", ":id: hook-run\n:order: BA", 2, "has an :order:, and is no `%%parsons`"),
        ("%%parsons 01-sum\n", "print(1)\n", -4, "has no `%%parsons` cell"),
        (", 2026-11-20: `sum`", ": `sum`", 0, "source has no date"),
    ],
)
def test_each_broken_rule_has_its_line(sources: Course, old: str, new: str, offset: int, says: str) -> None:
    """One change, and a finding at the line of that change."""
    line = edit(lesson_path(sources), old, new) + offset
    assert [where for where, what in findings(sources) if says in what] == [line]


def test_a_missing_part_and_a_missing_place_are_found(sources: Course) -> None:
    """Without its exercises part, the lesson lacks the part, an exercise, and A1's place."""
    path = lesson_path(sources)
    text = path.read_text(encoding="utf-8")
    start, end = text.index('+++ {"part": "exercises"}'), text.index('+++ {"part": "right_answers"}')
    path.write_text(text[:start] + text[end:], encoding="utf-8")
    said = " ".join(what for _line, what in findings(sources))
    assert "The part exercises is missing." in said
    assert "The lesson has no exercise." in said
    assert "The exercise A1 has no place" in said


def test_the_first_form_asks_for_less(sources: Course) -> None:
    """Without cards, a worked example and the rest, the full form complains and the first form does not."""
    path = lesson_path(sources)
    text = path.read_text(encoding="utf-8")
    start, end = text.index('+++ {"part": "worked"}'), text.index('+++ {"part": "exercises"}')
    path.write_text(text[:start] + text[end:], encoding="utf-8")
    assert [what for _line, what in findings(sources)] == [
        "The part worked is missing.",
        "The part parsons is missing.",
    ]
    edit(path, "chapter: 1", "chapter: 1\nform: first")
    assert findings(sources) == []


def test_what_only_prepares_may_come_before_a_prediction(sources: Course) -> None:
    """Imports, definitions and assignments show nothing, and a learner may need to read them first."""
    before = "```{code-cell} ipython3\n:id: prepare\nimport os\n\nwhat = []\n```\n\n"
    edit(
        lesson_path(sources),
        "```{code-cell} ipython3\n:id: predict-empty",
        before + "```{code-cell} ipython3\n:id: predict-empty",
    )
    assert findings(sources) == []


def test_half_of_the_outputs_stay_compared(sources: Course) -> None:
    """Of the sample's outputs one is volatile; with one compared it passes, with none it does not."""
    assert findings(sources, frozenset({"demo-empty"})) == []
    assert [what for _line, what in findings(sources, frozenset())] == [
        "0 outputs of 1 are compared; at least half must be."
    ]


def test_ruff_looks_at_the_demos(sources: Course) -> None:
    """An unused import in a demo cell is found, with the line of the lesson's source."""
    line = edit(lesson_path(sources), "print(sum([]))", "import json\n\nprint(sum([]))")
    found = [str(finding) for finding in check(sources) if "F401" in str(finding)]
    assert len(found) == 1
    assert found[0].startswith(f"{lesson_path(sources)}:{line}: F401 in the cell demo-empty")
