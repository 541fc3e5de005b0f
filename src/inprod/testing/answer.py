"""The answer as a check sees it: something to call, to run and to start, never to import."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from inprod.messages import _
from inprod.testing.pending import Finished, Outcome, Pending, Suite, suite_of
from inprod.testing.saw import CouldNotJudge
from inprod.wire import frames, values

_PORT = re.compile(r"//[^/\s]*:(\d{1,5})(?=[/?\s]|$)")
_TIMEOUT = 10.0
#: Positional and keyword arguments, a pair a call.
Batch = Sequence[tuple[tuple[Any, ...], dict[str, Any]]]


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
            return suite_of(pending)

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
