"""Lettered lines: whatever order a learner writes is run, and what came is told from what was promised."""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path

import pytest

from inprod.errors import InprodError
from inprod.magics import parsons, show
from inprod.services.base import Lease, RedisLease
from inprod.workshop import Ran
from tests.magics.conftest import Room

CELL = """\
%%parsons 01-sum
promise: 3
numbers = [1, 2]
A: for number in numbers:
B: result = 0
C:     result = number
D:     result += number
E: print(result)
"""


def test_as_shipped_nothing_runs(room: Room) -> None:
    """The card says what to write and what is promised, the same on every run, and nothing is kept."""
    shown = room.run(f"{CELL}order = ?")
    assert "01-sum · put in order" in shown
    assert "The right order prints `3`." in shown
    assert shown == room.run(f"{CELL}order = ?")
    assert room.kernel.progress.prediction("01-sum") is None


@pytest.mark.parametrize("order", ['"BADE"', "BADE", "b a d e", "['B', 'A', 'D', 'E']  # so"])
def test_the_right_order(room: Room, order: str) -> None:
    """It runs, the promised line came, and the order is kept like a prediction."""
    shown = room.run(f"{CELL}order = {order}")
    assert "01-sum · BADE – it works" in shown
    assert "    numbers = [1, 2]\n    result = 0\n    for number in numbers:\n        result += number" in shown
    assert "<pre" in room.html
    assert room.kernel.progress.prediction("01-sum") == {"order": "BADE"}


@pytest.mark.parametrize(
    ("order", "says"),
    [
        ("ABDE", "IndentationError"),
        ("ADBE", "NameError: name 'result' is not defined"),
        ("BACE", "it printed\n    2"),
        ("BAD", "(nothing)"),
        ("BADEE", "it works"),
    ],
)
def test_a_wrong_order_runs_too(room: Room, order: str, says: str) -> None:
    """Its own failure is shown, with no path of this machine, and it is no error of the notebook's."""
    shown = room.run(f'{CELL}order = "{order}"')
    assert room.raised is None
    assert says in shown
    assert ("not yet" in shown) == (order != "BADEE")
    assert "inprod-parsons" not in shown


def test_strictly_a_broken_promise_is_raised(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """So a solution with a wrong order does not build."""
    monkeypatch.setenv("INPROD_STRICT", "1")
    shown = room.run(f"{CELL}order = BACE")
    assert isinstance(room.raised, show.NotYet)
    assert shown.startswith("01-sum · BACE – not yet")
    room.run(f"{CELL}order = BADE")
    assert room.raised is None


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("%%parsons\nA: x\n", "write `%%parsons NAME [file] [--in folder]`"),
        ("%%parsons a ../b.py\nA: x\n", "write `%%parsons NAME [file] [--in folder]`"),
        ("%%parsons a --in\nA: x\n", "write `%%parsons NAME [file] [--in folder]`"),
        ("%%parsons a\n", "There are no lines to put in order."),
        (f"{CELL}order = BAXE", "There is no line X."),
        (f"{CELL}result = 1\norder = BADE", "This line has no letter."),
        (f"{CELL.replace('01-sum', '01-sum --in missing')}order = B", "NameError: name 'missing' is not defined"),
    ],
)
def test_what_cannot_be_done_is_a_card(room: Room, cell: str, says: str) -> None:
    """Never a traceback; nothing runs."""
    shown = room.run(cell)
    assert room.raised is None
    assert says in shown
    assert "Traceback" not in shown
    assert "this ran" not in shown


def test_pytest_beside_the_files_of_a_folder(room: Room, tmp_path: Path) -> None:
    """The lines become a test file, its neighbours are there, and the folder itself stays as it was."""
    beside = tmp_path / "beside"
    beside.mkdir()
    (beside / "adding.py").write_text("def add(a, b):\n    return a + b\n", encoding="utf-8")
    room.shell.user_ns["folder"] = beside
    cell = (
        "%%parsons 01-add test_adding.py --in folder\npromise: 1 passed\nrun: pytest -q --no-header test_adding.py\n"
        "from adding import add\nA: def test_add():\nB:     assert add(1, 2) == 3\nC:     assert add(1, 2) == 4\n"
    )
    shown = room.run(f"{cell}order = AB")
    assert "it works" in shown
    assert shown.rstrip().endswith("\n    1 passed")
    shown = room.run(f"{cell}order = AC")
    assert "1 failed" in shown
    assert "test_adding.py:3: AssertionError" in shown
    assert [path.name for path in beside.iterdir()] == ["adding.py"]


def test_the_addresses_of_the_servers_that_run(room: Room) -> None:
    """Those which the notebook has started, and no server is started for it."""
    cell = '%%parsons 01-env\npromise: redis\nA: import os\nB: print(os.environ["REDIS_URL"][:5])\norder = AB'
    assert "KeyError: 'REDIS_URL'" in room.run(cell)
    room.kernel._leased["redis", ""] = Lease(redis=RedisLease("redis://127.0.0.1:1/0"))
    assert "it works" in room.run(cell)


def test_what_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With all that it started; what it printed before is shown."""
    monkeypatch.setattr(parsons, "SECONDS", 1.0)
    source = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True)\ntime.sleep(60)"
    )
    ran = parsons.run(parsons.Puzzle({"A": source}, order="A"), "a.py", beside=None, environment={})
    assert ran.code is None
    end = time.monotonic() + 10
    while _runs(int(ran.said)):
        assert time.monotonic() < end, "the child outlived its parent"
        threading.Event().wait(0.02)


def test_the_end_of_a_long_output(room: Room) -> None:
    """All of it is compared with the promise, and the end is shown."""
    shown = room.run("%%parsons 01-long\npromise: done\nA: print('x\\n' * 9000, 'done')\norder = A")
    assert "it works" in shown
    assert len(shown) < 20_000
    ran = Ran(0, "one\n  two\n")
    assert parsons.missing(ran, ["one", "two"]) == ()
    assert parsons.missing(ran, ["two", "one"]) == ("one",)


def test_a_promise_is_kept_by_a_program_that_ends_well(room: Room) -> None:
    """The line came, and then an exception: that is not what the right order does."""
    shown = room.run("%%parsons 01-ends\npromise: one\nA: print('one')\nB: 1 / 0\norder = AB")
    assert "not yet" in shown
    assert "It ended with exit code 1." in shown
    assert "not printed" not in shown


def test_an_order_may_leave_lines_out_and_hold_one_twice() -> None:
    """Whatever is written is a program; only a letter without a line is none."""
    puzzle = parsons.read("A: a\nB: b\nC:\norder = CABA")
    assert puzzle.source() == "\na\nb\na\n"
    with pytest.raises(InprodError, match="no line D"):
        parsons.read("A: a\norder = AD")


def _runs(pid: int) -> bool:
    """Whether there is such a process; one that ended and was not yet collected is none."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, timeout=10).stdout
    return bool(state.strip()) and not state.startswith("Z")
