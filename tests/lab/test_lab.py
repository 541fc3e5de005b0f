"""JupyterLab as the learner gets it: a real server, its kernels, and its end."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from inprod.lab.launch import environment, options
from inprod.running.processes import descendants
from tests.lab.support import Desk, Lab, make_desk, wait_until_gone

CODE = """
import json, os, sys
names = ("INPROD_COURSE", "INPROD_WORK", "INPROD_LANG")
print(json.dumps([sys.executable, *(os.environ.get(name) for name in names)]))
"""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A folder that is ready."""
    desk = make_desk(tmp_path / "course")
    desk.prepare()
    return desk


@pytest.fixture
def lab(desk: Desk) -> Iterator[Lab]:
    """A server that ends with the test."""
    lab = Lab(desk, free_port())
    yield lab
    if lab.process.poll() is None:
        lab.stop(signal.SIGTERM)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def ask(lab: Lab, path: str, *, token: bool = True, **body: object) -> Any:
    """One request to the server's API."""
    parts = urlsplit(lab.url)
    headers = {"Authorization": f"token {parse_qs(parts.query)['token'][0]}"} if token else {}
    request = urllib.request.Request(
        f"http://{parts.netloc}/{path}", headers=headers, data=json.dumps(body).encode() if body else None
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def test_it_answers_with_its_token_alone_and_serves_only_the_folder(lab: Lab, desk: Desk) -> None:
    """The API, the listing without what is not for reading, and a given file behind its link."""
    assert "version" in ask(lab, "api")
    assert ask(lab, "api/status")["kernels"] == 0
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(lab, "api/status", token=False)
    assert refused.value.code == 403
    refused.value.close()
    (desk.work / "progress.sqlite").touch()
    names = {entry["name"] for entry in ask(lab, "api/contents/")["content"]}
    assert names == {"01_sums.ipynb", "answers", "exercises", "start.md"}
    given = ask(lab, "api/contents/exercises/01_sums/a1_add_up/given/limit.txt")
    assert given["content"]


def test_three_lines_say_what_to_do(lab: Lab, desk: Desk) -> None:
    """The address of the start page, where the work lies, how to end; nothing else."""
    lines = lab.said.splitlines()
    assert len(lines) == 3, lab.said
    assert urlsplit(lab.url).path == "/lab/tree/start.md"
    assert urlsplit(lab.url).hostname == "127.0.0.1"
    assert lines[1] == f"Your notebooks and answers: {desk.work}"
    assert "Ctrl-C" in lines[2]


def test_nothing_is_written_into_the_home_folder(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by the server nor by a kernel; their own settings lie in the learner's folder."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    lab = Lab(desk, free_port())
    try:
        kernel = ask(lab, "api/kernels", name="python3")["id"]
        assert kernel
        own = desk.work / ".inprod" / "jupyter" / "ipython"
        deadline = time.monotonic() + 30
        while not own.exists() and time.monotonic() < deadline:
            time.sleep(0.05)  # polling a kernel that starts
        assert own.exists()
        ask(lab, "lab/api/settings")
    finally:
        lab.stop(signal.SIGINT)
    assert not list(home.iterdir())


def test_ctrl_c_ends_everything(lab: Lab) -> None:
    """No question, no process left, no file of connections, exit code 0; a kernel ends with it."""
    ask(lab, "api/kernels", name="python3")
    deadline = time.monotonic() + 30
    while not (pids := set(descendants(lab.process.pid))) and time.monotonic() < deadline:
        time.sleep(0.05)  # polling a kernel that starts
    assert pids
    runtime = Path(environment_of(lab.process.pid)["JUPYTER_RUNTIME_DIR"])
    assert list(runtime.iterdir())
    assert lab.stop(signal.SIGINT) == 0
    assert not wait_until_gone(pids)
    assert not runtime.exists()
    assert lab.said.endswith("/work/answers.\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_ends_are_clean_as_well(lab: Lab, number: int) -> None:
    """A closed terminal, a shutdown."""
    assert lab.stop(number) == 0


def test_a_taken_port_is_no_trouble(lab: Lab, desk: Desk) -> None:
    """The next free one is taken, and printed."""
    port = urlsplit(lab.url).port
    assert port is not None
    second = Lab(desk, port)
    try:
        assert urlsplit(second.url).port != port
        assert "version" in ask(second, "api")
    finally:
        second.stop(signal.SIGINT)


def test_kernels_know_the_course_and_are_this_python(lab: Lab, desk: Desk) -> None:
    """Asked from within a kernel that the server started."""
    kernel = ask(lab, "api/kernels", name="python3")["id"]
    from jupyter_client.blocking.client import BlockingKernelClient

    connection = Path(environment_of(lab.process.pid)["JUPYTER_RUNTIME_DIR"]) / f"kernel-{kernel}.json"
    client = BlockingKernelClient(connection_file=str(connection))
    client.load_connection_file()
    client.start_channels()
    said: list[str] = []
    try:
        client.wait_for_ready(timeout=60)
        client.execute_interactive(
            CODE, timeout=60, output_hook=lambda m: said.append(m["content"].get("text", "")), allow_stdin=False
        )
    finally:
        client.stop_channels()
    python, course, work, language = json.loads("".join(said))
    assert Path(python) == Path(sys.executable)
    assert (course, work, language) == (str(desk.course.root), str(desk.work), "en")


def test_what_a_person_configured_elsewhere_is_neither_read_nor_changed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their folders are not in the environment, and everything of ours lies in the learner's folder."""
    monkeypatch.setenv("JUPYTER_PATH", "/theirs")
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", "/theirs")
    monkeypatch.setenv("JUPYTERLAB_DIR", "/theirs")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    found = environment(desk.course, desk.work, "/run/somewhere")
    assert not [name for name, value in found.items() if value == "/theirs"]
    assert found["HTTPS_PROXY"] == "http://127.0.0.1:9"
    folders = [value for name, value in found.items() if name.startswith("JUPYTER") and name.endswith("_DIR")]
    assert all(Path(f).is_relative_to(desk.work) for f in folders if f != "/run/somewhere")
    assert len(folders) == 5
    assert Path(found["IPYTHONDIR"]).is_relative_to(desk.work)


def test_root_is_allowed_only_for_root(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else needs the option."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "--allow-root" not in options(desk.work)
    assert "--no-browser" not in options(desk.work)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "--allow-root" in options(desk.work, browser=False)
    assert "--no-browser" in options(desk.work, browser=False)


def environment_of(pid: int) -> dict[str, str]:
    """What a process was started with."""
    pairs = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return dict(pair.decode().split("=", 1) for pair in pairs if pair)
