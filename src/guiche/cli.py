"""The command line: guiche web | worker | migrate | seed."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from guiche.config import ConfigError, Settings

_ENVIRONMENT = "Settings come from the environment; a missing or malformed one is named, with what is expected."


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run a command; 2 when settings are missing, 1 when the command can't do its work."""
    wanted = _parser().parse_args(argv)
    run: Callable[[Mapping[str, str]], int] = wanted.run
    try:
        return run(os.environ if environ is None else environ)
    except ConfigError as error:
        print(f"guiche {wanted.command}: {error}", file=sys.stderr)
        return 2


def gunicorn_argv(settings: Settings) -> tuple[str, ...]:
    """How the web server is started."""
    options = {
        "config": "python:guiche.gunicorn_hooks",
        "bind": f"{settings.host}:{settings.port}",
        "worker-class": "gthread",
        "workers": settings.web_workers,
        "threads": settings.web_threads,
        "timeout": 30,
        "graceful-timeout": 20,
        "log-level": settings.log_level.lower(),
    }
    flags = ("--preload", "--no-control-socket")  # loaded once for all workers; nobody steers it through a socket
    pairs = tuple(part for name, value in options.items() for part in (f"--{name}", str(value)))
    return (sys.executable, "-m", "gunicorn", *pairs, *flags, "guiche.web.app:create_app()")


def _web(environ: Mapping[str, str]) -> int:
    settings = Settings.from_env(environ)
    if settings.multiproc_dir:
        # Values of processes that are long gone would be counted again.
        shutil.rmtree(settings.multiproc_dir, ignore_errors=True)
        Path(settings.multiproc_dir).mkdir(parents=True)
    argv = gunicorn_argv(settings)
    os.execve(argv[0], argv, dict(environ))  # noqa: S606 - gunicorn gets our signals, not a shell


def _worker(environ: Mapping[str, str]) -> int:
    settings = Settings.from_env(environ)
    from guiche import logs, wiring, worker

    logs.configure(settings.log_level)
    return worker.run(wiring.build(settings))


def _migrate(environ: Mapping[str, str]) -> int:
    url = _database_url(environ)
    from guiche import migrate

    migrate.upgrade(url)
    print("the schema is up to date")
    return 0


def _seed(environ: Mapping[str, str]) -> int:
    url = _database_url(environ)
    from guiche import seed

    try:
        seed.fill(url)
    except seed.NotEmpty as error:
        print(f"guiche seed: {error}", file=sys.stderr)
        return 1
    print("the sample data is in")
    return 0


def _database_url(environ: Mapping[str, str]) -> str:
    """The one setting that these two need: a migration runs where there is no shop yet."""
    url = environ.get("DATABASE_URL", "")
    if not url.startswith(("postgresql://", "postgres://")):
        raise ConfigError(["DATABASE_URL is missing or malformed: expected postgresql://user@host/name"])
    return url


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="guiche", description="Guichê, a box office.", epilog=f"{_ENVIRONMENT} Example: guiche web"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, run, text, example in (
        ("web", _web, "serve HTTP with gunicorn", "PORT=8000 WEB_WORKERS=2 guiche web"),
        ("worker", _worker, "charge orders, send tickets, expire what is unpaid", "LOG_LEVEL=DEBUG guiche worker"),
        ("migrate", _migrate, "bring the schema up to date", "guiche migrate && guiche web"),
        ("seed", _seed, "migrate, and fill an empty database with sample data", "guiche seed"),
    ):
        command = commands.add_parser(
            name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=f"{_ENVIRONMENT} Example: {example}"
        )
        command.set_defaults(run=run)
    return parser
