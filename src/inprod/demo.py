"""Servers for a notebook's demos: `postgres_url()` and `redis_url()`, private to the notebook."""

from __future__ import annotations

from inprod import kernel


def postgres_url() -> str:
    """A database of this notebook's own; made at first use, dropped when the kernel exits.

    Raises:
        ServiceError: Postgres could not be started; it says where we looked and what to do.
    """
    return kernel.current().postgres_url()


def redis_url() -> str:
    """A Redis of this notebook's own; made at first use, gone when the kernel exits.

    Raises:
        ServiceError: Redis could not be started; it says where we looked and what to do.
    """
    return kernel.current().redis_url()
