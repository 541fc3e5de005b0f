"""Programs of a lesson: ready when they are, with a log, and gone with whoever started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from inprod.errors import ServiceError
from inprod.services.programs import Programs, free_port
from inprod.testing import wait_until

SERVER = """\
import http.server, os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("child", child.pid, flush=True)
print("in", os.getcwd(), os.environ.get("COLOUR"), flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()
        self.wfile.write(b"fine")
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


@dataclass(frozen=True)
class Described:
    """One process of several."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    ready: str = "up"


@pytest.fixture
def programs() -> Iterator[Programs]:
    """Programs of a test's own."""
    found = Programs()
    yield found
    found.close()


def alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def _gone(pid: int) -> bool:
    """Within seconds."""
    return wait_until(lambda: not alive(pid), timeout=5)


def child_of(log: str) -> int:
    return int(log.split("child ")[1].split()[0])


def test_it_is_ready_logs_and_ends_with_all_it_started(programs: Programs, tmp_path: Path) -> None:
    """The URL answers when `start` returns; killed or stopped, its children go, too."""
    for end in ("kill", "stop"):
        port = free_port()
        url = f"http://127.0.0.1:{port}/healthz"
        argv = ["python", "-c", SERVER]
        web = programs.start("web", argv, {"PORT": str(port), "COLOUR": "red"}, ready=url, folder=tmp_path)
        assert urllib.request.urlopen(url, timeout=5).read() == b"fine"
        assert f"in {tmp_path} red" in web.log()
        child = child_of(web.log())
        assert (web.alive, alive(web.pid), alive(child)) == (True, True, True)
        getattr(web, end)()
        assert (web.alive, alive(web.pid)) == (False, False)
        assert _gone(child)
        getattr(web, end)()


def test_the_same_name_again_stops_the_former_one(programs: Programs) -> None:
    """So that a cell may be run twice."""
    argv = ["python", "-c", "import time; print('up'); time.sleep(600)"]
    first = programs.start("web", argv, {}, ready="up")
    second = programs.start("web", argv, {}, ready="up")
    assert (first.alive, alive(first.pid), second.alive) == (False, False, True)
    assert first.pid != second.pid


def test_a_signal_is_passed_on(programs: Programs) -> None:
    """Others than SIGKILL are the program's to answer."""
    text = "import signal, time; signal.signal(1, lambda *_: print('again', flush=True)); print('up'); time.sleep(600)"
    web = programs.start("web", ["python", "-c", text], {}, ready="up")
    web.kill(signal.SIGHUP)
    assert wait_until(lambda: "again" in web.log(), timeout=5)
    assert web.alive


def test_one_that_ends_is_told_with_its_last_words(programs: Programs) -> None:
    """At once, not after the deadline; several: the others are stopped."""
    with pytest.raises(ServiceError, match=r"web did not start: it ended. Its last words: .*no such thing"):
        programs.start("web", ["python", "-c", "print('up'); raise SystemExit('no such thing')"], {}, ready="never")
    stays = Described("stays", ("python", "-c", "import os, time; print('up', os.getpid()); time.sleep(600)"))
    with pytest.raises(ServiceError, match="gone did not start"):
        programs.start_all([stays, Described("gone", ("python", "-c", "raise SystemExit('bye')"))])
    assert not programs._running["stays"].alive
    with pytest.raises(ServiceError, match="no-such-program"):
        programs.start("web", ["no-such-program-of-ours"], {}, ready="up")


def test_one_that_is_never_ready_is_stopped(programs: Programs) -> None:
    """After the deadline, which is told."""
    with pytest.raises(ServiceError, match=r"it was not ready after 0\.3 s"):
        programs.start("web", ["python", "-c", "import time; time.sleep(600)"], {}, ready="up", seconds=0.3)
    assert not programs._running["web"].alive


def test_several_start_at_once(programs: Programs) -> None:
    """Each waits for the other's file, which only works side by side; they share a folder."""
    text = (
        "import pathlib, sys, time\npathlib.Path(sys.argv[1]).touch()\n"
        "while not pathlib.Path(sys.argv[2]).exists(): time.sleep(0.01)\nprint('up', flush=True)\ntime.sleep(600)"
    )
    wanted = [Described(a, ("python", "-c", text, a, b)) for a, b in (("one", "two"), ("two", "one"))]
    found = programs.start_all(wanted)
    assert {name: running.alive for name, running in found.items()} == {"one": True, "two": True}


def test_killing_the_owner_ends_them(tmp_path: Path) -> None:
    """Even by kill -9: nothing stays, and the folder of the logs goes."""
    text = (
        "import time\nfrom inprod.services.programs import Programs\np = Programs()\n"
        f"w = p.start('web', ['python', '-c', {SERVER!r}], {{'PORT': '{free_port()}'}}, ready='in ')\n"
        "print(w.pid, w.log().split()[1], w._log, flush=True)\ntime.sleep(600)\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    pid, child, log = owner.stdout.readline().split()
    assert (alive(int(pid)), alive(int(child))) == (True, True)
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait(5)
    owner.stdout.close()
    assert wait_until(lambda: not alive(int(pid)) and not alive(int(child)) and not Path(log).exists(), timeout=10)
