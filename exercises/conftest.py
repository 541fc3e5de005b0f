"""What checks share about the application: Guichê, started from the answer's files and watched from outside."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

import guiche
from guiche import seed_data, system
from inprod.messages import _
from inprod.services.programs import free_port
from inprod.testing import Answer, CouldNotJudge, Pending, wait_until
from inprod.testing import system as processes

TIMEOUT = 10.0
PROVIDER = 15.0  #: seconds until the provider must answer; usually one


@pytest.fixture(scope="session")
def package() -> Path:
    """A folder with a copy of the package `guiche`: `under` an answer, whose files replace those of the copy."""
    under = Path.cwd().parent / "under"
    # With the compiled files and the times: six processes need not compile sixty files each.
    shutil.copytree(Path(guiche.__file__).parent, under / "guiche", dirs_exist_ok=True)
    return under


class Guiche:
    """The application while it runs: web and worker from the answer's files, the payment provider from the course's."""

    def __init__(self, url: str, running: processes.System, provider: Provider | None) -> None:
        self.url = url
        self._running = running
        self._provider = provider
        self._clients: list[httpx.Client] = []

    def __repr__(self) -> str:
        return "<Guichê>"

    @property
    def web(self) -> Pending:
        """gunicorn: the master and its workers."""
        return self._running["web"]

    @property
    def worker(self) -> Pending:
        """Celery: the main process and its pool."""
        return self._running["worker"]

    @property
    def provider(self) -> Provider:
        """The payment provider, which belongs to somebody else."""
        if self._provider is None:
            raise LookupError("the provider was not started")
        return self._provider

    def client(self, **options: Any) -> httpx.Client:
        """A customer who is not logged in: cookies of its own, JSON wanted."""
        headers = {"Accept": "application/json"}
        made = httpx.Client(base_url=self.url, headers=headers, timeout=TIMEOUT, trust_env=False, **options)
        self._clients.append(made)
        return made

    def login(self, email: str, password: str = seed_data.PASSWORD) -> httpx.Client:
        """A customer of the sample data who is logged in."""
        client = self.client()
        answered = client.post("/login", json={"email": email, "password": password})
        if answered.status_code != 200:
            raise CouldNotJudge(
                _("The login of {email} was refused.").format(email=email),
                looked=f"POST /login: {answered.status_code} {answered.text[:200]}",
                do=_("this is a fault of the course, not of your answer; please report it"),
            )
        return client

    def log(self, name: str) -> str:
        """What `web`, `worker` or `provider` has printed."""
        return self.provider.log() if name == "provider" else self._running.log(name)

    def events(self, name: str) -> list[dict[str, Any]]:
        """The lines of a log that are JSON objects, in order."""
        found = []
        for line in self.log(name).splitlines():
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if isinstance(event, dict):
                    found.append(event)
        return found

    def close(self) -> None:
        """End it; idempotent."""
        for client in self._clients:
            client.close()
        self._running.close()
        if self._provider is not None:
            self._provider.close()


class Provider:
    """The payment provider as a process of the check's own: no answer can reach into it."""

    def __init__(self, url: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.url = url
        self._process = process
        self._log = log
        self._client = httpx.Client(base_url=url, timeout=TIMEOUT, trust_env=False)

    def charges(self) -> list[dict[str, Any]]:
        """Every charge there was, in order."""
        return list(self._client.get("/charges").raise_for_status().json())

    def behave(self, **behaviour: Any) -> None:
        """Be slow, down, refusing or forgetful: `delay`, `down`, `refuse`, `duplicate`, `webhooks`."""
        self._client.put("/behaviour", json=behaviour).raise_for_status()

    def log(self) -> str:
        """What it has printed."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        """End it; idempotent."""
        self._client.close()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(TIMEOUT)

    def answers(self) -> bool:
        """Whether it is ready; a process that has ended is trouble of the machine."""
        if self._process.poll() is not None:
            raise CouldNotJudge(_("The payment provider did not start."), looked=self.log()[-400:])
        with contextlib.suppress(httpx.HTTPError):
            return self._client.get("/healthz").status_code == 200
        return False


def _start_provider(process: system.Process, url: str) -> Provider:
    log = Path.cwd().parent / f"provider-{free_port()}.log"
    argv = [sys.executable, *process.argv[1:]]
    env = {"PATH": os.defpath, **process.env}
    with log.open("wb") as output:
        started = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    return Provider(url, started, log)


StartGuiche = Callable[..., Guiche]


@pytest.fixture
def start_guiche(answer: Answer, package: Path) -> Iterator[StartGuiche]:
    """Starts the application: `start_guiche(database_url=…, redis_url=…)`; all of it ends with the observation."""
    started: list[Guiche] = []

    def start(
        *,
        database_url: str,
        redis_url: str,
        only: tuple[str, ...] = ("provider", "worker", "web"),
        workers: int = 2,
        extra: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
        timeout: float = 60.0,
    ) -> Guiche:
        web_port, provider_port = free_port(), free_port()
        wanted = [
            process
            for process in system.processes(
                database_url=database_url,
                redis_url=redis_url,
                folder=Path(),  # each process's own copy of the answer's folder
                web_port=web_port,
                provider_port=provider_port,
                web_workers=workers,
                extra=dict(extra or {}),
            )
            if process.name in only
        ]
        provider = None
        for process in wanted:
            if process.name == "provider":
                provider = _start_provider(process, f"http://127.0.0.1:{provider_port}")
        try:
            theirs = [process for process in wanted if process.name != "provider"]
            running = processes.start(answer, theirs, under=package, files=files, timeout=timeout)
        except BaseException:
            if provider is not None:
                provider.close()
            raise
        made = Guiche(f"http://127.0.0.1:{web_port}", running, provider)
        started.append(made)
        if provider is not None and not wait_until(provider.answers, timeout=PROVIDER, what="the provider is ready"):
            raise CouldNotJudge(_("The payment provider did not start."), looked=provider.log()[-400:])
        return made

    yield start
    for made in started:
        made.close()


@pytest.fixture(name="guiche")
def whole_guiche(start_guiche: StartGuiche, postgres: Any, redis: Any) -> Guiche:
    """The whole application on the check's own servers."""
    return start_guiche(database_url=postgres.url, redis_url=redis.url)
