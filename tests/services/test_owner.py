"""Servers never outlive their owner, and an interrupt never reaches them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from inprod.services import places
from inprod.testing import wait_until

OWNER = """
import os, signal, sys, time
from inprod.services.embedded import Embedded

services = Embedded()
with services.lease(frozenset({"postgres", "redis"}), "owner") as lease:
    if sys.argv[1] == "child":
        # A child that holds every descriptor of its parent's open, as multiprocessing's fork does.
        if os.fork() == 0:
            time.sleep(60)
    print(services._supervisor.pid, *services._names, services._session, flush=True)
    if sys.argv[1] != "exit":
        signal.pause()
"""


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime folder that the servers' user can enter, for this test's sessions alone."""
    base = Path(places.SHARED_MEMORY if places.SHARED_MEMORY.is_dir() else "/tmp")
    folder = base / f"inprod-test-{os.getpid()}"
    folder.mkdir()
    folder.chmod(0o755)
    monkeypatch.setenv(places.RUNTIME_VARIABLE, str(folder))
    yield folder
    left = list(folder.iterdir())
    shutil.rmtree(folder)
    assert not left


def _start(how: str, *, ignored: bool = False) -> tuple[subprocess.Popen[str], list[int], Path]:
    # As a shell starts what it puts into the background.
    ignoring = "import signal; signal.signal(signal.SIGQUIT, signal.SIG_IGN)\n" if ignored else ""
    owner = subprocess.Popen(
        [sys.executable, "-c", ignoring + OWNER, how], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert owner.stdout
    *pids, folder = owner.stdout.readline().split()
    return owner, [int(pid) for pid in pids], Path(folder)


def _alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if places.start_time(pid) >= 0 and not _waits_to_be_reaped(pid)]


def _waits_to_be_reaped(pid: int) -> bool:
    """It has ended, and whoever adopted it has not looked yet: init takes its time on a busy machine."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("how", "number"),
    [("exit", 0), ("wait", signal.SIGTERM), ("wait", signal.SIGKILL), ("child", signal.SIGKILL)],
    ids=["exit", "SIGTERM", "kill -9", "kill -9, a child holds the pipe"],
)
def test_servers_end_with_their_owner(runtime: Path, how: str, number: int) -> None:
    """Supervisor, Postgres, Redis and their files are gone, however the owner went."""
    owner, pids, folder = _start(how)
    assert len(pids) == 3
    if number:
        assert _alive(pids) == pids
        owner.send_signal(number)
    owner.wait(timeout=20)
    try:
        assert wait_until(lambda: not _alive(pids), timeout=10, what="all ended"), _alive(pids)
        assert wait_until(lambda: not folder.exists(), timeout=5, what="the folder is removed")
    finally:
        if how == "child":
            os.killpg(owner.pid, signal.SIGKILL)


@pytest.mark.parametrize("ignored", [False, True], ids=["in front", "in a shell's background"])
def test_servers_end_with_their_supervisor(runtime: Path, *, ignored: bool) -> None:
    """When the supervisor itself is killed, the servers go too; the owner's next sweep takes the files."""
    owner, pids, folder = _start("wait", ignored=ignored)
    os.kill(pids[0], signal.SIGKILL)
    assert wait_until(lambda: len(_alive(pids[1:])) == 0, timeout=10, what="the servers ended"), _alive(pids[1:])
    owner.kill()
    owner.wait(timeout=10)
    assert folder.exists()
    assert places.sweep() == [folder]


def test_an_interrupt_does_not_reach_the_servers(runtime: Path) -> None:
    """Jupyter's stop button sends SIGINT to the kernel's group: the servers are in other sessions."""
    owner, pids, _folder = _start("wait")
    groups = {os.getpgid(pid) for pid in pids}
    assert os.getpgid(owner.pid) not in groups
    os.kill(pids[0], signal.SIGINT)
    assert _alive(pids) == pids
    owner.kill()
    owner.wait(timeout=10)
    assert wait_until(lambda: not _alive(pids), timeout=10, what="all ended")
    assert wait_until(lambda: not list(runtime.iterdir()), timeout=5, what="the folder is removed")
