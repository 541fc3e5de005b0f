"""For whoever watches the process: does it live, and can it serve?"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable

import psycopg
from flask import Blueprint, Response, jsonify

from guiche.web.context import services

blueprint = Blueprint("health", __name__)
log = logging.getLogger(__name__)

DEADLINE = 1.0  #: seconds for each; a server that is silent is as good as none


@blueprint.get("/healthz")
def alive() -> Response:
    """The process lives; nothing else is asked, since a restart mends nothing else."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def ready() -> tuple[Response, int]:
    """Whether to send customers here: not without Postgres; without Redis pages are slower, no more."""
    settings = services().settings
    postgres, redis = asyncio.run(_ask(settings.database_url, settings.redis_url))
    found = {"postgres": "ok" if postgres else "away", "redis": "ok" if redis else "away"}
    return jsonify(status="ready" if postgres else "not ready", **found), 200 if postgres else 503


async def _ask(database_url: str, redis_url: str) -> tuple[bool, bool]:
    # Connections of their own: a busy pool is no reason to be taken out of service.
    postgres, redis = await asyncio.gather(
        _answers("postgres", _connect(database_url)), _answers("redis", _ping(redis_url))
    )
    return postgres, redis


async def _answers(name: str, question: Awaitable[None]) -> bool:
    from redis import RedisError

    try:
        await asyncio.wait_for(question, DEADLINE)
    except (OSError, TimeoutError, psycopg.Error, RedisError) as error:
        log.warning("not ready", extra={"server": name, "reason": type(error).__name__})
        return False
    return True


async def _connect(url: str) -> None:
    connection = await psycopg.AsyncConnection.connect(url)
    await connection.close()


async def _ping(url: str) -> None:
    from redis.asyncio import Redis  # rarely needed, and slow to import
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    async with Redis.from_url(url, retry=Retry(NoBackoff(), 0)) as client:
        await client.ping()
