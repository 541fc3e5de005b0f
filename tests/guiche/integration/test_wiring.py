"""The parts, put together."""

from __future__ import annotations

from pathlib import Path

from guiche import wiring
from guiche.config import Settings
from guiche.system import processes
from tests.guiche.rows import add_event


def test_build_connects_to_nothing(tmp_path: Path) -> None:
    """Where nobody listens, an application can still be made, and closed."""
    nowhere = "127.0.0.1:9"
    _provider, worker, _web = processes(
        database_url=f"postgresql://u:p@{nowhere}/x",
        redis_url=f"redis://{nowhere}/0",
        folder=tmp_path,
        web_port=1,
        provider_port=2,
        extra={"DB_POOL_SIZE": "3"},
    )
    services = wiring.build(Settings.from_env(worker.env))
    assert services.engine.pool.status().startswith("Pool size: 3 ")
    services.close()


def test_parts_fit(tmp_path: Path, database_url: str, redis_url: str) -> None:
    """What one part writes, the other one reads."""
    _provider, worker, _web = processes(
        database_url=database_url, redis_url=redis_url, folder=tmp_path, web_port=1, provider_port=2
    )
    services = wiring.build(Settings.from_env(worker.env))
    with services.sessions.begin() as session:
        add_event(session)
    assert (services.pages.read("nona-sinfonia") or {})["title"] == "Nona Sinfonia, de Beethoven"
    assert not services.limits.reached("ana@example.com")
    services.close()
