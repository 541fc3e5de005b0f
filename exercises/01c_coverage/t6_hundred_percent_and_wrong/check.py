"""T6: every line ran, every result was right, and the function is wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from inprod.messages import _
from inprod.testing import Answer, CouldNotJudge, NotYet, saw

Call = tuple[int, int, bool]
MOST_PAID = 100_000
MOST_DAYS = 365
FEE = 250
MANY = 200
MISSING = "nothing of this name"

#: The function as shipped: what is measured is this text, whatever the answer's file did to it.
REFUND = """
FEE = 250


def refund(paid, days, insured):
    if insured:
        return paid
    if days >= 30:
        share = 100
    elif days >= 7:
        share = 50
    back = paid * share // 100
    if back > FEE:
        back -= FEE
    return back
"""

#: Runs in the answer's process, so only plain values come back.
HAND_IN = f"""
import refund


def read():
    return [getattr(refund, name, {MISSING!r}) for name in ("calls", "breaks")]
"""

#: Its own settings, and nothing left out: no file, no comment decides what counts.
MEASURE = """
import json
from pathlib import Path

import coverage

measured = str(Path("measured.py").resolve())
cov = coverage.Coverage(data_file=None, config_file=False, branch=True, include=[measured])
cov.clear_exclude()
cov.start()
import measured as module

results = []
for number, call in enumerate(json.loads(Path("calls.json").read_text())):
    cov.switch_context(f"call {number}")
    try:
        results.append(["gave", module.refund(*call)])
    except Exception as error:
        results.append(["raised", f"{type(error).__name__}: {error}"])
cov.stop()
data = cov.get_data()
lines = []
for pattern in ["^$", *(f"^call {number}$" for number in range(len(results)))]:
    data.set_query_contexts([pattern])
    lines.append(data.lines(measured))
print(json.dumps({"statements": cov.analysis2(measured)[1], "loading": lines[0], "lines": lines[1:], "gave": results}))
"""

#: From Python 3.14 on another core is the default, which can't tell one call from the next.
CORE = {"COVERAGE_CORE": "ctrace"}


@dataclass(frozen=True)
class Seen:
    """One call of `refund`, measured."""

    call: Call
    lines: frozenset[int]
    raised: str
    gave: Any


@dataclass(frozen=True)
class Measured:
    """All of the answer's calls, and the lines that there are."""

    seen: tuple[Seen, ...]
    loading: frozenset[int]  #: lines that run when the module is imported
    statements: frozenset[int]

    def missing(self, *, without: int | None = None) -> list[int]:
        """Lines that no call runs, leaving out the call at the index `without`."""
        ran = [one.lines for number, one in enumerate(self.seen) if number != without]
        return sorted(self.statements - self.loading.union(*ran))


def promised(paid: int, days: int, insured: bool) -> int:
    """What the text of `refund` promises, written from the text."""
    if insured:
        return paid
    share = 100 if days >= 30 else 50 if days >= 7 else 0
    return max(0, paid * share // 100 - FEE)


def handed_in(answer: Answer) -> tuple[list[Call], Call]:
    """`calls` and `breaks`, in the form of the task."""
    found = answer.call("hand_in.py:read", files={"hand_in.py": HAND_IN})
    for name, value in zip(("calls", "breaks"), found, strict=True):
        if type(value) is str and value == MISSING:
            raise saw(
                "name-missing",
                did="Looked for `calls` and `breaks` in `refund.py`.",
                saw="There is no `{name}`.",
                needs="both names, at the end of the file",
                why="The check reads these two, and nothing else.",
                try_="Put the line `{name} = …` back. `%reset T6` gives the whole file as it was.",
                name=name,
            )
    calls, breaks = found
    if type(calls) not in (list, tuple, set):
        raise saw(
            "calls-is-no-list",
            did="Read `calls`.",
            saw="`{calls}`",
            needs="a list of tuples",
            why="Each tuple is one call of `refund`.",
            try_="Write `calls = [(5_000, 60, False)]`, and go on from there.",
            calls=short(calls),
        )
    if len(calls) > MANY:
        raise saw(
            "too-many-calls",
            did="Read `calls`.",
            saw="{n} calls",
            needs="the few that run every line",
            why="A thousand calls that say the same thing are one call.",
            try_="Start from one call, and add another only for a line that does not run yet.",
            n=len(calls),
        )
    return [tuple_of(one) for one in calls], tuple_of(breaks)


def short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"


def tuple_of(value: Any) -> Call:
    """`value` as a call that the text of `refund` allows."""
    if type(value) not in (tuple, list) or [type(part) for part in value] != [int, int, bool]:
        raise saw(
            "no-call",
            did="Read `calls` and `breaks`.",
            saw="`{value}`",
            needs="tuples of three: `paid` and `days` as whole numbers, `insured` as `True` or `False`",
            why="What the text does not allow says nothing about whether `refund` keeps its promise.",
            try_="Write it like `(5_000, 60, False)`.",
            value=short(value),
        )
    paid, days, insured = value
    if not (0 <= paid <= MOST_PAID and 0 <= days <= MOST_DAYS):
        raise saw(
            "not-allowed",
            did="Read `calls` and `breaks`.",
            saw="`{value}`",
            needs="`paid` from 0 to 100 000 and `days` from 0 to 365",
            why="Outside of what it promises, a function may do anything: that is no defect.",
            try_="Look for the defect inside. There is more than one.",
            value=short(value),
        )
    return paid, days, insured


def measure(answer: Answer, calls: list[Call]) -> Measured:
    """The lines that each call runs in our copy of `refund`."""
    files = {"measured.py": REFUND, "measure.py": MEASURE, "calls.json": json.dumps(calls)}
    ended = answer.run(["python", "measure.py"], env=CORE, files=files, timeout=20)
    try:
        report = json.loads(ended.stdout)
    except ValueError:
        raise CouldNotJudge(
            _("coverage.py did not report."),
            looked=ended.stderr[-400:],
            do=_("this is a fault of the course, not of your answer; please report it"),
        ) from None
    seen = [
        Seen(call, frozenset(lines), what if how == "raised" else "", what)
        for call, lines, (how, what) in zip(calls, report["lines"], report["gave"], strict=True)
    ]
    return Measured(tuple(seen), frozenset(report["loading"]), frozenset(report["statements"]))


def test_inside_what_is_allowed(answer: Answer) -> None:
    """`calls` and `breaks` hold tuples that the text of `refund` allows."""
    handed_in(answer)


def test_calls_are_right(answer: Answer) -> None:
    """Each of your calls gives what the text promises."""
    calls, _breaks = handed_in(answer)
    for one in measure(answer, calls).seen:
        if one.raised:
            raise saw(
                "call-raises",
                did="Called `refund{call}`, one of `calls`.",
                saw="`{raised}`",
                needs="a result, and the one that the text promises: {wanted}",
                why="A report is made by tests that pass. This one is red, and somebody would have looked.",
                try_="You have found a defect: that tuple belongs in `breaks`. Which line were you after with it?",
                call=one.call,
                raised=one.raised,
                wanted=promised(*one.call),
            )
        if one.gave != promised(*one.call):
            raise saw(
                "call-wrong",
                did="Called `refund{call}`, one of `calls`.",
                saw="{gave}",
                needs="{wanted}, as the text promises",
                why="With an `assert` on its result, this test would fail, and somebody would have looked.",
                try_="You have found a defect: that tuple belongs in `breaks`. Pay more in the call that stays.",
                call=one.call,
                gave=one.gave,
                wanted=promised(*one.call),
            )


def test_every_line_runs(answer: Answer) -> None:
    """Together, your calls run every line of `refund`."""
    calls, _breaks = handed_in(answer)
    measured = measure(answer, calls)
    if missing := measured.missing():
        raise lines_missing(measured, missing, left_out="no cover" in answer.source("refund.py"))


def lines_missing(measured: Measured, missing: list[int], *, left_out: bool) -> NotYet:
    """Which lines did not run; a report that leaves lines out would say 100 % all the same."""
    text = REFUND.splitlines()
    never = ", ".join(f"`{text[number - 1].strip()}`" for number in missing)
    n = len(measured.statements)
    if left_out:
        return saw(
            "left-out",
            did="Made your calls, and counted every line, also those marked `no cover`.",
            saw="{ran} of {n} lines ran. Not these: {never}",
            needs="all of {n}",
            why="The comment takes a line out of the report. Customers go on running it.",
            try_="Take the comment away, and add a call that reaches the first of these lines.",
            ran=n - len(missing),
            n=n,
            never=never,
        )
    return saw(
        "lines-missing",
        did="Made your calls with coverage.py counting.",
        saw="{ran} of {n} lines ran. Not these: {never}",
        needs="all of {n}",
        why="A line that never ran may hold anything.",
        try_="Which `paid`, `days` and `insured` lead to the first of these lines? Add that call.",
        ran=n - len(missing),
        n=n,
        never=never,
    )


def test_none_can_be_spared(answer: Answer) -> None:
    """None of your calls can be spared."""
    calls, _breaks = handed_in(answer)
    measured = measure(answer, calls)
    for number, one in enumerate(measured.seen):
        if measured.missing(without=number) == measured.missing():
            raise saw(
                "spare-call",
                did="Left out `{call}` and counted again.",
                saw="{ran} of {n} lines ran with it, and {ran} without it",
                needs="as few calls as possible: without any of them, a line does not run",
                why="You want to see how little 100 % asks for.",
                try_="Take that call away, and run the cell again.",
                call=one.call,
                ran=len(measured.statements) - len(measured.missing()),
                n=len(measured.statements),
            )


def test_one_more_breaks_it(answer: Answer) -> None:
    """With `breaks`, `refund` raises, or gives another number than its text promises."""
    _calls, breaks = handed_in(answer)
    one = measure(answer, [breaks]).seen[0]
    if not one.raised and one.gave == promised(*breaks):
        raise saw(
            "not-broken",
            did="Called `refund{breaks}`.",
            saw="{gave}, as the text promises",
            needs="a call that is allowed, and raises or gives another number",
            why="The function is wrong, and 100 % did not say so. Somebody has to show it.",
            try_="Draw an arrow for each outcome of each `if`. Which arrow has no line on it?",
            breaks=breaks,
            gave=one.gave,
        )
