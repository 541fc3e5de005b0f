"""The Redis as a check sees it."""

from __future__ import annotations

from inprod.testing.redis_ import Redis
from tests.testing.servers import leased


def test_text_comes_back_as_text() -> None:
    """The check's client reads what was written as `str`."""
    with leased("redis") as lease:
        assert lease.redis is not None
        redis = Redis(lease.redis.url)
        redis.client.set("key", "Zoë", px=5_000)
        assert redis.client.get("key") == "Zoë"
        assert redis.url == lease.redis.url
        redis.close()
