"""Postgres and Redis in containers: one Postgres a session, a Redis for each lease that runs at the same time."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from inprod.errors import ServiceError
from inprod.messages import _
from inprod.recipes import Recipe
from inprod.services import engine, leftovers, pulling
from inprod.services.base import POSTGRES, REDIS, Lease, Progress, RedisLease, ServerDeath
from inprod.services.databases import Databases
from inprod.services.emptied import Emptied
from inprod.services.launch import Container, Launcher
from inprod.services.owner import Supervisor


class Containers:
    """Docker's side of the services. `pull` allows a download, for somebody who demanded this backend."""

    def __init__(self, *, pull: bool = False) -> None:
        self._pull = pull
        self._lock = threading.RLock()
        self._supervisor = Supervisor()
        self._launcher: Launcher | None = None
        self._engine = ""  #: its endpoint
        self._postgres: Container | None = None
        self._databases: Databases | None = None
        self._idle: list[Emptied] = []
        self._all: dict[str, str] = {}  #: each container that should be running, and which server is in it
        self._deaths: list[ServerDeath] = []
        self._servers: dict[str, str] = {}

    @property
    def backend(self) -> str:
        """`docker`."""
        return "docker"

    def start(self, needs: frozenset[str], progress: Progress | None = None, template: Recipe | None = None) -> None:
        """Have the containers up, and new ones in the place of those that died."""
        with self._lock:
            tell = progress or (lambda _text: None)
            launcher = self._ready(needs, tell)
            chosen = engine.images()
            if POSTGRES in needs and not (self._postgres and self._runs(self._postgres.name)):
                tell(_("starting {image}").format(image=chosen.postgres))
                self._postgres = None
                container = launcher.postgres(chosen.postgres)
                databases = Databases(container.url)
                try:
                    version = databases.prepare()
                except BaseException:
                    launcher.remove(container.name)
                    raise
                self._postgres, self._databases = container, databases
                self._servers[POSTGRES] = self._all[container.name] = f"PostgreSQL {version}"
            if REDIS in needs and REDIS not in self._servers:
                tell(_("starting {image}").format(image=chosen.redis))
                self._idle.append(self._new_redis(launcher))
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
            databases = self._databases if POSTGRES in needs else None
            postgres = stack.enter_context(databases.lease(name, template)) if databases else None
            own = stack.enter_context(self._redis()) if REDIS in needs else None
            yield Lease(postgres, own)

    def deaths(self) -> tuple[ServerDeath, ...]:
        """Servers that stopped by themselves."""
        with self._lock:
            for name in tuple(self._all):
                self._runs(name)
            return tuple(self._deaths)

    def close(self) -> None:
        """Remove every container of ours; idempotent."""
        with self._lock:
            launcher, self._launcher = self._launcher, None
            for name in self._all:
                if launcher is None or not launcher.remove(name):
                    break  # the engine doesn't answer; the supervisor tries once more
            self._supervisor.close()
            self._postgres = self._databases = None
            self._engine = ""
            self._idle.clear()
            self._all.clear()
            self._servers.clear()

    def _ready(self, needs: frozenset[str], tell: Progress) -> Launcher:
        """The launcher, when the engine answers and has the images."""
        if self._launcher and self._engine and needs <= self._servers.keys():
            return self._launcher
        found = engine.probe()
        if not found.answers:
            raise ServiceError(found.saw, looked=found.endpoint, do=found.do)
        for need, image in engine.images().by_need().items():
            if need in needs and not engine.has_image(found.endpoint, image):
                if not self._pull:
                    raise pulling.missing(image, found.endpoint)
                pulling.pull(image, found.endpoint, tell)
        if self._launcher is None:
            with contextlib.suppress(engine.EngineError):
                leftovers.sweep(found.endpoint)
            self._engine = found.endpoint
            self._launcher = Launcher(found.endpoint, self._supervisor)
        return self._launcher

    def _new_redis(self, launcher: Launcher) -> Emptied:
        container = launcher.redis(engine.images().redis)
        try:
            server = Emptied(container)
        except BaseException:
            launcher.remove(container.name)
            raise
        with self._lock:
            self._servers[REDIS] = self._all[container.name] = server.product
        return server

    @contextmanager
    def _redis(self) -> Iterator[RedisLease]:
        server = self._take()
        try:
            yield RedisLease(server.url)
        finally:
            with self._lock:
                if self._runs(server.name):
                    self._idle.append(server)

    def _take(self) -> Emptied:
        """An idle server as good as new, else a new one."""
        while True:
            with self._lock:
                launcher = self._launcher
                server = self._idle.pop() if self._idle else None
                if launcher is None:
                    raise ServiceError(_("The services were closed."), do=_("open them again"))
                if server and not self._runs(server.name):
                    continue
            if server is None:
                return self._new_redis(launcher)
            if server.empty():
                return server
            # Its settings were changed: that must not reach the next lease.
            with self._lock:
                self._all.pop(server.name, None)
            launcher.remove(server.name)

    def _runs(self, name: str) -> bool:
        """Whether a container is up; a death is noted once."""
        if name not in self._all:
            return False
        how = engine.ended(self._engine, name)
        if how is None:
            return True
        server = self._all.pop(name)
        self._deaths.append(ServerDeath(server, how, engine.last_line(self._engine, name)))
        if self._launcher:
            self._launcher.remove(name)
        return False
