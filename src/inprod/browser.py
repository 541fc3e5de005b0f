"""The Chromium of this machine, for a lesson's end-to-end tests: found, never downloaded."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from inprod.messages import _

CHROMIUM_VARIABLE: Final = "INPROD_CHROMIUM"
_CHROMIUM: Final = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
_DRIVER: Final = "chromedriver"
_NEAR: Final = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class Browser:
    """Where the browser and its driver are; empty where this machine has none."""

    chromium: str
    driver: str  #: chromedriver: Selenium needs it, Playwright does not

    def environment(self, environ: Mapping[str, str] | None = None) -> dict[str, str]:
        """For a test's process: CHROMIUM and CHROMEDRIVER, and no proxy on the way to this machine's own servers."""
        environ = os.environ if environ is None else environ
        given = (environ.get("no_proxy") or environ.get("NO_PROXY") or "").split(",")
        near = ",".join(dict.fromkeys([*(host.strip() for host in given if host.strip()), *_NEAR]))
        return {"CHROMIUM": self.chromium, "CHROMEDRIVER": self.driver, "no_proxy": near, "NO_PROXY": near}

    def __str__(self) -> str:
        """What there is, and one line of remedy where something is missing."""
        if not self.chromium:
            return _(
                "No browser found, so the tests with a browser are not run."
                " Install one (`sudo apt-get install chromium chromium-driver`), or put its path into {variable}."
            ).format(variable=CHROMIUM_VARIABLE)
        if not self.driver:
            return _(
                "{browser}, without chromedriver: the Selenium test is not run."
                " Install it (`sudo apt-get install chromium-driver`) and restart the kernel."
            ).format(browser=self.chromium)
        return _("{browser}, driven by {driver} or by Playwright").format(browser=self.chromium, driver=self.driver)


def find(environ: Mapping[str, str] | None = None) -> Browser:
    """The browser that INPROD_CHROMIUM names, else the first that is in PATH or where a Mac has it."""
    environ = os.environ if environ is None else environ
    path = environ.get("PATH", os.defpath)
    own = environ.get(CHROMIUM_VARIABLE)
    candidates = (own,) if own else _CHROMIUM
    chromium = next((found for name in candidates if (found := shutil.which(name, path=path))), "")
    # Chrome for Testing comes with its driver in a folder beside it.
    beside = str(Path(chromium).parent) if chromium else ""
    driver = shutil.which(_DRIVER, path=os.pathsep.join([path, beside])) or ""
    return Browser(chromium, driver)
