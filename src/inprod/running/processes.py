"""Small truths about processes: who descends from whom, and an end that nobody escapes."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_PAGE = os.sysconf("SC_PAGE_SIZE")
LINUX = sys.platform == "linux"


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int) -> bool:
    """False where the kernel has no such call (macOS) or refuses it."""
    return LINUX and _libc().prctl(option, value, 0, 0, 0) == 0


def adopt_orphans() -> bool:
    """Become the parent of every descendant whose own parent dies, so that a daemon cannot slip away."""
    return _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def hide_from_others() -> bool:
    """No other process of this user may read this one's memory or environment."""
    return _prctl(_PR_SET_DUMPABLE, 0)


def die_with_parent(parent: int) -> None:
    """End with `parent`; also when it was gone before this call."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def reset_signals() -> None:
    """Default handlers and an empty mask: a kernel between two cells leaves SIGINT ignored."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # as in every Python: a closed connection is an OSError, no death
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def children(pid: int) -> tuple[int, ...]:
    """The direct children of all threads of `pid`; empty where there is no /proc."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                text = (task / "children").read_text(encoding="ascii")
                found += [int(word) for word in text.split()]
    return tuple(found)


def descendants(pid: int) -> Iterator[int]:
    """Everything below `pid`, children before grandchildren."""
    for child in children(pid):
        yield child
        yield from descendants(child)


def parent(pid: int) -> int:
    """The parent of `pid`; 0 when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[1])


def command_line(pid: int) -> str:
    """How `pid` was started, or what it calls itself; empty when it is gone."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        return " ".join(word for word in words if word)
    return ""


def signal_descendant(pid: int, target: int, number: int) -> bool:
    """Send a signal to `target` if it descends from `pid`; whether it was reached."""
    handle = watch(target)
    if handle is None:
        return False
    try:
        # Looked at while the handle holds it: its number can't pass to somebody else in between.
        if target not in descendants(pid):
            return False
        signal.pidfd_send_signal(handle, number)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def resident_bytes(pid: int) -> int:
    """Memory of one process that is in RAM, shared pages not counted; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
    except OSError:
        return 0
    return (int(fields[1]) - int(fields[2])) * _PAGE


def end_descendants(pid: int, *, deadline: float = 5.0) -> None:
    """Kill everything below this process and reap it, again and again until nothing is left.

    Call it in the process `pid` itself, after `adopt_orphans()`. A group kill alone would miss a daemon,
    which has a session of its own.
    """
    until = time.monotonic() + deadline
    while time.monotonic() < until:
        victims = list(descendants(pid))
        for victim in victims:
            with contextlib.suppress(OSError):
                os.kill(victim, signal.SIGKILL)
        if not _reap(block=bool(victims)):
            return


def _reap(*, block: bool) -> bool:
    """Collect dead children; False when there is no child at all."""
    try:
        pid, _status = os.waitpid(-1, 0 if block else os.WNOHANG)
        while pid:
            pid, _status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return False
    return True


def watch(pid: int) -> int | None:
    """A file descriptor that becomes readable when `pid` ends; None where the system has no pidfd."""
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def describe_status(status: int) -> str:
    """`exit code 3` or `signal 9 (SIGKILL)` for a status of waitpid."""
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return f"signal {-code} ({signal.Signals(-code).name})"
    return f"signal {-code}"
