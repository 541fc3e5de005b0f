"""Two kernels at once, kill -9, and a file that went bad: nothing is lost without a word."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from inprod.progress import Progress, salvage
from inprod.results import Verdict
from tests.progress.test_store import report


def _record_many(work: Path, exercise: str, count: int) -> None:
    progress = Progress(work)
    for number in range(count):
        progress.record(report(exercise))
        progress.keep(exercise, "a.py", f"{number}\n", "run")


def _started(work: Path, exercise: str, count: int) -> multiprocessing.process.BaseProcess:
    process = multiprocessing.get_context("spawn").Process(target=_record_many, args=(work, exercise, count))
    process.start()
    return process


def _filled(work: Path, count: int = 60) -> Progress:
    progress = Progress(work)
    _record_many(work, "A1", count)
    progress.show_hint("A1")
    progress.record(report("B1", Verdict.PASS))
    answer = work / "answers" / "A1" / "adding.py"
    answer.parent.mkdir(parents=True)
    answer.write_text("mine = 1\n", encoding="utf-8")
    (work / "answers" / "B1" / "tests").mkdir(parents=True)
    (work / "answers" / "B1" / "tests" / "bad.py").write_bytes(b"\xff")
    (work / "answers" / "B1" / "tests" / "good.py").write_text("é = 1\n", encoding="utf-8")
    return progress


def test_two_kernels_at_once(tmp_path: Path) -> None:
    """Two processes and this one write side by side; every record arrives."""
    others = [_started(tmp_path, name, 40) for name in ("A1", "B1")]
    progress = Progress(tmp_path)
    for _number in range(40):
        progress.record(report("C1"))
    for other in others:
        other.join(90)
        assert other.exitcode == 0
    assert {name: progress.tries(name) for name in ("A1", "B1", "C1")} == {"A1": 40, "B1": 40, "C1": 40}
    assert len(progress.kept("A1")) == 40


def test_kill_in_the_middle(tmp_path: Path) -> None:
    """kill -9 while writing: what was counted stays, the next kernel goes on, and no repair was needed."""
    seen = 0
    for _round in range(4):
        writer = _started(tmp_path, "A1", 1_000_000)
        progress = Progress(tmp_path)
        end = time.monotonic() + 60
        while progress.tries("A1") < seen + 15:
            assert time.monotonic() < end
        seen = progress.tries("A1")
        assert writer.pid
        os.kill(writer.pid, signal.SIGKILL)
        writer.join(10)
        fresh = Progress(tmp_path)
        after = fresh.tries("A1")
        assert after >= seen
        fresh.record(report())
        assert fresh.tries("A1") == after + 1
        assert fresh.take_notices() == ()
        seen = after + 1
    assert not list(tmp_path.glob("*.damaged-*"))


def test_garbage_instead_of_the_file(tmp_path: Path) -> None:
    """It is kept aside, the answers come back into the history, and the learner is told once."""
    progress = _filled(tmp_path)
    garbage = random.Random(1).randbytes(progress.path.stat().st_size)
    progress.path.write_bytes(garbage)
    fresh = Progress(tmp_path)
    assert fresh.tries("A1") == 0
    (notice,) = fresh.take_notices()
    assert "progress.damaged-1.sqlite" in notice
    assert "2 saved answer files" in notice
    assert fresh.take_notices() == ()
    assert (tmp_path / "progress.damaged-1.sqlite").read_bytes() == garbage
    assert {(k.file, k.content) for name in ("A1", "B1") for k in fresh.kept(name)} == {
        ("adding.py", "mine = 1\n"),
        ("tests/good.py", "é = 1\n"),
    }
    fresh.record(report())
    assert Progress(tmp_path).tries("A1") == 1


@pytest.mark.parametrize("start", [0, 16, 100, 4096, 20_000, 60_000])
def test_garbage_inside_the_file(tmp_path: Path, start: int) -> None:
    """Header, table of contents or a page is overwritten: most records are saved, none is made up."""
    progress = _filled(tmp_path)
    good = {k.uuid: k for k in progress.kept("A1")}
    data = bytearray(progress.path.read_bytes())
    data[start : start + 2000] = random.Random(start).randbytes(2000)
    progress.path.write_bytes(data)
    fresh = Progress(tmp_path)
    tries = fresh.tries("A1")
    assert 40 <= tries <= 60, tries
    assert len(fresh.take_notices()) == 1
    survived = [k for k in fresh.kept("A1") if k.why == "run"]
    assert len(survived) >= 40
    assert all(good[k.uuid] == k for k in survived)
    assert fresh.summary(()).total == 0


def test_cut_off(tmp_path: Path) -> None:
    """Half a file: its first half is saved."""
    progress = _filled(tmp_path, 200)
    size = progress.path.stat().st_size
    with progress.path.open("r+b") as handle:
        handle.truncate(size // 2)
    fresh = Progress(tmp_path)
    assert 20 <= fresh.tries("A1") < 200
    assert len(fresh.take_notices()) == 1
    assert (tmp_path / "progress.damaged-1.sqlite").stat().st_size == size // 2


def test_damage_while_a_kernel_runs(tmp_path: Path) -> None:
    """A kernel that has looked at the file already repairs it as well, at its next step."""
    progress = _filled(tmp_path)
    assert progress.tries("A1") == 60
    progress.path.write_bytes(b"not a database at all" * 500)
    progress.record(report())
    assert progress.tries("A1") == 1
    assert len(progress.take_notices()) == 1


def test_a_file_of_another_program(tmp_path: Path) -> None:
    """It is not ours: aside with it, unread."""
    import sqlite3

    path = tmp_path / "progress.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE songs (name)")
    connection.close()
    progress = Progress(tmp_path)
    progress.record(report())
    assert progress.tries("A1") == 1
    with sqlite3.connect(tmp_path / "progress.damaged-1.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM songs").fetchone()[0] == 0
    connection.close()


def _repair(work: Path, results: multiprocessing.Queue[tuple[int, int]], together: Barrier) -> None:
    progress = Progress(work)
    together.wait(60)
    progress.record(report("D1"))
    results.put((progress.tries("D1"), len(progress.take_notices())))


def test_two_kernels_repair_once(tmp_path: Path) -> None:
    """Both find the damage; one repairs, and neither's record is lost."""
    progress = _filled(tmp_path)
    progress.path.write_bytes(b"garbage" * 5000)
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[tuple[int, int]] = context.Queue()
    together = context.Barrier(3)
    kernels = [context.Process(target=_repair, args=(tmp_path, results, together)) for _number in range(3)]
    for kernel in kernels:
        kernel.start()
    found = [results.get(timeout=60) for _kernel in kernels]
    for kernel in kernels:
        kernel.join(30)
    assert sum(notices for _tries, notices in found) == 1
    assert Progress(tmp_path).tries("D1") == 3
    assert len(list(tmp_path.glob("*.damaged-*"))) == 1


def test_a_repair_waits_for_another_and_then_does_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the other kernel has mended meanwhile is not moved aside again."""
    good = _filled(tmp_path).path.read_bytes()
    path = tmp_path / "progress.sqlite"
    path.write_bytes(b"garbage" * 5000)
    waiting = threading.Event()
    alone = salvage.alone

    def seen(folder: Path) -> AbstractContextManager[None]:
        waiting.set()
        return alone(folder)

    late = Progress(tmp_path)
    with ThreadPoolExecutor(1) as pool:
        with alone(tmp_path):
            monkeypatch.setattr(salvage, "alone", seen)
            tries = pool.submit(late.tries, "A1")
            assert waiting.wait(10)
            assert path.read_bytes().startswith(b"garbage")
            path.write_bytes(good)
        assert tries.result(20) == 60
    assert late.take_notices() == ()
    assert not list(tmp_path.glob("*.damaged-*"))


def test_what_cannot_be_repaired_is_said(tmp_path: Path) -> None:
    """Something that is no file at all in its place: an error that names it, no endless repair."""
    from inprod.progress import ProgressError

    (tmp_path / "progress.sqlite").mkdir()
    with pytest.raises(ProgressError) as raised:
        Progress(tmp_path).record(report())
    assert raised.value.looked.endswith("progress.sqlite")
