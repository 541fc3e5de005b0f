"""A check's own Redis, as the judge uses it."""

from __future__ import annotations

import redis

_TIMEOUT = 5.0


class Redis:
    """One Redis that nobody else uses: `url` for the answer's environment, `client` for the check."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = redis.Redis.from_url(
            url, decode_responses=True, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT
        )

    def __repr__(self) -> str:
        return "<the check's Redis>"

    def close(self) -> None:
        """Let go of the connections; the server goes with the lease."""
        self.client.close()
