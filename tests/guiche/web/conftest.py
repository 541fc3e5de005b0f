"""An application of fakes, and one on real servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session

from guiche import seed_data, wiring
from guiche.config import Settings
from guiche.models import User
from guiche.web.app import create_app
from guiche.wiring import Services
from tests.guiche.rows import add_event, add_user
from tests.guiche.web.fakes import FakeLimits, FakePages, FakeQueue, FakeSession

JSON = {"Accept": "application/json"}
SETTINGS = Settings(
    database_url="postgresql://somebody:hidden@127.0.0.1:9/guiche",
    redis_url="redis://127.0.0.1:9/0",
    secret_key="a key that is only for tests",
    payments_url="http://127.0.0.1:9",
    webhook_keys=("first key", "second key"),
    mail_url="file:///nowhere",
    public_url="http://tickets.example",
    version="7.8.9",
)


@pytest.fixture
def services() -> Iterator[Services]:
    """Parts that touch no server."""
    made = wiring.build(SETTINGS)
    fakes: dict[str, Any] = {
        "sessions": FakeSession,
        "pages": FakePages(),
        "limits": FakeLimits(),
        "queue": FakeQueue(),
    }
    yield replace(made, **fakes)
    made.close()


@pytest.fixture
def app(services: Services) -> Flask:
    """The application of fakes."""
    return create_app(services)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Nobody in particular, with the application of fakes."""
    return app.test_client()


@pytest.fixture
def real(database_url: str, redis_url: str) -> Iterator[Services]:
    """Parts on real servers, with Ana, one of the staff, and one event with two seats."""
    settings = replace(SETTINGS, database_url=database_url, redis_url=redis_url)
    made = replace(wiring.build(settings), queue=FakeQueue())  # type: ignore[arg-type]
    with made.sessions.begin() as session:
        add_user(session, seed_data.ANA)
        add_user(session, seed_data.BRUNO)
        add_user(session, seed_data.STAFF, role="staff")
        session.execute(update(User).values(password_hash=seed_data.PASSWORD_HASH))
        picture = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
        add_event(session, cents=(4_000, 12_000), capacity=2, banner=picture).banner_type = "image/svg+xml"
        add_event(session, "samba-de-roda", title="Samba de Roda", venue="Salvador", cents=(2_000,))
    yield made
    made.close()


Login = Callable[[str], FlaskClient]


@pytest.fixture
def login(real: Services) -> Login:
    """Logs somebody in: `login("ana@example.com")`."""
    app = create_app(real)

    def enter(email: str) -> FlaskClient:
        client = app.test_client()
        if email:
            answer = client.post("/login", json={"email": email, "password": seed_data.PASSWORD}, headers=JSON)
            assert answer.status_code == 200, answer.text
        return client

    return enter


@pytest.fixture
def rows(real: Services) -> Iterator[Session]:
    """A look into the database."""
    with real.sessions() as session:
        yield session
