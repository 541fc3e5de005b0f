"""A full disk, a damaged file, a link, a fault of ours: the learner's text and verdict come first."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.magics.conftest import RIGHT, WRONG, Room


def test_a_full_disk_loses_neither_text_nor_verdict(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cell's text is judged all the same, and the card says that it was not saved; later it is saved again."""

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    shown = room.run(f"%%answer W0\n{RIGHT}")
    assert "pass" in shown
    assert "Your answer was not saved: No space left on device." in shown
    assert "Your text is still in the cell." in " ".join(shown.split())
    assert "pass" in room.run("%check W0")
    assert not (room.kernel.answers.root / "W0" / "answer.py").exists()
    monkeypatch.undo()
    assert "not saved" not in room.run(f"%%answer W0\n{RIGHT}")
    assert (room.kernel.answers.root / "W0" / "answer.py").read_text() == RIGHT


def test_progress_that_cannot_be_written(room: Room) -> None:
    """The verdict is shown, with a note that it was not kept."""
    room.kernel.progress.path.mkdir(parents=True)
    shown = room.run(f"%%answer W0\n{RIGHT}")
    assert "pass" in shown
    assert "Your progress could not be saved" in shown
    assert room.raised is None


def test_damaged_progress_is_told_on_the_card(room: Room) -> None:
    """Once, as a note."""
    room.run(f"%%answer W0\n{WRONG}")
    room.kernel.progress.path.write_bytes(b"garbage" * 1000)
    shown = " ".join(room.run("%check W0").split())
    assert "Your progress file was damaged, so it was built anew" in shown
    assert "damaged" not in room.run("%check W0")


def test_a_link_is_refused_with_a_card(room: Room, tmp_path: Path) -> None:
    """An answer that is a link is neither written through nor judged."""
    folder = room.kernel.answers.folder(room.kernel.exercise("W0"))
    folder.mkdir(parents=True)
    (tmp_path / "victim").write_text("x = 1\n")
    (folder / "answer.py").symlink_to(tmp_path / "victim")
    assert "A link lies where a plain file belongs." in room.run(f"%%answer W0\n{RIGHT}")
    assert "could not judge" in room.run("%check W0")
    assert (tmp_path / "victim").read_text() == "x = 1\n"
    assert room.kernel.progress.tries("W0") == 0


def test_a_fault_of_the_course_is_a_card(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what nobody expected; the place in the code is on the card."""

    def broken() -> None:
        raise RuntimeError("oh")

    monkeypatch.setattr(room.kernel, "exercises", broken)
    shown = room.run("%check W0")
    assert room.raised is None
    assert "The course itself failed: RuntimeError: oh" in shown
    assert f"{Path(__file__).name}:" in shown
