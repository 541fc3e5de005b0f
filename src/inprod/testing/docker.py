"""Docker for an answer whose own tests start containers: only where the course itself runs on Docker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Docker:
    """What an answer is told of the engine."""

    host: str  #: as in DOCKER_HOST
    postgres: str  #: the image that the course itself uses, which is here already
    redis: str
    label: str  #: of this check's containers
    used: Callable[[], object]  #: told before an answer gets it

    def environment(self) -> dict[str, str]:
        """For the answer's process. Ryuk would be one more image, and what it does is done at the end of the check."""
        return {
            "DOCKER_HOST": self.host,
            "TESTCONTAINERS_RYUK_DISABLED": "true",
            "POSTGRES_IMAGE": self.postgres,
            "REDIS_IMAGE": self.redis,
        }
