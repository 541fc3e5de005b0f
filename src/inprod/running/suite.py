"""Running an answer's own test suite with pytest, inside the answer's process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

MAX_TEXT = 600

#: A test suite of an answer gets pytest as it comes, minus what writes to disk or slows a fork down.
OPTIONS = (
    "-c", "/dev/null", "--rootdir", ".", "--confcutdir", ".", "--disable-plugin-autoload",
    "-q", "--tb=line", "--color=no", "--import-mode=importlib",
    "-p", "no:cacheprovider", "-p", "no:junitxml", "-p", "no:pastebin", "-p", "no:faulthandler",
    "-p", "no:stepwise", "-p", "no:setuponly", "-p", "no:setupplan",
)  # fmt: skip


def run(arguments: list[str], send: Callable[[dict[str, Any]], None], *, containers: str = "") -> None:
    """Run pytest with `arguments` in the current folder; one line a test, and one at the end.

    `containers` labels the containers of testcontainers, so that those which stay behind are found.
    """
    if containers:
        from testcontainers.core import labels

        labels.SESSION_ID = containers
    options = [*OPTIONS, *(("-p", "_hypothesis_pytestplugin") if "hypothesis" in sys.modules else ())]
    code = pytest.main([*options, *arguments], plugins=[_Reporter(send)])
    send({"suite": int(code)})


class _Reporter:
    def __init__(self, send: Callable[[dict[str, Any]], None]) -> None:
        self._send = send

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._send({"trouble": _last_lines(str(report.longrepr))})

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            # An expected failure is no evidence in either direction.
            outcome = "expected failure" if hasattr(report, "wasxfail") else report.outcome
            self._send(
                {
                    "test": report.nodeid,
                    "when": report.when,
                    "outcome": outcome,
                    "text": _message(report) if report.failed else "",
                }
            )


def _message(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        return str(crash.message).splitlines()[0][:MAX_TEXT] if crash.message else ""
    # A fixture that is not there, for one: the lines of the file come first, and what is wrong after them.
    lines = str(report.longrepr).splitlines()
    wrong = [line.removeprefix("E").strip() for line in lines if line.startswith("E ")]
    return (wrong or lines or [""])[0][:MAX_TEXT]


def _last_lines(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return "\n".join(lines[-4:])[-MAX_TEXT:]
