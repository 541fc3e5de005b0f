"""A Redis that is used again: emptied, and given out only while its settings are those it started with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import redis

from inprod.errors import ServiceError
from inprod.messages import _
from inprod.services.launch import Container

_TIMEOUT = 3.0


class Emptied:
    """One Redis container and what it was like when it was new."""

    def __init__(self, container: Container) -> None:
        self.name = container.name
        self.url = container.url
        try:
            with self._client() as client:
                info: dict[str, Any] = client.info("server")
                self._new = _settings(client)
        except redis.RedisError as error:
            raise ServiceError(
                _("Redis started and then refused: {error}").format(error=error),
                looked=container.name,
                do=_("run `inprod doctor`"),
            ) from error
        valkey = info.get("valkey_version")
        #: Valkey is never called Redis.
        self.product = f"Valkey {valkey}" if valkey else f"Redis {info['redis_version']}"

    def empty(self) -> bool:
        """Make it as good as new; False when it can't be."""
        try:
            with self._client() as client:
                client.execute_command("CLIENT", "UNPAUSE")
                if _settings(client) != self._new:
                    return False
                for kind in ("normal", "pubsub"):
                    client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
                for command in ("FLUSHALL", "SCRIPT FLUSH", "FUNCTION FLUSH", "SLOWLOG RESET", "ACL LOG RESET"):
                    client.execute_command(*command.split())
                client.execute_command("LATENCY", "RESET")
                client.execute_command("CONFIG", "RESETSTAT")
        except redis.RedisError:
            return False
        return True

    def _client(self) -> redis.Redis:
        return redis.Redis.from_url(
            self.url, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT, decode_responses=True
        )


def _settings(client: redis.Redis) -> tuple[Any, ...]:
    """Everything that a user can change and FLUSHALL leaves alone."""
    run: Callable[..., Any] = client.execute_command
    return run("CONFIG", "GET", "*"), run("ACL", "LIST"), run("MODULE", "LIST")
