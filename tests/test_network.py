"""After installation nothing needs a network: the course runs where there is only a loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.machines import copy_files

ROOT = Path(__file__).parents[1]
#: Bring the loopback up (a new namespace has it down), see that nothing else is there, then become the command.
INSIDE = """
import fcntl, os, socket, struct, sys
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    request = struct.pack("16sh14x", b"lo", 0)
    _name, flags = struct.unpack("16sh14x", fcntl.ioctl(s, SIOCGIFFLAGS, request))
    fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))
assert [name for _index, name in socket.if_nameindex()] == ["lo"], socket.if_nameindex()
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


#: In a copy of the course that came on a stick: install, open the lab, and judge an answer.
EVENING = """
import signal, subprocess, sys, threading, urllib.request
def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    print(*command, done.returncode, done.stdout[-1500:], done.stderr[-1500:], sep="\\n", flush=True)
    assert done.returncode == 0
run(sys.executable, "src/inprod/install.py")
command = [".venv/bin/inprod", "lab", "--offline", "--no-browser"]
lab = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
guard = threading.Timer(120, lab.kill)
guard.start()
try:
    for line in lab.stdout:
        print(line, end="", flush=True)
        if "/lab/tree/start.md?token=" in line:
            address = line.split()[-1]
            break
    page = urllib.request.urlopen(address, timeout=20).read().decode()
    assert "jupyter-config-data" in page, page[:500]
    print("JupyterLab answers")
finally:
    guard.cancel()
    lab.send_signal(signal.SIGTERM)
    lab.wait(20)
run(".venv/bin/inprod", "check", "W1", "--answers", "solutions/00_setup/w1_first_check/reference")
"""
#: What the stick holds besides wheelhouse/.
ON_THE_STICK = (
    "constraints.txt", "course.toml", "exercises", "LICENSE", "Makefile", "notebooks", "pyproject.toml", "README.md",
    "solutions", "src",
)  # fmt: skip


def _without_network(
    *arguments: str, cwd: Path = ROOT, python: str = sys.executable
) -> subprocess.CompletedProcess[str]:
    user = [] if os.geteuid() == 0 else ["--user", "--map-current-user", "--keep-caps"]
    return subprocess.run(
        ["unshare", *user, "--net", python, "-c", INSIDE, *arguments],
        cwd=cwd,
        env={**os.environ, "INPROD_BACKEND": "embedded"},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


@pytest.fixture(scope="module", autouse=True)
def _namespaces() -> None:
    if not shutil.which("unshare"):
        pytest.skip("not run: no `unshare` here (Linux's util-linux has it)")
    done = _without_network("-c", "pass")
    if done.returncode:
        pytest.skip(f"not run: no network namespace for us here ({done.stderr.strip()[-200:]})")


def test_an_answer_is_judged_without_a_network() -> None:
    """Servers start, the answer runs behind its walls, nothing is fetched."""
    reference = "solutions/07b_database/x5_stampede/reference"
    done = _without_network("-m", "inprod", "check", "X5", "--answers", reference)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_notebooks_run_without_a_network() -> None:
    """Every cell of two lessons that start all there is: servers, the application, sample data, a check."""
    lessons = ["notebooks/00_setup.ipynb", "solutions/00_setup.ipynb", "notebooks/07b_database.ipynb"]
    done = _without_network("-m", "pytest", "--nbval", "--nbval-cell-timeout", "60", "-q", *lessons)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_namespace_is_empty() -> None:
    """The proof is one: an address outside can't be reached from in there."""
    done = _without_network("-c", "import socket; socket.create_connection(('192.0.2.1', 80), 5)")
    assert "Network is unreachable" in done.stderr


@pytest.mark.slow
def test_a_stick_is_enough(tmp_path: Path) -> None:
    """Filled where there is a network; then installed, opened and used where there is none."""
    stick = tmp_path / "stick"
    stick.mkdir()
    copy_files(ON_THE_STICK, stick)
    base = str(Path(sys.base_prefix, "bin", f"python3.{sys.version_info.minor}"))
    # Any environment with pip can fetch; the learner's own is made in the room.
    (stick / ".venv").symlink_to(sys.prefix)
    filled = subprocess.run(
        [base, "src/inprod/install.py", "--wheelhouse"],
        cwd=stick, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert filled.returncode == 0, filled.stdout + filled.stderr
    (stick / ".venv").unlink()

    evening = _without_network("-c", EVENING, cwd=stick, python=base)
    assert evening.returncode == 0, evening.stdout + evening.stderr
    assert "Installing the course into .venv from wheelhouse" in evening.stdout
    assert "Servers, without a network: embedded" in evening.stdout
    assert "JupyterLab answers" in evening.stdout

    # The proof needs both halves: without what was carried, there is nothing to install.
    shutil.rmtree(stick / ".venv")
    shutil.rmtree(stick / "wheelhouse")
    refused = _without_network("src/inprod/install.py", cwd=stick, python=base)
    assert refused.returncode == 2
    assert "connect to the network for this one step" in refused.stderr
