"""A learner's evening in a real browser: open, fail, pass, look at the map, interrupt, come back."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from inprod.running.processes import descendants
from tests.browser.jupyterlab import Lab, open_browser
from tests.lab.support import Desk, make_desk
from tests.lab.support import Lab as Server

pytestmark = pytest.mark.browser

WRONG = "%%answer A1\ndef total(numbers):\n    return numbers[0]\n"
RIGHT = "%%answer A1\ndef total(numbers):\n    return sum(numbers)\n"
BROKEN = "%%answer A1\ndef total(numbers)\n    return sum(numbers)\n"
LOOPS = "%%answer A1\ndef total(numbers):\n    while True:\n        pass\n"
#: What axe must find, so that finding nothing means something.
FAINT = "from IPython.display import HTML\nHTML('<p style=\"color:#888;background:#999\">faint</p>')"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests here."""
    with sync_playwright() as playwright:
        browser = open_browser(playwright)
        yield browser
        browser.close()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A learner's first evening."""
    desk = make_desk(tmp_path / "course")
    desk.prepare()
    return desk


@pytest.fixture
def server(desk: Desk) -> Iterator[Server]:
    """JupyterLab as `inprod lab` starts it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = int(listener.getsockname()[1])
    server = Server(desk, port, "--LabApp.expose_app_in_browser=True")
    yield server
    server.stop(signal.SIGINT)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where pictures go: INPROD_SCREENSHOTS, else nowhere that stays."""
    return Path(os.environ.get("INPROD_SCREENSHOTS", tmp_path / "pictures"))


def test_an_evening(browser: Browser, server: Server, desk: Desk) -> None:
    """From the start page to a pass that a new kernel, and the next start, still know."""
    lab = Lab(browser, server.url)
    expect(lab.page.get_by_role("heading", name="Welcome")).to_be_visible()
    expect(lab.page.get_by_text("Jupyter news")).to_have_count(0)
    lab.open_lesson("01 · Sums")

    card = lab.run("A1", WRONG)
    expect(card).to_contain_text("not yet", ignore_case=True)
    expect(card).to_contain_text("Some numbers add up")
    assert desk.file("A1", "adding.py") == WRONG.partition("\n")[2]

    card = lab.run("A1", RIGHT)
    expect(card).to_contain_text("3 of 3 hold")
    expect(card).not_to_contain_text("not yet", ignore_case=True)
    expect(card).to_have_count(1)

    expect(lab.run("load", "%load_ext inprod\n%progress")).to_contain_text("1 of 2")

    lab.restart_kernel()
    # On the next evening nobody starts at the first cell.
    expect(lab.run("load", "%progress")).to_contain_text("1 of 2")
    lab.save()
    assert not lab.faults

    desk.prepare()
    page = (desk.work / "start.md").read_text(encoding="utf-8")
    assert page.startswith("# Welcome back\n")
    assert "Next is B1" in page
    assert desk.history("A1")[0] == (WRONG.partition("\n")[2], "run")


def test_an_interrupt_ends_what_the_check_started(browser: Browser, server: Server) -> None:
    """An answer that loops: the live line shows, stop ends it, and the next check works."""
    lab = Lab(browser, server.url)
    lab.open_lesson("01 · Sums")
    lab.run("A1", RIGHT)
    quiet = processes(server)

    output = lab.run("A1", LOOPS, wait=False)
    expect(output).to_contain_text("running", ignore_case=True)
    assert processes(server) - quiet
    lab.command("notebook:interrupt-kernel")
    expect(output).to_contain_text("stopped", ignore_case=True)
    lab.wait_for_kernel()
    deadline = time.monotonic() + 5
    while (left := processes(server) - quiet) and time.monotonic() < deadline:
        time.sleep(0.05)  # polling processes that end by themselves
    assert not left

    expect(lab.run("A1", RIGHT)).to_contain_text("3 of 3 hold")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_cards_can_be_read_by_everybody(
    browser: Browser, server: Server, desk: Desk, pictures: Path, scheme: Any
) -> None:
    """No violation that axe knows, in the theme that the system asks for; pictures are for people."""
    lab = Lab(browser, server.url, scheme)
    lab.page.locator(".jp-MarkdownViewer").wait_for()
    lab.page.wait_for_function(f"document.body.dataset.jpThemeLight === '{str(scheme == 'light').lower()}'")
    lab.picture(pictures, f"{scheme}-start", lab.page.locator(".jp-MarkdownViewer"))
    lab.open_lesson("01 · Sums")
    cells = (
        ("not-yet", "A1", WRONG),
        ("broken", "A1", BROKEN),
        ("pass", "A1", RIGHT),
        ("progress", "load", "%load_ext inprod\n%progress"),
        ("hint", "load", "%hint A1"),
        ("solution", "load", "%solution A1"),
        ("reset", "load", "%reset A1"),
        ("error", "load", "%check Z9"),
        ("prediction", "predict-empty", "%%predict empty nothing\nnothing = 0"),
        ("reality", "load", "%reality empty nothing=sum([])"),
    )
    violations = []
    for name, cell, source in cells:
        output = lab.run(cell, source)
        lab.picture(pictures, f"{scheme}-{name}", output)
        violations += [f"{name}: {violation}" for violation in lab.violations()]
        if name == "not-yet":
            lab.page.screenshot(path=pictures / f"{scheme}-page.png")
    assert not violations, "\n".join(violations)
    lab.run("load", FAINT)
    assert any(violation.startswith("color-contrast") for violation in lab.violations())
    assert not lab.faults


def processes(server: Server) -> set[int]:
    """Everything below the server but what ended already."""
    return {pid for pid in descendants(server.process.pid) if Path(f"/proc/{pid}/cmdline").exists()}
