"""The way to Postgres: one engine a process, one session for each piece of work."""

from __future__ import annotations

from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.orm import Session, sessionmaker

CONNECT_SECONDS = 5
POOL_SECONDS = 5  #: to wait for a free connection
STATEMENT_MS = 15_000


def make_engine(url: str, *, pool_size: int = 5) -> Engine:
    """An engine for `postgresql://…`, with at most `pool_size` connections; it connects at first use."""
    target, options = _split(url)
    return create_engine(
        target,
        pool_size=pool_size,
        max_overflow=0,  # what is configured is the most that Postgres will see
        pool_timeout=POOL_SECONDS,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "fallback_application_name": "guiche",
            "options": options,
        },
    )


def make_sessions(engine: Engine) -> sessionmaker[Session]:
    """Sessions that leave objects readable after a commit."""
    return sessionmaker(engine, expire_on_commit=False)


def _split(url: str) -> tuple[URL, str]:
    """The URL for psycopg 3, and the server options: ours, then the URL's, which win."""
    parsed = make_url(url).set(drivername="postgresql+psycopg")
    asked = parsed.query.get("options", ())
    asked = (asked,) if isinstance(asked, str) else asked
    ours = (f"-c statement_timeout={STATEMENT_MS}", "-c timezone=UTC")
    return parsed.difference_update_query(["options"]), " ".join((*ours, *asked))
