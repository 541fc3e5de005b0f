"""pytest plugin: notebooks under nbval are judged strictly, and leave the learner's folder alone.

Loaded by every run of pytest in this project; without `--nbval` or `--nbval-lax` it does nothing.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

CELL_SECONDS = 60.0
NBVAL_DEFAULT_SECONDS = 2000
#: How an answer that is not yet right, or could not be judged, shows in a strict kernel.
NOT_YET = "NotYet"
COULD_NOT_JUDGE = "CouldNotJudge"


def pytest_configure(config: pytest.Config) -> None:
    """With nbval, set the limits and stand by each notebook; else nothing."""
    option = config.option
    if not (getattr(option, "nbval", False) or getattr(option, "nbval_lax", False)):
        return
    if getattr(option, "dist", "no") not in ("no", "loadfile"):
        raise pytest.UsageError(
            f"--dist {option.dist} would spread the cells of one notebook over several kernels.\n"
            "  do:     add `--dist loadfile`: one notebook, one worker"
        )
    if option.nbval_cell_timeout == NBVAL_DEFAULT_SECONDS:
        # nbval does not notice a kernel that died: it would wait these 33 minutes.
        option.nbval_cell_timeout = CELL_SECONDS
    config.pluginmanager.register(Notebooks(), "inprod-notebooks")


class Notebooks:
    """Gives each notebook's kernel its environment, and shows a failing answer as its card."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._about: dict[Path, dict[str, Any]] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Before a notebook's kernel starts: it inherits what the environment says now."""
        file = _notebook_of(item)
        if file is not None and file.path not in self._about:
            self._about[file.path] = self._prepare(file.path)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """A starter of a lesson is allowed to be not yet right: that is what it is for."""
        try:
            return (yield)
        except Exception:
            file = _notebook_of(item)
            about = self._about.get(file.path, {}) if file is not None else {}
            if about.get("kind") == "lesson" and _error(item).get("ename") == NOT_YET:
                return None
            raise

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """An answer that failed shows its card: no traceback, no copy of the cell."""
        report = yield
        error = _error(item)
        if report.when == "call" and report.failed and error.get("ename") in (NOT_YET, COULD_NOT_JUDGE):
            report.longrepr = "\n".join(error["traceback"])
        return report

    def pytest_unconfigure(self) -> None:
        """Give the environment back."""
        self._stack.close()

    def _prepare(self, path: Path) -> dict[str, Any]:
        """Set the environment for the notebook's kernel; what the notebook says about itself."""
        from inprod.build.place import METADATA, read
        from inprod.course import WORK_VARIABLE
        from inprod.kernel import STRICT_VARIABLE
        from inprod.messages import LANGUAGE_VARIABLE

        self._stack.close()  # the kernel of the notebook before has ended with its last cell
        about = read(path.read_text(encoding="utf-8"), looked=str(path))["metadata"].get(METADATA)
        about = about if isinstance(about, dict) else {}
        self._set(STRICT_VARIABLE, "1")
        # A run that only compares must neither see nor touch what a learner saved. The folder is ours, not the
        # kernel's own: nbval may kill a kernel before that has tidied up.
        folder = tempfile.TemporaryDirectory(prefix="inprod-nbval-", ignore_cleanup_errors=True)
        self._set(WORK_VARIABLE, self._stack.enter_context(folder))
        if about.get("language"):
            self._set(LANGUAGE_VARIABLE, str(about["language"]))
        return about

    def _set(self, name: str, value: str) -> None:
        self._stack.callback(_put, name, os.environ.get(name))
        _put(name, value)


def _put(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def _notebook_of(item: pytest.Item) -> Any:
    """The notebook that a cell of nbval belongs to; None for every other test."""
    from nbval.plugin import IPyNbCell

    return item.parent if isinstance(item, IPyNbCell) else None


def _error(item: pytest.Item) -> dict[str, Any]:
    """The exception that ended a cell, as its kernel reported it; empty where none did."""
    outputs = getattr(item, "test_outputs", None) or []
    return next((dict(output) for output in outputs if output.get("output_type") == "error"), {})
