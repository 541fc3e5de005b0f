"""Answers that lie in a package, and the course's own code as a learner gets to read it."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from inprod.exercises import find
from inprod.progress import Progress
from inprod.verify import stray_files
from tests.lab.support import Desk, files_of, make_desk
from tests.support import TASK

FILE = "shop/cache.py"
STARTER = "def load():\n    return None\n"
MINE = "def load():\n    return 'mine'\n"
TOML = '[work]\nshow = ["src/shop"]\n'


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A course with an exercise on one file of a package, and a learner's first evening."""
    desk = make_desk(tmp_path / "course")
    root = desk.course.root
    folder = root / "exercises" / "01_sums" / "c1_cache"
    answers = root / "solutions" / "01_sums" / "c1_cache" / "reference"
    for path, text in {
        folder / "task.md": TASK.format(id="C1", title="Cache", needs="", answer=FILE, seconds=5),
        folder / "check.py": 'def test_it(answer):\n    """It loads."""\n',
        folder / "starter" / FILE: STARTER,
        answers / FILE: MINE,
        answers / "why.md": "Mine.\n",
        root / "course.toml": TOML,
        root / "src" / "shop" / "cache.py": "# the course's\n",
        root / "src" / "shop" / "web" / "app.py": "# the app's\n",
        root / "src" / "shop" / "__pycache__" / "cache.cpython-311.pyc": "compiled",
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    lesson = root / "notebooks" / "01_sums.md"
    lesson.write_text(lesson.read_text(encoding="utf-8").replace("{exercise} B1", "{exercise} B1\n\n{exercise} C1"))
    desk.publish()
    desk.prepare()
    return desk


def test_cell_file_and_history_meet_in_the_folder_of_the_package(desk: Desk) -> None:
    """The starter comes, a run is saved, a reset puts the starter back, and the history gives the text again."""
    exercise = find(desk.course, "C1")
    assert desk.source("C1") == "%%answer C1\n" + STARTER.rstrip("\n")
    assert desk.file("C1", FILE) == STARTER
    desk.run_cell("C1", FILE, MINE)
    desk.prepare()
    assert desk.file("C1", FILE) == MINE
    assert desk.answers.reset(exercise) == {FILE: STARTER}
    assert desk.file("C1", FILE) == STARTER
    assert (MINE, "reset") in desk.history("C1")
    (kept,) = [kept for kept in Progress(desk.work).kept("C1", FILE) if kept.content == MINE]
    assert desk.answers.restore(exercise, FILE, kept.uuid)
    assert desk.file("C1", FILE) == MINE
    desk.write_file("C1", FILE, MINE + "# by hand\n")
    desk.prepare()
    assert desk.source("C1").endswith("# by hand")


def test_nothing_of_it_is_stray(desk: Desk) -> None:
    """Starter and solution; a file beside them is."""
    exercise = find(desk.course, "C1")
    assert stray_files(exercise) == []
    (exercise.starter / "shop" / "other.py").touch()
    assert stray_files(exercise) == [f"stray file: {exercise.starter / 'shop' / 'other.py'}"]


def test_the_course_shows_its_code_to_read(desk: Desk) -> None:
    """Copies that can't be written by accident; a second start writes nothing."""
    shown = desk.work / "shop"
    assert sorted(p.relative_to(shown).as_posix() for p in shown.rglob("*") if p.is_file()) == [
        "cache.py",
        "web/app.py",
    ]
    assert stat.S_IMODE((shown / "cache.py").stat().st_mode) == 0o444
    before = files_of(desk.work)
    desk.prepare()
    assert files_of(desk.work) == before


def test_an_update_follows_the_course_and_keeps_what_is_the_learners(desk: Desk) -> None:
    """New text, a file that went; a changed copy is kept, a file of one's own stays."""
    source, shown = desk.course.root / "src" / "shop", desk.work / "shop"
    (shown / "web" / "app.py").chmod(0o644)
    (shown / "web" / "app.py").write_text("# tried something\n", encoding="utf-8")
    (shown / "own.py").write_text("# own\n", encoding="utf-8")
    (source / "cache.py").unlink()
    (source / "new.py").write_text("# new\n", encoding="utf-8")
    desk.prepare()
    assert sorted(p.name for p in shown.rglob("*.py")) == ["app.py", "new.py", "own.py"]
    assert (shown / "web" / "app.py").read_text(encoding="utf-8") == "# the app's\n"
    (kept,) = desk.kept()
    assert (desk.work / "kept" / kept).read_text(encoding="utf-8") == "# tried something\n"
    assert desk.said == [f"Your changes to shop/web/app.py are kept in kept/{kept}."]


def test_a_link_in_its_place_is_never_written_through(desk: Desk) -> None:
    """The course's own files stay as they are."""
    shutil.rmtree(desk.work / "shop")
    (desk.work / "shop").symlink_to(desk.course.root / "src" / "shop")
    before = files_of(desk.course.root / "src")
    desk.prepare()
    assert not (desk.work / "shop").is_symlink()
    assert files_of(desk.course.root / "src") == before
