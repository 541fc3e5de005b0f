"""Settings: all that is wrong is told at once, and no secret ever."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from guiche.config import ConfigError, Settings

ENV = {
    "DATABASE_URL": "postgresql://guiche:s3cret-db@db.example:5432/guiche?options=-c%20role%3Dx",
    "REDIS_URL": "redis://:s3cret-redis@cache.example:6379/0",
    "SECRET_KEY": "s3cret-key-0123456789",
    "PAYMENTS_URL": "http://payments.example",
    "WEBHOOK_KEYS": "s3cret-new, s3cret-old",
    "MAIL_URL": "smtp://post:s3cret-mail@mail.example:25",
    "PUBLIC_URL": "https://guiche.example",
}
REQUIRED = tuple(ENV)


def problems(**changes: str) -> tuple[str, ...]:
    """The names that are told for this environment."""
    with pytest.raises(ConfigError) as caught:
        Settings.from_env(ENV | changes)
    assert not any(len(value) > 9 and value in str(caught.value) for value in changes.values())
    assert "s3cret" not in str(caught.value)
    assert all(problem in str(caught.value) for problem in caught.value.problems)
    return tuple(problem.split()[0] for problem in caught.value.problems)


def test_defaults() -> None:
    """What has to be said is enough."""
    settings = Settings.from_env(ENV)
    assert (settings.database_url, settings.redis_url) == (ENV["DATABASE_URL"], ENV["REDIS_URL"])
    assert settings.webhook_keys == ("s3cret-new", "s3cret-old")
    assert (settings.host, settings.port, settings.web_workers, settings.web_threads) == ("127.0.0.1", 8000, 2, 4)
    assert (settings.log_level, settings.db_pool_size, settings.cache_seconds, settings.order_minutes) == (
        "INFO",
        5,
        60,
        15,
    )
    assert settings.multiproc_dir is None
    assert settings.version == metadata.version("python-in-production")


def test_all_of_them() -> None:
    """Everything can be set; other variables don't matter."""
    settings = Settings.from_env(
        ENV
        | {"HOST": "0.0.0.0", "PORT": "0", "WEB_WORKERS": "3", "WEB_THREADS": "1", "LOG_LEVEL": "debug"}
        | {"APP_VERSION": "1.2", "DB_POOL_SIZE": "7", "CACHE_SECONDS": "10", "ORDER_MINUTES": "1"}
        | {"PROMETHEUS_MULTIPROC_DIR": "/run/metrics", "HOME": "/root"}
    )
    assert (settings.host, settings.port, settings.web_workers, settings.web_threads) == ("0.0.0.0", 0, 3, 1)
    assert (settings.log_level, settings.version, settings.db_pool_size) == ("DEBUG", "1.2", 7)
    assert (settings.cache_seconds, settings.order_minutes) == (10, 1)
    assert settings.multiproc_dir == Path("/run/metrics")


def test_everything_is_missing() -> None:
    """One error names them all, with what is expected."""
    with pytest.raises(ConfigError) as caught:
        Settings.from_env({"PORT": "http"})
    assert tuple(problem.split()[0] for problem in caught.value.problems) == (*REQUIRED, "PORT")
    assert "SECRET_KEY is missing: expected at least 16 characters" in str(caught.value)
    assert "PORT is malformed: expected a port, 0 to 65535" in str(caught.value)


@pytest.mark.parametrize("name", REQUIRED)
def test_empty_is_missing(name: str) -> None:
    """An empty value, as a compose file makes it of an unset variable."""
    assert problems(**{name: ""}) == (name,)


def test_empty_optional() -> None:
    """Of an optional one it is the default."""
    assert Settings.from_env(ENV | {"PORT": "", "APP_VERSION": ""}) == Settings.from_env(ENV)


MALFORMED = [
    ("DATABASE_URL", "mysql://root@db/guiche"),
    ("DATABASE_URL", "postgresql+psycopg2://root@db/guiche"),
    ("DATABASE_URL", "db.example"),
    ("DATABASE_URL", "postgresql://u:p@db:port/guiche"),
    ("DATABASE_URL", "postgresql://[::1/guiche"),
    ("REDIS_URL", "http://cache"),
    ("REDIS_URL", "redis://"),
    ("REDIS_URL", "redis://cache:6379/0\n"),
    ("SECRET_KEY", "too short"),
    ("PAYMENTS_URL", "payments.example:80"),
    ("WEBHOOK_KEYS", "one,,two"),
    ("WEBHOOK_KEYS", "one,"),
    ("WEBHOOK_KEYS", " "),
    ("MAIL_URL", "mail.example"),
    ("MAIL_URL", "smtp://"),
    ("MAIL_URL", "file://"),
    ("PUBLIC_URL", "ftp://guiche.example"),
    ("PORT", "65536"),
    ("PORT", "-1"),
    ("PORT", "8000.0"),
    ("WEB_WORKERS", "0"),
    ("WEB_THREADS", "many"),
    ("LOG_LEVEL", "LOUD"),
    ("DB_POOL_SIZE", "0"),
    ("CACHE_SECONDS", "0"),
    ("ORDER_MINUTES", "99999999999999999999"),
]


@pytest.mark.parametrize(("name", "value"), MALFORMED)
def test_malformed(name: str, value: str) -> None:
    """It is named, and its value is not shown."""
    assert problems(**{name: value}) == (name,)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgres://guiche@db/guiche"),
        ("DATABASE_URL", "postgresql:///guiche"),
        ("REDIS_URL", "rediss://cache.example"),
        ("MAIL_URL", "file:///var/mail"),
        ("MAIL_URL", "file:work/mail"),
        ("WEBHOOK_KEYS", "one"),
    ],
)
def test_well_formed(name: str, value: str) -> None:
    """Other ways to say it."""
    Settings.from_env(ENV | {name: value})


def test_repr_has_no_secret() -> None:
    """Settings may be logged: hosts are shown, secrets are not."""
    odd = {"DATABASE_URL": "postgresql://db.example/guiche?user=guiche&password=s3cret&sslmode=require"}
    odd |= {"PAYMENTS_URL": "http://s3cret:s3cret@payments.example", "REDIS_URL": "redis://u:s3cret:s3@cache.example/0"}
    for env in (ENV, ENV | odd, ENV | {"DATABASE_URL": "postgresql://u:s3cret@/:x@db.example/guiche"}):
        shown = repr(Settings.from_env(env))
        assert "s3cret-" not in shown
        assert "s3cret@" not in shown
        assert "password=s3cret" not in shown
        assert ":s3cret" not in shown
        assert "db.example" in shown
        assert "cache.example" in shown
