"""Programs that a lesson starts, such as a web server: with a log, ready when told so, gone with their owner."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from inprod.errors import ServiceError
from inprod.messages import _
from inprod.services.owner import Exit, Supervisor

_READY = 30.0
_STOPPED = 10.0
_ASK = 2.0
_POLL = 0.02
_LAST_LINES = 6
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Process(Protocol):
    """How one program is started."""

    @property
    def name(self) -> str: ...
    @property
    def argv(self) -> Sequence[str]: ...
    @property
    def env(self) -> Mapping[str, str]: ...
    @property
    def ready(self) -> str:
        """A URL that answers 200 when it is ready, else a text that it prints."""
        ...


class Running:
    """A program that was started."""

    def __init__(self, name: str, key: str, pid: int, log: Path, of: Programs) -> None:
        self.name = name
        self.key = key  #: of this start alone: numbers of processes come again
        self.pid = pid
        self._log = log
        self._of = of

    def __repr__(self) -> str:
        return f"<{self.name}, {'running' if self.alive else 'ended'}>"

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._of.runs(self)

    def log(self) -> str:
        """What it has printed, without colours: a page has its own."""
        return _COLOUR.sub("", self._log.read_text(encoding="utf-8", errors="replace"))

    def kill(self, signal: int = signal.SIGKILL) -> None:
        """Send it a signal; after SIGKILL, return when it is gone, with all that it started."""
        self._of.kill(self, signal)

    def stop(self) -> None:
        """Ask it to end, kill it after some seconds, and return when it is gone; idempotent."""
        self._of.stop(self)


class Programs:
    """The programs of one owner; they run under a supervisor, which ends them when the owner is gone. Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._ended: set[str] = set()
        self._running: dict[str, Running] = {}
        self._supervisor = Supervisor(self._on_exit)
        self._folder: Path | None = None
        self._number = 0

    def start(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str],
        *,
        ready: str,
        folder: Path | None = None,
        seconds: float = _READY,
    ) -> Running:
        """Start one, and return when it is ready; a former one of this name is stopped.

        Args:
            argv, env: the command, where `python` is this interpreter; its environment, besides a path.
            ready: a URL that answers 200 when it is ready, `tcp://host:port` that accepts, else a text that it prints.
            folder: where it runs; by default a temporary folder that all of them share.
            seconds: how long it may take until it is ready.

        Raises:
            ServiceError: it can't be started, ended, or was not ready in time; with the last lines of its log.
        """
        started = self._start(name, argv, env, folder)
        self._until_ready([(started, ready)], seconds)
        return started

    def start_all(self, processes: Iterable[Process]) -> dict[str, Running]:
        """Start several at once, and return when all are ready: by name. One that fails ends the others, too."""
        wanted = [(self._start(process.name, process.argv, process.env, None), process.ready) for process in processes]
        self._until_ready(wanted)
        return {started.name: started for started, _ready in wanted}

    def folder(self, name: str) -> Path:
        """An empty folder for one program's files, beside the logs; it is removed at the end."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self._home()))

    def runs(self, program: Running) -> bool:
        """Whether it still runs."""
        return program.key not in self._ended

    def kill(self, program: Running, number: int) -> None:
        """Send it a signal."""
        if not self.runs(program):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(program.pid, number)
        if number == signal.SIGKILL:
            self._until_ended(program)

    def stop(self, program: Running) -> None:
        """End it."""
        if self.runs(program):
            self._supervisor.stop(program.pid)
            self._note(program.key)

    def close(self) -> None:
        """End all of them and remove their logs; idempotent."""
        self._supervisor.close()
        for program in self._running.values():
            self._note(program.key)
        self._running.clear()
        self._folder = None

    def _start(self, name: str, argv: Sequence[str], env: Mapping[str, str], folder: Path | None) -> Running:
        if name in self._running:
            self._running[name].stop()
        home = self._home()
        self._number += 1
        log = home / f"{self._number}.log"
        argv = [sys.executable, *argv[1:]] if argv[0] in ("python", "python3") else list(argv)
        cwd = folder or home / "files"
        key = f"{name} {self._number}"
        pid = self._supervisor.run(key, argv, log=log, cwd=cwd, env={**_environment(), **env}, whole=True)
        self._running[name] = Running(name, key, pid, log, self)
        return self._running[name]

    def _home(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="inprod-programs-"))
            (self._folder / "files").mkdir()
            self._supervisor.remove_at_end(self._folder)
        return self._folder

    def _until_ready(self, wanted: Sequence[tuple[Running, str]], seconds: float = _READY) -> None:
        until = time.monotonic() + seconds
        waiting = list(wanted)
        try:
            while waiting:
                # One that has ended explains those that wait for it.
                for started, _ready in waiting:
                    if not started.alive:
                        raise _did_not_start(started, _("it ended"))
                waiting = [(started, ready) for started, ready in waiting if not _is_ready(started, ready)]
                if waiting and time.monotonic() > until:
                    late = _("it was not ready after {seconds:g} s").format(seconds=seconds)
                    raise _did_not_start(waiting[0][0], late)
                if waiting:
                    with self._changed:
                        self._changed.wait(_POLL)
        except BaseException:
            for started, _ready in wanted:
                with contextlib.suppress(ServiceError):
                    started.stop()
            raise

    def _until_ended(self, program: Running) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: program.key in self._ended, timeout=_STOPPED):
                raise ServiceError(_("A program did not end."), looked=_("pid {pid}").format(pid=program.pid))

    def _on_exit(self, exited: Exit) -> None:
        self._note(exited.name)

    def _note(self, key: str) -> None:
        with self._changed:
            self._ended.add(key)
            self._changed.notify_all()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environment() -> dict[str, str]:
    """Nothing of the kernel's own, so that a lesson shows the same everywhere."""
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "HOME": str(Path.home()),
        "TMPDIR": tempfile.gettempdir(),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _is_ready(started: Running, ready: str) -> bool:
    if ready.startswith("tcp://"):
        host, _colon, port = ready.removeprefix("tcp://").rpartition(":")
        with socket.socket() as probe:
            return probe.connect_ex((host, int(port))) == 0
    if not ready.startswith(("http://", "https://")):
        return ready in started.log()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(ready, timeout=_ASK) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError, ValueError):
        return False


def _did_not_start(started: Running, how: str) -> ServiceError:
    lines = [line.strip() for line in started.log().splitlines() if line.strip()]
    return ServiceError(
        _("{name} did not start: {how}. Its last words: {last}").format(
            name=started.name, how=how, last=" ⏎ ".join(lines[-_LAST_LINES:])[-800:] or _("none")
        ),
        looked=_("its log, {n} lines").format(n=len(lines)),
        do=_("read these lines from the bottom up; the first one of your own file is the place"),
    )
