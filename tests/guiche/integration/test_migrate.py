"""The schema: what the migrations make, and who may make it at the same time."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, inspect, text

from guiche import migrate
from guiche.db import make_engine
from guiche.models import Base

UPGRADE = "import sys; from guiche.migrate import upgrade; upgrade(sys.argv[1])"


def test_migrations_make_what_the_models_say(database_url: str) -> None:
    """Nothing to add, and nothing that the models don't know."""
    engine = make_engine(database_url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


def test_checks_and_partial_indexes(database_url: str) -> None:
    """What Alembic does not compare: checks, partial indexes, and no index on an order's children."""
    engine = make_engine(database_url)
    found = inspect(engine)
    checks = {check["name"] for table in found.get_table_names() for check in found.get_check_constraints(table)}
    constraints = (one for table in Base.metadata.tables.values() for one in table.constraints)
    assert checks == {one.name for one in constraints if isinstance(one, CheckConstraint)}
    assert "ck_tiers_sold" in checks
    assert found.get_indexes("order_items") == found.get_indexes("order_notes") == []
    (outbox,) = found.get_indexes("outbox")
    assert outbox["dialect_options"]["postgresql_where"] == "(sent_at IS NULL)"
    assert {index["name"] for index in found.get_indexes("orders")} >= {"ix_orders_user_id", "ix_orders_pending"}
    engine.dispose()


def test_two_instances_at_once(empty_url: str) -> None:
    """Four processes migrate one empty database together, and each of them succeeds."""

    def one(_n: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", UPGRADE, empty_url], capture_output=True, text=True, timeout=60, check=False
        )

    with ThreadPoolExecutor(4) as pool:
        ended = list(pool.map(one, range(4)))
    assert [(process.returncode, process.stderr) for process in ended] == [(0, "")] * 4
    test_migrations_make_what_the_models_say(empty_url)


def test_a_second_upgrade_changes_nothing(database_url: str) -> None:
    """Every start of an instance may migrate."""
    migrate.upgrade(database_url)
    test_migrations_make_what_the_models_say(database_url)


def test_busy_for_too_long(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever can't have the lock says so instead of waiting for ever."""
    monkeypatch.setattr(migrate, "WAIT_SECONDS", 0.3)
    engine = make_engine(empty_url)
    with engine.connect() as other:
        assert other.scalar(text("SELECT pg_try_advisory_lock(hashtext('guiche migrations'))"))
        with pytest.raises(migrate.MigrationBusy):
            migrate.upgrade(empty_url)
        assert not inspect(other).get_table_names()
    engine.dispose()
    migrate.upgrade(empty_url)  # the lock went with its connection


def test_way_back(database_url: str) -> None:
    """The first step can be taken back, and forth again."""
    engine = make_engine(database_url)
    config = Config()
    config.set_main_option("script_location", "guiche:migrations")
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        assert inspect(connection).get_table_names() == ["alembic_version"]
    engine.dispose()
    migrate.upgrade(database_url)
    test_migrations_make_what_the_models_say(database_url)
