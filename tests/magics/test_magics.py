"""What a learner types in a notebook, and the card that answers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.magics.conftest import RIGHT, STARTER, WRONG, Room
from tests.support import make_exercise


def test_not_yet_then_pass(room: Room) -> None:
    """The cell is saved and judged; the gap is explained; a pass names the door behind it."""
    shown = room.run(f"%%answer W0\n{WRONG}")
    assert room.raised is None
    assert "W0 · Sample – not yet (0 of 1 hold)" in shown
    for text in ("Called `add(1, 2)`.", "-1", "Sums are billed.", "Add them, or ask `%hint W0`"):
        assert text in shown
    assert '<section role="group" aria-label="W0 · Sample, not yet' in room.html
    shown = room.run(f"%%answer w0\n{RIGHT}")
    assert "pass (1 of 1 hold · 10 points)" in shown
    assert "1 other right answer, and what it costs: `%solution W0` · next: W1 · Sample, 5 min" in shown
    assert room.kernel.answers.read(room.kernel.exercise("W0")) == {"answer.py": RIGHT}
    assert room.kernel.progress.tries("W0") == 2
    assert [k.content for k in room.kernel.progress.kept("W0")] == [WRONG]


def test_the_prompts_of_a_page_stay(room: Room) -> None:
    """An answer, and a string in a cell, may hold examples as a Python prompt shows them."""
    for page in ("Sums\n\n>>> 1 + 1\n2\n", "    >>> 1 + 1\n    2\n"):
        room.run(f"%%answer W0\n{page}")
        assert room.kernel.answers.read(room.kernel.exercise("W0")) == {"answer.py": page}
        assert page in room.run(f'print("""\n{page}""")')


def test_check_judges_the_files(room: Room) -> None:
    """`%check` takes the starter where there is no answer, and a seed."""
    assert "not yet" in room.run("%check W0")
    assert not room.kernel.answers.root.exists()
    room.kernel.answers.write(room.kernel.exercise("W0"), "answer.py", RIGHT, why="run")
    for line in ("%check W0 --seed 7", "%check --seed=8 w0"):
        assert "pass" in room.run(line)
        last = room.kernel.progress.last_report("W0")
        assert last is not None
        assert last.seed == int(line.split()[-1] if line[-1] == "7" else 8)


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("%check W9", "There is no exercise W9."),
        ("%check", "Which exercise?"),
        ("%hint W9", "W0, W1"),
        ("%%answer W9\nx = 1", "W0, W1"),
        ("%%answer W0 other.py\nx = 1", "the files of W0: answer.py"),
        ("%%answer W0 ../x.py\nx = 1", "W0 has no answer file ../x.py."),
        ("%%answer W0 a b\nx = 1", "write `%%answer ID [file]`"),
        ("%check W0 --seed", "write `%check ID [--seed N]`"),
        ("%check W0 --seed -3", "write `%check ID [--seed N]`"),
        ("%check W0 W1", "write `%check ID [--seed N]`"),
        ("%progress W0", "write `%progress`"),
        ("%%predict\n", "write `%%predict NAME FIELD, FIELD`"),
        ("%%predict page a-b\n", "`a-b` is no name of a field."),
        ("%%predict page a, b\nc = 3", "`a = …`, `b = …`"),
        ("%reality page", "write `%reality NAME field=expression"),
        ("%reality page 3", "write `%reality NAME field=expression"),
        ("%reality page n=missing", "NameError: name 'missing' is not defined"),
    ],
)
def test_what_cannot_be_done_is_a_card(room: Room, cell: str, says: str) -> None:
    """Never a traceback; the card says what to write, and nothing was recorded."""
    shown = room.run(cell)
    assert room.raised is None
    assert says in shown
    assert "Traceback" not in shown
    assert room.html.count("<section") == 1
    assert room.kernel.progress.standings() == {}


def test_hints_and_solution(room: Room) -> None:
    """Hints come one by one; right answers open after three tries, and are recorded as seen."""
    assert "hint 1 of 3" in room.run("%hint W0")
    assert "Two." in room.run("%hint W0")
    closed = room.run("%solution W0")
    assert "not open yet" in closed
    assert RIGHT.splitlines()[1] not in closed
    assert not room.kernel.progress.standing("W0").solution_opened
    for _number in range(4):  # the starter as it came is no try
        room.run("%check W0")
    assert room.kernel.progress.tries("W0") == 0
    for _number in range(3):
        shown = room.run(f"%%answer W0\n{WRONG}")
    assert "`%solution W0` is open" in shown
    opened = room.run("%solution W0")
    assert "2 right answers" in opened
    assert "    return a + b" in opened
    assert "`sum` takes any number of them." in opened
    assert room.kernel.progress.standing("W0").solution_opened


def test_reset_brings_the_starter_back(room: Room) -> None:
    """The card shows the cell as it shipped; the old text is in the history."""
    room.run(f"%%answer W0\n{RIGHT}")
    shown = room.run("%reset W0")
    assert "%%answer W0" in shown
    assert room.kernel.answers.read(room.kernel.exercise("W0")) == {"answer.py": STARTER}
    assert room.kernel.progress.kept("W0")[0].content == RIGHT


def test_progress_draws_the_map(room: Room) -> None:
    """Passed, tried and open are told apart by more than colour."""
    room.run(f"%%answer W0\n{RIGHT}")
    room.run("%%answer W1\nx = 1\n")
    shown = room.run("%progress")
    assert "Your progress (1 of 2 · 10 of 20 points)" in shown
    assert "W0 ✓  W1 …" in shown


def test_prediction_beside_reality(room: Room) -> None:
    """The next cell shows both; numbers, words and text are compared as meant."""
    shown = room.run("%%predict page n, open, why, none\nn = 20,000\nopen: yes\n# a thought\nwhy = The Pool\nnone =\n")
    assert "Still without a value: `none`." in shown
    room.run("counts = {'n': 20000}")
    shown = room.run("%reality page n=counts['n'], open=False, why='the pool', none=3")
    lines = {line.split()[0]: line for line in shown.splitlines()[2:]}
    assert re.search(r"20,000 +20,000 +as you said", lines["n"])
    assert re.search(r"yes +no +different", lines["open"])
    assert re.search(r"The Pool +the pool +as you said", lines["why"])
    assert re.search(r"– +3 +not predicted", lines["none"])
    assert "<table" in room.html


def test_one_field_takes_the_whole_cell(room: Room) -> None:
    """A card with one question needs no `field =`."""
    room.run("%%predict 01a-c1 wrong\nB\n")
    assert room.kernel.progress.prediction("01a-c1") == {"wrong": "B"}
    room.run("%%predict 01a-c1 wrong\n\n")
    assert room.kernel.progress.prediction("01a-c1") == {"wrong": "B"}


def test_a_cell_that_is_only_its_first_line(room: Room) -> None:
    """As the notebook ships it: no guess yet, or an answer that was emptied; neither is an error of IPython's."""
    shown = room.run("%%predict page n, m")
    assert "Still without a value: `n`, `m`." in shown
    assert room.kernel.progress.prediction("page") is None
    assert "not yet" in room.run("%%answer W0")
    assert room.kernel.answers.read(room.kernel.exercise("W0")) == {"answer.py": "\n"}
    room.run("%%bash")
    assert room.raised is not None


def test_several_files(room: Room, course_root: Path) -> None:
    """Each cell saves its file; the last one runs the check; without a name the card lists the files."""
    check = 'def test_both(answer):\n    """Both files are there."""\n    assert answer.call("one.py:get") == 2\n'
    folder = make_exercise(course_root, check, name="W2").folder
    (folder / "starter" / "answer.py").unlink()
    (folder / "starter" / "one.py").write_text("def get():\n    return 0\n")
    (folder / "starter" / "two.py").write_text("VALUE = 0\n")
    task = folder / "task.md"
    task.write_text(task.read_text().replace("[answer.py]", "[one.py, two.py]"))
    assert "write `%%answer W2 one.py`" in room.run("%%answer W2\nx = 1")
    shown = room.run("%%answer W2 one.py\nfrom two import VALUE\ndef get():\n    return VALUE\n")
    assert "saved" in shown
    assert "The cell of `two.py` runs the check" in shown
    assert room.kernel.progress.tries("W2") == 0
    assert "pass" in room.run("%%answer W2 two.py\nVALUE = 2\n")
    assert "%%answer W2 two.py" in room.run("%reset W2")
