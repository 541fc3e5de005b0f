"""The owner's side of the supervisor: orders go down a pipe, answers and deaths come up."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inprod.errors import ServiceError
from inprod.messages import _
from inprod.services import supervisor

_TIMEOUT = 20.0


@dataclass(frozen=True)
class Account:
    """An unprivileged user that servers run as; only root needs one."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Exit:
    """A server that stopped by itself."""

    pid: int
    name: str
    status: int  #: as subprocess tells it: negative is the signal's number

    @property
    def how(self) -> str:
        """`signal 9`, `exit code 1`."""
        if self.status < 0:
            return _("signal {number}").format(number=-self.status)
        return _("exit code {code}").format(code=self.status)


class Supervisor:
    """One supervisor process, started at first need; when its pipe closes it ends all it was given. Thread-safe."""

    def __init__(self, on_exit: Callable[[Exit], None] = lambda _exit: None) -> None:
        self._on_exit = on_exit
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: dict[int, dict[str, Any]] = {}
        self._answered = threading.Condition()
        self._number = 0
        self._gone = False
        self._guarded: dict[str, str] = {}

    @property
    def pid(self) -> int | None:
        """Of the supervisor itself, None while it was not needed."""
        return self._process.pid if self._process else None

    def run(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log: Path,
        cwd: Path,
        env: Mapping[str, str],
        stop: int = signal.SIGTERM,
        account: Account | None = None,
        whole: bool = False,
    ) -> int:
        """Start a server; its pid. `stop` is the signal that ends it; with `whole`, all it started ends with it.

        Raises:
            ServiceError: it could not be started.
        """
        who = {"user": account.uid, "group": account.gid} if account else {}
        order = {
            "name": name,
            "argv": list(argv),
            "env": dict(env),
            "cwd": str(cwd),
            "log": str(log),
            "stop": int(stop),
            "whole": whole,
        }
        return int(self._order("run", **order, **who)["pid"])

    def stop(self, pid: int) -> None:
        """Stop a server and wait for its end."""
        self._order("stop", pid=pid)

    def remove_at_end(self, folder: Path) -> None:
        """Have a folder removed when everything else has ended."""
        self._order("folder", path=str(folder))

    def guard_container(self, endpoint: str, container_id: str) -> None:
        """Have a container deleted at the end; `endpoint` as in DOCKER_HOST: `unix:///…` or `tcp://…`."""
        self._guarded[container_id] = endpoint
        self._order("guard", endpoint=endpoint, container=container_id)

    def forget_container(self, container_id: str) -> None:
        """It is gone already."""
        self._guarded.pop(container_id, None)
        self._order("forget", container=container_id)

    def close(self) -> None:
        """End everything and wait until it has ended; idempotent."""
        with self._lock:
            process, self._process = self._process, None
            if process is None or process.stdin is None:
                return
            with contextlib.suppress(OSError):
                process.stdin.close()
        try:
            process.wait(timeout=_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.terminate()
        self._guarded.clear()

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", supervisor.__file__, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            start_new_session=True,
        )
        self._gone = False
        threading.Thread(target=self._listen, args=(process,), daemon=True, name="inprod-supervisor").start()
        return process

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            message = json.loads(line)
            if message.get("event") == "exit":
                self._on_exit(Exit(message["pid"], message["name"], message["status"]))
                continue
            with self._answered:
                self._answers[message["id"]] = message
                self._answered.notify_all()
        process.stdout.close()
        with self._answered:
            self._gone = True
            self._answered.notify_all()

    def _order(self, do: str, **order: Any) -> dict[str, Any]:
        with self._lock:
            if self._process is None or self._gone:
                self._process = self._start()
            self._number += 1
            number = self._number
            try:
                stdin = self._process.stdin
                assert stdin is not None
                stdin.write(json.dumps({"id": number, "do": do, **order}).encode() + b"\n")
                stdin.flush()
            except OSError as error:
                raise self._lost() from error
        with self._answered:
            if not self._answered.wait_for(lambda: number in self._answers or self._gone, timeout=_TIMEOUT):
                raise self._lost()
            answer = self._answers.pop(number, None)
        if answer is None:
            raise self._lost()
        if "error" in answer:
            raise ServiceError(
                _("A server could not be started: {error}").format(error=answer["error"]),
                looked=str(order.get("argv", [do])[0]),
                do=_("run `inprod doctor`"),
            )
        return answer

    def _send(self, do: str, **order: Any) -> int:
        """Write one order; its number."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._number += 1
        self._process.stdin.write(json.dumps({"id": self._number, "do": do, **order}).encode() + b"\n")
        self._process.stdin.flush()
        return self._number

    def _lost(self) -> ServiceError:
        return ServiceError(
            _("The process that looks after the servers is gone."),
            looked=_("pid {pid}").format(pid=self.pid),
            do=_("run the check again: a new one is started"),
        )
