"""What an update does to a learner's folder, rule by rule."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from inprod.build.place import as_lines
from inprod.errors import InprodError
from inprod.exercises import find
from inprod.lab import prepare
from tests.lab.support import Desk, files_of, make_desk

MINE = "def total(numbers):\n    return sum(numbers)  # mine\n"
OTHER = "def total(numbers):\n    return sum(numbers)  # other\n"
CELL = "A1"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A learner's first evening."""
    desk = make_desk(tmp_path / "course")
    desk.prepare()
    return desk


def test_the_first_start_makes_the_folder(desk: Desk) -> None:
    """Notebook, answers from the starters, start page, marker; and git sees none of it."""
    assert (desk.work / ".inprod-work").is_file()
    assert (desk.work / ".gitignore").read_text(encoding="utf-8") == "*\n"
    assert desk.source(CELL) == "%%answer A1\n" + desk.file("A1", "adding.py").rstrip("\n")
    assert (desk.work / "answers" / "B1" / "settings.py").is_file()
    assert "# Welcome\n" in (desk.work / "start.md").read_text(encoding="utf-8")
    assert not desk.said


def test_a_second_start_writes_nothing(desk: Desk) -> None:
    """Same bytes, same times, and nothing to tell."""
    before = files_of(desk.work)
    desk.prepare()
    assert files_of(desk.work) == before
    assert not desk.said


def test_a_second_start_leaves_work_in_progress_alone(desk: Desk) -> None:
    """Cells of one's own and outputs stay in the notebook as long as the course is the same."""
    desk.add_cell("print('mine')")
    desk.run_cell("A1", "adding.py", MINE)
    before = files_of(desk.work)
    desk.prepare()
    after = files_of(desk.work)
    assert after == before
    assert not desk.kept()
    desk.prepare()
    assert files_of(desk.work).items() >= after.items()


def test_no_result_stands_there_before_you_ran_it(desk: Desk) -> None:
    """Outputs of the built notebook would tell what is to be predicted."""
    path = desk.course.notebooks / "01_sums.ipynb"
    data = json.loads(path.read_text(encoding="utf-8"))
    for cell in data["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["0\n"]}]
            cell["execution_count"] = 7
    path.write_text(json.dumps(data), encoding="utf-8")
    desk.path.unlink()
    desk.prepare()
    code = [cell for cell in desk.cells() if cell["cell_type"] == "code"]
    assert code
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


def test_an_update_puts_the_answers_back(desk: Desk) -> None:
    """The course's text is new, the answers are the learner's."""
    desk.run_cell("A1", "adding.py", MINE)
    desk.run_cell("B1", "settings.py", "ttl = 9\n")
    desk.new_version()
    desk.prepare()
    assert any("ordered no thing" in "".join(cell["source"]) for cell in desk.cells())
    assert desk.source(CELL) == "%%answer A1\n" + MINE.rstrip("\n")
    assert desk.source("B1-settings-py") == "%%answer B1 settings.py\nttl = 9"
    assert desk.file("A1", "adding.py") == MINE
    assert not desk.kept()
    assert not desk.said


def test_where_cell_and_file_differ_the_cell_wins(desk: Desk) -> None:
    """A text that was typed but not run is saved; the file's enters the history."""
    desk.run_cell("A1", "adding.py", OTHER)
    desk.write_cell(CELL, "%%answer A1\n" + MINE)
    desk.prepare()
    assert desk.file("A1", "adding.py") == MINE
    assert desk.history("A1")[0] == (OTHER, "update")
    assert "answers/A1/adding.py: the notebook's text is newer" in desk.said[0]


def test_the_cell_wins_over_a_file_that_changed_as_well(desk: Desk) -> None:
    """Two texts since the last start: nothing of either is lost."""
    desk.write_cell(CELL, "%%answer A1\n" + MINE)
    desk.write_file("A1", "adding.py", OTHER)
    desk.new_version()
    desk.prepare()
    assert desk.file("A1", "adding.py") == MINE
    assert (OTHER, "update") in desk.history("A1")
    assert desk.source(CELL).endswith("# mine")


def test_a_file_edited_elsewhere_reaches_a_cell_that_nobody_touched(desk: Desk) -> None:
    """Whoever works in an editor finds the work in the notebook, and every other cell as it was."""
    desk.add_cell("print('mine')")
    before = desk.cells()
    starter = desk.file("A1", "adding.py")
    desk.write_file("A1", "adding.py", OTHER)
    desk.prepare()
    assert desk.file("A1", "adding.py") == OTHER
    assert desk.source(CELL) == "%%answer A1\n" + OTHER.rstrip("\n")
    assert [c for c in desk.cells() if c["id"] != CELL] == [c for c in before if c["id"] != CELL]
    assert (starter, "update") in desk.history("A1")
    assert "is newer than its cell" in desk.said[0]


def test_a_file_edited_after_its_cell_was_run_is_the_newer_one(desk: Desk) -> None:
    """Run a cell, go on in an editor: the next start brings the editor's text into the cell, and keeps the cell's."""
    desk.run_cell("A1", "adding.py", MINE)
    desk.write_cell(CELL, "%%answer A1\n" + MINE)
    desk.write_file("A1", "adding.py", OTHER)
    desk.prepare()
    assert desk.file("A1", "adding.py") == OTHER
    assert desk.source(CELL) == "%%answer A1\n" + OTHER.rstrip("\n")
    assert "is newer than its cell" in "".join(desk.said)
    assert MINE.strip() in [content.strip() for content, _why in desk.history("A1")]


def test_a_notebook_that_was_not_saved_takes_nothing_back(desk: Desk) -> None:
    """The cell on disk is the one before last: the file has what was run since."""
    desk.run_cell("A1", "adding.py", MINE)
    desk.run_cell("A1", "adding.py", OTHER)
    desk.write_cell(CELL, "%%answer A1\n" + MINE)
    desk.prepare()
    assert desk.file("A1", "adding.py") == OTHER
    assert desk.source(CELL) == "%%answer A1\n" + OTHER.rstrip("\n")


def test_a_scrap_cell_does_not_replace_the_answer(desk: Desk) -> None:
    """Two cells for one exercise: the one that the file holds counts, both stay as they are, and it is said."""
    desk.run_cell("A1", "adding.py", MINE)
    desk.write_cell(CELL, "%%answer A1\n" + MINE)
    scrap: dict[str, object] = {"cell_type": "code", "id": "scrap", "metadata": {}, "outputs": []}
    scrap |= {"execution_count": None, "source": "%%answer A1\n" + OTHER}
    desk.change(lambda cells: cells.append(scrap))
    desk.prepare()
    assert desk.file("A1", "adding.py") == MINE
    assert (desk.source(CELL), desk.source("scrap")) == ("%%answer A1\n" + MINE, "%%answer A1\n" + OTHER)
    assert "A1 has two answer cells" in "".join(desk.said)


def test_a_reset_stays_a_reset(desk: Desk) -> None:
    """The cell still shows the text that was taken back; the next start does not bring it back to life."""
    starter = desk.file("A1", "adding.py")
    desk.run_cell("A1", "adding.py", MINE)
    desk.answers.reset(find(desk.course, "A1"))
    desk.prepare()
    assert desk.file("A1", "adding.py") == starter
    assert desk.source(CELL) == "%%answer A1\n" + starter.rstrip("\n")
    assert (MINE, "reset") in desk.history("A1")


def test_missing_files_come_from_the_cells(desk: Desk) -> None:
    """Whoever deletes answers/ still has them in the notebook."""
    desk.run_cell("A1", "adding.py", MINE)
    desk.prepare()
    (desk.work / "answers" / "A1" / "adding.py").unlink()
    desk.prepare()
    assert desk.file("A1", "adding.py") == MINE
    assert desk.source(CELL).endswith("# mine")


def test_missing_files_come_from_the_starter(desk: Desk) -> None:
    """Where neither cell nor file has an answer."""
    starter = desk.file("B1", "names.py")
    (desk.work / "answers" / "B1" / "names.py").unlink()
    desk.path.unlink()
    desk.prepare()
    assert desk.file("B1", "names.py") == starter


def test_a_deleted_notebook_comes_back_with_the_answers(desk: Desk) -> None:
    """The files have them."""
    desk.run_cell("A1", "adding.py", MINE)
    desk.path.unlink()
    desk.prepare()
    assert desk.source(CELL).endswith("# mine")


def test_an_emptied_cell_is_no_answer(desk: Desk) -> None:
    """The file stays, and the cell has it again."""
    desk.run_cell("A1", "adding.py", MINE)
    desk.write_cell(CELL, "%%answer A1\n")
    desk.prepare()
    assert desk.file("A1", "adding.py") == MINE
    assert desk.source(CELL).endswith("# mine")


def test_an_untouched_starter_follows_the_course(desk: Desk) -> None:
    """Nobody is left with yesterday's starter; whoever wrote something keeps it."""
    desk.run_cell("A1", "adding.py", MINE)
    for exercise, file in (("a1_add_up", "adding.py"), ("b1_keep_a_copy", "settings.py")):
        path = desk.course.exercises / "01_sums" / exercise / "starter" / file
        path.write_text("NEW = 1\n", encoding="utf-8")
    desk.publish()
    desk.prepare()
    assert desk.file("A1", "adding.py") == MINE
    assert desk.file("B1", "settings.py") == "NEW = 1\n"
    assert desk.source("B1-settings-py").endswith("NEW = 1")


def test_added_cells_go_to_a_kept_copy(desk: Desk) -> None:
    """Byte for byte, and one line says where; a second one of the day gets a name of its own."""
    desk.add_cell("print('mine')")
    saved = desk.path.read_bytes()
    desk.new_version()
    desk.prepare()
    (kept,) = desk.kept()
    assert (desk.work / "kept" / kept).read_bytes() == saved
    assert desk.said == [f"01_sums.ipynb is new in the course. 1 cell of yours is kept in kept/{kept}."]
    assert all(cell["id"] != "own" for cell in desk.cells())
    desk.add_cell("print('again')")
    (desk.course.notebooks / "01_sums.md").write_text(
        (desk.course.notebooks / "01_sums.md").read_text(encoding="utf-8").replace("no thing", "naught"),
        encoding="utf-8",
    )
    desk.publish()
    desk.prepare()
    assert len(desk.kept()) == 2


@pytest.mark.parametrize("cell", ["demo-empty", "predict-empty"])
def test_changed_cells_go_to_a_kept_copy(desk: Desk, cell: str) -> None:
    """A demo that was tried with another value; a prediction."""
    desk.write_cell(cell, desk.source(cell) + "\n# my note")
    desk.new_version()
    desk.prepare()
    assert "1 cell of yours" in desk.said[0]
    assert "# my note" not in desk.source(cell)


def test_a_second_answer_cell_is_kept(desk: Desk) -> None:
    """Two cells for one file: the last is the answer, the first is not lost."""
    desk.write_cell(CELL, "%%answer A1\n" + OTHER)
    second: dict[str, object] = {
        "cell_type": "code",
        "id": "two",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }
    desk.change(lambda cells: cells.append({**second, "source": "%%answer A1\n" + MINE}))
    desk.new_version()
    desk.prepare()
    assert desk.file("A1", "adding.py") == MINE
    (kept,) = desk.kept()
    assert "# other" in (desk.work / "kept" / kept).read_text(encoding="utf-8")


def test_an_answer_to_an_exercise_that_is_gone_is_kept(desk: Desk) -> None:
    """The course may lose an exercise, the learner loses no text."""
    desk.run_cell("A1", "adding.py", MINE)
    task = desk.course.exercises / "01_sums" / "a1_add_up" / "task.md"
    task.write_text(task.read_text(encoding="utf-8").replace("id: A1", "id: A9"), encoding="utf-8")
    source = desk.course.notebooks / "01_sums.md"
    source.write_text(source.read_text(encoding="utf-8").replace("{exercise} A1", "{exercise} A9"), encoding="utf-8")
    desk.publish()
    desk.prepare()
    (kept,) = desk.kept()
    assert "# mine" in (desk.work / "kept" / kept).read_text(encoding="utf-8")
    assert desk.file("A1", "adding.py") == MINE


@pytest.mark.parametrize("damage", ['{"cells": [', "", "[]", "\udcff"])
def test_a_damaged_notebook_is_kept_and_made_anew(desk: Desk, damage: str) -> None:
    """As it is, under another name; the saved answers are in the new one."""
    desk.run_cell("A1", "adding.py", MINE)
    raw = damage.encode("utf-8", "surrogateescape")
    desk.path.write_bytes(raw)
    desk.prepare()
    (kept,) = desk.kept()
    assert (desk.work / "kept" / kept).read_bytes() == raw
    assert desk.said == [f"01_sums.ipynb was damaged. It is kept as kept/{kept}; a new one has your saved answers."]
    assert desk.source(CELL).endswith("# mine")


def test_an_update_that_ended_half_way_is_finished(desk: Desk) -> None:
    """The new notebook is there, the course's own copy is not: nothing counts as the learner's that is not."""
    pristine = desk.work / ".inprod" / "built" / "01_sums.ipynb"
    old = pristine.read_bytes()
    desk.run_cell("A1", "adding.py", MINE)
    desk.new_version()
    desk.prepare()
    pristine.write_bytes(old)
    desk.prepare()
    assert not desk.kept()
    assert desk.source(CELL).endswith("# mine")


def test_without_its_own_notes_the_course_asks_nobody_to_lose_anything(desk: Desk) -> None:
    """Somebody removed the hidden folder: the cell wins, and what was changed is kept."""
    desk.write_cell(CELL, "%%answer A1\n" + MINE)
    desk.write_cell("demo-empty", "print('changed')")
    for path in sorted((desk.work / ".inprod").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    desk.prepare()
    assert desk.file("A1", "adding.py") == MINE
    assert len(desk.kept()) == 1


def test_a_notebook_of_ones_own_is_not_touched(desk: Desk) -> None:
    """Also when the course drops the lesson that it came from."""
    own = desk.work / "scratch.ipynb"
    own.write_text("whatever", encoding="utf-8")
    desk.new_version()
    desk.prepare()
    assert own.read_text(encoding="utf-8") == "whatever"


def test_links_to_given_files_stay_inside_the_folder(desk: Desk) -> None:
    """JupyterLab does not leave the folder that it serves."""
    text = "".join("".join(cell["source"]) for cell in desk.cells())
    assert "](exercises/01_sums/a1_add_up/given/limit.txt)" in text
    assert "](../" not in text
    copy = desk.work / "exercises/01_sums/a1_add_up/given/limit.txt"
    assert copy.is_file()
    # To read, not to change; and what judges an answer does not lie beside it.
    assert copy.stat().st_mode & 0o222 == 0
    assert [p.name for p in (desk.work / "exercises").rglob("*") if p.is_file()] == ["limit.txt"]


def test_a_door_into_the_course_is_closed(desk: Desk) -> None:
    """Nothing is written through a link that leads out of the folder."""
    shutil.rmtree(desk.work / "exercises")
    (desk.work / "exercises").symlink_to(desk.course.exercises)
    given = desk.course.exercises / "01_sums/a1_add_up/given/limit.txt"
    before = given.stat()
    desk.new_version()
    desk.prepare()
    assert not (desk.work / "exercises").is_symlink()
    assert (given.stat().st_ino, given.stat().st_mode) == (before.st_ino, before.st_mode)


def test_another_language(desk: Desk) -> None:
    """The notebook in the reader's language where there is one, with the same answers."""
    desk.run_cell("A1", "adding.py", MINE)
    folder = desk.course.notebooks / "pt_BR"
    folder.mkdir()
    data = json.loads((desk.course.notebooks / "01_sums.ipynb").read_text(encoding="utf-8"))
    data["cells"][0]["source"] = as_lines("# 01 · Somas")
    (folder / "01_sums.ipynb").write_text(json.dumps(data), encoding="utf-8")
    desk.prepare("pt_BR")
    assert desk.cells()[0]["source"] == ["# 01 · Somas"]
    assert desk.source(CELL).endswith("# mine")
    assert "[01 · Somas](01_sums.ipynb)" in (desk.work / "start.md").read_text(encoding="utf-8")
    desk.prepare("de")
    assert desk.cells()[0]["source"][0].startswith("# 01 · Sums")


def test_a_folder_of_somebody_else_is_refused(desk: Desk, tmp_path: Path) -> None:
    """Nothing is written into it."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "letter.txt").touch()
    with pytest.raises(InprodError) as error:
        prepare(desk.course, folder, say=print)
    assert "letter.txt" in error.value.looked
    assert [path.name for path in folder.iterdir()] == ["letter.txt"]


def test_a_course_that_was_never_built_says_so(desk: Desk) -> None:
    """And names the command."""
    (desk.course.notebooks / "01_sums.ipynb").unlink()
    with pytest.raises(InprodError) as error:
        desk.prepare()
    assert "inprod build" in error.value.do


def test_something_else_in_the_place_of_a_notebook(desk: Desk) -> None:
    """A folder of that name: said, and nothing is lost."""
    desk.path.unlink()
    desk.path.mkdir()
    with pytest.raises(InprodError) as error:
        desk.prepare()
    assert "01_sums.ipynb" in error.value.looked
    assert error.value.do


def test_a_read_only_folder_is_an_error_with_its_remedy(desk: Desk) -> None:
    """For a real user, whom the file's mode binds."""
    desk.new_version()
    for folder in (desk.work, *desk.work.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    desk.work.chmod(0o555)
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from inprod.course import Course\n"
        "from inprod.errors import InprodError\n"
        "from inprod.lab import prepare\n"
        "if os.getuid() == 0:\n"
        "    os.setgid(65534); os.setuid(65534)\n"
        "try:\n"
        "    prepare(Course(Path(sys.argv[1])), Path(sys.argv[2]), say=print)\n"
        "except InprodError as error:\n"
        "    print(error)\n"
    )
    command = [sys.executable, "-c", script, str(desk.course.root), str(desk.work)]
    before = files_of(desk.work)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "Your folder could not be written: Permission denied" in done.stdout, done
    assert "do:     free some space, or make the folder writable" in done.stdout
    assert files_of(desk.work) == before


def test_a_full_disk_leaves_the_notebook_as_it_was(desk: Desk) -> None:
    """Half a notebook is never in its place."""
    desk.run_cell("A1", "adding.py", MINE)
    desk.prepare()
    desk.new_version()
    before = files_of(desk.work)
    script = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from inprod.course import Course\n"
        "from inprod.errors import InprodError\n"
        "from inprod.lab import prepare\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try:\n"
        "    prepare(Course(Path(sys.argv[1])), Path(sys.argv[2]), say=print)\n"
        "except InprodError as error:\n"
        "    print(error)\n"
    )
    command = [sys.executable, "-c", script, str(desk.course.root), str(desk.work)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "Your folder could not be written: File too large" in done.stdout, done
    after = files_of(desk.work)
    assert after["01_sums.ipynb"] == before["01_sums.ipynb"]
    assert not [name for name in after if ".draft" in name]
