"""Binder's first evening: its user, 2 GB of memory, 64 MB of shared memory, a browser, and W1 solved there."""

from __future__ import annotations

import os
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from inprod.build.badges import START
from inprod.services.programs import free_port
from inprod.testing import wait_until
from tests.browser.jupyterlab import Lab, open_browser
from tests.machines import Machine, made_machine, memory_of

pytestmark = pytest.mark.browser

MEMORY = 2 * 1024**3
TOKEN = "of-this-evening"
REFERENCE = Path(__file__).parents[2] / "solutions/00_setup/w1_first_check/reference/guiche/web/version.py"


@pytest.fixture
def machine() -> Iterator[Machine]:
    """One on which postBuild ran."""
    memory = memory_of(MEMORY)
    try:
        with made_machine() as made:
            built = made.run("./binder/postBuild")
            assert built.returncode == 0, built.stdout + built.stderr
            yield replace(made, memory=memory)
    finally:
        if memory is not None:
            memory.close()


@pytest.fixture
def address(machine: Machine, tmp_path: Path) -> Iterator[str]:
    """JupyterLab, started as Binder starts it."""
    port = free_port()
    log = tmp_path / "jupyter.log"
    command = ["jupyter", "lab", "--no-browser", f"--port={port}", f"--IdentityProvider.token={TOKEN}"]
    server = machine.start("./binder/start", *command, "--LabApp.expose_app_in_browser=True", log=log)

    def answers() -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=5).close()
        except (urllib.error.URLError, TimeoutError):
            return False
        return True

    try:
        assert wait_until(lambda: answers() or server.poll() is not None, timeout=60)
        assert server.poll() is None, log.read_text(encoding="utf-8")
        yield f"http://127.0.0.1:{port}/{START}?token={TOKEN}"
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(30)


def test_w1_is_solved_on_binder(machine: Machine, address: str) -> None:
    """From the address in the badge to a pass, without a terminal and within the memory that Binder gives."""
    right = "%%answer W1\n" + REFERENCE.read_text(encoding="utf-8")
    with sync_playwright() as playwright:
        browser = open_browser(playwright)
        lab = Lab(browser, address)
        expect(lab.page.get_by_role("heading", name="Welcome")).to_be_visible()
        lab.open_lesson("00 ·")
        expect(lab.run("W1")).to_contain_text("not yet", ignore_case=True)
        card = lab.run("W1", right)
        expect(card).to_contain_text("pass", ignore_case=True)
        expect(card).not_to_contain_text("not yet", ignore_case=True)
        lab.save()
        assert not lab.faults
        browser.close()
    answer = machine.home / "work/answers/W1/guiche/web/version.py"
    assert answer.read_text(encoding="utf-8") == right.partition("\n")[2]
    if machine.memory is not None:
        assert 100_000_000 < machine.memory.peak <= MEMORY
