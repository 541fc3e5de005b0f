"""How our Postgres and Redis run, the same on every backend: throw-away data, steady plans."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

#: The data of a session is thrown away, so nothing waits for a disk. `jit` would make plans jump.
POSTGRES: Mapping[str, str] = MappingProxyType(
    {
        "autovacuum_naptime": "1h",  # statistics change when a check says ANALYZE, not in the middle of it
        "fsync": "off",
        "full_page_writes": "off",
        "jit": "off",
        "max_connections": "100",
        "shared_buffers": "32MB",
        "shared_preload_libraries": "pg_stat_statements",
        "synchronous_commit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "track_functions": "all",
        "track_io_timing": "on",
    }
)

#: Nothing is written to disk.
REDIS: Mapping[str, str] = MappingProxyType({"save": "", "appendonly": "no"})

#: Some exercises use what version 16 brought.
OLDEST_POSTGRES = 16
OLDEST_REDIS = 7


def postgres_arguments() -> list[str]:
    """`-c name=value` for each setting."""
    return [part for name, value in POSTGRES.items() for part in ("-c", f"{name}={value}")]


def redis_arguments() -> list[str]:
    """`--name value` for each setting."""
    return [part for name, value in REDIS.items() for part in (f"--{name}", value)]
