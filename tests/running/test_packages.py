"""Answers that are part of a package: they take the place of one file of it, in every kind of process."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from inprod.exercises import Exercise, load
from inprod.results import Report, Verdict
from inprod.running import run_check
from inprod.testing import room
from tests.support import TASK, NoServices

#: Under the name of a package that is installed: the answer must win over both.
PACKAGE = {
    "editables/__init__.py": "from editables import cache\n",
    "editables/cache.py": "def load():\n    return 'original'\n",
    "editables/web/__init__.py": "",
    "editables/web/app.py": "import json\nfrom editables.cache import load\n\npage = lambda: json.dumps(load())\n",
    "editables/__main__.py": "from editables.web.app import page\n\nprint(page())\n",
}
ANSWER = """\
import sys

import editables
from . import web

ORIGIN = object()


def load():
    return 'mine'


def where():
    from editables.web import app
    return [__name__, __package__, editables.cache is sys.modules[__name__], app.load is load]
"""
CHECK = '''
import subprocess

import pytest
from inprod.testing import saw


def _must(got, wanted):
    if got != wanted:
        raise saw("wrong", did="d", saw="{got}", needs="{wanted}", why="w", try_="t", got=got, wanted=wanted)

def test_called_directly(answer, package):
    """Its file is called."""
    _must(answer.call("editables/cache.py:load", under=package), "mine")
    _must(answer.call("editables/cache.py:where", under=package), ["editables.cache", "editables", True, True])

def test_called_through_another(answer, package):
    """Another file of the package calls it."""
    _must(answer.call("editables/web/app.py:page", under=package), '"mine"')
    _must([o.get() for o in answer.calls("editables/web/app.py:page", [()], under=package)], ['"mine"'])
    with answer.begin("editables/web/app.py:page", [()], under=package) as pending:
        pending.go()
        _must(pending.wait()[0].get(), '"mine"')

def test_run_as_a_module(answer, package):
    """The package is run."""
    _must(answer.run(["python", "-m", "editables"], under=package).stdout, '"mine"\\n')

def test_run_from_elsewhere(answer, package):
    """A program that lies elsewhere imports the package."""
    files = {"bin/program.py": "import editables.cache as c; print(c.load())"}
    _must(answer.run(["python", "bin/program.py"], under=package, files=files).stdout, "mine\\n")

def test_by_its_own_tests(answer, package):
    """Tests import the package."""
    test = "from editables.cache import load\\ndef test_it():\\n    assert load() == 'mine'\\n"
    suite = answer.pytest("tests", under=package, files={"tests/test_it.py": test})
    _must((suite.green, suite.trouble), (True, ""))

def test_files_win(answer, package):
    """The check's own file wins over the answer's."""
    files = {"editables/cache.py": "def load():\\n    return 'check'\\n"}
    _must(answer.call("editables/web/app.py:page", under=package, files=files), '"check"')
'''
FIXTURES = """
from pathlib import Path

import pytest

@pytest.fixture(scope="session")
def package(tmp_path_factory):
    return Path({folder!r})
"""


def _exercise(root: Path, check: str) -> Exercise:
    folder = root / "exercises" / "00_sample" / "w0_sample"
    files = {
        "task.md": TASK.format(id="W0", title="W", needs="", answer="editables/cache.py", seconds=20),
        "check.py": check,
        "starter/editables/cache.py": "def load():\n    return None\n",
    }
    _write(folder, files)
    return load(folder, root / "solutions")


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def _judge(root: Path, check: str, answer: str = ANSWER) -> Report:
    _write(root / "under", PACKAGE)
    _write(root / "exercises", {"conftest.py": FIXTURES.format(folder=str(root / "under"))})
    _write(root / "answers", {"editables/cache.py": answer})
    return run_check(_exercise(root, check), root / "answers", NoServices())


def test_an_answer_replaces_a_file_of_the_package(tmp_path: Path) -> None:
    """Called, run, started and under pytest: the answer's file is the package's, and one module object."""
    report = _judge(tmp_path, CHECK)
    assert report.problem is None
    assert [(o.name, o.saw) for o in report.failed] == []
    assert report.verdict is Verdict.PASS
    assert len(report.observations) == 6


def test_a_line_of_the_package_is_told_by_its_place(tmp_path: Path) -> None:
    """A failure names the file within the package."""
    report = _judge(tmp_path, CHECK, "def load():\n    raise ValueError('no')\n")
    assert report.verdict is Verdict.NOT_YET
    assert report.failed[0].saw == "`ValueError: no – editables/cache.py, line 2: raise ValueError('no')`"


@pytest.mark.parametrize("text", ["import missing_module_of_ours\n", "def broken(:\n", "raise RuntimeError('no')\n"])
def test_fixtures_that_fail_are_could_not_judge(tmp_path: Path, text: str) -> None:
    """The report names conftest.py, and blames nobody's answer."""
    _write(tmp_path, {"exercises/conftest.py": text})
    report = run_check(_exercise(tmp_path, CHECK), tmp_path / "nowhere", NoServices())
    assert report.verdict is Verdict.COULD_NOT_JUDGE
    assert report.problem is not None
    assert "exercises/conftest.py" in report.problem.saw


def test_a_compiled_file_never_wins_over_the_answer(tmp_path: Path) -> None:
    """Even where size and time are those of the file that was replaced."""
    _write(tmp_path, {"under/pack/a.py": "A = 1\n", "answer/pack/a.py": "A = 2\n"})
    _write(
        tmp_path, {"under/pack/__pycache__/a.cpython-311.pyc": "x", "under/pack/__pycache__/ab.cpython-311.pyc": "x"}
    )
    folder = room.furnish(tmp_path, tmp_path / "under", {"more/b.py": ""})
    assert sorted(p.name for p in folder.rglob("*") if p.is_file()) == ["a.py", "ab.cpython-311.pyc", "b.py"]
    assert (folder / "pack" / "a.py").read_text(encoding="utf-8") == "A = 2\n"


def test_only_what_is_installed_is_loaded_in_advance(tmp_path: Path) -> None:
    """Neither folder's own packages; of `under`, what is reached, and stands at the start of a line."""
    _write(
        tmp_path,
        {"under/pack/a.py": "import json, re\nfrom sqlalchemy.orm import Session\n\ndef f():\n    import csv\n"},
    )
    _write(
        tmp_path,
        {
            "under/pack/b.py": "from pack import a\nimport lone\n",
            "under/lone.py": "",
            "under/pack/far.py": "import wave\n",
        },
    )
    _write(
        tmp_path,
        {"answer/pack/c.py": "def f():\n    import redis.asyncio\n    import pack.b, mine\n", "answer/mine.py": ""},
    )
    found = room.installed_imports(tmp_path / "answer", tmp_path / "under")
    assert found == {"json", "re", "sqlalchemy.orm", "redis.asyncio"}


def test_laying_a_package_under_is_quick(tmp_path: Path) -> None:
    """Sixty files take milliseconds: a check does this for each of its calls."""
    _write(tmp_path, {f"under/pack/m{n}.py": "x = 1\n" * 60 for n in range(60)})
    _write(tmp_path, {"answer/pack/m1.py": ""})
    took = []
    for _n in range(5):
        began = time.monotonic()
        room.furnish(tmp_path, tmp_path / "under", {})
        took.append(time.monotonic() - began)
    print(f"furnish: {min(took) * 1000:.1f} ms")
    assert min(took) < 0.1
