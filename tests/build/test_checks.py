"""A check.py is read before it is believed; each finding names its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from inprod.build.checks import lint_check
from tests.support import make_exercise

GOOD = '''
from inprod.testing import saw

def test_answers(answer):
    """It answers 42."""
    got = answer.call("answer.py:answer")
    if got != 42:
        raise saw(
            "wrong",
            did="Called it.",
            saw="{got}",
            needs="42",
            why="Because.",
            try_="Look",
            got=got,
        )
'''
FAULTS = {
    "lost raise": ("raise saw(", "saw(", 8, "write `raise saw(…)`"),
    "f-string": ('saw="{got}"', 'saw=f"{got}"', 11, "an f-string can't be translated"),
    "joined": ('why="Because."', 'why="Because" + "."', 13, "must be a literal string"),
    "no value": ("            got=got,\n", "", 11, "placeholder {got}"),
    "no sentence": ('            needs="42",\n', "", 8, "has no `needs`"),
    "computed key": ('"wrong",', "str(got),", 8, "the key of `saw(…)`"),
    "key twice": ("    got = ", '    raise saw("wrong", **{}) from None\n    got = ', 9, "stands in line 6 already"),
    "imports the answer": ("from inprod", "import answer\nfrom inprod", 2, "never imports the answer"),
    "starts a process": ("from inprod", "import subprocess\nfrom inprod", 2, "starts nothing by itself"),
    "sleeps": ("    got = ", "    import time; time.sleep(1)\n    got = ", 6, "waits with `wait_until`"),
    "no docstring": ('    """It answers 42."""\n', "", 4, "no docstring"),
    "no sentence as docstring": ("It answers 42.", "It answers 42", 4, "no docstring"),
    "no observation": ("def test_answers", "def check_answers", 1, "no observation"),
    "no Python": ("if got != 42:", "if got != 42", 7, "not Python"),
}


def test_a_good_check_has_no_finding(tmp_path: Path) -> None:
    """Silence is the rule."""
    assert lint_check(make_exercise(tmp_path, GOOD)) == ()


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_with_its_line(tmp_path: Path, name: str) -> None:
    """A check that cannot fail, cannot be translated, or would run an answer outside its walls."""
    old, new, line, words = FAULTS[name]
    assert old in GOOD
    found = [f for f in lint_check(make_exercise(tmp_path, GOOD.replace(old, new, 1))) if words in f.what]
    assert [(f.path.name, f.line) for f in found] == [("check.py", line)]
