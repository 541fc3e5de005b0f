"""What a test needs that this machine may lack: told with its remedy, and a failure where nothing may be skipped."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from inprod.services import engine

#: Nothing of the caller's own course reaches a test; which images and caches there are, does.
_OURS = ("BACKEND", "COURSE", "WORK", "LANG", "STRICT", "POSTGRES_URL", "REDIS_URL", "RUNTIME")
CHROMIUM = os.environ.get("INPROD_CHROMIUM", "/usr/bin/chromium")


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _OURS:
        monkeypatch.delenv(f"INPROD_{name}", raising=False)


@pytest.fixture(scope="session", autouse=True)
def _rested() -> Iterator[None]:
    """End this process's zygote with the tests, not at the interpreter's exit."""
    yield
    from inprod.running import client

    client.shared().close()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test whose engine or browser is missing is not run, and says what to do."""
    missing = ""
    if item.get_closest_marker("docker"):
        missing = _without_docker()
    if item.get_closest_marker("browser") and not (Path(CHROMIUM).is_file() or shutil.which(CHROMIUM)):
        missing = f"no Chromium at {CHROMIUM}: install it, or set INPROD_CHROMIUM"
    if missing:
        pytest.skip(f"not run: {missing}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a test that should have run and did not is a failure."""
    report = yield
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and with CI set nothing may be: {report.longrepr}"
    return report


def _without_docker() -> str:
    found = engine.probe()
    if not found.answers:
        return f"{found.saw} {found.do}"
    missing = [image for image in engine.images() if not engine.has_image(found.endpoint, image)]
    return f"images are missing: {', '.join(missing)}. Fetch them: inprod doctor --pull" if missing else ""
