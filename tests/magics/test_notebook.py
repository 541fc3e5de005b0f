"""A real kernel, as JupyterLab starts it: the extension, a live line, the Stop button, two kernels at once."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from inprod.progress import Progress
from tests.magics.conftest import LASTING, RIGHT, SLOW, WRONG
from tests.support import make_exercise

pytestmark = pytest.mark.filterwarnings("ignore")


class Notebook:
    """One kernel and its messages."""

    def __init__(self, manager: Any) -> None:
        self.manager = manager
        self.client = manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(self, cell: str, meanwhile: Callable[[dict[str, Any]], None] | None = None) -> list[dict[str, Any]]:
        """Run one cell; every message about it, `meanwhile` told of each."""
        request = self.client.execute(cell)
        messages = []
        end = time.monotonic() + 60
        while time.monotonic() < end:
            message = self.client.get_iopub_msg(timeout=60)
            if message["parent_header"].get("msg_id") != request:
                continue
            messages.append(message)
            if meanwhile:
                meanwhile(message)
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return messages
        raise AssertionError("the deadline passed")

    def shown(self, cell: str) -> str:
        """Run one cell; its text."""
        texts = []
        for message in self.run(cell):
            content = message["content"]
            texts += [content.get("data", {}).get("text/plain", ""), content.get("text", "")]
            texts += content.get("traceback", [])
        return "\n".join(filter(None, texts))

    def close(self, *, now: bool = False) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=now)


@pytest.fixture
def notebooks(course_root: Path, tmp_path: Path) -> Iterator[Callable[..., Notebook]]:
    """Starts kernels in the course's folder."""
    from jupyter_client.manager import KernelManager

    running: list[Notebook] = []

    def start(**variables: str) -> Notebook:
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("INPROD_")},
            "INPROD_COURSE": str(course_root),
            "IPYTHONDIR": str(tmp_path / "ipython"),
            **variables,
        }
        manager = KernelManager(kernel_name="python3")
        manager.start_kernel(cwd=str(tmp_path), env=environment)
        notebook = Notebook(manager)
        running.append(notebook)
        return notebook

    yield start
    for notebook in running:
        if notebook.manager.has_kernel:
            notebook.close(now=True)


def test_from_the_extension_to_a_pass(notebooks: Callable[..., Notebook], course_root: Path) -> None:
    """Loaded in a moment, judged, recorded; a second kernel and a restarted one see it; nothing raises."""
    first, second = notebooks(), notebooks()
    assert first.shown("%load_ext inprod") == ""
    began = time.monotonic()
    assert first.shown("1 + 1") == "2"
    assert time.monotonic() - began < 1
    assert second.shown("%load_ext inprod") == ""
    assert "not yet" in first.shown(f"%%answer W0\n{WRONG}")
    assert "pass" in second.shown(f"%%answer W0\n{RIGHT}")
    assert "1 of 2" in first.shown("%progress")
    first.client.stop_channels()
    first.manager.restart_kernel(now=True)
    again = Notebook(first.manager)
    again.shown("%load_ext inprod")
    assert "W0 ✓" in again.shown("%progress")
    again.client.stop_channels()
    work = course_root / "work"
    assert Progress(work).tries("W0") == 2
    assert (work / "answers" / "W0" / "answer.py").read_text() == RIGHT
    assert [k.content for k in Progress(work).kept("W0")] == [WRONG]


def test_the_live_line_and_the_stop_button(notebooks: Callable[..., Notebook], course_root: Path) -> None:
    """The display is updated while the check runs; an interrupt ends it with one line."""
    make_exercise(course_root, SLOW, starter=LASTING.replace("2.2", "15"), name="W3")
    notebook = notebooks()
    notebook.run("%load_ext inprod")
    interrupted: list[float] = []

    def stop(message: dict[str, Any]) -> None:
        if message["msg_type"] == "update_display_data" and not interrupted:
            interrupted.append(time.monotonic())
            notebook.manager.interrupt_kernel()

    messages = notebook.run("%check W3", stop)
    assert interrupted
    assert time.monotonic() - interrupted[0] < 5
    kinds = [m["msg_type"] for m in messages]
    assert kinds.count("display_data") == 1
    error = next(m["content"] for m in messages if m["msg_type"] == "error")
    assert error["traceback"] == ["Stopped."]
    last = [m for m in messages if m["msg_type"] == "update_display_data"][-1]
    assert "You stopped the check" in last["content"]["data"]["text/plain"]
    assert notebook.shown("1 + 1") == "2"


def test_strictly_a_gap_is_an_error_with_the_cards_text(notebooks: Callable[..., Notebook], course_root: Path) -> None:
    """What nbval sees: one display for a pass, the card's lines for a gap, nothing of the learner's touched."""
    notebook = notebooks(INPROD_STRICT="1")
    notebook.run("%load_ext inprod")
    passed = [m for m in notebook.run(f"%%answer W0\n{RIGHT}") if m["msg_type"] in ("display_data", "error")]
    assert [m["msg_type"] for m in passed] == ["display_data"]
    error = next(m["content"] for m in notebook.run(f"%%answer W0\n{WRONG}") if m["msg_type"] == "error")
    assert error["ename"] == "NotYet"
    assert error["traceback"][0] == "W0 · Sample – not yet (0 of 1 hold)"
    assert not (course_root / "work").exists()


def test_without_a_course_there_is_a_card(notebooks: Callable[..., Notebook], tmp_path: Path) -> None:
    """The extension loads anywhere; the first magic says what is missing."""
    notebook = notebooks(INPROD_COURSE=str(tmp_path / "nowhere"))
    assert notebook.shown("%load_ext inprod") == ""
    shown = notebook.shown("%check W0")
    assert "The course's folder was not found." in shown
    assert "Traceback" not in shown


def test_demos_have_servers_of_their_own(notebooks: Callable[..., Notebook], course_root: Path) -> None:
    """Real Postgres and Redis, the same ones in every cell; gone when the kernel has gone."""
    notebook = notebooks(INPROD_BACKEND="embedded")
    notebook.shown("from inprod.demo import postgres_url, redis_url")
    shown = notebook.shown("print(postgres_url(), redis_url())")
    postgres, redis = shown.split()
    assert notebook.shown("print(postgres_url(), redis_url())").split() == [postgres, redis]
    assert notebook.shown(
        "import psycopg, redis\n"
        "with psycopg.connect(postgres_url()) as c: print(c.execute('SELECT 1 + 1').fetchone())\n"
        "with redis.from_url(redis_url()) as r: print(r.set('a', 1))"
    ).split("\n")[:2] == ["(2,)", "True"]
    for url in (postgres, redis):
        with socket.create_connection(_address(url), timeout=5):
            pass
    notebook.close()
    for url in (postgres, redis):
        end = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(_address(url), timeout=1).close()
            except OSError:
                break
            assert time.monotonic() < end, f"{url} still answers"
            time.sleep(0.05)


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    return parts.hostname, parts.port
