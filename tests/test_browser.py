"""Finding a browser: what PATH has, what the learner names, and one line of remedy where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from inprod import browser
from inprod.browser import Browser


def _program(folder: Path, name: str) -> str:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


@pytest.fixture(autouse=True)
def _no_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Mac's own Chrome is found whatever PATH says."""
    names = tuple(name for name in browser._CHROMIUM if "/" not in name)
    monkeypatch.setattr(browser, "_CHROMIUM", names)


@pytest.mark.parametrize("name", ["chromium", "chromium-browser", "google-chrome"])
def test_what_path_has_is_found(tmp_path: Path, name: str) -> None:
    """Whichever of its names it goes by, with its driver."""
    chromium, driver = _program(tmp_path, name), _program(tmp_path, "chromedriver")
    found = browser.find({"PATH": str(tmp_path)})
    assert found == Browser(chromium, driver)
    assert chromium in str(found)
    assert "not run" not in str(found)


def test_what_the_learner_names_wins(tmp_path: Path) -> None:
    """Also over one in PATH; and a name that leads nowhere is no browser."""
    _program(tmp_path / "path", "chromium")
    own = _program(tmp_path / "own", "my-browser")
    path = str(tmp_path / "path")
    assert browser.find({"PATH": path, "INPROD_CHROMIUM": own}).chromium == own
    assert browser.find({"PATH": path, "INPROD_CHROMIUM": "/nowhere"}).chromium == ""


def test_without_a_browser_it_says_what_to_do(tmp_path: Path) -> None:
    """Not run, and one line of remedy."""
    said = str(browser.find({"PATH": str(tmp_path)}))
    assert "not run" in said
    assert "chromium-driver" in said
    assert "INPROD_CHROMIUM" in said


def test_without_a_driver_only_selenium_is_left_out(tmp_path: Path) -> None:
    """Playwright speaks to the browser itself."""
    chromium = _program(tmp_path, "chromium")
    found = browser.find({"PATH": str(tmp_path)})
    assert found == Browser(chromium, "")
    assert "Selenium test is not run" in str(found)


def test_a_proxy_is_not_asked_for_this_machine() -> None:
    """What the learner has excluded stays excluded."""
    found = Browser("/b", "/d").environment({"NO_PROXY": "example.org, localhost"})
    assert (found["CHROMIUM"], found["CHROMEDRIVER"]) == ("/b", "/d")
    assert found["NO_PROXY"] == found["no_proxy"] == "example.org,localhost,127.0.0.1"
