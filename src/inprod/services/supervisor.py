"""The process that ends servers and containers when their owner is gone, however it went.

It is run as a file (`python -I -S supervisor.py OWNER_PID`) with nothing but the standard library, in a session of
its own, so that no interrupt of the owner's reaches it. Orders come in on stdin, answers and events go out on
stdout, a JSON object a line. End of file on stdin, the owner's death or SIGTERM end all it was given:

    {"id": 1, "do": "run", "name": …, "argv": […], "env": {…}, "cwd": …, "user": 65534, "log": path, "stop": 3,
     "whole": true}                                         what it started ends with it
    {"id": 2, "do": "stop", "pid": …}
    {"id": 3, "do": "folder", "path": …}                        removed at the end
    {"id": 4, "do": "guard", "endpoint": "unix:///…", "container": …}   deleted at the end
    {"id": 5, "do": "forget", "container": …}
"""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

#: How long a server may take to stop when it is asked to; then it is killed.
PATIENCE = 3.0
_PR_SET_PDEATHSIG = 1
_TICK = 0.5


class Supervisor:
    """What was started or is guarded, and how it ends."""

    def __init__(self, owner: int) -> None:
        self.owner = owner
        self.servers: dict[int, tuple[subprocess.Popen[bytes], str, int]] = {}
        self.groups: set[int] = set()
        self.folders: list[str] = []
        self.containers: dict[str, str] = {}
        self.after_fork = _die_with_parent()

    def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        """Carry out one order; what went wrong is part of the answer."""
        try:
            match order["do"]:
                case "run":
                    return {"pid": self.run(order)}
                case "stop":
                    self.stop([order["pid"]])
                case "folder":
                    self.folders.append(order["path"])
                case "guard":
                    self.containers[order["container"]] = order["endpoint"]
                case "forget":
                    self.containers.pop(order["container"], None)
        except (OSError, KeyError, ValueError, subprocess.SubprocessError) as error:
            return {"error": f"{type(error).__name__}: {error}"}
        return {}

    def run(self, order: dict[str, Any]) -> int:
        """Start a server; its output goes to `log`."""
        user = order.get("user")
        drop = {} if user is None else {"user": user, "group": order["group"], "extra_groups": []}
        with open(order["log"], "ab") as log:  # noqa: PTH123 - pathlib would be one more import
            process = subprocess.Popen(
                order["argv"],
                env=order["env"],
                cwd=order["cwd"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=self.after_fork,
                **drop,
            )
        self.servers[process.pid] = (process, order["name"], order["stop"])
        if order.get("whole"):
            self.groups.add(process.pid)
        return process.pid

    def stop(self, pids: list[int]) -> None:
        """Ask all, wait for all, kill what is left."""
        stopping = [self.servers.pop(pid) for pid in pids if pid in self.servers]
        for process, _name, number in stopping:
            with contextlib.suppress(OSError):
                process.send_signal(number)
        deadline = time.monotonic() + PATIENCE
        for process, _name, _number in stopping:
            try:
                process.wait(timeout=max(deadline - time.monotonic(), 0))
            except subprocess.TimeoutExpired:
                with contextlib.suppress(OSError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait(timeout=PATIENCE)
            self.end_group(process.pid)

    def end_group(self, pid: int) -> None:
        """Kill what a program that has just ended leaves behind, where that was asked for."""
        if pid in self.groups:
            self.groups.discard(pid)
            with contextlib.suppress(OSError):
                os.killpg(pid, signal.SIGKILL)

    def ended(self) -> list[dict[str, Any]]:
        """Servers that stopped by themselves since the last look."""
        gone = [(pid, found) for pid, found in self.servers.items() if found[0].poll() is not None]
        for pid, _found in gone:
            del self.servers[pid]
            self.end_group(pid)
        return [{"event": "exit", "pid": pid, "name": name, "status": p.returncode} for pid, (p, name, _s) in gone]

    def end(self) -> None:
        """Stop everything, delete the containers, remove the folders."""
        self.stop(list(self.servers))
        for container, endpoint in self.containers.items():
            with contextlib.suppress(OSError, http.client.HTTPException):
                delete_container(endpoint, container)
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)


def delete_container(endpoint: str, container: str) -> None:
    """Kill a container and remove it with its volumes, over the engine's own socket."""
    parts = urlsplit(endpoint)
    connection = http.client.HTTPConnection(parts.hostname or "localhost", parts.port or 2375, timeout=10)
    if parts.scheme == "unix":
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(10)
        connection.sock.connect(parts.path)
    try:
        connection.request("DELETE", f"/containers/{container}?force=1&v=1")
        connection.getresponse().read()
    finally:
        connection.close()


def _die_with_parent() -> Callable[[], None]:
    """For Linux: a server gets SIGQUIT when this process is killed and can't stop it any more."""
    if not sys.platform.startswith("linux"):
        return lambda: None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT, 0, 0, 0)


def main() -> None:
    """Obey until the owner is gone."""
    supervisor = Supervisor(int(sys.argv[1]))
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    # A shell ignores it for what it starts with `&`, and so would the servers, which are to die of it.
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    asked = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(True))
    selector = selectors.DefaultSelector()
    selector.register(0, selectors.EVENT_READ)
    selector.register(wake, selectors.EVENT_READ)
    if hasattr(os, "pidfd_open"):
        # A child of the owner's may hold our pipe open after the owner has died.
        with contextlib.suppress(OSError):
            selector.register(os.pidfd_open(supervisor.owner), selectors.EVENT_READ)
    try:
        _serve(supervisor, selector, wake, asked)
    finally:
        supervisor.end()


def _serve(supervisor: Supervisor, selector: selectors.BaseSelector, wake: int, asked: list[bool]) -> None:
    pending = b""
    while not asked and os.getppid() == supervisor.owner:
        for key, _events in selector.select(_TICK):
            if key.fd == wake:
                with contextlib.suppress(BlockingIOError):
                    os.read(wake, 4096)
            elif key.fd != 0:
                return  # the owner has died
            else:
                data = os.read(0, 65536)
                if not data:
                    return
                *lines, pending = (pending + data).split(b"\n")
                for line in lines:
                    order = json.loads(line)
                    tell({"id": order["id"], **supervisor.obey(order)})
        for event in supervisor.ended():
            tell(event)


def tell(message: dict[str, Any]) -> None:
    """One line to the owner; one that no longer listens will be noticed by its end of file."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    main()
