"""Parts that remember what was asked of them."""

from __future__ import annotations

from typing import Any

from sqlalchemy.exc import OperationalError

PAGE = {
    "id": 1,
    "slug": "nona-sinfonia",
    "title": "Nona Sinfonia <b>",
    "description": "Em três atos.",
    "venue": "Sala Anísio Leão",
    "starts_at": "2026-12-12T23:00:00+00:00",
    "tiers": [{"id": 5, "name": "Plateia", "price_cents": 123_450, "left": 3}],
}


class FakePages:
    """One event."""

    def read(self, slug: str) -> dict[str, Any] | None:
        """That one, or none."""
        return PAGE if slug == PAGE["slug"] else None


class FakeLimits:
    """Lets everybody in but those whose address begins with `locked`."""

    def __init__(self) -> None:
        self.failures: list[str] = []

    def reached(self, email: str) -> bool:
        """Whether to wait."""
        return email.startswith("locked")

    def failed(self, email: str) -> None:
        """Remember it."""
        self.failures.append(email)

    def forget(self, email: str) -> None:
        """Forget it."""
        self.failures = [one for one in self.failures if one != email]


class FakeQueue:
    """Counts."""

    def __init__(self) -> None:
        self.woken = 0

    def wake_relay(self) -> None:
        """Once more."""
        self.woken += 1


class Empty(list[Any]):
    """No rows, whatever is asked."""

    def all(self) -> list[Any]:
        """None."""
        return []

    def one_or_none(self) -> None:
        """None."""


class FakeSession:
    """A database without rows."""

    def scalars(self, _statement: object) -> Empty:
        """No rows."""
        return Empty()

    def scalar(self, _statement: object) -> None:
        """No value."""

    def execute(self, _statement: object) -> Empty:
        """No rows."""
        return Empty()

    def close(self) -> None:
        """Nothing to close."""


class AwaySession(FakeSession):
    """Postgres is away."""

    def scalar(self, _statement: object) -> None:
        """Fails as psycopg does."""
        raise OperationalError("SELECT 1", {}, Exception("connection refused"))

    def scalars(self, _statement: object) -> Empty:
        """Fails as psycopg does."""
        raise OperationalError("SELECT 1", {}, Exception("connection refused"))
