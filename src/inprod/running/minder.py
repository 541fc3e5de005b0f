"""The minder of one call: it starts the answer's process, passes its lines on, and ends it within its limits.

What the answer's process writes on its one descriptor can only be its own results; how it ended, what it
printed and whether it broke a limit is said by the minder.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import socket
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inprod.running import processes, subject
from inprod.wire import frames

MAX_LINE = 4 * 1024 * 1024
MAX_OUTPUT = 16 * 1024 * 1024
MAX_MEMORY = 1536 * 1024 * 1024
MAX_PROCESSES = 128
KEPT_OUTPUT = 256 * 1024
PART = 1024 * 1024
_TICK = 0.05

# How a call ended, as the judge is told.
DONE = "done"
TIMEOUT = "timeout"
MEMORY = "memory"
PROCESSES = "processes"
OUTPUT = "output"
KILLED = "killed"


def main(conn: socket.socket, folder: Path) -> None:
    """Serve one call whose specification is the first frame on `conn`."""
    os.setsid()
    processes.reset_signals()
    processes.adopt_orphans()
    processes.hide_from_others()
    spec = frames.receive(conn)
    if spec is None:
        os._exit(0)
    room = Path(spec["folder"])
    if folder not in room.parents:
        os._exit(71)
    stdout, stderr = _log("o"), _log("e")
    ours, theirs = socket.socketpair()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        processes.die_with_parent(parent)
        subject.main(spec, theirs.detach(), stdout, stderr)
    theirs.close()
    call = _Call(conn, ours, child, float(spec["timeout"]), stdout, stderr)
    call.follow(held=bool(spec.get("hold")))
    os._exit(0)


def _log(name: str) -> int:
    """A file for what is printed; where several processes print at once, each line goes to its end."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create(name)
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    # The position that processes share is not locked for a file in memory: they would write over each other.
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_APPEND)
    return fd


@dataclass
class _Call:
    conn: socket.socket
    child: socket.socket
    pid: int
    timeout: float
    stdout: int
    stderr: int
    buffer: bytearray = field(default_factory=bytearray)
    reason: str = DONE

    def follow(self, *, held: bool) -> None:
        """Pass lines up and orders down until the child has ended; then end what it left, and say how it went."""
        self.child.setblocking(False)
        pidfd = processes.watch(self.pid)
        until = time.monotonic() + self.timeout
        status: int | None = None
        child_open = True
        while status is None:
            watched: list[int] = [self.conn.fileno()]
            watched += [self.child.fileno()] if child_open else []
            watched += [pidfd] if pidfd is not None else []
            readable, _, _ = select.select(watched, [], [], _TICK)
            if child_open and self.child.fileno() in readable:
                child_open = self._pass_lines()
            if self.conn.fileno() in readable:
                order = frames.receive(self.conn)
                if order is None:
                    processes.end_descendants(os.getpid())
                    os._exit(0)
                if self._obey(order) and held:
                    until = time.monotonic() + self.timeout
            pid, ended = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                status = ended
            elif broken := self._broken_limit(until):
                self.reason = broken
                status = self._kill()
        while child_open and self._pass_lines(drain=True):
            pass
        processes.end_descendants(os.getpid())
        self._say_end(status)

    def _obey(self, order: dict[str, Any]) -> bool:
        """True when it was the order to go."""
        if order["order"] == "go":
            with contextlib.suppress(OSError):
                self.child.sendall(b"g")
            return True
        if order["order"] == "output":
            frames.send(self.conn, {"output": _tail(self.stdout)[0] + _tail(self.stderr)[0]})
        elif order["order"] == "log":
            parts = [_part(fd, int(at)) for fd, at in zip((self.stdout, self.stderr), order["at"], strict=True)]
            frames.send(self.conn, {"log": parts})
        elif order["order"] == "children":
            frames.send(self.conn, {"children": [_described(pid) for pid in processes.descendants(os.getpid())]})
        elif order["order"] == "signal one":
            reached = processes.signal_descendant(os.getpid(), int(order["pid"]), int(order["number"]))
            frames.send(self.conn, {"reached": reached})
        elif order["order"] == "signal":
            number = int(order["number"])
            if number == signal.SIGKILL:
                self.reason = KILLED
                for pid in processes.descendants(os.getpid()):
                    with contextlib.suppress(OSError):
                        os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(OSError):
                os.kill(self.pid, number)
        return False

    def _pass_lines(self, *, drain: bool = False) -> bool:
        """Read what is there; False at the end of the stream (or, draining, when there is no more)."""
        try:
            data = self.child.recv(1 << 16)
        except BlockingIOError:
            return not drain
        except OSError:
            return False
        if not data:
            return False
        self.buffer += data
        while (end := self.buffer.find(b"\n")) >= 0:
            line = bytes(self.buffer[:end])
            del self.buffer[: end + 1]
            frames.send(self.conn, {"line": line.decode("utf-8", "replace")})
        if len(self.buffer) > MAX_LINE:
            self.buffer.clear()
            self.reason = OUTPUT
        return True

    def _broken_limit(self, until: float) -> str:
        if self.reason == OUTPUT:
            return OUTPUT
        if time.monotonic() > until:
            return TIMEOUT
        pids = list(processes.descendants(os.getpid()))
        if len(pids) > MAX_PROCESSES:
            return PROCESSES
        # A fork shares this process's pages until it writes to them; only what came on top is its own.
        inherited = processes.resident_bytes(os.getpid())
        if sum(max(0, processes.resident_bytes(pid) - inherited) for pid in pids) > MAX_MEMORY:
            return MEMORY
        return ""

    def _kill(self) -> int:
        for pid in [*processes.descendants(os.getpid())]:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            os.kill(self.pid, signal.SIGKILL)
        _pid, status = os.waitpid(self.pid, 0)
        return status

    def _say_end(self, status: int) -> None:
        out, out_size = _tail(self.stdout)
        err, err_size = _tail(self.stderr)
        if self.reason == DONE and max(out_size, err_size) >= MAX_OUTPUT:
            self.reason = OUTPUT
        end = {
            "reason": self.reason,
            "code": os.waitstatus_to_exitcode(status),
            "status": processes.describe_status(status),
            "stdout": out,
            "stderr": err,
            "sizes": [out_size, err_size],
        }
        with contextlib.suppress(OSError):
            frames.send(self.conn, {"end": end})


def _tail(fd: int) -> tuple[str, int]:
    """The last part of what was printed, and how much it was in all."""
    size = os.fstat(fd).st_size
    start = max(0, size - KEPT_OUTPUT)
    return os.pread(fd, KEPT_OUTPUT, start).decode("utf-8", "replace"), size


def _part(fd: int, start: int) -> str:
    """What was printed from `start` on, at most as much as goes into one message; a byte a character."""
    return os.pread(fd, PART, start).decode("latin-1")


def _described(pid: int) -> dict[str, Any]:
    return {"pid": pid, "ppid": processes.parent(pid), "cmdline": processes.command_line(pid)}


def close_all_but(keep: int) -> None:
    """Close every descriptor above `keep`."""
    if sys.platform == "linux":
        os.closerange(keep + 1, _highest() + 1)
    else:
        os.closerange(keep + 1, 1024)


def _highest() -> int:
    return max((int(entry.name) for entry in Path("/proc/self/fd").iterdir()), default=255)


def move(fd: int, target: int) -> None:
    """Put `fd` at `target`, inheritable."""
    if fd == target:
        fcntl.fcntl(fd, fcntl.F_SETFD, 0)
    else:
        os.dup2(fd, target)
