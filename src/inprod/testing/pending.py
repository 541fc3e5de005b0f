"""An answer's process that runs, and what is known of it when it has ended."""

from __future__ import annotations

import contextlib
import json
import select
import signal
import socket
from dataclasses import dataclass, field
from typing import Any

from inprod.messages import _
from inprod.testing.failures import AnswerFailed, from_error
from inprod.testing.saw import CouldNotJudge
from inprod.wire import frames, values

#: How much longer than the call's own timeout the judge waits for the minder's last word.
_GRACE = 5.0
_MINDER = "minder"


@dataclass(frozen=True)
class Outcome:
    """What one call of a batch gave: a value, or how it failed."""

    value: Any = None
    error: AnswerFailed | None = None

    def get(self) -> Any:
        """The value; raises AnswerFailed where there is none."""
        if self.error is not None:
            raise self.error
        return self.value


@dataclass(frozen=True)
class Finished:
    """A command that ended by itself."""

    returncode: int
    stdout: str
    stderr: str


@dataclass
class Pending:
    """An answer's process that is running."""

    _conn: socket.socket
    _did: str
    _count: int
    _timeout: float
    lines: list[dict[str, Any]] = field(default_factory=list)
    _end: dict[str, Any] | None = None
    _printed_parts: tuple[bytearray, bytearray] = field(default_factory=lambda: (bytearray(), bytearray()))

    def __enter__(self) -> Pending:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return "<a running answer>"

    @property
    def alive(self) -> bool:
        """Whether the process has not been seen to end."""
        self._read(timeout=0.0)
        return self._end is None

    def until_ready(self) -> None:
        """Return when the answer's module is imported; raises AnswerFailed when it can't be."""
        while not any("ready" in line for line in self.lines):
            if self._end is not None or any("error" in line for line in self.lines):
                raise self._failure()
            self._read(timeout=self._timeout + _GRACE)

    def go(self) -> None:
        """Let the calls begin."""
        self._order({"order": "go"})

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal: SIGKILL to every process of the answer's, another to the first one."""
        self._order({"order": "signal", "number": int(number)})

    def wait(self) -> tuple[Outcome, ...]:
        """What each call gave, in the order asked, when the process has ended."""
        while self._end is None:
            self._read(timeout=self._timeout + _GRACE)
        outcomes: dict[int, Outcome] = {}
        for line in self.lines:
            number = line.get("number")
            if isinstance(number, int) and number not in outcomes:
                outcomes[number] = self._outcome(line)
        if len(outcomes) < self._count:
            missing = Outcome(error=self._failure())
            return tuple(outcomes.get(number, missing) for number in range(self._count))
        if self._end["reason"] == "output":
            return (Outcome(error=self._failure()),) * self._count
        return tuple(outcomes[number] for number in range(self._count))

    def finish(self) -> Finished:
        """How a command ended; raises AnswerFailed when it was ended by a limit."""
        while self._end is None:
            self._read(timeout=self._timeout + _GRACE)
        if self._end["reason"] not in ("done", "killed"):
            raise self._failure()
        if any("error" in line for line in self.lines):
            raise self._failure()
        return Finished(self._end["code"], self._end["stdout"], self._end["stderr"])

    def signal_pid(self, pid: int, number: int) -> bool:
        """Send a signal to one process of the answer's, such as a worker; False where it is none, or gone."""
        return self._ask({"order": "signal one", "pid": pid, "number": int(number)}, "reached") is True

    def children(self) -> list[dict[str, Any]]:
        """The answer's processes: `pid`, `ppid` and `cmdline` of each, the first one first."""
        return list(self._ask({"order": "children"}, "children") or [])

    def output(self) -> str:
        """The end of what the process has printed so far: half a megabyte at most."""
        if self._end is None and (output := self._ask({"order": "output"}, "output")) is not None:
            return str(output)
        end = self._end or {}
        return str(end.get("stdout", "")) + str(end.get("stderr", ""))

    def log(self) -> str:
        """Everything that it has printed so far: first stdout, then stderr. Only what is new travels."""
        while self._end is None:
            parts = self._ask({"order": "log", "at": [len(kept) for kept in self._printed_parts]}, "log")
            if not isinstance(parts, list) or not any(parts):
                break
            for kept, part in zip(self._printed_parts, parts, strict=True):
                kept += str(part).encode("latin-1")
        texts = [kept.decode("utf-8", "replace") for kept in self._printed_parts]
        if self._end is not None:
            sizes = self._end.get("sizes", [0, 0])
            for number, (name, size) in enumerate(zip(("stdout", "stderr"), sizes, strict=True)):
                texts[number] = _continued(self._printed_parts[number], str(self._end[name]), size)
        return "".join(texts)

    def close(self) -> None:
        """End the process and all it started; idempotent."""
        self._conn.close()

    def _ask(self, order: dict[str, Any], name: str) -> Any:
        """The minder's reply to an order; None when the process has ended instead."""
        before = len(self.lines)
        self._order(order)
        while self._end is None:
            self._read(timeout=_GRACE)
            for line in self.lines[before:]:
                if name in line and line.get("from") == _MINDER:
                    self.lines.remove(line)
                    return line[name]
        return None

    def _order(self, order: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            frames.send(self._conn, order)

    def _outcome(self, line: dict[str, Any]) -> Outcome:
        if "error" in line:
            return Outcome(error=self._from_error(line["error"]))
        return Outcome(value=values.decode(line.get("value")))

    def _from_error(self, error: Any) -> AnswerFailed:
        try:
            return from_error(self._did, error, self._printed())
        except (KeyError, TypeError):  # forged by the answer: it only harms itself
            return AnswerFailed("died", self._did, message=str(error)[:200])

    def _failure(self) -> AnswerFailed:
        for line in self.lines:
            if "error" in line and "number" not in line:
                return self._from_error(line["error"])
        end = self._end or {"reason": "done", "status": ""}
        kind = "died" if end["reason"] == "done" else str(end["reason"])
        return AnswerFailed(kind, self._did, message=str(end["status"]), printed=self._printed(), timeout=self._timeout)

    def _printed(self) -> str:
        return (self._end["stdout"] + self._end["stderr"])[-2000:] if self._end else ""

    def _read(self, *, timeout: float) -> None:
        """Take in one frame, waiting at most `timeout` seconds."""
        if self._end is not None:
            return
        if not timeout:
            if not select.select([self._conn], [], [], 0)[0]:
                return
            timeout = _GRACE  # a frame that has begun is read to its end
        self._conn.settimeout(timeout)
        try:
            message = frames.receive(self._conn)
        except TimeoutError:
            self._end = {"reason": "timeout", "status": "", "code": -9, "stdout": "", "stderr": ""}
            self.close()
            return
        except OSError:
            message = None
        if message is None:
            self._end = {"reason": "killed", "status": "", "code": -9, "stdout": "", "stderr": ""}
        elif "end" in message:
            self._end = message["end"]
        elif "line" in message:
            self._take(message["line"])
        else:
            self.lines.append({**message, "from": _MINDER})

    def _take(self, text: str) -> None:
        try:
            line = json.loads(text)
        except ValueError:  # an answer that writes on our descriptor harms only itself
            return
        if not isinstance(line, dict):
            return
        line.pop("from", None)  # it can't speak for its minder
        if "broken" in line:
            raise CouldNotJudge(_("The answer's process could not be prepared."), looked=str(line["broken"])[-400:])
        self.lines.append(line)


def _continued(kept: bytes | bytearray, tail: str, size: int) -> str:
    """What was read while it ran, and the end that came afterwards; a gap between them is shown as one."""
    end = tail.encode()
    missing = size - len(kept)
    if missing <= 0:
        return kept.decode("utf-8", "replace")
    if missing > len(end):
        return f"{kept.decode('utf-8', 'replace')}\n…\n{tail}"
    return (kept + end[len(end) - missing :]).decode("utf-8", "replace")
