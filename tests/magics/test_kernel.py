"""One kernel: what it owns, when that starts, and that all of it is given back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from inprod import demo, kernel
from inprod.course import Course
from inprod.errors import InprodError, ServiceError
from inprod.kernel import Kernel
from inprod.recipes import Recipe
from inprod.services.base import Lease, PostgresLease, Progress, RedisLease, ServerDeath


class Ledger:
    """Services that write down what is asked of them."""

    backend = "ledger"

    def __init__(self) -> None:
        self.lines: list[str] = []

    def start(self, needs: frozenset[str], progress: Progress | None = None, template: Recipe | None = None) -> None:
        self.lines.append(f"start {','.join(needs)}")

    def servers(self) -> Mapping[str, str]:
        return {}

    @contextlib.contextmanager
    def lease(self, needs: frozenset[str], name: str, template: Recipe | None = None) -> Iterator[Lease]:
        (need,) = needs
        self.lines.append(f"lease {need}")
        postgres = PostgresLease(f"postgresql://{name}", "", "", name) if need == "postgres" else None
        yield Lease(postgres, RedisLease(f"redis://{name}") if need == "redis" else None)
        self.lines.append(f"back {need}")

    def deaths(self) -> tuple[ServerDeath, ...]:
        return ()

    def close(self) -> None:
        self.lines.append("close")


def test_servers_are_leased_once_and_given_back(course_root: Path, tmp_path: Path) -> None:
    """At first use, the same URL after that; leases go back before the servers stop; twice closed is once."""
    ledger = Ledger()
    opened: list[Ledger] = []

    def open_services() -> Ledger:
        opened.append(ledger)
        return ledger

    own = Kernel(Course(course_root), tmp_path, open_services)
    own.exercises()
    assert not opened
    url = own.postgres_url()
    assert url.startswith("postgresql://demo_")
    assert own.postgres_url() == url
    assert own.redis_url().startswith("redis://demo_")
    assert own.services is ledger
    own.close()
    own.close()
    assert opened == [ledger]
    assert ledger.lines == [
        "start postgres", "lease postgres", "start redis", "lease redis", "back redis", "back postgres", "close",
    ]  # fmt: skip


def test_a_sample_database_is_one_more(course_root: Path, tmp_path: Path) -> None:
    """Beside the plain one, which stays the notebook's address; an unknown name lists those that there are."""
    (course_root / "fill.py").touch()
    text = '[databases.shop]\nmake = ["python", "fill.py"]\nfrom = ["fill.py"]\n'
    (course_root / "course.toml").write_text(text, encoding="utf-8")
    ledger = Ledger()
    own = Kernel(Course(course_root), tmp_path, lambda: ledger)
    shop = own.postgres_url("shop")
    assert own.addresses() == {"DATABASE_URL": shop}
    plain = own.postgres_url()
    assert plain != shop == own.postgres_url("shop")
    assert own.addresses() == {"DATABASE_URL": plain}
    with pytest.raises(InprodError) as raised:
        own.postgres_url("nowhere")
    assert raised.value.looked == "shop"
    own.close()
    assert ledger.lines.count("back postgres") == 2


def test_servers_that_cannot_be_had_are_asked_for_again(course_root: Path, tmp_path: Path) -> None:
    """The error passes through; the next use tries anew."""
    tries: list[int] = []

    def open_services() -> Ledger:
        tries.append(1)
        if len(tries) == 1:
            raise ServiceError("no server", looked="here", do="wait")
        return Ledger()

    own = Kernel(Course(course_root), tmp_path, open_services)
    with pytest.raises(ServiceError, match="no server"):
        own.postgres_url()
    assert own.postgres_url()


def test_exercises_follow_the_disk(course_root: Path, tmp_path: Path) -> None:
    """A changed task is read again, and a changed check gives another version."""
    own = Kernel(Course(course_root), tmp_path, Ledger)
    before = own.exercise("w0")
    assert [e.id for e in own.exercises()] == ["W0", "W1"]
    version = before.version
    before.check.write_text(before.check.read_text() + "\n# changed\n")
    assert own.exercise("W0").version != version
    task = before.folder / "task.md"
    task.write_text(task.read_text().replace("title: Sample", "title: Another name"))
    assert own.exercise("W0").title == "Another name"
    with pytest.raises(InprodError) as raised:
        own.exercise("W9")
    assert raised.value.looked == "W0, W1"


def test_a_strict_kernel_never_meets_the_learners_work(course_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless a folder was named, it gets an empty one of its own."""
    monkeypatch.setenv("INPROD_COURSE", str(course_root))
    monkeypatch.delenv("INPROD_WORK", raising=False)
    monkeypatch.setenv("INPROD_STRICT", "1")
    kernel.current.cache_clear()
    strict = kernel.current()
    assert course_root not in strict.progress.path.parents
    assert kernel.current() is strict
    kernel.current.cache_clear()
    monkeypatch.setenv("INPROD_STRICT", "0")
    assert kernel.current().progress.path == course_root / "work" / "progress.sqlite"
    kernel.current.cache_clear()


def test_demo_uses_the_kernels_servers(course_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`postgres_url()` and `redis_url()` come from the one kernel that the magics use."""
    own = Kernel(Course(course_root), tmp_path, Ledger)
    monkeypatch.setattr(kernel, "current", lambda: own)
    assert demo.postgres_url() == own.postgres_url()
    assert demo.redis_url() == own.redis_url()
