"""While a check runs, when it is stopped, and what is shown where outputs are compared."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from inprod.magics import show
from inprod.results import Verdict
from tests.magics.conftest import LASTING, SLOW, WRONG, Room
from tests.support import make_exercise


def test_a_live_line_after_a_second(room: Room, course_root: Path) -> None:
    """One display: what is observed, second by second, and in the end the card in its place."""
    make_exercise(course_root, SLOW, starter=LASTING, name="W3")
    shown = room.run("%check W3")
    first, *rest = room.outputs
    assert "W3 · Sample – running (1 s)" in first.data["text/plain"]
    assert "It waits for a while." in first.data["text/plain"]
    assert not first.update
    assert rest
    assert all(o.update and o.transient == first.transient for o in rest)
    assert "running (2 s)" in shown
    assert "pass" in rest[-1].data["text/plain"]


def test_the_stop_button(room: Room, course_root: Path) -> None:
    """One line instead of a traceback, a card that says so, and nothing counted."""
    make_exercise(course_root, SLOW, starter=LASTING.replace("2.2", "15"), name="W3")
    interrupt = threading.Timer(1.6, os.kill, (os.getpid(), signal.SIGINT))
    interrupt.start()
    shown = room.run("%check W3")
    interrupt.join(5)
    assert isinstance(room.raised, KeyboardInterrupt)
    assert isinstance(room.raised, show.Stopped)
    assert "Traceback" not in shown
    assert "You stopped the check; everything that it started has ended." in shown
    assert "W3 · Sample – stopped" in room.outputs[-1].data["text/plain"]
    assert room.kernel.progress.standings() == {}


def test_strictly_a_gap_is_raised(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """The card's text and nothing else; no live line, no notes that differ between two runs."""
    monkeypatch.setenv("INPROD_STRICT", "1")
    shown = room.run(f"%%answer W0\n{WRONG}")
    assert isinstance(room.raised, show.NotYet)
    assert shown.startswith("W0 · Sample – not yet (0 of 1 hold)\n")
    assert shown.rstrip("\n") == str(room.raised)
    for _number in range(3):
        assert room.run(f"%%answer W0\n{WRONG}") == shown
    assert "seed" not in shown
    room.kernel.progress.path.write_bytes(b"garbage" * 1000)
    assert room.run(f"%%answer W0\n{WRONG}") == shown


def test_strictly_trouble_is_raised_too(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be judged must not look like a pass."""
    monkeypatch.setenv("INPROD_STRICT", "1")
    room.run("%check W9")
    assert isinstance(room.raised, show.CouldNotJudge)
    folder = room.kernel.answers.folder(room.kernel.exercise("W0"))
    (folder / "answer.py").mkdir(parents=True)
    shown = room.run("%check W0")
    assert isinstance(room.raised, show.CouldNotJudge)
    assert "could not judge" in shown
    assert "Traceback" not in shown


def test_strictly_a_pass_is_the_same_twice(room: Room, course_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Byte for byte, in both forms, also where it took its time."""
    monkeypatch.setenv("INPROD_STRICT", "1")
    make_exercise(course_root, SLOW, starter=LASTING, name="W3")
    room.run("%check W3")
    first = [o.data for o in room.outputs]
    room.run("%check W3")
    assert [o.data for o in room.outputs] == first
    assert len(first) == 1
    last = room.kernel.progress.last_report("W3")
    assert last is not None
    assert last.verdict is Verdict.PASS
