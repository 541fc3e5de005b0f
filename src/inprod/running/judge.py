"""The judge of one check: pytest on check.py alone, with a record on `chan` for every observation."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from inprod.running import processes
from inprod.wire import frames

#: Only what a check uses; each of pytest's other plugins costs a millisecond or writes to disk.
_WITHOUT = (
    "cacheprovider", "doctest", "junitxml", "pastebin", "stepwise", "setuponly", "setupplan", "legacypath",
    "debugging", "faulthandler", "recwarn", "unittest", "subtests",
)  # fmt: skip


def arguments(check: Path) -> list[str]:
    """pytest's command line for one check.py, which may have a conftest.py beside it, and nothing else."""
    folder = str(check.parent)
    options = ["-c", "/dev/null", "--rootdir", folder, "--confcutdir", folder, "--import-mode=importlib"]
    options += ["-q", "--tb=short", "-W", "ignore"]
    for name in _WITHOUT:
        options += ["-p", f"no:{name}"]
    return [*options, str(check)]


def main(chan: socket.socket, host: socket.socket, folder: Path, walls: tuple[str, ...]) -> None:
    """Receive the job, run the check, report; the end record says that all was reported."""
    processes.hide_from_others()
    job = frames.receive(chan)
    if job is None:
        return
    os.environ["INPROD_LANG"] = job["language"]
    os.environ["INPROD_COURSE"] = job["course"]
    import pytest

    from inprod.testing.plugin import CheckPlugin

    check = folder / "check" / "check.py"
    os.chdir(check.parent)
    sys.dont_write_bytecode = True
    frames.send(chan, {"walls": list(walls)})
    plugin = CheckPlugin(job, host, folder, lambda record: frames.send(chan, record))
    code = pytest.main(arguments(check), plugins=[plugin])
    if code == pytest.ExitCode.USAGE_ERROR:
        # A conftest.py that can't be imported is told on stderr alone, before any plugin is asked.
        frames.send(chan, {"broken": _last_words(check.parent, folder / "log")})
    frames.send(chan, {"end": int(code)})


def _last_words(checks: Path, log: Path) -> str:
    sys.stderr.flush()
    lines = log.read_text(encoding="utf-8", errors="replace").replace(f"{checks}/", "exercises/").splitlines()
    return " ⏎ ".join(line.strip() for line in lines[-6:] if line.strip())[-800:]
