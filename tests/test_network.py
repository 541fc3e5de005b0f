"""After installation nothing needs a network: the course runs where there is only a loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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


def _without_network(*arguments: str) -> subprocess.CompletedProcess[str]:
    user = [] if os.geteuid() == 0 else ["--user", "--map-current-user", "--keep-caps"]
    return subprocess.run(
        ["unshare", *user, "--net", sys.executable, "-c", INSIDE, *arguments],
        cwd=ROOT,
        env={**os.environ, "INPROD_BACKEND": "embedded"},
        capture_output=True,
        text=True,
        timeout=300,
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
