"""The guardian of one check: it ends everything when the owner, the deadline or the judge says so.

Process tree: zygote → guardian → {answer host → a minder a call → the answer; judge}. The host is forked
before the judge and before the job arrives, so no expected value and no password can be found in a fork of it.
The guardian must not die with its parent: after `kill -9` of the owner it still has to end its descendants
and to remove the check's folder.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from inprod.running import processes
from inprod.wire import frames

#: What the guardian tells its owner when a check is over, and why.
JUDGE_ENDED = "judge ended"
DEADLINE = "deadline"
OWNER_GONE = "owner gone"

_TICK = 0.05  # only where there is no pidfd


def main(header: dict[str, Any], chan: socket.socket, life: socket.socket, walls: tuple[str, ...]) -> None:
    """Run one check in `header["folder"]` within `header["deadline"]` seconds, then leave nothing behind."""
    os.setsid()
    processes.reset_signals()
    processes.adopt_orphans()
    folder = Path(header["folder"])
    _redirect(folder / "log")
    for_judge, for_host = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    from inprod.running import host, judge

    _fork(lambda: host.main(for_host, folder), close=[chan, life, for_judge])
    for_host.close()
    judge_pid = _fork(lambda: judge.main(chan, for_judge, folder, walls), close=[life])
    chan.close()
    for_judge.close()

    ended, status = _wait(life, judge_pid, float(header["deadline"]))
    processes.end_descendants(os.getpid())
    if ended == JUDGE_ENDED and status:
        _keep_log(life, folder / "log")
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):
        frames.send(life, {"ended": ended, "status": processes.describe_status(status)})
    os._exit(0)


def _fork(body: Callable[[], None], *, close: list[socket.socket]) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        processes.die_with_parent(parent)
        for sock in close:
            sock.close()
        body()
    except BaseException:
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
        os._exit(70)
    os._exit(0)


def _redirect(log: Path) -> None:
    """No descriptor of the owner's stays: its stdout is shown in the notebook's cell."""
    null = os.open(os.devnull, os.O_RDONLY)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(null, 0)
    os.dup2(out, 1)
    os.dup2(out, 2)


def _wait(life: socket.socket, judge: int, seconds: float) -> tuple[str, int]:
    """Why the check is over, and the judge's wait status (0 if it still ran)."""
    until = time.monotonic() + seconds
    pidfd = processes.watch(judge)
    watched = [life.fileno()] + ([pidfd] if pidfd is not None else [])
    while True:
        left = until - time.monotonic()
        readable, _, _ = select.select(watched, [], [], max(0.0, left if pidfd is not None else _TICK))
        pid, status = os.waitpid(judge, os.WNOHANG)
        if pid:
            return JUDGE_ENDED, status
        if life.fileno() in readable:  # the owner never writes here: readable means it is gone, or wants an end
            return OWNER_GONE, 0
        if time.monotonic() >= until:
            return DEADLINE, 0


def _keep_log(life: socket.socket, log: Path) -> None:
    """A judge that died has a story: its last lines reach the owner."""
    with contextlib.suppress(OSError):
        frames.send(life, {"log": log.read_text(encoding="utf-8", errors="replace")[-2000:]})
