"""A real shell with the course's magics, and a course of two exercises."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inprod.course import Course
from inprod.kernel import Kernel
from inprod.magics.course import Magics
from tests.support import NoServices, make_exercise

CHECK = '''
from inprod.testing import saw

def test_adds(answer):
    """Two numbers add up."""
    got = answer.call("answer.py:add", 1, 2)
    if got != 3:
        raise saw("wrong", did="Called `add(1, 2)`.", saw="{got}", needs="3", why="Sums are billed.",
                  try_="Add them.", got=got)
'''
STARTER = "def add(a, b):\n    return 0\n"
RIGHT = "def add(a, b):\n    return a + b\n"
WRONG = "def add(a, b):\n    return a - b\n"
SLOW = '''
import time
def test_slow(answer):
    """It waits for a while."""
    assert answer.call("answer.py:wait", timeout=20) is None
'''
LASTING = "import time\ndef wait():\n    time.sleep(2.2)\n"


class Room:
    """A shell, what it shows, and the kernel behind it."""

    def __init__(self, shell: Any, kernel: Kernel) -> None:
        self.shell = shell
        self.kernel = kernel
        self.html = ""
        self.raised: BaseException | None = None
        self.outputs: list[Any] = []

    def run(self, cell: str) -> str:
        """Run one cell; the plain text of all that it shows."""
        from IPython.utils.capture import capture_output

        with capture_output() as captured:
            result = self.shell.run_cell(cell)
        self.raised = result.error_in_exec or result.error_before_exec
        self.outputs = captured.outputs
        self.html = "\n".join(o.data.get("text/html", "") for o in captured.outputs)
        shown = "\n".join(o.data["text/plain"] for o in captured.outputs)
        return f"{captured.stdout}{captured.stderr}{shown}"


@pytest.fixture
def course_root(tmp_path: Path) -> Path:
    """A course with W0, which has right answers beside it, and W1."""
    root = tmp_path / "course"
    for name in ("W0", "W1"):
        make_exercise(root, CHECK, starter=STARTER, name=name)
    for answer, why in (("reference", "The operator."), ("right_sum", "`sum` takes any number of them.")):
        folder = root / "solutions" / "00_sample" / "w0_sample" / answer
        folder.mkdir(parents=True)
        (folder / "answer.py").write_text(RIGHT, encoding="utf-8")
        (folder / "why.md").write_text(why, encoding="utf-8")
    return root


@pytest.fixture
def room(course_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    """A shell of its own in a folder of its own."""
    from IPython.core.interactiveshell import InteractiveShell

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.delenv("INPROD_STRICT", raising=False)
    monkeypatch.setenv("INPROD_COURSE", str(course_root))
    shell = InteractiveShell.instance()
    shell.history_manager.enabled = False
    kernel = Kernel(Course(course_root), tmp_path / "work", NoServices)
    Magics(shell, lambda: kernel).register()
    yield Room(shell, kernel)
    kernel.close()
    with contextlib.suppress(Exception):
        shell.history_manager.end_session()
    InteractiveShell.clear_instance()
