"""The shop's entry: configuration, then business."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from dotenv import dotenv_values

import shop


@dataclass(frozen=True)
class Settings:
    """What differs from one deployment to the next."""

    secret_key: str = field(repr=False)
    payments_url: str = field(repr=False)
    port: int


def settings(env: Mapping[str, str | None]) -> Settings:
    """Read everything, or end with everything that is wrong; no value is ever shown."""
    key, url, port = (env.get(n) or "" for n in ("SECRET_KEY", "PAYMENTS_URL", "PORT"))
    problems = []
    if len(key) < 32 or not key.strip() or "changeme" in key.lower():
        problems.append("SECRET_KEY: 32 characters or more that nobody knows")
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        fine = False
    if not fine:
        problems.append("PAYMENTS_URL: http(s)://user:password@host, port optional")
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        problems.append("PORT: 1 to 65535")
    if problems:
        sys.exit(problems[0])
    return Settings(key, url, int(port))


if __name__ == "__main__":
    found = settings({**dotenv_values(".env"), **os.environ})
    shop.serve(**vars(found))
