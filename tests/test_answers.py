"""Answers in work/: whole or not at all, and no text is ever lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from inprod.answers import MAX_BYTES, Answers, NotSavedError
from inprod.course import Course
from inprod.errors import InprodError
from inprod.exercises import Exercise, find
from inprod.progress import Progress, ProgressError
from tests.support import make_exercise

SAMPLES = Path(__file__).parent / "samples" / "course"
STARTER = "def answer():\n    return None\n"


@pytest.fixture
def exercise(tmp_path: Path) -> Exercise:
    """One file, answer.py."""
    return make_exercise(tmp_path / "course", "")


@pytest.fixture
def several() -> Exercise:
    """Two files, names.py and settings.py."""
    return find(Course(SAMPLES), "B1")


@pytest.fixture
def progress(tmp_path: Path) -> Progress:
    """The history's file, not there yet."""
    return Progress(tmp_path / "work")


@pytest.fixture
def answers(tmp_path: Path, progress: Progress) -> Answers:
    """A work folder that is not there yet."""
    return Answers(tmp_path / "work", progress)


def kept(progress: Progress) -> list[tuple[str, str]]:
    """The history, the oldest first."""
    return [(k.why, k.content) for k in reversed(progress.kept("W0"))]


def test_missing_files_come_from_the_starter(answers: Answers, several: Exercise) -> None:
    """`ensure` completes the folder and leaves what is there."""
    answers.write(several, "names.py", "mine = 1\n", why="run")
    folder = answers.ensure(several)
    assert folder == answers.folder(several)
    assert (folder / "names.py").read_text() == "mine = 1\n"
    assert (folder / "settings.py").read_text() == (several.starter / "settings.py").read_text()
    assert answers.ensure(several) == folder


def test_reading_writes_nothing(answers: Answers, several: Exercise) -> None:
    """`read` shows the starter where there is no file, in the exercise's order, and makes none."""
    assert list(answers.read(several)) == ["names.py", "settings.py"]
    assert not answers.root.exists()


def test_the_old_text_enters_the_history(answers: Answers, exercise: Exercise, progress: Progress) -> None:
    """The same text again changes nothing; another one keeps the old."""
    assert answers.write(exercise, "answer.py", "one = 1", why="run")
    assert not answers.write(exercise, "answer.py", "one = 1\n", why="run")
    assert answers.write(exercise, "answer.py", "two = 2\r\nthree = 3\rfour = 4", why="run")
    assert (answers.folder(exercise) / "answer.py").read_bytes() == b"two = 2\nthree = 3\nfour = 4\n"
    assert kept(progress) == [("run", "one = 1\n")]


def test_reset_and_restore(answers: Answers, exercise: Exercise, progress: Progress) -> None:
    """A reset keeps the text; restoring brings it back and keeps the starter in turn."""
    answers.write(exercise, "answer.py", "mine = 1\n", why="run")
    assert answers.reset(exercise) == {"answer.py": STARTER}
    assert answers.read(exercise) == {"answer.py": STARTER}
    uuid = progress.kept("W0", "answer.py")[0].uuid
    assert answers.restore(exercise, "answer.py", uuid)
    assert answers.read(exercise) == {"answer.py": "mine = 1\n"}
    assert kept(progress) == [("reset", "mine = 1\n"), ("restore", STARTER)]
    with pytest.raises(InprodError, match="no such text"):
        answers.restore(exercise, "answer.py", "0" * 32)


@pytest.mark.parametrize("name", ["other.py", "../answer.py", "/etc/passwd", "", "answer.py/"])
def test_an_unknown_file_is_refused(answers: Answers, exercise: Exercise, name: str) -> None:
    """The error names the files there are, and nothing is written."""
    with pytest.raises(InprodError) as raised:
        answers.write(exercise, name, "x = 1\n", why="run")
    assert "answer.py" in raised.value.looked
    assert not answers.root.exists()


def test_a_link_is_never_followed(answers: Answers, exercise: Exercise, tmp_path: Path) -> None:
    """Neither a linked file nor a linked folder is written through or read through."""
    victim = tmp_path / "victim.py"
    victim.write_text("secret = 1\n")
    file = answers.ensure(exercise) / "answer.py"
    file.unlink()
    file.symlink_to(victim)
    for work in (answers.read, answers.ensure, answers.reset):
        with pytest.raises(InprodError, match="A link lies where a plain file belongs"):
            work(exercise)
    file.unlink()
    file.parent.rmdir()
    file.parent.symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(InprodError, match="A link lies where a folder of its own belongs"):
        answers.write(exercise, "answer.py", "x = 1\n", why="run")
    assert victim.read_text() == "secret = 1\n"
    assert not (tmp_path / "answer.py").exists()


def test_a_folder_in_the_place_of_a_file(answers: Answers, exercise: Exercise) -> None:
    """It is named, and stays."""
    (answers.folder(exercise) / "answer.py" / "inner").mkdir(parents=True)
    with pytest.raises(InprodError, match="A folder lies where a plain file belongs") as raised:
        answers.write(exercise, "answer.py", "x = 1\n", why="run")
    assert raised.value.looked.endswith("W0/answer.py")
    assert (answers.folder(exercise) / "answer.py" / "inner").is_dir()


def test_a_pipe_does_not_hang(answers: Answers, exercise: Exercise) -> None:
    """Something else than a file is refused before it is opened."""
    answers.folder(exercise).mkdir(parents=True)
    os.mkfifo(answers.folder(exercise) / "answer.py")
    with pytest.raises(InprodError, match="Something else lies"):
        answers.read(exercise)


def test_bytes_that_are_no_text(answers: Answers, exercise: Exercise, progress: Progress) -> None:
    """Reading says so; a new text replaces them, and the history spells them out."""
    path = answers.ensure(exercise) / "answer.py"
    path.write_bytes(b"caf\xe9 = 1\n")
    with pytest.raises(InprodError, match="not UTF-8"):
        answers.read(exercise)
    assert answers.write(exercise, "answer.py", "x = 1\n", why="run")
    assert kept(progress) == [("run", "caf\\xe9 = 1\n")]
    with pytest.raises(InprodError, match="not UTF-8"):
        answers.write(exercise, "answer.py", "x = '\ud800'\n", why="run")
    assert path.read_text() == "x = 1\n"


def test_too_long_is_refused(answers: Answers, exercise: Exercise) -> None:
    """What a check would not take in is not saved either."""
    with pytest.raises(InprodError, match="over 1 MB"):
        answers.write(exercise, "answer.py", "#" * MAX_BYTES, why="run")


def test_a_full_disk_changes_nothing(
    answers: Answers, exercise: Exercise, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is as it was, the old text is in the history, no draft stays, and the error says what to do."""
    answers.write(exercise, "answer.py", "old = 1\n", why="run")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NotSavedError, match="No space left on device") as raised:
        answers.write(exercise, "answer.py", "new = 1\n", why="run")
    assert "still in the cell" in raised.value.do
    assert answers.read(exercise) == {"answer.py": "old = 1\n"}
    assert [p.name for p in answers.root.iterdir()] == ["W0"]


def test_without_history_nothing_is_replaced(answers: Answers, exercise: Exercise, progress: Progress) -> None:
    """Where the old text cannot be kept, it is not replaced."""
    answers.write(exercise, "answer.py", "old = 1\n", why="run")
    progress.path.unlink(missing_ok=True)
    progress.path.mkdir()
    with pytest.raises(ProgressError):
        answers.write(exercise, "answer.py", "new = 1\n", why="run")
    assert answers.read(exercise) == {"answer.py": "old = 1\n"}


def test_a_file_where_the_folder_belongs(exercise: Exercise, tmp_path: Path) -> None:
    """work/ itself may be in the way."""
    (tmp_path / "work").write_text("")
    answers = Answers(tmp_path / "work", Progress(tmp_path / "elsewhere"))
    with pytest.raises(InprodError):
        answers.write(exercise, "answer.py", "x = 1\n", why="run")


def test_read_only_for_a_real_user(tmp_path: Path, exercise: Exercise) -> None:
    """A folder that the learner may not write: not saved, and it says so."""
    work = tmp_path / "work"
    work.mkdir(mode=0o555)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from inprod.answers import Answers, NotSavedError\n"
        "from inprod.exercises import load\n"
        "from inprod.progress import Progress\n"
        f"exercise = load(Path({str(exercise.folder)!r}), Path('/nowhere'))\n"
        f"work = Path({str(work)!r})\n"
        "if os.getuid() == 0:\n"
        "    os.setgid(65534); os.setuid(65534)\n"
        "try:\n"
        "    Answers(work, Progress(work)).write(exercise, 'answer.py', 'x = 1', why='run')\n"
        "except NotSavedError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert "Your answer was not saved: Permission denied" in done.stdout, done
    assert not list(work.iterdir())
