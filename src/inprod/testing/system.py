"""Several processes of an answer that serve together: started at once, ready together, each with its log."""

from __future__ import annotations

import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from inprod.messages import _
from inprod.testing.answer import Answer
from inprod.testing.failures import AnswerFailed
from inprod.testing.pending import Pending
from inprod.testing.saw import saw
from inprod.testing.waiting import wait_until

READY = 20.0  #: seconds; a busy machine of two cores needs about five
_ASK = 1.0
_LAST_LINES = 6
_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
#: A line of a traceback, in the folder of a call.
_PLACE = re.compile(r'File "[^"]*/calls/[^/"]+/([^"]+)", line (\d+)')


class Process(Protocol):
    """How one process is started."""

    @property
    def name(self) -> str: ...
    @property
    def argv(self) -> tuple[str, ...]: ...
    @property
    def env(self) -> Mapping[str, str]: ...
    @property
    def ready(self) -> str:
        """A URL that answers 200 when it is ready, else a text that it prints."""
        ...


@dataclass(frozen=True)
class Program:
    """A process, as a check writes it down."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    ready: str


class System:
    """Processes that run, by name."""

    def __init__(self, running: Mapping[str, Pending]) -> None:
        self._running = dict(running)

    def __repr__(self) -> str:
        return "<a running system>"

    def __getitem__(self, name: str) -> Pending:
        return self._running[name]

    def log(self, name: str) -> str:
        """What the process has printed so far."""
        return self._running[name].log()

    def close(self) -> None:
        """End them all; idempotent."""
        for pending in self._running.values():
            pending.close()


def start(
    answer: Answer,
    processes: Iterable[Process],
    *,
    under: Path | None = None,
    files: Mapping[str, str] | None = None,
    timeout: float = 60.0,
    ports: tuple[int, ...] = (),
) -> System:
    """Start all of them at once, and return when all are ready.

    `timeout` bounds the life of each process, in seconds; `ports` are those that it may connect to besides
    the ones in its environment.

    Raises:
        NotYet: one ended, or was not ready within 20 seconds; it tells the last lines of its log.
    """
    wanted = tuple(processes)
    running: dict[str, Pending] = {}
    for process in wanted:
        running[process.name] = answer.start(
            process.argv, env=process.env, files=files, under=under, timeout=timeout, ports=ports
        )
    waiting = list(wanted)

    def settled() -> bool:
        for process in list(waiting):
            if not running[process.name].alive:
                return True
            if _is_ready(process, running[process.name]):
                waiting.remove(process)
        return not waiting

    began = time.monotonic()
    wait_until(settled, timeout=READY, what="every process is ready")
    if waiting:
        # One that has ended explains those that wait for it.
        dead = [process for process in waiting if not running[process.name].alive]
        first = (dead or waiting)[0]
        pending = running[first.name]
        failure = _did_not_start(first, pending, ended=bool(dead), took=time.monotonic() - began)
        System(running).close()
        raise failure
    return System(running)


def _is_ready(process: Process, pending: Pending) -> bool:
    if not process.ready.startswith("http://"):
        return process.ready in pending.log()
    try:
        with _NO_PROXY.open(process.ready, timeout=_ASK) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError, ValueError):
        return False


def _did_not_start(process: Process, pending: Pending, *, ended: bool, took: float) -> Exception:
    log = pending.log()
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    try:
        if ended:
            pending.finish()
    except AnswerFailed as failed:
        if failed.kind not in ("died", "done"):
            return failed
    return saw(
        "does-not-start",
        did="Started `{name}`: `{command}`.",
        saw="It ended. {last}" if ended else "It was not ready after {took:.0f} s. {last}",
        needs="a process that starts and stays",
        why="A deploy ends here: the old version is gone, and the new one does not come up.",
        try_="Look at that place. If it is not in your own file, something that others import from yours is missing.",
        name=process.name,
        command=" ".join(process.argv),
        last=_last_words(lines),
        took=took,
    )


def _last_words(lines: list[str]) -> str:
    """Of a traceback, what it was and where; of anything else, the end."""
    if not lines:
        return _("It said nothing: does the file wait for something, or end the process, while it is read?")
    places = [(number, found) for number, line in enumerate(lines) if (found := _PLACE.search(line))]
    if not places:
        return _("Its last words: {words}").format(words=" ⏎ ".join(lines[-_LAST_LINES:])[-600:])
    number, found = places[-1]
    code = lines[number + 1] if number + 1 < len(lines) - 1 else ""
    return _("`{error}` in `{file}`, line {line}: `{code}`").format(
        error=lines[-1][:300], file=found[1], line=found[2], code=code[:120]
    )
