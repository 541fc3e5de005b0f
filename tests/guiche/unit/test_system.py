"""The description of the running system: complete, and without an effect."""

from __future__ import annotations

import ast
import itertools
import random
from pathlib import Path

import pytest

import guiche
from guiche import broker, seed_rows, tasks
from guiche.cli import gunicorn_argv, main
from guiche.config import Settings
from guiche.system import processes

COMPLETE = {
    "DATABASE_URL": "postgresql://u:pa55word@127.0.0.1/shop",
    "REDIS_URL": "redis://127.0.0.1/0",
    "SECRET_KEY": "0123456789abcdef",
    "PAYMENTS_URL": "http://127.0.0.1:1",
    "WEBHOOK_KEYS": "0123456789abcdef",
    "MAIL_URL": "file:///tmp/mail",
    "PUBLIC_URL": "http://127.0.0.1",
}


def test_processes_have_all_settings(tmp_path: Path) -> None:
    """Worker and web start with nothing but what stands there; extra settings reach all three."""
    made = processes(
        database_url="postgresql://127.0.0.1/shop",
        redis_url="redis://127.0.0.1/0",
        folder=tmp_path / "a folder",
        web_port=8001,
        provider_port=8002,
        web_workers=3,
        extra={"LOG_LEVEL": "DEBUG"},
    )
    assert [process.name for process in made] == ["provider", "worker", "web"]
    assert all(process.argv[0] == "python" and process.env["LOG_LEVEL"] == "DEBUG" for process in made)
    for process in made[1:]:
        settings = Settings.from_env(process.env)
        assert settings.payments_url == "http://127.0.0.1:8002"
        assert settings.public_url == "http://127.0.0.1:8001"
    assert (settings.port, settings.web_workers) == (8001, 3)
    assert list(tmp_path.iterdir()) == []


def test_a_relative_folder_stays_relative() -> None:
    """Each process has its own working directory."""
    *_others, web = processes(
        database_url="postgresql://h/d", redis_url="redis://h", folder=Path(), web_port=1, provider_port=2
    )
    assert (web.env["MAIL_URL"], web.env["PROMETHEUS_MULTIPROC_DIR"]) == ("file:mail", "metrics")


@pytest.mark.parametrize("command", ["web", "worker"])
def test_missing_settings_are_told_at_once(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """All of them in one message, without a value, and exit code 2."""
    given = {key: value for key, value in COMPLETE.items() if key not in ("REDIS_URL", "MAIL_URL")}
    assert main([command], {**given, "PORT": "eighty"}) == 2
    told = capsys.readouterr().err
    assert all(name in told for name in ("REDIS_URL", "MAIL_URL", "PORT"))
    assert "pa55word" not in told
    assert "DATABASE_URL" not in told


@pytest.mark.parametrize("command", ["migrate", "seed"])
def test_a_migration_needs_a_database_alone(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Without one it says so."""
    assert main([command], {}) == 2
    assert "DATABASE_URL" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["web", "worker", "migrate", "seed"])
def test_every_command_has_help_and_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--help shows how it is called."""
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert "Example:" in capsys.readouterr().out


def test_gunicorn_gets_what_the_settings_say() -> None:
    """Threads, workers and address."""
    argv = gunicorn_argv(Settings.from_env({**COMPLETE, "PORT": "8123", "WEB_WORKERS": "3", "WEB_THREADS": "7"}))
    pairs = dict(itertools.pairwise(argv))
    assert (pairs["--bind"], pairs["--workers"], pairs["--threads"]) == ("127.0.0.1:8123", "3", "7")
    assert pairs["--worker-class"] == "gthread"


def test_a_message_is_held_longer_than_its_task_takes() -> None:
    """Else somebody else gets it while it is worked on: the longest pause and the longest run fit."""
    options = broker.make_app("redis://127.0.0.1:1/0").conf
    transport = options.broker_transport_options
    assert broker.LONGEST_PAUSE + options.task_time_limit < transport["visibility_timeout"]
    assert options.task_soft_time_limit < options.task_time_limit
    assert options.task_acks_late
    assert options.task_reject_on_worker_lost
    assert options.accept_content == ["json"]
    assert transport["global_keyprefix"]


def test_pauses_grow_within_bounds() -> None:
    """Doubling, never above the longest, and never all the same."""
    random.seed(1)
    for attempt, most in ((0, 1), (1, 2), (2, 4), (3, 8), (4, 10), (100, 10)):
        pauses = {tasks.pause(attempt) for _n in range(50)}
        assert most / 2 <= min(pauses) < max(pauses) <= most
        assert len(pauses) > 10


def test_slugs_are_plain() -> None:
    """Letters without accents, words with dashes."""
    assert seed_rows.slug_of("O Último Trem – à Meia-Noite!") == "o-ultimo-trem-a-meia-noite"


def test_the_application_never_imports_the_course() -> None:
    """Guichê stands alone."""
    sources = list(Path(guiche.__file__).parent.rglob("*.py"))
    assert len(sources) > 20
    for source in sources:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.split(".")[0] == "inprod"], source
