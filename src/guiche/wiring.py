"""The one place where the parts are put together; web and worker use what it returns, tests bring their own."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from guiche.cache import EventPages
from guiche.config import Settings
from guiche.db import make_engine, make_sessions
from guiche.limits import LoginLimits
from guiche.mail import Mailer
from guiche.payments import PaymentsClient
from guiche.queue import Queue


@dataclass(frozen=True)
class Services:
    """What the application is made of."""

    settings: Settings
    engine: Engine
    sessions: sessionmaker[Session]
    pages: EventPages
    limits: LoginLimits
    payments: PaymentsClient
    mailer: Mailer
    queue: Queue

    def close(self) -> None:
        """Close every connection; what is used again opens new ones."""
        self.pages.close()
        self.limits.close()
        self.payments.close()
        self.engine.dispose()


def build(settings: Settings) -> Services:
    """The parts as `settings` say; nothing is connected yet."""
    engine = make_engine(settings.database_url, pool_size=settings.db_pool_size)
    sessions = make_sessions(engine)
    return Services(
        settings=settings,
        engine=engine,
        sessions=sessions,
        pages=EventPages(settings.redis_url, sessions, seconds=settings.cache_seconds),
        limits=LoginLimits(settings.redis_url),
        payments=PaymentsClient(settings.payments_url),
        mailer=Mailer(settings.mail_url),
        queue=Queue(settings.redis_url),
    )
