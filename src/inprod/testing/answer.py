"""The answer as a check sees it: something to call, to run and to start, never to import."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inprod.messages import _
from inprod.testing.failures import AnswerFailed, from_error
from inprod.testing.saw import CouldNotJudge
from inprod.wire import frames, values

_PORT = re.compile(r"//[^/\s]*:(\d{1,5})(?=[/?\s]|$)")
#: How much longer than the call's own timeout the judge waits for the minder's last word.
_GRACE = 5.0
_TIMEOUT = 10.0
#: Positional and keyword arguments, a pair a call.
Batch = Sequence[tuple[tuple[Any, ...], dict[str, Any]]]


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


@dataclass(frozen=True)
class Suite:
    """What an answer's test suite said when it ran."""

    names: tuple[str, ...]
    passed: int
    failed: int
    errors: int
    first_failure: str = ""  #: `test_discount: assert 10 == 9`
    trouble: str = ""  #: why tests could not be collected or run, with file and line
    skipped: int = 0

    @property
    def green(self) -> bool:
        """At least one test passed, none failed, and nothing went wrong around them."""
        return self.passed > 0 and not self.failed and not self.errors and not self.trouble


class Answer:
    """The learner's files. Each call gets a process and a copy of the folder of its own."""

    def __init__(self, host: socket.socket, folder: Path) -> None:
        self._host = host
        self._folder = folder
        self._open: list[Pending] = []
        self._preloaded: set[str] = set()

    def __repr__(self) -> str:
        return "<the answer>"

    def call(
        self,
        target: str,
        *args: Any,
        kwargs: Mapping[str, Any] | None = None,
        env: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
        timeout: float = _TIMEOUT,
    ) -> Any:
        """The value of `file.py:function(*args, **kwargs)`, as exact built-in types.

        Raises:
            AnswerFailed: it raised, died, or broke a limit.
        """
        batch: Batch = [(args, dict(kwargs or {}))]
        with self._begin_calls(target, batch, env=env, files=files, timeout=timeout) as pending:
            return pending.wait()[0].get()

    def calls(
        self,
        target: str,
        arguments: Sequence[tuple[Any, ...]],
        *,
        threads: int = 1,
        env: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
        timeout: float = _TIMEOUT,
    ) -> tuple[Outcome, ...]:
        """Many calls in one process, in order or spread over `threads` that start together."""
        batch: Batch = [(args, {}) for args in arguments]
        with self._begin_calls(target, batch, threads=threads, env=env, files=files, timeout=timeout) as pending:
            return pending.wait()

    def begin(
        self,
        target: str,
        arguments: Sequence[tuple[Any, ...]],
        *,
        threads: int = 1,
        env: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
        timeout: float = _TIMEOUT,
    ) -> Pending:
        """Like `calls`, but waiting for `go()`: the module is imported and the process stands ready."""
        batch: Batch = [(args, {}) for args in arguments]
        pending = self._begin_calls(target, batch, threads=threads, env=env, files=files, timeout=timeout, hold=True)
        pending.until_ready()
        return pending

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
        timeout: float = _TIMEOUT,
    ) -> Finished:
        """Run a command in a copy of the answer's folder; `python` is this interpreter.

        Raises:
            AnswerFailed: it did not end in time, or broke a limit.
        """
        with self.start(argv, env=env, files=files, timeout=timeout) as pending:
            return pending.finish()

    def start(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
        timeout: float = 60.0,
    ) -> Pending:
        """Start a command, such as a server, that goes on until `kill()`, the end of the check, or `timeout`."""
        spec = {"kind": "exec", "argv": list(argv)}
        did = _("Ran `{command}`.").format(command=" ".join(argv))
        return self._begin(spec, did, 0, env=env, files=files, timeout=timeout)

    def pytest(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
        timeout: float = _TIMEOUT,
    ) -> Suite:
        """Run the answer's tests; a suite that dies or hangs is trouble, and so not green."""
        did = _("Ran your tests.")
        self._preload()
        spec = {"kind": "pytest", "arguments": list(arguments)}
        with self._begin(spec, did, 0, env=env, files=files, timeout=timeout) as pending:
            return _suite(pending)

    def source(self, name: str) -> str:
        """The text of one of the answer's files."""
        return (self._folder / "answer" / name).read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        """End whatever of the answer still runs."""
        for pending in self._open:
            pending.close()
        self._open.clear()

    def _begin_calls(
        self,
        target: str,
        batch: Batch,
        *,
        threads: int = 1,
        hold: bool = False,
        env: Mapping[str, str] | None,
        files: Mapping[str, str] | None,
        timeout: float,
    ) -> Pending:
        self._preload()
        spec = {
            "kind": "call",
            "target": target,
            "threads": threads,
            "hold": hold,
            "calls": [[values.encode(args), values.encode(kwargs)] for args, kwargs in batch],
        }
        return self._begin(spec, _called(target, batch), len(batch), env=env, files=files, timeout=timeout)

    def _begin(
        self,
        spec: dict[str, Any],
        did: str,
        count: int,
        *,
        env: Mapping[str, str] | None,
        files: Mapping[str, str] | None,
        timeout: float,
    ) -> Pending:
        folder = self._copy(files or {})
        environment = _environment(folder, env or {})
        spec |= {
            "folder": str(folder),
            "env": environment,
            "ports": _ports(environment.values()),
            "timeout": timeout,
        }
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._host, [b"{}"], [theirs.fileno()])
            except OSError as error:
                raise CouldNotJudge(_("The process that runs answers is gone.")) from error
        frames.send(ours, spec)
        pending = Pending(ours, did, count, timeout)
        self._open.append(pending)
        return pending

    def _copy(self, files: Mapping[str, str]) -> Path:
        """A folder for one call: the given files win over the answer's, the check's over both."""
        calls = self._folder / "calls"
        calls.mkdir(exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=calls))
        for source in ("answer", "given"):
            if (self._folder / source).is_dir():
                shutil.copytree(self._folder / source, folder, dirs_exist_ok=True)
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        return folder

    def _preload(self) -> None:
        """Have the host import the installed packages that the answer imports: once instead of in every process."""
        wanted = _installed_imports(self._folder / "answer") - self._preloaded
        if wanted:
            self._preloaded |= wanted
            with contextlib.suppress(OSError):
                self._host.send(json.dumps({"preload": sorted(wanted)}).encode())


@dataclass
class Pending:
    """An answer's process that is running."""

    _conn: socket.socket
    _did: str
    _count: int
    _timeout: float
    lines: list[dict[str, Any]] = field(default_factory=list)
    _end: dict[str, Any] | None = None

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

    def output(self) -> str:
        """The end of what the process has printed so far."""
        if self._end is not None:
            return str(self._end["stdout"]) + str(self._end["stderr"])
        before = len(self.lines)
        self._order({"order": "output"})
        while self._end is None:
            self._read(timeout=_GRACE)
            for line in self.lines[before:]:
                if "output" in line:
                    self.lines.remove(line)
                    return str(line["output"])
        return str(self._end["stdout"]) + str(self._end["stderr"])

    def close(self) -> None:
        """End the process and all it started; idempotent."""
        self._conn.close()

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
        self._conn.settimeout(timeout or 0.0001)
        try:
            message = frames.receive(self._conn)
        except TimeoutError:
            if timeout:
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
            self.lines.append(message)

    def _take(self, text: str) -> None:
        try:
            line = json.loads(text)
        except ValueError:  # an answer that writes on our descriptor harms only itself
            return
        if not isinstance(line, dict):
            return
        if "broken" in line:
            raise CouldNotJudge(_("The answer's process could not be prepared."), looked=str(line["broken"])[-400:])
        self.lines.append(line)


def _suite(pending: Pending) -> Suite:
    try:
        pending.finish()
        trouble = ""
    except AnswerFailed as failed:
        trouble = failed.said or failed.kind
    tests: dict[str, str] = {}
    first = ""
    for line in pending.lines:
        if "trouble" in line:
            trouble = trouble or str(line["trouble"])
        if "test" in line:
            name, outcome, when = str(line["test"]), str(line["outcome"]), str(line.get("when"))
            outcome = "error" if outcome == "failed" and when != "call" else outcome
            if tests.get(name) not in ("failed", "error"):
                tests[name] = outcome
            if outcome in ("failed", "error") and not first:
                first = f"{name.rpartition('::')[2]}: {line.get('text', '')}"
    if not any("suite" in line for line in pending.lines) and not trouble:
        trouble = _("the test run ended before it was finished")
    found = list(tests.values())
    return Suite(
        names=tuple(tests),
        passed=found.count("passed"),
        failed=found.count("failed"),
        errors=found.count("error"),
        first_failure=first,
        trouble=trouble,
        skipped=found.count("skipped"),
    )


def _called(target: str, batch: Batch) -> str:
    name = target.rpartition(":")[2]
    args, kwargs = batch[0] if batch else ((), {})
    shown = ", ".join([*map(repr, args), *(f"{key}={value!r}" for key, value in kwargs.items())])
    shown = shown if len(shown) <= 120 else shown[:119] + "…"
    if len(batch) > 1:
        return _("Called `{name}({shown})` and {n} more.").format(name=name, shown=shown, n=len(batch) - 1)
    return _("Called `{name}({shown})`.").format(name=name, shown=shown)


def _environment(folder: Path, env: Mapping[str, str]) -> dict[str, str]:
    """A clean environment: nothing of the learner's machine but the path."""
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "HOME": str(folder),
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        **env,
    }


def _ports(texts: Iterable[str]) -> list[int]:
    """The ports of the URLs in these texts: where the answer may connect to."""
    return sorted({int(port) for text in texts for port in _PORT.findall(text) if int(port) < 65536})


def _installed_imports(folder: Path) -> set[str]:
    """Top-level packages that the answer's files import and that are installed, not of its own."""
    names: set[str] = set()
    own = {path.stem for path in folder.rglob("*.py")}
    for path in folder.rglob("*.py"):
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return names - own - {"inprod"}
