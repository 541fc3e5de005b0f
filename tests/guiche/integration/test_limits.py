"""Login attempts: counted for all processes, forgotten by themselves, and never in the way without Redis."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import redis

from guiche.limits import LoginLimits
from inprod.testing import wait_until
from inprod.testing.proxy import ProxyMaker

ANA = "ana@example.com"


@pytest.fixture
def limits(redis_url: str) -> Iterator[LoginLimits]:
    """Three attempts, for a minute."""
    made = LoginLimits(redis_url, attempts=3, seconds=60)
    yield made
    made.close()


def test_counted(limits: LoginLimits, redis_url: str) -> None:
    """Three wrong passwords, however the address is written; another process knows, another account is free."""
    for email in (ANA, "Ana@Example.com", f" {ANA} "):
        assert not limits.reached(ANA)
        limits.failed(email)
    other = LoginLimits(redis_url, attempts=3)
    assert limits.reached(ANA)
    assert other.reached("ANA@example.com")
    assert not limits.reached("bruno@example.com")
    other.forget(ANA)
    assert not limits.reached(ANA)
    other.close()


def test_the_first_one_starts_the_clock(limits: LoginLimits, redis_url: str) -> None:
    """Whoever goes on trying does not lock the customer out for longer."""
    with redis.Redis.from_url(redis_url) as keys:
        limits.failed(ANA)
        assert 50 < keys.ttl(f"rl:{ANA}") <= 60
        keys.expire(f"rl:{ANA}", 5)
        limits.failed(ANA)
        assert keys.ttl(f"rl:{ANA}") <= 5


def test_forgotten(redis_url: str) -> None:
    """After a while there is another chance."""
    limits = LoginLimits(redis_url, attempts=1, seconds=1)
    limits.failed(ANA)
    assert limits.reached(ANA)
    assert wait_until(lambda: not limits.reached(ANA), timeout=5)
    limits.close()


@pytest.mark.parametrize("email", ["", "a" * 100_000, "\ud800\0", "*"])
def test_odd_addresses(limits: LoginLimits, redis_url: str, email: str) -> None:
    """They are counted, too, under a key of some length."""
    for _n in range(3):
        limits.failed(email)
    assert limits.reached(email)
    with redis.Redis.from_url(redis_url) as keys:
        (key,) = keys.keys("*")
        assert len(key) < 300


@pytest.mark.parametrize("trouble", ["cut", "freeze"])
def test_without_redis(redis_url: str, proxy: ProxyMaker, caplog: pytest.LogCaptureFixture, trouble: str) -> None:
    """Everybody may try, soon, and somebody is told."""
    between = proxy(redis_url)
    limits = LoginLimits(between.url, attempts=1)
    getattr(between, trouble)()
    began = time.monotonic()
    limits.failed(ANA)
    assert not limits.reached(ANA)
    limits.forget(ANA)
    assert time.monotonic() - began < 4
    assert [record.getMessage() for record in caplog.records] == ["login limits not available"] * 3
    limits.close()
