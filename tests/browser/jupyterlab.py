"""A notebook in JupyterLab, driven as a person does: cells are typed, run by key, and looked at."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Final

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, Playwright, expect

SECONDS: Final = 40
_COUNTED: Final = re.compile(r"\[\d+\]:")
_KERNEL = "window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status"
_FIND = "id => window.jupyterapp.shell.currentWidget.content.widgets.findIndex(cell => cell.model.id === id)"
_SELECT = """async ([index, source]) => {
    const notebook = window.jupyterapp.shell.currentWidget.content;
    notebook.activeCellIndex = index;
    notebook.deselectAll();
    await notebook.scrollToItem(index, 'start');
    const cell = notebook.activeCell;
    await cell.ready;
    if (source !== null) cell.model.sharedModel.setSource(source);
    notebook.mode = 'command';
    notebook.activate();
}"""
#: What axe would say about JupyterLab itself is JupyterLab's: it looks at the outputs alone.
_OUTPUTS = ".jp-Cell.jp-mod-active .jp-OutputArea-output"


def open_browser(playwright: Playwright) -> Browser:
    """Chromium: INPROD_CHROMIUM, else the system's, else the one that Playwright installed."""
    expect.set_options(timeout=SECONDS * 1000)  # the default of 5 s is for a machine that does nothing else
    system = "/usr/bin/chromium"
    path = os.environ.get("INPROD_CHROMIUM") or (system if Path(system).exists() else None)
    arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
    return playwright.chromium.launch(executable_path=path, args=arguments)


class Lab:
    """One page of JupyterLab."""

    def __init__(self, browser: Browser, url: str, scheme: Any = "light") -> None:
        self.page: Page = browser.new_page(viewport={"width": 1100, "height": 900}, color_scheme=scheme)
        self.page.set_default_timeout(SECONDS * 1000)
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.goto(url)

    def open_lesson(self, title: str) -> None:
        """Follow the link on the start page, and run the first cell."""
        self.page.locator(".jp-MarkdownViewer a", has_text=title).first.click()
        self.page.locator(".jp-Notebook").wait_for()
        self.wait_for_kernel()
        self.run("load")

    def wait_for_kernel(self, status: str = "idle") -> None:
        """Until the kernel of the notebook in front says so."""
        self.page.wait_for_function(f"{_KERNEL} === '{status}'")

    def run(self, cell_id: str, source: str | None = None, *, wait: bool = True) -> Locator:
        """Put `source` into a cell, run it with the keyboard, and stay on it; its output."""
        index = self.page.evaluate(_FIND, cell_id)
        assert index >= 0, f"no cell {cell_id}"
        self.page.evaluate(_SELECT, [index, source])
        active = self.page.locator(".jp-Cell.jp-mod-active")
        expect(active).to_have_count(1)
        self.page.keyboard.press("Control+Enter")
        if wait:
            # A run that was asked for shows `[*]`, and a number when it has ended.
            expect(active.locator(".jp-InputPrompt").first).to_have_text(_COUNTED)
            self.wait_for_kernel()
        return active.locator(".jp-OutputArea").first

    def command(self, name: str) -> None:
        """One of JupyterLab's own commands, without waiting for its end."""
        self.page.evaluate("name => { window.jupyterapp.commands.execute(name); }", name)

    def restart_kernel(self) -> None:
        """From the menu, and yes to the question; until the new kernel is there."""
        self.command("kernelmenu:restart")
        self.page.locator(".jp-Dialog button.jp-mod-warn").click()
        self.wait_for_kernel("restarting")
        self.wait_for_kernel()

    def save(self) -> None:
        """Save the notebook, and wait until it is."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.save()")

    def violations(self) -> list[str]:
        """What axe finds in the outputs of the active cell."""
        # JupyterLab's body has no height, and axe takes all that it holds for invisible.
        self.page.evaluate(
            "() => { document.body.style.height = '100vh';"
            " document.querySelectorAll('.jp-OutputArea-output details').forEach(one => { one.open = true; }); }"
        )
        found = Axe().run(self.page, context=_OUTPUTS)
        looked = {rule["id"] for kind in ("passes", "violations", "incomplete") for rule in found.response[kind]}
        assert "color-contrast" in looked, "axe saw no text"
        return [
            f"{violation['id']}: {node['html'][:160]} {node['any'][0]['message'] if node['any'] else ''}"
            for violation in found.response["violations"]
            for node in violation["nodes"]
        ]

    def picture(self, folder: Path, name: str, of: Locator) -> None:
        """A picture of one output, for a person to look at."""
        folder.mkdir(parents=True, exist_ok=True)
        of.screenshot(path=folder / f"{name}.png")
