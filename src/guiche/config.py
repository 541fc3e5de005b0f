"""Settings: the one module that knows which environment variables there are."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

DISTRIBUTION = "python-in-production"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_SECRETS = frozenset({"secret_key", "webhook_keys"})
#: Hides too much rather than too little: a password may contain any of : / @.
_PASSWORD = re.compile(r"(//[^:/@]*:).*(?=@)|(password=)[^&]*")
#: Whitespace is never part of a URL, and urlsplit() silently drops some of it.
_SPACE = re.compile(r"\s")

T = TypeVar("T")


class ConfigError(Exception):
    """What is missing or malformed in the environment: all of it, name by name, and never a value."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(["The environment is not complete:", *(f"  {line}" for line in problems)]))
        self.problems = tuple(problems)


@dataclass(frozen=True, repr=False)
class Settings:
    """Everything that differs from one deployment to the next."""

    database_url: str
    redis_url: str
    secret_key: str
    payments_url: str
    webhook_keys: tuple[str, ...]
    mail_url: str
    public_url: str
    host: str = "127.0.0.1"
    port: int = 8000
    web_workers: int = 2
    web_threads: int = 4
    log_level: str = "INFO"
    version: str = "unknown"
    db_pool_size: int = 5
    cache_seconds: int = 60
    order_minutes: int = 15
    multiproc_dir: Path | None = None  #: where the web's processes put their numbers; None: there is one process

    def __repr__(self) -> str:
        shown = ((field.name, getattr(self, field.name)) for field in fields(self))
        return f"Settings({', '.join(f'{name}={_harmless(name, value)!r}' for name, value in shown)})"

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """The settings in `environ`.

        Raises:
            ConfigError: with everything that is wrong, so that one look is enough.
        """
        env = _Reader(environ)
        settings = cls(
            database_url=env.required("DATABASE_URL", _url("postgresql", "postgres"), "postgresql://user@host/name"),
            redis_url=env.required("REDIS_URL", _url("redis", "rediss"), "redis://host:port/0"),
            secret_key=env.required("SECRET_KEY", _secret, "at least 16 characters that nobody can guess"),
            payments_url=env.required("PAYMENTS_URL", _url("http", "https"), "http://host:port of the provider"),
            webhook_keys=env.required("WEBHOOK_KEYS", _keys, "one key or more, separated by commas, none empty"),
            mail_url=env.required("MAIL_URL", _mail, "smtp://host:port or file:///folder"),
            public_url=env.required("PUBLIC_URL", _url("http", "https"), "http://host:port as customers see it"),
            host=env.optional("HOST", str, "an address to listen on", cls.host),
            port=env.optional("PORT", _whole(0, 65_535), "a port, 0 to 65535", cls.port),
            web_workers=env.optional("WEB_WORKERS", _whole(1), "a whole number from 1 on", cls.web_workers),
            web_threads=env.optional("WEB_THREADS", _whole(1), "a whole number from 1 on", cls.web_threads),
            log_level=env.optional("LOG_LEVEL", _level, f"one of {', '.join(LEVELS)}", cls.log_level),
            version=env.optional("APP_VERSION", str, "a version", "") or _installed_version(),
            db_pool_size=env.optional("DB_POOL_SIZE", _whole(1), "a whole number from 1 on", cls.db_pool_size),
            cache_seconds=env.optional("CACHE_SECONDS", _whole(1), "seconds, from 1 on", cls.cache_seconds),
            order_minutes=env.optional("ORDER_MINUTES", _whole(1), "minutes, from 1 on", cls.order_minutes),
            multiproc_dir=env.optional("PROMETHEUS_MULTIPROC_DIR", Path, "a folder", None),
        )
        if env.problems:
            raise ConfigError(env.problems)
        return settings


class _Reader:
    """Reads one variable after the other and remembers what was wrong; an empty one counts as missing."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def required(self, name: str, parse: Callable[[str], T], expected: str) -> T:
        text = self._environ.get(name, "")
        if not text:
            self.problems.append(f"{name} is missing: expected {expected}")
        return self._parsed(name, text, parse, expected)

    def optional(self, name: str, parse: Callable[[str], T], expected: str, default: T) -> T:
        text = self._environ.get(name, "")
        return self._parsed(name, text, parse, expected) if text else default

    def _parsed(self, name: str, text: str, parse: Callable[[str], T], expected: str) -> T:
        try:
            return parse(text)
        except ValueError:
            if text:
                self.problems.append(f"{name} is malformed: expected {expected}")
            # Never seen by anybody: from_env() raises when there is a problem.
            return None  # type: ignore[return-value]


def _url(*schemes: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        parts = urlsplit(text)
        port_is_a_number = parts.port is None or parts.port >= 0
        # Postgres may be reached through a socket: postgresql:///name.
        if parts.scheme not in schemes or _SPACE.search(text) or not (parts.hostname or "postgresql" in schemes):
            raise ValueError
        return text if port_is_a_number else ""

    return parse


def _mail(text: str) -> str:
    if urlsplit(text).scheme == "file" and urlsplit(text).path:
        return text
    return _url("smtp")(text)


def _secret(text: str) -> str:
    if len(text) < 16:
        raise ValueError
    return text


def _keys(text: str) -> tuple[str, ...]:
    keys = tuple(key.strip() for key in text.split(","))
    if not all(keys):
        raise ValueError
    return keys


def _whole(lowest: int, highest: int = 2**31 - 1) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not lowest <= int(text) <= highest:
            raise ValueError
        return int(text)

    return parse


def _level(text: str) -> str:
    if text.upper() not in LEVELS:
        raise ValueError
    return text.upper()


def _installed_version() -> str:
    from importlib import metadata  # slow to import, and rarely needed in a container

    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "unknown"


def _harmless(name: str, value: object) -> object:
    if name in _SECRETS:
        return "***"
    return _PASSWORD.sub(r"\1\2***", value) if isinstance(value, str) and name.endswith("_url") else value
