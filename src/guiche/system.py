"""How the parts of the running system are started: a description for tests and lessons; nothing starts here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

# For one machine, servers on 127.0.0.1 and made-up customers: a deployment brings its own.
_SECRET_KEY = "only-for-servers-on-127.0.0.1"  # noqa: S105
WEBHOOK_KEY = "webhooks-only-for-127.0.0.1"
READY = "worker ready"  #: what the worker prints


@dataclass(frozen=True)
class Process:
    """One process: run `argv` with `env` and a PATH that has `python`."""

    name: str
    argv: tuple[str, ...]
    env: dict[str, str]
    ready: str  #: a URL that answers 200 once it serves, else a text that it prints


def processes(
    *,
    database_url: str,
    redis_url: str,
    folder: Path,
    web_port: int,
    provider_port: int,
    web_workers: int = 2,
    extra: Mapping[str, str] = {},
) -> tuple[Process, ...]:
    """Provider, worker and web, in the order in which they are needed; they may be started all at once.

    Mail and metrics lie in `folder`, relative to the working directory unless absolute.
    `extra` are more settings for all three.
    """
    web, provider = f"http://127.0.0.1:{web_port}", f"http://127.0.0.1:{provider_port}"
    common = {"LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
    ours = {
        **common,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": _SECRET_KEY,
        "PAYMENTS_URL": provider,
        "WEBHOOK_KEYS": WEBHOOK_KEY,
        "MAIL_URL": f"file:{'//' if folder.is_absolute() else ''}{quote(str(folder / 'mail'))}",
        "PUBLIC_URL": web,
    }
    theirs = {**common, "WEBHOOK_URL": f"{web}/webhooks/payments", "WEBHOOK_KEY": WEBHOOK_KEY}
    serving = {
        **ours,
        "HOST": "127.0.0.1",
        "PORT": str(web_port),
        "WEB_WORKERS": str(web_workers),
        "PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics"),
    }
    return (
        Process(
            "provider",
            ("python", "-m", "guiche.provider", "--port", str(provider_port)),
            {**theirs, **extra},
            f"{provider}/healthz",
        ),
        Process("worker", ("python", "-m", "guiche", "worker"), {**ours, **extra}, READY),
        Process("web", ("python", "-m", "guiche", "web"), {**serving, **extra}, f"{web}/healthz"),
    )
