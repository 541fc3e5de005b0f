"""A folder where a notebook writes files and runs commands as in a terminal; what is printed is the same every time."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SECONDS: Final = 50.0
#: What no two machines, or no two runs, print alike: how long it took, where packages lie, which Python this is.
_OWN: Final = re.compile(
    r" in \d+\.\d+s(?: \(\d+:\d\d:\d\d\))?|[^\s\"']*/site-packages/|^_+ coverage: platform .*_\n", re.MULTILINE
)
#: Nothing is left behind, coloured, or cut short.
_PLAIN: Final = {
    "CI": "true",
    "COLUMNS": "80",
    "NO_COLOR": "1",
    "PYTEST_ADDOPTS": "--no-header -p no:cacheprovider",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONIOENCODING": "utf-8",
    "RUFF_NO_CACHE": "true",
}


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it printed."""

    code: int | None  #: None: it did not end in time
    said: str


class Workshop:
    """One folder, gone when the notebook's kernel ends. Each command is a process of its own in it."""

    def __init__(self) -> None:
        self._kept = tempfile.TemporaryDirectory(prefix="inprod-workshop-", ignore_cleanup_errors=True)
        self.folder = Path(self._kept.name).resolve()

    def write(self, name: str, text: str) -> None:
        """Save a file, in the place of an older one."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip("\n"), encoding="utf-8")

    def run(self, command: str, *, show: bool = True) -> Ran:
        """Run a command, and print it with what it says, without what differs from one machine or run to another.

        Raises:
            TimeoutError: it did not end in time; it was ended, with all that it started.
        """
        ran = run(command, self.folder, seconds=SECONDS)
        if show:
            print(f"$ {command}\n{ran.said}".rstrip())
        if ran.code is None:
            raise TimeoutError(f"{command}: {SECONDS:g} s")
        return ran


def run(command: str, folder: Path, *, seconds: float, extra: Mapping[str, str] | None = None) -> Ran:
    """Run a command of a shell in `folder`; afterwards nothing that it started is left running."""
    own = {key: value for key, value in os.environ.items() if not key.startswith(("INPROD_", "PYTEST_", "COV_"))}
    # `python`, `pytest` and `ruff` are those of the course.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    # Of pytest's plugins, the one that measures coverage is loaded, where it has something to measure.
    plugins = {"PYTEST_PLUGINS": "pytest_cov.plugin"} if "--cov" in command else {}
    process = subprocess.Popen(  # noqa: S602 - the notebook's own commands, with the wildcards of a shell
        command,
        shell=True,
        cwd=folder,
        env={**own, **_PLAIN, **plugins, "PATH": path, **(extra or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    with process:
        try:
            said, code = _wait(process, seconds)
        finally:  # also when the learner presses Stop
            _end(process)
    said = _OWN.sub("", said)
    for place in {str(folder), str(folder.resolve())}:
        said = said.replace(place + os.sep, "").replace(place, ".")
    return Ran(code, said.strip("\n"))


def _wait(process: subprocess.Popen[str], seconds: float) -> tuple[str, int | None]:
    try:
        said, _none = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        _end(process)
        with contextlib.suppress(subprocess.TimeoutExpired):  # a child in a session of its own holds the pipe
            return process.communicate(timeout=seconds)[0], None
        return "", None
    return said, process.returncode


def _end(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
