"""One container through testcontainers, ready to use; each way it can fail told in a sentence."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import redis

from inprod.errors import ServiceError
from inprod.messages import _
from inprod.services import engine, leftovers, settings
from inprod.services.owner import Supervisor

ADMIN = "inprod_admin"
_READY_SECONDS = 60.0
_CLIENT_SECONDS = 20
_POLL = 0.05
_SHARED_MEMORY = "256m"
#: A data folder outside of the images' own volumes, so that nothing of it touches a disk.
_DATA = "/inprod"
_DATA_LIMIT = "size=2g"
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Container:
    """A server in a container that answers."""

    name: str
    url: str


class Launcher:
    """Starts containers on one engine and hands each to the supervisor before it exists."""

    def __init__(self, endpoint: str, supervisor: Supervisor) -> None:
        self._endpoint = endpoint
        self._supervisor = supervisor

    def postgres(self, image: str) -> Container:
        """A cluster in memory, with our settings; `url` is its superuser's.

        Raises:
            ServiceError: it did not start.
        """
        from testcontainers.community.postgres import PostgresContainer

        password = secrets.token_hex(16)

        def build(client: dict[str, Any]) -> Any:
            container = PostgresContainer(
                image, username=ADMIN, password=password, dbname="postgres", driver=None, docker_client_kw=client
            )
            container.with_tmpfs_mount(_DATA, _DATA_LIMIT).with_env("PGDATA", f"{_DATA}/data")
            container.with_env("POSTGRES_INITDB_ARGS", "--encoding=UTF8 --locale=C.UTF-8 --no-sync")
            return container.with_command(["postgres", *settings.postgres_arguments()])

        def ask(host: str, port: int) -> str:
            url = f"postgresql://{ADMIN}:{password}@{host}:{port}/postgres"
            psycopg.connect(url, connect_timeout=2).close()
            return url

        return self._launch("postgres", image, build, 5432, ask)

    def redis(self, image: str) -> Container:
        """A Redis in memory.

        Raises:
            ServiceError: it did not start.
        """
        from testcontainers.community.redis import RedisContainer

        password = secrets.token_hex(16)
        opened = []

        def build(client: dict[str, Any]) -> Any:
            container = RedisContainer(image, docker_client_kw=client)
            # Beyond the loopback interface anybody on the network could reach it.
            opened.append(not _on_loopback(container))
            protection = ["--requirepass", password] if opened[0] else []
            command = ["redis-server", "--protected-mode", "no", *settings.redis_arguments(), *protection]
            return container.with_command(command)

        def ask(host: str, port: int) -> str:
            url = f"redis://:{password}@{host}:{port}/0" if opened[0] else f"redis://{host}:{port}/0"
            with redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2) as client:
                client.ping()
            return url

        return self._launch("redis", image, build, 6379, ask)

    def remove(self, name: str) -> bool:
        """Remove a container, and have nobody look after it any more once it is gone; whether it is."""
        gone = engine.remove(self._endpoint, name)
        if gone:
            self._supervisor.forget_container(name)
        return gone

    def _launch(
        self,
        kind: str,
        image: str,
        build: Callable[[dict[str, Any]], Any],
        port: int,
        ask: Callable[[str, int], str],
    ) -> Container:
        from docker.errors import DockerException

        _leave_ryuk_where_it_would_be_pulled(self._endpoint)
        name = f"inprod-{kind}-{os.getpid()}-{secrets.token_hex(4)}"
        ready = _Ready(self._endpoint, name, port, ask)
        container = None
        try:
            with _environment_kept():
                container = build(
                    {"timeout": _CLIENT_SECONDS, "environment": {**os.environ, "DOCKER_HOST": self._endpoint}}
                )
            # The prefix that testcontainers puts before names is for its users' images; ours has its own.
            container.image = image
            container.with_name(name).waiting_for(ready)
            container.with_kwargs(labels=leftovers.labels(), shm_size=_SHARED_MEMORY)
            if _on_loopback(container):
                container.ports = {f"{port}/tcp": (_LOOPBACK, None)}
            # By its name, before it exists: there is no moment in which it has nobody to end it.
            self._supervisor.guard_container(self._endpoint, name)
            container.start()
        except (DockerException, OSError, RuntimeError) as error:
            failure = self._translated(error, image, name)
            self.remove(name)
            raise failure from error
        except BaseException:
            self.remove(name)
            raise
        finally:
            if container is not None:
                container.get_docker_client().client.close()
        return Container(name, ready.url)

    def _translated(self, error: Exception, image: str, name: str) -> ServiceError:
        found = engine.probe(engine.Endpoint(self._endpoint, "docker"))
        if not found.answers:
            return ServiceError(found.saw, looked=found.endpoint, do=found.do)
        text = " ".join(str(getattr(error, "explanation", None) or error).split())
        said = engine.last_line(self._endpoint, name)
        do = _("run `inprod doctor`; without Docker: `--backend embedded`")
        if "no space left" in f"{text} {said}".lower():
            do = _("free space for Docker: `docker system df` shows what takes it")
        elif "Read timed out" in text:
            text = _("no answer within {seconds} s").format(seconds=_CLIENT_SECONDS)
            do = _("Docker is busy or stuck: wait for it, or restart it; without Docker: `--backend embedded`")
        return ServiceError(
            _("Docker did not start {image}: {error}").format(image=image, error=said or text[:300]),
            looked=self._endpoint,
            do=do,
        )


class _Ready:
    """Waits until a server answers; unlike testcontainers' own strategies it notices one that has ended."""

    def __init__(self, engine_url: str, name: str, port: int, ask: Callable[[str, int], str]) -> None:
        self._engine, self._name, self._port, self._ask = engine_url, name, port, ask
        self.url = ""

    def wait_until_ready(self, container: Any) -> None:
        """Return when it answers.

        Raises:
            RuntimeError: it ended.
            TimeoutError: it takes too long.
        """
        deadline = time.monotonic() + _READY_SECONDS
        place: tuple[str, int] | None = None
        while True:
            try:
                place = place or _place(container, self._port)
                self.url = self._ask(*place)
                return
            except (psycopg.OperationalError, redis.RedisError, OSError, RuntimeError) as error:
                trouble = error
            state = (engine.get(self._engine, f"/containers/{self._name}/json") or {}).get("State", {})
            if not state.get("Running"):
                raise RuntimeError(f"exit code {state.get('ExitCode')}") from trouble
            if time.monotonic() > deadline:
                raise TimeoutError(str(trouble)) from trouble
            time.sleep(_POLL)


@contextmanager
def _environment_kept() -> Iterator[None]:
    """testcontainers writes what it found in a docker context into DOCKER_HOST, for every process that follows."""
    before = os.environ.get("DOCKER_HOST")
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("DOCKER_HOST", None)


def _place(container: Any, port: int) -> tuple[str, int]:
    host = str(container.get_container_host_ip())
    # By name, ::1 might be tried first, where nothing is published.
    return _LOOPBACK if host == "localhost" else host, int(container.get_exposed_port(port))


def _on_loopback(container: Any) -> bool:
    """Whether the engine publishes ports on this very machine, and not for us inside another container."""
    client = container.get_docker_client()
    return client.get_connection_mode().value == "docker_host" and client.host() in {"localhost", _LOOPBACK}


def _leave_ryuk_where_it_would_be_pulled(url: str) -> None:
    """testcontainers' own cleaner is welcome where it is at hand; it is never worth a silent download."""
    from testcontainers.core.config import testcontainers_config

    if not testcontainers_config.ryuk_disabled and not engine.has_image(url, testcontainers_config.ryuk_image):
        testcontainers_config.ryuk_disabled = True
