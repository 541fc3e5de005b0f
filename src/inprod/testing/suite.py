"""An answer's test suite that was run, and what it said."""

from __future__ import annotations

from dataclasses import dataclass

from inprod.messages import _
from inprod.testing.failures import AnswerFailed
from inprod.testing.pending import Pending


@dataclass(frozen=True)
class Suite:
    """What an answer's test suite said when it ran."""

    names: tuple[str, ...]
    passed: int
    failed: int
    errors: int
    first_failure: str = ""  #: `test_discount: assert 10 == 9`
    trouble: str = ""  #: why tests could not be collected or run, with file and line
    skipped: int = 0

    @property
    def green(self) -> bool:
        """At least one test passed, none failed, and nothing went wrong around them."""
        return self.passed > 0 and not self.failed and not self.errors and not self.trouble


def suite_of(pending: Pending) -> Suite:
    """What the suite said, when it has ended."""
    try:
        pending.finish()
        trouble = ""
    except AnswerFailed as failed:
        trouble = _("the test run was not done in time") if failed.kind == "timeout" else failed.said or failed.kind
    tests: dict[str, str] = {}
    first = ""
    for line in pending.lines:
        if "trouble" in line:
            trouble = trouble or str(line["trouble"])
        if "test" in line:
            name, outcome, when = str(line["test"]), str(line["outcome"]), str(line.get("when"))
            outcome = "error" if outcome == "failed" and when != "call" else outcome
            if tests.get(name) not in ("failed", "error"):
                tests[name] = outcome
            if outcome in ("failed", "error") and not first:
                first = f"{name.rpartition('::')[2]}: {line.get('text', '')}"
    if not any("suite" in line for line in pending.lines) and not trouble:
        trouble = _("the test run ended before it was finished")
    found = list(tests.values())
    return Suite(
        names=tuple(tests),
        passed=found.count("passed"),
        failed=found.count("failed"),
        errors=found.count("error"),
        first_failure=first,
        trouble=trouble,
        skipped=found.count("skipped"),
    )
