"""The running system, seen by a test: its processes, logs, customers, mails and charges."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import psycopg

from guiche import seed_data
from guiche.system import Process
from inprod.testing import wait_until

TIMEOUT = 10.0
READY = 60.0  #: seconds; two on a machine that is idle


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def add_shop(database_url: str, *, capacity: int = 10, cents: int = 4_000) -> None:
    """One customer (ana), one event (nona-sinfonia) with one tier (1)."""
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO users (email, name, password_hash, role) VALUES (%s, 'Ana Conceição', %s, 'customer')",
            [seed_data.ANA, seed_data.PASSWORD_HASH],
        )
        connection.execute(
            "INSERT INTO events (slug, title, description, starts_at, venue)"
            " VALUES (%s, 'Nona Sinfonia, de Beethoven', '', now() + interval '20 days', 'Sala Anísio Leão')",
            [seed_data.ON_SALE],
        )
        connection.execute(
            "INSERT INTO tiers (event_id, name, price_cents, capacity, sold)"
            " SELECT id, 'Plateia', %s, %s, 0 FROM events",
            [cents, capacity],
        )


class Running:
    """Processes of the system, each in a session of its own with its log."""

    def __init__(self, processes: Sequence[Process], folder: Path, database_url: str) -> None:
        self.processes = {process.name: process for process in processes}
        self.folder = folder
        self.database_url = database_url
        self._started: dict[str, subprocess.Popen[bytes]] = {}
        self.url = self._base("web")
        self.provider_url = self._base("provider")
        self.http = httpx.Client(timeout=TIMEOUT, trust_env=False, headers={"Accept": "application/json"})

    def _base(self, name: str) -> str:
        return self.processes[name].ready.removesuffix("/healthz")

    def start(self, *names: str) -> None:
        """Start those that are named, or all, at once, and return when all are ready."""
        wanted = names or tuple(self.processes)
        for name in wanted:
            process = self.processes[name]
            with self._file(name, "out").open("ab") as output, self._file(name, "err").open("ab") as errors:
                self._started[name] = subprocess.Popen(
                    [sys.executable, *process.argv[1:]],
                    env={"PATH": os.defpath, **process.env},
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=errors,
                    start_new_session=True,
                )
        waiting = set(wanted)

        def ready() -> bool:
            for name in list(waiting):
                if self._started[name].poll() is not None:
                    raise AssertionError(f"{name} has ended:\n{self.log(name)}")
                if self._is_ready(name):
                    waiting.discard(name)
            return not waiting

        assert wait_until(ready, timeout=READY), "".join(f"{name} is not ready:\n{self.log(name)}" for name in waiting)

    def _is_ready(self, name: str) -> bool:
        ready = self.processes[name].ready
        if not ready.startswith("http://"):
            return ready in self.log(name)
        with contextlib.suppress(httpx.HTTPError):
            return self.http.get(ready).status_code == 200
        return False

    def pid(self, name: str) -> int:
        """The process that was started."""
        return self._started[name].pid

    def end(self, name: str, signum: int = signal.SIGKILL) -> int:
        """Signal a process and wait for it; its exit code. With SIGKILL its children go too."""
        process = self._started.pop(name)
        with contextlib.suppress(ProcessLookupError):
            if signum == signal.SIGKILL:
                os.killpg(process.pid, signum)
            else:
                process.send_signal(signum)
        try:
            return process.wait(TIMEOUT)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End what still runs, whatever happened."""
        self.http.close()
        for name in list(self._started):
            self.end(name)

    def _file(self, name: str, stream: str) -> Path:
        return self.folder / f"{name}.{stream}"

    def _text(self, name: str, stream: str) -> str:
        path = self._file(name, stream)
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def log(self, name: str) -> str:
        """All that it has printed so far."""
        return self._text(name, "out") + self._text(name, "err")

    def events(self, name: str, msg: str | None = None) -> list[dict[str, Any]]:
        """The lines on its standard output as objects, all or those with `msg`; each line must be one."""
        lines = [json.loads(line) for line in self._text(name, "out").splitlines()]
        return [line for line in lines if msg is None or line["msg"] == msg]

    def login(self, email: str = seed_data.ANA) -> httpx.Client:
        """A customer who is logged in."""
        client = httpx.Client(
            base_url=self.url, timeout=TIMEOUT, trust_env=False, headers={"Accept": "application/json"}
        )
        answer = client.post("/login", json={"email": email, "password": seed_data.PASSWORD})
        assert answer.status_code == 200, answer.text
        return client

    def buy(self, client: httpx.Client, key: str, *, qty: int = 1, request_id: str = "") -> str:
        """Order seats of tier 1; the order's id."""
        headers = {"Idempotency-Key": key} | ({"X-Request-ID": request_id} if request_id else {})
        wanted = {"event": seed_data.ON_SALE, "tier": 1, "qty": qty}
        answer = client.post("/orders", json=wanted, headers=headers)
        assert answer.status_code == 201, answer.text
        return answer.headers["Location"].rstrip("/").rpartition("/")[2]

    def behave(self, **behaviour: Any) -> None:
        """Have the provider be slow, down, refusing or forgetful."""
        self.http.put(f"{self.provider_url}/behaviour", json=behaviour).raise_for_status()

    def charges(self) -> list[dict[str, Any]]:
        """Every charge there was."""
        found: list[dict[str, Any]] = self.http.get(f"{self.provider_url}/charges").raise_for_status().json()
        return found

    def mails(self) -> list[Path]:
        """Messages that were sent."""
        return sorted((self.folder / "mail").glob("*.eml"))

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the database answers."""
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def change(self, statement: str) -> None:
        """Reach into the database."""
        with psycopg.connect(self.database_url) as connection:
            connection.execute(statement.encode())

    def status(self, order_id: str) -> str:
        """The status of an order."""
        ((status,),) = self.rows("SELECT status FROM orders WHERE id = %s", order_id)
        return str(status)

    def until_status(self, order_id: str, status: str, *, timeout: float = TIMEOUT) -> None:
        """Wait for an order to be `status`."""
        if not wait_until(lambda: self.status(order_id) == status, timeout=timeout):
            raise AssertionError(
                f"the order is {self.status(order_id)}; the worker said:\n{self.log('worker')[-4000:]}"
            )


def children_of(pid: int) -> list[int]:
    """Processes that `pid` started."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(status.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(status.parent.name))
    return sorted(found)


def stays(predicate: Callable[[], object], *, seconds: float) -> bool:
    """Whether `predicate` is true now and all the time for so long."""
    end = time.monotonic() + seconds
    return not wait_until(lambda: not predicate() or time.monotonic() > end, timeout=seconds + 5) or bool(predicate())
