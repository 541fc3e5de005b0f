"""An exercise folder that is malformed is told with its file and line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from inprod.course import Course
from inprod.errors import ExerciseError, InprodError
from inprod.exercises import Level, discover, find, load, solutions
from tests.support import make_exercise

CHECK = 'def test_x():\n    """It is so."""\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A well-formed exercise, to be damaged."""
    return make_exercise(tmp_path, CHECK).folder


def _replace(old: str, new: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        task = folder / "task.md"
        text = task.read_text(encoding="utf-8")
        assert old in text
        task.write_text(text.replace(old, new, 1), encoding="utf-8")

    return damage


def _given(folder: Path) -> None:
    (folder / "given").mkdir()
    (folder / "given" / "answer.py").touch()


def _latin_1(folder: Path) -> None:
    (folder / "task.md").write_bytes(b"---\nid: \xe7")


DAMAGES: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "no front matter": (_replace("---\nid", "id"), "task.md:1", "front matter is missing"),
    "open front matter": (_replace("seconds: 5\n---\n", "seconds: 5\n"), "task.md:1", "never ends"),
    "not YAML": (_replace("minutes: 5", "minutes: [5"), "task.md:6", "not YAML"),
    "a list": (_replace("id: W0", "- W0\n- W1"), "task.md:4", "not YAML"),
    "no id": (_replace("id: W0\n", ""), "task.md:1", "`id` is missing"),
    "odd id": (_replace("id: W0", "id: w-zero"), "task.md:2", "`id` must look like"),
    "unknown level": (_replace("level: apply", "level: hard"), "task.md:4", "must be one of recall"),
    "no minutes": (_replace("minutes: 5", "minutes: soon"), "task.md:5", "`minutes` must be a whole number"),
    "true minutes": (_replace("minutes: 5", "minutes: true"), "task.md:5", "`minutes` must be a whole number"),
    "unknown need": (_replace("needs: []", "needs: [oracle]"), "task.md:6", "oracle"),
    "needs as text": (_replace("needs: []", "needs: redis"), "task.md:6", "must be a list"),
    "no answer": (_replace("answer: [answer.py]", "answer: []"), "task.md:7", "at least one file"),
    "answer outside": (_replace("[answer.py]", "[../answer.py]"), "task.md:7", "inside the answer's folder"),
    "answer that is given": (_given, "task.md:7", "given/answer.py would take its place"),
    "answer without starter": (_replace("[answer.py]", "[other.py]"), "task.md:7", "starter/other.py is missing"),
    "long check": (_replace("seconds: 5", "seconds: 90"), "task.md:8", "at most 30"),
    "unknown field": (_replace("seconds: 5", "seconds: 5\ncolour: red"), "task.md:9", "`colour` is not a field"),
    "no hint": (_replace("## Hint 2\nTwo.", ""), "task.md:10", "`## Hint 2` is missing or empty"),
    "empty hint": (_replace("Two.", ""), "task.md:10", "`## Hint 2` is missing or empty"),
    "no task": (_replace("Do it.", ""), "task.md:10", "task is empty"),
    "no check": (lambda folder: (folder / "check.py").unlink(), "check.py:1", "no check.py"),
    "Latin-1": (_latin_1, "task.md:1", "not UTF-8"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_malformed_folder_is_told_with_file_and_line(folder: Path, name: str) -> None:
    """Whoever wrote it can jump to the place."""
    damage, where, what = DAMAGES[name]
    damage(folder)
    with pytest.raises(ExerciseError) as caught:
        load(folder, folder)
    assert what in caught.value.what
    assert caught.value.looked == str(folder / where.split(":")[0]) + ":" + where.split(":")[1]
    assert caught.value.do


def test_a_good_folder_says_what_is_asked(folder: Path) -> None:
    """Front matter, task and hints arrive as they stand."""
    found = load(folder, folder)
    assert (found.id, found.level, found.points, found.answer, found.needs) == (
        "W0",
        Level.APPLY,
        10,
        ("answer.py",),
        frozenset(),
    )
    assert (found.task, found.hints, found.after_pass) == ("Do it.", ("One.", "Two.", "Three."), "Well.")


def test_a_version_is_of_task_given_and_check(folder: Path) -> None:
    """A starter may change without a new version; a check may not, and line ends don't count."""
    versions = [load(folder, folder).version]
    (folder / "starter" / "answer.py").write_text("pass\n", encoding="utf-8")
    (folder / "check.py").write_bytes(CHECK.replace("\n", "\r\n").encode())
    versions.append(load(folder, folder).version)
    assert versions[0] == versions[1]
    (folder / "check.py").write_text(CHECK + "\n# more\n", encoding="utf-8")
    versions.append(load(folder, folder).version)
    (folder / "given").mkdir()
    (folder / "given" / "table.csv").write_text("1,2\n", encoding="utf-8")
    versions.append(load(folder, folder).version)
    assert len(set(versions[1:])) == 3


def test_exercises_come_in_the_order_of_their_folders(tmp_path: Path) -> None:
    """No registry: a folder is enough."""
    for name in ("B2", "A1"):
        make_exercise(tmp_path, CHECK, name=name)
    assert [e.id for e in discover(Course(tmp_path))] == ["A1", "B2"]


def test_an_id_that_stands_twice_is_refused(tmp_path: Path, folder: Path) -> None:
    """Both folders are named."""
    shutil.copytree(folder, folder.parent / "again")
    with pytest.raises(ExerciseError, match="W0 stands twice") as caught:
        discover(Course(tmp_path))
    assert caught.value.looked == f"{folder.parent / 'again'}, {folder}"


def test_a_folder_without_a_task_is_refused(tmp_path: Path, folder: Path) -> None:
    """A forgotten task would be an exercise that nobody sees."""
    (folder.parent / "w1_forgotten").mkdir()
    with pytest.raises(ExerciseError, match=r"no task\.md"):
        discover(Course(tmp_path))


@pytest.mark.usefixtures("folder")
def test_an_unknown_id_is_answered_with_those_there_are(tmp_path: Path) -> None:
    """Case does not matter."""
    assert find(Course(tmp_path), " w0 ").id == "W0"
    with pytest.raises(InprodError, match="no exercise T9") as caught:
        find(Course(tmp_path), "T9")
    assert caught.value.looked.endswith(": W0")


def test_shipped_answers_need_their_reasons(tmp_path: Path, folder: Path) -> None:
    """The reference must be there; a wrong answer says what rejects it."""
    exercise = load(folder, tmp_path / "solutions")
    with pytest.raises(ExerciseError, match="no reference answer"):
        solutions(exercise)
    for name in ("reference", "right_a", "wrong_b"):
        (exercise.solutions / name).mkdir(parents=True)
    (exercise.solutions / "reference" / "why.md").write_text("Because.\n", encoding="utf-8")
    (exercise.solutions / "right_a" / "why.md").write_text("---\nneeds: [docker]\n---\nToo.\n", encoding="utf-8")
    with pytest.raises(ExerciseError, match="A file is missing") as caught:
        solutions(exercise)
    assert caught.value.looked == f"{exercise.solutions / 'wrong_b' / 'why.md'}:1"
    (exercise.solutions / "wrong_b" / "why.md").write_text("---\nrejected_by: x\n---\nNo.\n", encoding="utf-8")
    with pytest.raises(ExerciseError, match="`because` is missing"):
        solutions(exercise)
    (exercise.solutions / "wrong_b" / "why.md").write_text(
        "---\nrejected_by: x\nbecause: y\n---\nNo.\n", encoding="utf-8"
    )
    found = solutions(exercise)
    assert [(s.name, s.right, s.rejected_by, s.because, s.needs) for s in found] == [
        ("reference", True, "", "", frozenset()),
        ("right_a", True, "", "", frozenset({"docker"})),
        ("wrong_b", False, "x", "y", frozenset()),
    ]
