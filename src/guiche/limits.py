"""Login attempts, counted in Redis: shared by all processes, forgotten by itself."""

from __future__ import annotations

import logging

import redis

log = logging.getLogger(__name__)

ATTEMPTS = 10
SECONDS = 15 * 60
LONGEST = 254  #: characters of an address; a key is no place for more
_TIMEOUT = 1.0


class LoginLimits:
    """At most ten failed logins for an account in a quarter of an hour."""

    def __init__(self, redis_url: str, *, attempts: int = ATTEMPTS, seconds: int = SECONDS) -> None:
        self._redis = redis.Redis.from_url(redis_url, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT)
        self._attempts = attempts
        self._seconds = seconds

    def reached(self, email: str) -> bool:
        """Whether this account has to wait. Without Redis nobody is locked out."""
        try:
            found = self._redis.get(_key(email))
        except redis.RedisError as error:
            log.warning("login limits not available", extra={"reason": type(error).__name__})
            return False
        return int(found or 0) >= self._attempts

    def failed(self, email: str) -> None:
        """Count a wrong password; the first one starts the clock."""
        try:
            with self._redis.pipeline() as both:
                both.incr(_key(email))
                both.expire(_key(email), self._seconds, nx=True)
                both.execute()
        except redis.RedisError as error:
            log.warning("login limits not available", extra={"reason": type(error).__name__})

    def forget(self, email: str) -> None:
        """The right password was given."""
        try:
            self._redis.delete(_key(email))
        except redis.RedisError as error:
            log.warning("login limits not available", extra={"reason": type(error).__name__})

    def close(self) -> None:
        """Close the connections to Redis; the next attempt opens new ones."""
        self._redis.close()


def _key(email: str) -> bytes:
    return f"rl:{email.strip().lower()[:LONGEST]}".encode(errors="replace")
