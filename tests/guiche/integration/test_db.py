"""The engine: how it connects, and how long it lets a statement run."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import IntegrityError, TimeoutError
from sqlalchemy.orm import Session

from guiche.db import make_engine
from tests.guiche.rows import add_event, add_user


def shown(url: str, name: str) -> str:
    """A setting of a session of the engine for `url`."""
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            return str(connection.scalar(text(f"SHOW {name}")))
    finally:
        engine.dispose()


def test_settings_of_a_session(database_url: str) -> None:
    """Statements end after 15 s, moments come in UTC, and Postgres knows who we are."""
    assert shown(database_url, "statement_timeout") == "15s"
    assert shown(database_url, "timezone") == "UTC"
    assert shown(database_url, "application_name") == "guiche"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_options_in_the_url(database_url: str, scheme: str) -> None:
    """Both spellings of the scheme are taken, and options of the URL are kept and win."""
    url = f"{scheme}:{database_url.partition(':')[2]}?options=-c%20search_path%3Dpg_temp%20-c%20statement_timeout%3D7s"
    assert shown(url, "search_path") == "pg_temp"
    assert shown(url, "statement_timeout") == "7s"
    assert shown(url, "timezone") == "UTC"


def test_name_in_the_url(database_url: str) -> None:
    """A URL may say who connects."""
    assert shown(f"{database_url}?application_name=report", "application_name") == "report"


def test_pool_has_an_end(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more connections than configured: the next one waits, and is told."""
    monkeypatch.setattr("guiche.db.POOL_SECONDS", 0.2)
    engine = make_engine(database_url, pool_size=1)
    with engine.connect(), pytest.raises(TimeoutError):
        engine.connect()
    engine.dispose()


def test_a_lost_connection_is_replaced(database_url: str) -> None:
    """Postgres closes a connection that lies in the pool: the next piece of work gets another one."""
    engine = make_engine(database_url, pool_size=1)
    with engine.connect() as connection:
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [pid])
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT pg_backend_pid()")) != pid
    engine.dispose()


def test_repr_hides_the_password(database_url: str) -> None:
    """An engine may be logged."""
    engine = make_engine(database_url)
    password = make_url(database_url).password
    assert password
    assert str(password) not in repr(engine)
    engine.dispose()


def test_one_account_an_address(session: Session) -> None:
    """However it is written."""
    add_user(session, "ana@example.com")
    with pytest.raises(IntegrityError):
        add_user(session, "Ana@Example.com")


def test_overselling_is_impossible(session: Session) -> None:
    """Whatever the code does, a tier never has more sold than seats."""
    event = add_event(session, capacity=1)
    event.tiers[0].sold = 2
    with pytest.raises(IntegrityError):
        session.flush()
