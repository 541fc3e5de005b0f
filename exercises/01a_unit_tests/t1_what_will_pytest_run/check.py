"""T1: a prediction, compared with what pytest really collects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from inprod.messages import _, ngettext
from inprod.testing import Answer, CouldNotJudge, NotYet, saw

#: Reads the prediction where the answer runs; an answer with a function of that name is asked for its value.
READER = """
import prediction

def read():
    found = getattr(prediction, "PREDICTION", None)
    return found() if callable(found) else found
"""
COLLECT = ("python", "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "kiosk")


@dataclass(frozen=True)
class Rule:
    """A function of the box office, and the rule that decides about it."""

    name: str
    key: str
    why: str
    try_: str


def files() -> list[Rule]:
    """Which files pytest opens."""
    pattern = _("Look at the first line of the rules for files: two patterns, one at each end of the name")
    return [
        Rule(
            "seats_test.py::test_rows_have_letters",
            "file-suffix",
            _("pytest opens `test_*.py` and `*_test.py`: both ends of the name count."),
            pattern,
        ),
        Rule(
            "check_prices.py::test_stalls",
            "file-other-name",
            _("The file's name fits neither `test_*.py` nor `*_test.py`, so nobody looks inside, and nobody says so."),
            pattern,
        ),
        Rule(
            "pricing.py::test_price",
            "file-of-the-application",
            _("A function of the application is no test because of its name: pytest never looks into this file."),
            pattern,
        ),
        Rule(
            "conftest.py::test_places",
            "file-conftest",
            _("pytest loads `conftest.py` for its fixtures. Its name fits no pattern, so no test is collected."),
            _("Ask what `conftest.py` is for"),
        ),
        Rule(
            "build/test_pricing_copy.py::test_copy",
            "folder-left-out",
            _("Folders such as `build`, `dist`, `venv` and `.git` are left out: `norecursedirs` lists them."),
            _("The folder decides here, not the file"),
        ),
    ]


def functions() -> list[Rule]:
    """Which functions of a test file are tests."""
    prefix = _("Read the rule for functions once more: how long is the prefix?")
    other = _("Its name doesn't begin with `test`.")
    return [
        Rule(
            "test_pricing.py::testing_two_places",
            "prefix",
            _("The prefix for functions is `test`, without an underscore."),
            prefix,
        ),
        Rule("test_pricing.py::check_cheapest", "function-other-name", other, prefix),
        Rule(
            "test_pricing.py::test_unknown_place",
            "same-name-twice",
            _("The second `def` takes the name from the first one before pytest sees the module: one test is lost."),
            _("Ask Python, not pytest: after two `def` with one name, how many functions are there?"),
        ),
    ]


def parametrised() -> list[Rule]:
    """How many tests a table makes."""
    return [
        Rule(
            "test_pricing.py::test_known_place",
            "parametrised",
            _("Each row of `parametrize` is a test of its own: it passes or fails alone, and can be run alone."),
            _("Count the rows of the table above the function"),
        )
    ]


def classes() -> list[Rule]:
    """Which classes are looked into, and which of their methods count."""
    return [
        Rule(
            "tests/test_orders.py::TestRefund::test_whole_price",
            "class-with-init",
            _("pytest makes a new object for each test. A class with `__init__` it leaves out, with a warning."),
            _("Look for what this class has and `TestOrder` has not"),
        ),
        Rule(
            "tests/test_orders.py::CancelTest::test_before_the_show",
            "class-suffix",
            _("A plain class is looked into when its name begins with `Test`. Its end doesn't count."),
            _("Files have two patterns. How many have classes?"),
        ),
        Rule(
            "tests/test_codes.py::TicketCodes::test_has_eight_letters",
            "unittest-class",
            _("A `unittest.TestCase` is collected whatever its name: pytest runs unittest's suites as they are."),
            _("Look at what this class inherits from"),
        ),
        Rule(
            "tests/test_orders.py::TestOrder::test_paid",
            "method",
            _("A method counts when its class begins with `Test`, has no `__init__`, and its own name fits."),
            _("Compare it with the other classes"),
        ),
        Rule(
            "tests/test_orders.py::TestOrder::paid_twice",
            "method-other-name",
            _("Its name doesn't begin with `test`, and the class doesn't change that."),
            _("For methods the rule is the one for functions"),
        ),
    ]


def names() -> list[str]:
    return [rule.name for rule in (*files(), *functions(), *parametrised(), *classes())]


@pytest.fixture
def said(answer: Answer) -> Counter[str]:
    """The prediction, as a number for each function."""
    found = answer.call("read_it.py:read", files={"read_it.py": READER})
    pairs = _pairs(found)
    if unknown := [key for key, _number in pairs if _full(key) is None]:
        raise saw(
            "unknown-name",
            did="Read `PREDICTION`.",
            saw="`{name}`, which names no function of the box office",
            needs="the names of the starter, or test ids as pytest prints them",
            why="A prediction about something else can't come true.",
            try_="`%reset T1` brings the names back.",
            name=str(unknown[0])[:80],
        )
    if wrong := [(key, number) for key, number in pairs if type(number) not in (int, bool) and number is not None]:
        raise saw(
            "no-number",
            did="Read `PREDICTION`.",
            saw="`{value}` for `{name}`",
            needs="a whole number for each: 0 where pytest collects nothing",
            why="Only a number can be compared with what pytest counts.",
            try_="Write 0, 1, or how many tests it makes.",
            name=wrong[0][0],
            value=repr(wrong[0][1])[:80],
        )
    numbers = {_full(key) for key, number in pairs if number is not None}
    missing = (
        [name for name in (*map(_full, found), *names()) if name not in numbers] if isinstance(found, dict) else []
    )
    if missing:
        raise saw(
            "not-predicted",
            did="Read `PREDICTION`.",
            saw="{n} of {all} have no number yet. The first: `{name}`",
            needs="a number for each: 0 where pytest collects nothing",
            why="A guess that is written down is remembered, whether it was right or not.",
            try_="Write a guess in place of each `None`.",
            n=len(set(missing)),
            all=len(names()),
            name=missing[0],
        )
    total: Counter[str] = Counter()
    for key, number in pairs:
        total[str(_full(key))] += int(number)
    return total


def _pairs(found: Any) -> list[tuple[Any, Any]]:
    """Name and number; in a list of tests, each entry is one."""
    if isinstance(found, dict):
        return list(found.items())
    if isinstance(found, str):
        found = found.splitlines()
    if isinstance(found, list | tuple | set):
        ids = [item.strip() if isinstance(item, str) else item for item in found]
        return [(item, 1) for item in ids if item != ""]
    raise saw(
        "no-prediction",
        did="Read `PREDICTION`.",
        saw="`{value}`",
        needs="a dict of numbers, or a list of tests",
        why="Only a number can be compared with what pytest counts.",
        try_="`%reset T1` brings the dict back.",
        value=repr(found)[:80],
    )


def _full(key: Any) -> str | None:
    """The starter's name for a test id, or for its last part where that is enough."""
    if not isinstance(key, str):
        return None
    bare = key.partition("[")[0].strip().removeprefix("kiosk/")
    fits = [name for name in names() if name == bare or name.endswith(f"::{bare}")]
    return fits[0] if len(fits) == 1 else None


@pytest.fixture
def collected(answer: Answer) -> Counter[str]:
    """What pytest says, in a process of its own."""
    done = answer.run(COLLECT, env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}, timeout=20)
    ids = [line.strip() for line in done.stdout.splitlines() if "::" in line and not line.startswith(" ")]
    if done.returncode != 0 or not ids:
        raise CouldNotJudge(_("pytest could not collect."), looked=(done.stdout + done.stderr)[-400:])
    return Counter(line.partition("[")[0] for line in ids)


def compare(rules: Iterable[Rule], said: Counter[str], collected: Counter[str]) -> None:
    wrong = [rule for rule in rules if said[rule.name] != collected[rule.name]]
    if not wrong:
        return
    rule, others = wrong[0], len(wrong) - 1
    seen = _("You say {said}, and pytest collects {collected}.").format(
        said=said[rule.name], collected=collected[rule.name]
    )
    if others:
        seen += " " + ngettext("{n} more of this kind differs.", "{n} more of this kind differ.", others).format(
            n=others
        )
    # The sentences stand in the table above, so this is no `saw(…)` with its literal ones.
    raise NotYet(
        rule.key,
        did=_("Compared `{name}` with `pytest --collect-only -q`.").format(name=rule.name),
        saw=seen,
        needs=_("the number that pytest has"),
        why=rule.why,
        try_=rule.try_,
    )


def test_files(said: Counter[str], collected: Counter[str]) -> None:
    """You know which files pytest opens."""
    compare(files(), said, collected)


def test_functions(said: Counter[str], collected: Counter[str]) -> None:
    """You know which functions are tests."""
    compare(functions(), said, collected)


def test_parametrised(said: Counter[str], collected: Counter[str]) -> None:
    """You know how many tests a table makes."""
    compare(parametrised(), said, collected)


def test_classes(said: Counter[str], collected: Counter[str]) -> None:
    """You know which classes pytest looks into."""
    compare(classes(), said, collected)
