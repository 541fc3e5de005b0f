"""For a notebook's demos: servers, sample data and running programs, private to the notebook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from inprod import brokers, kernel
from inprod.services import programs
from inprod.services.programs import Process, Running


def postgres_url(database: str = "") -> str:
    """A database of this notebook's own; made at first use, dropped when the kernel exits.

    With the name of a sample database, such as `guiche`, it is one more database: the notebook's own copy of it.

    Raises:
        ServiceError: Postgres could not be started, or the sample data not be made; it says what to do.
        InprodError: there is no such sample database.
    """
    return kernel.current().postgres_url(database)


def redis_url() -> str:
    """A Redis of this notebook's own; made at first use, gone when the kernel exits.

    Raises:
        ServiceError: Redis could not be started; it says where we looked and what to do.
    """
    return kernel.current().redis_url()


def start(name: str, argv: Sequence[str], env: Mapping[str, str], *, ready: str, folder: Path | None = None) -> Running:
    """Start a program, such as a web server, and return when it is ready; it ends with the kernel.

    A former one of the same name is stopped first, so that a cell may be run again. `python` is this interpreter.
    `ready` is a URL that answers 200, `tcp://host:port` that accepts, else a text that the program prints. It runs in
    `folder`, by default in a temporary one that all of the notebook's programs share.

    Raises:
        ServiceError: it ended, or was not ready within 30 seconds; with the last lines of its log.
    """
    return kernel.current().programs.start(name, argv, env, ready=ready, folder=folder)


def start_all(processes: Iterable[Process]) -> dict[str, Running]:
    """Start several programs at once, and return when all are ready: by name.

    Raises:
        ServiceError: as for `start`; the others are stopped, too.
    """
    return kernel.current().programs.start_all(processes)


def rabbitmq() -> str:
    """An empty RabbitMQ of this notebook's own: its URL. A former one is ended; it ends with the kernel.

    Raises:
        ServiceError: this machine has none, or it did not start; it says what to do.
    """
    return brokers.rabbitmq(kernel.current().programs)


def kafka() -> str:
    """An empty broker of this notebook's own that speaks Kafka's protocol: its `host:port`; as `rabbitmq`."""
    return brokers.kafka(kernel.current().programs)


def memcached() -> str:
    """An empty Memcached of this notebook's own: its `host:port`; as `rabbitmq`."""
    return brokers.memcached(kernel.current().programs)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    return programs.free_port()
