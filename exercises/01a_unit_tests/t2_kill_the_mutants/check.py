"""T2: a suite is judged by what it lets through."""

from __future__ import annotations

import random
import re
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from inprod.messages import _
from inprod.testing import Answer, NotYet, Suite, saw

NEEDED = 11
RUNS = 25  #: of the learner's suite, about
ALLOWED = 57.0  #: seconds for all of them; a little later everything is ended without a word about the suite

#: Another order than the one in the file; a suite of one test has only one.
SHUFFLE = """
import random

def pytest_collection_modifyitems(items):
    before = list(items)
    for attempt in range(20):
        random.Random(f"{SEED}-{attempt}").shuffle(items)
        if items != before:
            return
"""

#: The same behaviour; the names inside are drawn anew in each run.
FRACTIONS = '''
"""Order totals."""
from fractions import Fraction
from math import floor

DISCOUNT_FROM = 10_000
DISCOUNT_PERCENT = 15

class NAME:
    def __init__(self, prices):
        self.amount = Fraction(0)
        for price in prices:
            self.amount += price

    def due(self):
        if self.amount >= DISCOUNT_FROM:
            self.amount -= self.amount * Fraction(DISCOUNT_PERCENT, 100)
        return floor(self.amount + Fraction(1, 2))

def total(prices, coupon=0):
    if coupon < 0:
        raise ValueError("a coupon can't be below 0")
    due = NAME(prices).due()
    return due - coupon if due > coupon else 0
'''
TWENTIETHS = '''
"""Order totals."""

DISCOUNT_FROM = 10_000
DISCOUNT_PERCENT = 15

def total(prices, coupon=0):
    if coupon < 0:
        raise ValueError("a coupon can't be below 0")
    NAME = sum(prices)
    if NAME >= DISCOUNT_FROM:
        whole, twentieths = divmod(NAME * 17, 20)
        NAME = whole + 1 if twentieths >= 10 else whole
    NAME -= coupon
    return 0 if NAME < 0 else NAME
'''
#: The names are those of the learner's module; only what they do inside is written anew.
SAME_NAMES = '''
"""Order totals."""

DISCOUNT_FROM = 10_000
DISCOUNT_PERCENT = 15

def total(prices, coupon=0):
    if coupon < 0:
        raise ValueError("a coupon can't be below 0")
    NAME = _discounted(sum(prices))
    return NAME - coupon if NAME > coupon else 0

def _discounted(cents):
    if cents >= DISCOUNT_FROM:
        # Half a cent less discount is half a cent more to pay.
        cents -= (cents * DISCOUNT_PERCENT + 49) // 100
    return cents
'''


@dataclass(frozen=True)
class Mutant:
    """`pricing.py` with one mistake, and what a customer would see of it."""

    behaviour: str
    old: str
    new: str
    number: bool = False  #: only a number at the top of the module is another one


def mutants() -> list[Mutant]:
    """The twelve; built when asked, so that the sentences come in the reader's language."""
    half_up = "return (hundredths + 50) // 100"
    paid = "return max(0, _discounted(sum(prices)) - coupon)"
    refused = 'raise ValueError("a coupon can\'t be below 0")'
    return [
        Mutant(_("10 000 cents exactly gets no discount"), "cents < DISCOUNT_FROM", "cents <= DISCOUNT_FROM"),
        Mutant(_("9 999 cents gets the discount"), "FROM = 10_000", "FROM = 9_999", number=True),
        Mutant(_("the discount is 14 %"), "PERCENT = 15", "PERCENT = 14", number=True),
        Mutant(
            _("only the part above 10 000 cents is discounted"),
            half_up,
            "return DISCOUNT_FROM + (hundredths - DISCOUNT_FROM * (100 - DISCOUNT_PERCENT) + 50) // 100",
        ),
        Mutant(_("half a cent is rounded down"), half_up, "return (hundredths + 49) // 100"),
        Mutant(_("half a cent is rounded to the even cent"), half_up, "return round(hundredths / 100)"),
        Mutant(_("a quarter of a cent is rounded up"), half_up, "return (hundredths + 99) // 100"),
        Mutant(
            _("the coupon is taken off before the discount"), paid, "return max(0, _discounted(sum(prices) - coupon))"
        ),
        Mutant(
            _("a coupon that takes the sum below 10 000 cents takes the discount away"),
            paid,
            "cents = sum(prices)\n"
            "    return max(0, (_discounted(cents) if cents - coupon >= DISCOUNT_FROM else cents) - coupon)",
        ),
        Mutant(_("a large coupon makes the customer pay less than 0"), paid, paid.replace("max(0, ", "int(")),
        Mutant(_("a coupon below 0 is accepted"), refused, "pass"),
        Mutant(_("two equal prices are counted once"), "sum(prices)", "sum(set(prices))"),
    ]


def source() -> str:
    """The module as the learner has it."""
    return (Path(__file__).parents[1] / "given" / "pricing.py").read_text(encoding="utf-8")


@pytest.fixture
def word(rng: random.Random) -> str:
    """A name that nobody knew before this run."""
    return "a" + "".join(rng.choices("bcdefghijklmnop", k=9))


def ran(answer: Answer, pricing: str, conftest: str = "") -> Suite:
    return answer.pytest(files={"pricing.py": pricing, "conftest.py": conftest})


def all_pass(suite: Suite) -> bool:
    return suite.green and suite.passed == len(suite.names)


def judgeable(answer: Answer) -> None:
    """A suite that fails on the right file says nothing about another one."""
    suite = ran(answer, source())
    if not all_pass(suite):
        raise saw(
            "not-green-yet",
            did="Ran your tests against `pricing.py`, which is right.",
            saw="{passed} of {n} passed.",
            needs="all of them passing, before this can be looked at",
            why="Only a suite that passes on good code can say something about other code.",
            try_="Begin with the first point. If that one passed: look for chance, time, or something left behind.",
            passed=suite.passed,
            n=len(suite.names),
        )


def first(suite: Suite) -> str:
    said = suite.trouble or suite.first_failure or _("no test failed")
    # What pytest marks as the error, without the lines that lead to it.
    if errors := [line[1:].strip() for line in said.splitlines() if line.startswith("E  ")]:
        said = errors[-1]
    return " ".join(re.sub(r"/\S*/calls/\w+/", "", said).split())[:200]


def readable(answer: Answer) -> None:
    """Python's own words about a file that it can't read are clearer than pytest's about the run."""
    try:
        compile(answer.source("test_pricing.py"), "test_pricing.py", "exec", dont_inherit=True)
    except SyntaxError as error:
        raise saw(
            "syntax",
            did="Loaded `test_pricing.py`.",
            saw="`{kind}: {message} – line {line}: {text}`",
            needs="a file that Python can read",
            why="A file that can't be read has no tests in it.",
            try_="Mend that line, or the one above it. (The cell counts its `%%answer` line, too.)",
            kind=type(error).__name__,
            message=error.msg,
            line=error.lineno or 0,
            text=(error.text or "").strip(),
        ) from None
    except ValueError as error:  # a null byte
        raise saw(
            "not-text",
            did="Loaded `test_pricing.py`.",
            saw="{message}",
            needs="a file that Python can read",
            why="A file that can't be read has no tests in it.",
            try_="Write the file anew.",
            message=error,
        ) from None


def test_passes_on_what_is_right(answer: Answer) -> None:
    """Your tests pass against `pricing.py`, and none is skipped."""
    readable(answer)
    suite = ran(answer, source())
    if not suite.names and not suite.trouble:
        raise saw(
            "no-tests",
            did="Ran your tests against `pricing.py`.",
            saw="no test",
            needs="tests, all of them passing",
            why="Without a test, the first to notice a wrong price is a customer.",
            try_="Write a function whose name starts with `test_`: call `total([9_999])` and compare the result.",
        )
    if suite.trouble:
        raise saw(
            "suite-trouble",
            did="Ran your tests against `pricing.py`.",
            saw="The run did not get to its end: `{trouble}`",
            needs="a run that ends by itself, all tests passing",
            why="A suite that breaks says nothing about prices.",
            try_="Mend that, and run the cell again.",
            trouble=first(suite),
        )
    if "async def" in suite.first_failure:
        raise saw(
            "not-awaited",
            did="Ran your tests against `pricing.py`.",
            saw="{bad} of {n} failed. The first: `{first}`",
            needs="all of them passing",
            why="An `async def` that nobody awaits never gets to its first `assert`.",
            try_="`total` is called without `await`. Write `def` instead of `async def`.",
            bad=suite.failed + suite.errors,
            n=len(suite.names),
            first=first(suite),
        )
    if suite.failed or suite.errors:
        raise saw(
            "red-on-right",
            did="Ran your tests against `pricing.py`, which is right.",
            saw="{bad} of {n} failed. The first: `{first}`",
            needs="all of them passing",
            why="Tests that fail on good code get switched off, and then nobody looks any more.",
            try_="Work out that number by hand from the specification, and correct the test.",
            bad=suite.failed + suite.errors,
            n=len(suite.names),
            first=first(suite),
        )
    if not all_pass(suite):
        raise saw(
            "not-counted",
            did="Ran your tests against `pricing.py`.",
            saw="{passed} of {n} passed; the others were skipped, expected to fail, or had no case to run with",
            needs="every test run, and passed",
            why="A skipped test looks at nothing, on the bad day too.",
            try_="Take `skip` and `xfail` away, or the test. A `parametrize` with an empty list is skipped, too.",
            passed=suite.passed,
            n=len(suite.names),
        )


def test_passes_in_another_order(answer: Answer, seed: int) -> None:
    """They pass in another order, too."""
    judgeable(answer)
    mixed = ran(answer, source(), SHUFFLE.replace("{SEED}", str(seed)))
    if not all_pass(mixed):
        raise saw(
            "order",
            did="Ran your tests against `pricing.py` in another order than the one in the file.",
            saw="{passed} of {n} passed. The first that did not: `{first}`",
            needs="all of them passing, in any order",
            why="A test that lives on what another one left behind fails on the day when you run it alone.",
            try_="Let each test make what it needs.",
            passed=mixed.passed,
            n=max(len(mixed.names), 1),
            first=first(mixed),
        )


def test_passes_on_another_text(answer: Answer, word: str) -> None:
    """They pass when only the comments of `pricing.py` change."""
    judgeable(answer)
    # What the mutants say stands in it: a suite that looks for their text in the file is no better than a hash.
    comment = "".join(f"# {line}\n" for mutant in mutants() for line in (word, *mutant.new.splitlines()))
    suite = ran(answer, f"{source()}\n{comment}")
    if not all_pass(suite):
        raise saw(
            "reads-the-text",
            did="Added a comment to `pricing.py` and ran your tests.",
            saw="{passed} of {n} passed. The first that did not: `{first}`",
            needs="all of them passing: no price has changed",
            why="A test that compares the text fails at every edit, and never says whether a price is wrong.",
            try_="Call `total` and look at what it returns, not at how it is written.",
            passed=suite.passed,
            n=len(suite.names),
            first=first(suite),
        )


def test_passes_on_rewrites(answer: Answer, word: str) -> None:
    """They pass when `pricing.py` is written in another way and behaves the same."""
    judgeable(answer)
    for rewrite in (FRACTIONS, TWENTIETHS, SAME_NAMES):
        suite = ran(answer, rewrite.replace("NAME", word))
        if not all_pass(suite):
            raise saw(
                "tied-to-the-inside",
                did="Wrote `pricing.py` in another way, with the same behaviour, and ran your tests.",
                saw="{passed} of {n} passed. The first that did not: `{first}`",
                needs="all of them passing",
                why="Tests are there so that you can change the code. These hold its inside in place.",
                try_="Use `total` alone: no helper of the module, no mock of one.",
                passed=suite.passed,
                n=max(len(suite.names), 1),
                first=first(suite),
            )


def test_notices_mistakes(answer: Answer, rng: random.Random, word: str) -> None:
    """They notice at least 11 of 12 small mistakes."""
    judgeable(answer)
    right = source()
    survivors: list[Mutant] = []
    broke_off: dict[Mutant, Suite] = {}
    twelve = mutants()
    start = time.monotonic()
    for number, mutant in enumerate(rng.sample(twelve, len(twelve))):
        assert right.count(mutant.old) == 1, mutant.old
        suite = ran(answer, right.replace(mutant.old, mutant.new) + f"\n# {word}{number}\n")
        if all_pass(suite):
            survivors.append(mutant)
        elif suite.trouble or not suite.failed:
            broke_off[mutant] = suite
        if number == 3 and (each := (time.monotonic() - start) / 4) > ALLOWED / RUNS:
            raise too_slow(each)
        if number % 4 == 3 and not all_pass(good := ran(answer, right + f"\n# {number}{word}\n")):
            raise flaky(good)
    missed = len(survivors) + len(broke_off)
    if len(twelve) - missed < NEEDED and len(broke_off) > len(survivors):
        raise breaks_off(broke_off, len(twelve))
    survivors += broke_off
    if len(twelve) - len(survivors) < NEEDED:
        raise survived([mutant for mutant in twelve if mutant in survivors], len(twelve))


def too_slow(each: float) -> NotYet:
    return saw(
        "slow-suite",
        did="Ran your tests against the first 4 mutants.",
        saw="One run took {each:.1f} s.",
        needs="about {runs} runs within a minute",
        why="A suite that takes long is run seldom, and a mistake is noticed late.",
        try_="Take out what waits, or try fewer numbers in each run: half a second is plenty.",
        each=each,
        runs=RUNS,
    )


def flaky(suite: Suite) -> NotYet:
    return saw(
        "flaky",
        did="Ran your tests against the right `pricing.py` once more, in between the mutants.",
        saw="{passed} of {n} passed, and all of them did before. The first that did not: `{first}`",
        needs="the same result in every run",
        why="After the third false alarm nobody reads the fourth.",
        try_="Look for chance, time, or something that stays behind from one run to the next.",
        passed=suite.passed,
        n=max(len(suite.names), 1),
        first=first(suite),
    )


def breaks_off(suites: dict[Mutant, Suite], n: int) -> NotYet:
    mutant, suite = next(iter(suites.items()))
    return saw(
        "breaks-off",
        did="Ran your tests against {n} versions of `pricing.py`, each with one mistake.",
        saw="With {broken} of them the run broke instead of a test failing. Where {behaviour}: `{first}`",
        needs="a test that fails, and says which price is wrong",
        why="A run that breaks off hides all the tests that come after it.",
        try_="Move the comparison into a function whose name starts with `test_`.",
        n=n,
        broken=len(suites),
        behaviour=mutant.behaviour,
        first=first(suite),
    )


def survived(survivors: list[Mutant], n: int) -> NotYet:
    noticed = n - len(survivors)
    if not noticed:
        return saw(
            "nothing-fails",
            did="Ran your tests against {n} versions of `pricing.py`, each with one mistake.",
            saw="No mistake was noticed. One of them: {one}.",
            needs="at least {needed} of {n} noticed",
            why="These tests run every line and would pass with any price.",
            try_="Compare what `total` returns with a number that you worked out by hand: `assert total([1]) == 1`.",
            n=n,
            needed=NEEDED,
            one=survivors[0].behaviour,
        )
    names = _("; ").join(mutant.behaviour for mutant in survivors[:4])
    more = _(" … and {n} more").format(n=len(survivors) - 4) if len(survivors) > 4 else ""
    if all(mutant.number for mutant in survivors):
        return saw(
            "numbers-from-the-module",
            did="Ran your tests against {n} versions of `pricing.py`, each with one mistake.",
            saw="{noticed} of {n} were noticed. Not these: {names}.",
            needs="at least {needed} of {n} noticed",
            why="An expected number that is worked out from the module's own numbers goes wrong together with them.",
            try_="Write the numbers of the specification into the test: 10 000 and 15 %.",
            n=n,
            needed=NEEDED,
            noticed=noticed,
            names=names,
        )
    return saw(
        "survivors",
        did="Ran your tests against {n} versions of `pricing.py`, each with one mistake.",
        saw="{noticed} of {n} were noticed. Not these: {names}{more}.",
        needs="at least {needed} of {n} noticed",
        why="With each of these, a customer pays a wrong price and all your tests pass.",
        try_="Take the first one: which order would cost something else? Write that order down as a test.",
        n=n,
        needed=NEEDED,
        noticed=noticed,
        names=names,
        more=more,
    )
