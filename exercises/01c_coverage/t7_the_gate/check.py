"""T7: a gate is judged by what it lets through, and by what it stops."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from inprod.testing import Answer, Finished, saw

COMMAND = ("bash", "ci.sh")
SECONDS = 20.0  #: for one run; about half a second is usual
#: The installed plugins of the course's machine take two seconds to load; CI has this one.
PLUGINS = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "pytest_cov"}
VENUES = 300
Seen = dict[str, Finished]

PRICES = '''

def {fee}(cents):
    """One more line of the price list."""
    return cents * {number} // 100


def {share}(cents, people):
    """What each of them pays, if anybody comes."""
    each = 0
    if people:
        each = cents // people
    return each
'''
NEW_FILE = '''"""A new file of the package."""


def {door}(seat):
    """The door that is nearest to a seat."""
    return seat % {number}
'''
TESTS = '''"""Tests of the patch."""

from pathlib import Path

from boxoffice import prices, {venues}
{import_door}


def test_{fee}():
    {calls_fee}


def test_{share}():
    assert prices.{share}(900, 3) == 300


def test_{share}_of_others():
    {other_share}


def test_{door}():
    {calls_door}


def test_{venues}():
    assert {venues}.HALL_1 == 1
'''
MORE_TESTS = '''"""More tests, and no other code."""

import os

import pytest

from boxoffice.prices import total


def test_{word}():
    assert total([{number}]) == {number}


@pytest.mark.skipif("PRINTER_OF_{word}" not in os.environ, reason="needs a printer")
def test_{word}_on_paper():
    printed = str(total([{number}]))
    if printed.startswith("0"):
        printed = printed.lstrip("0")
    assert printed == "{number}"
'''
RED_TEST = """from boxoffice.prices import total


def test_{word}():
    assert total([{number}]) == {number} + 1
"""


@dataclass(frozen=True)
class Patches:
    """The files that each patch adds or replaces, under names that nobody knew before this run."""

    names: Mapping[str, str]
    prices: str  #: the module as it is today

    def code(self, *, calls_fee: bool = True, both_ways: bool = True, imports_file: bool = True) -> dict[str, str]:
        """The same new code each time; the tests run all of it, or leave one thing out."""
        fee, share, door, number = (self.names[name] for name in ("fee", "share", "door", "number"))
        file = f"boxoffice/{self.names['file']}.py"
        tests = TESTS.format(
            **self.names,
            import_door=f"from boxoffice.{self.names['file']} import {door}" if imports_file else "",
            calls_fee=f"assert prices.{fee}(100) == {number}" if calls_fee else f"assert callable(prices.{fee})",
            other_share=f"assert prices.{share}(900, {0 if both_ways else 9}) == {0 if both_ways else 100}",
            calls_door=f"assert {door}(1) == 1" if imports_file else f'assert "{door}" in Path("{file}").read_text()',
        )
        venues = "".join(f"HALL_{n} = {n}\n" for n in range(1, VENUES + 1))
        return {
            "boxoffice/prices.py": self.prices + PRICES.format(**self.names),
            file: NEW_FILE.format(**self.names),
            f"boxoffice/{self.names['venues']}.py": f'"""All the halls there are."""\n\n{venues}',
            f"tests/test_{self.names['word']}.py": tests,
        }

    def tests(self, text: str) -> dict[str, str]:
        """A new file of tests, and nothing else."""
        return {f"tests/test_{self.names['word']}.py": text.format(**self.names)}


@pytest.fixture(scope="session")
def seen() -> Seen:
    """What the gate said, by patch: the tested one is compared with more than once."""
    return {}


@pytest.fixture
def patches(seed: int) -> Patches:
    """This run's patches, the same in each observation."""
    rng = random.Random(seed)
    drawn = ("".join(rng.choices("bcdfghjklmnprstvz", k=3) + rng.choices("aeiou", k=3)) for _n in range(6))
    names = dict(zip(("fee", "share", "door", "file", "venues", "word"), drawn, strict=True))
    given = Path(__file__).parents[1] / "given" / "boxoffice" / "prices.py"
    return Patches({**names, "number": str(rng.randint(11, 97))}, given.read_text(encoding="utf-8"))


def ran(answer: Answer, files: Mapping[str, str] | None = None) -> Finished:
    return answer.run(COMMAND, env=PLUGINS, files=files, timeout=SECONDS)


def ran_tested(answer: Answer, patches: Patches, seen: Seen) -> Finished:
    """The gate on the patch that is tested throughout: run once."""
    if "tested" not in seen:
        seen["tested"] = ran(answer, patches.code())
    return seen["tested"]


def said(ended: Finished) -> str:
    """The line of its output that tells most."""
    lines = [line.strip() for line in f"{ended.stderr}\n{ended.stdout}".splitlines() if line.strip()]
    telling = ("No data", "no data", "Error", "not found", "unrecognized", "no such", "No such")
    for wanted in (
        lambda line: any(word in line for word in telling),
        lambda line: line.startswith("E  "),
        lambda line: line.startswith(("FAIL Required", "Coverage failure")),
        lambda line: line.startswith("TOTAL"),
    ):
        if found := [line for line in lines if wanted(line)]:
            return shown(found[-1])
    return shown(lines[-1]) if lines else "–"


def shown(line: str) -> str:
    """A line without the folders of this run."""
    return " ".join(re.sub(r"/\S*/calls/\w+/", "", line).split())[:160]


def judgeable(answer: Answer, patches: Patches, seen: Seen) -> None:
    """A gate that stops tested code says nothing about untested code."""
    ended = ran_tested(answer, patches, seen)
    if ended.returncode != 0:
        raise saw(
            "stops-everything",
            did="Ran `bash ci.sh` on a patch that is tested throughout, to compare with.",
            saw="exit code {code}: `{said}`",
            needs="exit code 0, before this can be looked at",
            why="A gate that stops everything has not seen what is missing.",
            try_="Begin with the first two points.",
            code=ended.returncode,
            said=said(ended),
        )


def test_lets_today_through(answer: Answer) -> None:
    """The repository as it is passes."""
    ended = ran(answer)
    if ended.returncode != 0:
        raise saw(
            "stops-today",
            did="Ran `bash ci.sh` in the repository as it is.",
            saw="exit code {code}: `{said}`",
            needs="exit code 0: every line and every branch is tested",
            why="A gate that is always shut gets a way around it within a week.",
            try_="Read that line. Is it about the files, the tests, or the number that you ask for?",
            code=ended.returncode,
            said=said(ended),
        )


def test_lets_tested_code_through(answer: Answer, patches: Patches, seen: Seen) -> None:
    """New functions and a new file pass when all of it is tested."""
    ended = ran_tested(answer, patches, seen)
    if ended.returncode != 0:
        raise saw(
            "stops-tested-code",
            did="Added two functions and two files to the package, and a test file that runs every branch of them.",
            saw="exit code {code}: `{said}`",
            needs="exit code 0",
            why="Whoever writes the tests and is stopped all the same will not write them next time.",
            try_="Name the package and the folder of the tests, not single files: a patch brings new ones.",
            code=ended.returncode,
            said=said(ended),
        )


def test_stops_an_untested_function(answer: Answer, patches: Patches, seen: Seen) -> None:
    """It stops a new function that no test calls."""
    judgeable(answer, patches, seen)
    ended = ran(answer, patches.code(calls_fee=False))
    if ended.returncode == 0 and "no data" in (ended.stdout + ended.stderr).lower():
        raise saw(
            "measures-nothing",
            did="Added a function to `prices.py` that no test calls.",
            saw="exit code 0, and in the output: `{said}`",
            needs="an exit code other than 0",
            why="A misspelt name is a warning, and CI reads no warnings: it sees 0 and merges.",
            try_="Put the package's real name there. Then ask for a number, so that nothing measured is not enough.",
            said=said(ended),
        )
    if ended.returncode == 0:
        raise saw(
            "untested-function-passes",
            did="Added a function `{fee}` to `prices.py`. Its only line is run by no test.",
            saw="exit code 0, and in the output: `{said}`",
            needs="an exit code other than 0",
            why="The more code there is, the more of it fits below a number such as 80 or 99.",
            try_="Which number is still right when one line of 500 is missing?",
            fee=patches.names["fee"],
            said=said(ended),
        )


def test_stops_an_untested_branch(answer: Answer, patches: Patches, seen: Seen) -> None:
    """It stops an `if` that the tests always take."""
    judgeable(answer, patches, seen)
    ended = ran(answer, patches.code(both_ways=False))
    if ended.returncode == 0:
        raise saw(
            "untested-branch-passes",
            did="Added a function with `if people:` and no `else`. The tests call it with people only.",
            saw="exit code 0, and in the output: `{said}`",
            needs="an exit code other than 0",
            why="Every line ran, and nobody knows what happens when nobody comes (T6).",
            try_="Ask for branches as well as lines.",
            said=said(ended),
        )


def test_stops_a_file_nobody_imports(answer: Answer, patches: Patches, seen: Seen) -> None:
    """It stops a new file that no test imports."""
    judgeable(answer, patches, seen)
    ended = ran(answer, patches.code(imports_file=False))
    if ended.returncode == 0:
        raise saw(
            "unseen-file-passes",
            did="Added a file `boxoffice/{file}.py` that no test imports.",
            saw="exit code 0, and in the output: `{said}`",
            needs="an exit code other than 0",
            why="A file that was never imported leaves no trace, so the report is best where nothing is tested.",
            try_="Tell coverage.py what there is to measure (`source`), not only what to show afterwards.",
            file=patches.names["file"],
            said=said(ended),
        )


def test_lets_more_tests_through(answer: Answer, patches: Patches) -> None:
    """More tests pass, also when one of them is skipped on this machine."""
    ended = ran(answer, patches.tests(MORE_TESTS))
    if ended.returncode != 0:
        raise saw(
            "stops-more-tests",
            did="Added two tests and no code. One of them is skipped here, since it needs a printer.",
            saw="exit code {code}: `{said}`",
            needs="exit code 0",
            why="When tests are counted as code, a skipped one costs you, and five hundred easy ones hide a gap.",
            try_="Measure the package alone: no file of `tests` belongs in the report.",
            code=ended.returncode,
            said=said(ended),
        )


def test_stops_a_red_test(answer: Answer, patches: Patches, seen: Seen) -> None:
    """It stops a test that fails."""
    judgeable(answer, patches, seen)
    ended = ran(answer, patches.tests(RED_TEST))
    if ended.returncode == 0:
        raise saw(
            "red-test-passes",
            did="Added a test that fails.",
            saw="exit code 0, and in the output: `{said}`",
            needs="an exit code other than 0",
            why="A red test runs its lines as well as a green one. In a script, the last command decides.",
            try_="Put `set -e` on top, or `&&` between the commands.",
            said=said(ended),
        )
