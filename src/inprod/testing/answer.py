"""The answer as a check sees it: something to call, to run and to start, never to import."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from inprod.messages import _
from inprod.testing import room
from inprod.testing.docker import Docker
from inprod.testing.pending import Finished, Outcome, Pending
from inprod.testing.saw import CouldNotJudge
from inprod.testing.suite import Suite, suite_of
from inprod.wire import frames, values

_TIMEOUT = 10.0
#: Positional and keyword arguments, a pair a call.
Batch = Sequence[tuple[tuple[Any, ...], dict[str, Any]]]


class Answer:
    """The learner's files. Each call gets a process and a copy of the folder of its own.

    Of every method: `env` is the environment, besides a path; `under` is a folder that lies beneath the answer's
    files, such as the package that they belong to; `files` are more files, which win over all others.
    """

    def __init__(self, host: socket.socket, folder: Path, docker: Docker | None = None) -> None:
        self._host = host
        self._folder = folder
        self._docker = docker
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
        under: Path | None = None,
        timeout: float = _TIMEOUT,
    ) -> Any:
        """The value of `file.py:function(*args, **kwargs)`, as exact built-in types.

        Raises:
            AnswerFailed: it raised, died, or broke a limit.
        """
        batch: Batch = [(args, dict(kwargs or {}))]
        with self._begin_calls(target, batch, env=env, files=files, under=under, timeout=timeout) as pending:
            return pending.wait()[0].get()

    def calls(
        self,
        target: str,
        arguments: Sequence[tuple[Any, ...]],
        *,
        threads: int = 1,
        env: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
        under: Path | None = None,
        timeout: float = _TIMEOUT,
    ) -> tuple[Outcome, ...]:
        """Many calls in one process, in order or spread over `threads` that start together."""
        batch: Batch = [(args, {}) for args in arguments]
        with self._begin_calls(
            target, batch, threads=threads, env=env, files=files, under=under, timeout=timeout
        ) as pending:
            return pending.wait()

    def begin(
        self,
        target: str,
        arguments: Sequence[tuple[Any, ...]],
        *,
        threads: int = 1,
        env: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
        under: Path | None = None,
        timeout: float = _TIMEOUT,
    ) -> Pending:
        """Like `calls`, but waiting for `go()`: the module is imported and the process stands ready."""
        batch: Batch = [(args, {}) for args in arguments]
        pending = self._begin_calls(
            target, batch, threads=threads, env=env, files=files, under=under, timeout=timeout, hold=True
        )
        pending.until_ready()
        return pending

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
        under: Path | None = None,
        timeout: float = _TIMEOUT,
    ) -> Finished:
        """Run a command in a copy of the answer's folder; `python` is this interpreter.

        Raises:
            AnswerFailed: it did not end in time, or broke a limit.
        """
        with self.start(argv, env=env, files=files, under=under, timeout=timeout) as pending:
            return pending.finish()

    def start(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
        under: Path | None = None,
        ports: Sequence[int] = (),
        timeout: float = 60.0,
    ) -> Pending:
        """Start a command, such as a server, that goes on until `kill()`, the end of the check, or `timeout`.

        It may listen on any port, and connect to those of the URLs in `env` and to `ports`.
        """
        spec = {"kind": "exec", "argv": list(argv)}
        did = _("Ran `{command}`.").format(command=" ".join(argv))
        return self._begin(spec, did, 0, env=env, files=files, under=under, ports=ports, timeout=timeout)

    def pytest(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
        under: Path | None = None,
        docker: bool = False,
        timeout: float = _TIMEOUT,
    ) -> Suite:
        """Run the answer's tests; a suite that dies or hangs is trouble, and so not green.

        With `docker` they may start containers, and find the images to use in POSTGRES_IMAGE and REDIS_IMAGE; but
        only where the course itself runs on Docker, which the fixture `backend` tells.
        """
        did = _("Ran your tests.")
        self._preload(under)
        spec: dict[str, Any] = {"kind": "pytest", "arguments": list(arguments)}
        if docker and self._docker is not None:
            self._docker.used()
            spec |= {"docker": self._docker.host, "containers": self._docker.label}
            env = {**self._docker.environment(), **(env or {})}
        with self._begin(spec, did, 0, env=env, files=files, under=under, timeout=timeout) as pending:
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
        under: Path | None,
        timeout: float,
    ) -> Pending:
        self._preload(under)
        spec = {
            "kind": "call",
            "target": target,
            "threads": threads,
            "hold": hold,
            "calls": [[values.encode(args), values.encode(kwargs)] for args, kwargs in batch],
        }
        return self._begin(spec, _called(target, batch), len(batch), env=env, files=files, under=under, timeout=timeout)

    def _begin(
        self,
        spec: dict[str, Any],
        did: str,
        count: int,
        *,
        env: Mapping[str, str] | None,
        files: Mapping[str, str] | None,
        under: Path | None,
        ports: Sequence[int] = (),
        timeout: float,
    ) -> Pending:
        folder = room.furnish(self._folder, under, files or {})
        environment = room.environment(folder, env or {}, package=under is not None)
        spec |= {
            "folder": str(folder),
            "env": environment,
            "ports": sorted({*room.ports(environment.values()), *ports}),
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

    def _preload(self, under: Path | None) -> None:
        """Have the host import the installed packages that the answer imports: once instead of in every process."""
        wanted = room.installed_imports(self._folder / "answer", under, self._folder / "given")
        if any(name.startswith("sqlalchemy") for name in wanted):
            wanted |= {"psycopg"}  # imported by name, when the first engine is made
        wanted -= self._preloaded
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
