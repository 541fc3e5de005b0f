"""X1: documentation is judged by what its build says when the code has changed."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from inprod.testing import Answer, AnswerFailed, Finished, Pending, saw

SECONDS = 20.0  #: for one build; about a second is usual
PAGE = "docs/page.txt"
#: The installed plugins of the course's machine take two seconds to load.
PLUGINS = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
PARAMETERS = (("price", "cents"), ("price", "age"), ("share", "cents"), ("share", "people"))
#: What the docstrings say today, and says something else after the refactoring.
TODAY = {"price": "children under twelve pay half", "share": "so that no cent is missing"}

#: Runs the build as CI does, then reads what a reader would read of the site.
READER = """
import json, pathlib, subprocess, sys
from html.parser import HTMLParser


class Words(HTMLParser):
    def __init__(self):
        super().__init__()
        self.hidden, self.words = 0, []

    def handle_starttag(self, tag, attrs):
        self.hidden += tag in ("script", "style")

    def handle_endtag(self, tag):
        self.hidden -= tag in ("script", "style")

    def handle_data(self, data):
        if not self.hidden:
            self.words.append(data)


ended = subprocess.run(["bash", "docs.sh"], capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL)
pages = sorted(path for path in pathlib.Path("site").rglob("*") if path.suffix in (".html", ".htm") and path.is_file())
words = Words()
for page in pages[:100]:
    words.feed(page.read_text(encoding="utf-8", errors="replace")[:300_000])
text = " ".join("".join(words.words).split())[:200_000]
print(json.dumps([ended.returncode, (ended.stdout + ended.stderr)[-20_000:], len(pages), text]))
"""

REFACTORED = '''# Half a ticket is rounded up, by agreement with the theatre.
"""What tickets cost, in whole cents."""

from __future__ import annotations

{constant} = 12


def share(
    cents: int,
    people: int,
) -> int:
    """What each of a group pays, and none of them {share}."""
    whole, left = divmod(cents, people)
    return whole + bool(left)


def price(
    cents: int,
    age: int,
) -> int:
    """What one ticket costs, {price} or not."""
    {local} = _{helper}(cents)
    return {local} if age < {constant} else cents


def _{helper}(cents):
    return cents - cents // 2
'''


@dataclass(frozen=True)
class Build:
    """How one build ended."""

    code: int
    said: str
    pages: int
    text: str  #: the words of its pages

    @property
    def green(self) -> bool:
        return self.code == 0


@dataclass(frozen=True)
class Patches:
    """The module as it is, and changed, with words that nobody knew before this run."""

    words: Mapping[str, str]
    today: str

    def refactored(self) -> str:
        """Every call gives what it gave; only the sentences of the docstrings are others."""
        return REFACTORED.format(**{**self.words, "constant": self.words["constant"].upper()})

    def without(self, function: str) -> str:
        return self.today.replace(self._of(function), "")

    def other_result(self, function: str) -> str:
        body = self._of(function)
        changed = re.sub(r"return (.+)", rf"return (\1) + {self.words['more']}", body)
        return self.today.replace(body, changed)

    def renamed(self, function: str, parameter: str) -> str:
        body = self._of(function)
        return self.today.replace(body, re.sub(rf"\b{parameter}\b", self.words["renamed"], body))

    def _of(self, function: str) -> str:
        """The text of one function, up to the next."""
        found = re.search(rf"^def {function}\(.*?(?=^def |\Z)", self.today, re.MULTILINE | re.DOTALL)
        assert found is not None, function
        return found[0]


@pytest.fixture(scope="session")
def built() -> dict[str, Build]:
    """Each build that has run, by what was changed: two observations look at the same one."""
    return {}


@pytest.fixture
def patches(seed: int) -> Patches:
    """This run's changes, the same in each observation."""
    rng = random.Random(seed)
    drawn = ("".join(rng.choices("bcdfghjklmnprstvz", k=4) + rng.choices("aeiou", k=4)) for _n in range(6))
    words = dict(zip(("price", "share", "helper", "local", "constant", "renamed"), drawn, strict=True))
    given = Path(__file__).parents[1] / "given" / "tickets.py"
    return Patches({**words, "more": str(rng.randint(100, 900))}, given.read_text(encoding="utf-8"))


def build(answer: Answer, built: dict[str, Build], modules: Mapping[str, str]) -> list[Build]:
    """Build the docs for some versions of the module, side by side; what has run is not run again."""
    wanted = {name: text for name, text in modules.items() if name not in built}
    started: dict[str, Pending] = {}
    try:
        for name, text in wanted.items():
            files = {"tickets.py": text, "ci.py": READER}
            started[name] = answer.start(["python", "ci.py"], files=files, env=PLUGINS, timeout=SECONDS)
        for name, pending in started.items():
            built[name] = read(ended(pending))
    finally:
        for pending in started.values():
            pending.close()
    return [built[name] for name in modules]


def ended(pending: Pending) -> Finished:
    try:
        return pending.finish()
    except AnswerFailed as failed:
        if failed.kind != "timeout":
            raise
        raise saw(
            "never-ends",
            did="Ran `bash docs.sh`.",
            saw="It was not done after {seconds} seconds, and was ended",
            needs="a build that ends: about a second is usual",
            why="CI waits, and everybody waits for CI.",
            try_="`serve` shows a site and waits for you; `build` writes it and ends.",
            seconds=f"{SECONDS:g}",
        ) from failed


def read(finished: Finished) -> Build:
    lines = finished.stdout.splitlines()
    try:
        return Build(*json.loads(lines[-1]))
    except (IndexError, ValueError, TypeError):
        return Build(1, f"{finished.stdout}\n{finished.stderr}", 0, "")


def both(answer: Answer, built: dict[str, Build], patches: Patches) -> list[Build]:
    """The module as it is, and refactored."""
    return build(answer, built, {"today": patches.today, "refactored": patches.refactored()})


def judgeable(answer: Answer, built: dict[str, Build], patches: Patches) -> None:
    """A build that stops everything says nothing about a change that must stop it."""
    if not all(one.green for one in both(answer, built, patches)):
        raise saw(
            "stops-everything",
            did="Built the docs of the module as it is, and refactored, to compare with.",
            saw="At least one of the two was red",
            needs="exit code 0 for both, before this can be looked at",
            why="A build that is always red has not seen what changed.",
            try_="Begin with the first two points.",
        )


def told(build: Build) -> str:
    """What of its output tells most: an example with both results, or one line."""
    said = re.sub(r"\x1b\[[0-9;]*m|/\S*/calls/\w+/", "", build.said)
    if compared := re.search(r"^Expected(?::| nothing)\n(?:.*\n)*?Got:\n.*", said, re.MULTILINE):
        return " ".join(compared[0].split())[:160]
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    wanted = ("Error:", "ERROR", "not found", "WARNING", "Warning", "No module", "Failed", "rror")
    return next((line for word in wanted for line in lines if word in line), lines[-1] if lines else "–")[:160]


def complained(build: Build) -> bool:
    """Whether the output tells of the change that the exit code does not tell of."""
    return bool(re.search(r"Test Failed|[1-9]\d* failed|^Expected:|WARNING|Traceback|Error:", build.said, re.MULTILINE))


def test_builds_today(answer: Answer, built: dict[str, Build], patches: Patches) -> None:
    """The build is green today, and writes a site that names each function."""
    today, _refactored = both(answer, built, patches)
    if not today.green:
        raise saw(
            "stops-today",
            did="Ran `bash docs.sh` on the module as it is.",
            saw="exit code {code}: `{told}`",
            needs="exit code 0",
            why="Docs that can't be built today won't tell you what breaks them tomorrow.",
            try_="Read that line. It names the command, the page, or the example.",
            code=today.code,
            told=told(today),
        )
    if not today.pages:
        raise saw(
            "no-site",
            did="Ran `bash docs.sh`, and looked for HTML pages in the folder `site`.",
            saw="exit code 0, and no page",
            needs="at least one page that names `price` and `share`",
            why="A check of examples is half of it: somebody wants to read them.",
            try_="Let the tool write HTML into `site`, too.",
        )
    missing = [name for name in TODAY if not re.search(rf"\b{name}\b", today.text)]
    if missing:
        raise saw(
            "function-not-shown",
            did="Ran `bash docs.sh`, and read the pages in the folder `site`.",
            saw="No page says `{missing}`",
            needs="pages that name `price` and `share`",
            why="What is not in the docs gets written a second time, by somebody who did not find it.",
            try_="Let the tool show every function, or name each of them.",
            missing="`, `".join(missing),
        )


def test_survives_a_refactoring(answer: Answer, built: dict[str, Build], patches: Patches) -> None:
    """It is still green after a refactoring that changes no result."""
    today, refactored = both(answer, built, patches)
    if today.green and not refactored.green:
        raise saw(
            "stops-refactoring",
            did="Refactored the module: other layout, order and local names, a helper, other sentences.",
            saw="exit code {code}: `{told}`",
            needs="exit code 0: every call gives what it gave",
            why="Docs that break when nothing changed get switched off, and then they break never.",
            try_="Compare what the functions give, not how the file is written.",
            code=refactored.code,
            told=told(refactored),
        )
    judgeable(answer, built, patches)


def test_shows_what_the_code_says(answer: Answer, built: dict[str, Build], patches: Patches) -> None:
    """It shows the docstrings as the code has them now."""
    judgeable(answer, built, patches)
    _today, refactored = both(answer, built, patches)
    stale = [name for name in TODAY if patches.words[name] not in refactored.text]
    if not stale:
        return
    if copied := [name for name in stale if TODAY[name] in refactored.text]:
        raise saw(
            "copied-text",
            did="Changed the docstring of `{name}`, and built the docs.",
            saw="The site still says: {old}",
            needs="the sentence that the code has now: {new}",
            why="Two copies of a sentence agree on the day of the copy.",
            try_="Don't type it: let the tool import the module and take signature and sentence from there.",
            name=copied[0],
            old=TODAY[copied[0]],
            new=patches.words[copied[0]],
        )
    raise saw(
        "not-from-the-code",
        did="Gave the docstring of `{name}` a new word, `{new}`, and built the docs.",
        saw="The word is on no page",
        needs="pages that show the docstrings of both functions",
        why="Docs that don't read the code can't notice that it changed.",
        try_="Let the tool import the module: `autofunction` of Sphinx, `:::` of mkdocstrings, or `pydoc`.",
        name=stale[0],
        new=patches.words[stale[0]],
    )


def test_stops_when_a_function_is_gone(
    answer: Answer, built: dict[str, Build], patches: Patches, rng: random.Random
) -> None:
    """It is red when a function is gone."""
    judgeable(answer, built, patches)
    name = rng.choice(list(TODAY))
    (one,) = build(answer, built, {f"no {name}": patches.without(name)})
    if one.green and complained(one):
        raise saw(
            "warned-only",
            did="Removed the function `{name}` from the module, and built the docs.",
            saw="The output says `{said}`, and the exit code is 0",
            needs="an exit code other than 0",
            why="CI reads no output: it sees 0 and publishes the page with the hole.",
            try_="Make warnings errors, and let the exit code of each command arrive (`set -e`).",
            name=name,
            said=told(one),
        )
    if one.green:
        raise saw(
            "gone-unnoticed",
            did="Removed the function `{name}` from the module, and built the docs.",
            saw="exit code 0, and not a word about it",
            needs="an exit code other than 0",
            why="A page that shows whatever is there can't miss what isn't.",
            try_="Name each function, or call it in an example that runs.",
            name=name,
        )


def test_stops_when_a_result_changes(answer: Answer, built: dict[str, Build], patches: Patches) -> None:
    """It is red when a function gives other results."""
    judgeable(answer, built, patches)
    changed = {f"other {name}": patches.other_result(name) for name in TODAY}
    for name, one in zip(TODAY, build(answer, built, changed), strict=True):
        if not one.green:
            continue
        if re.search(r"\+SKIP|:skipif:", answer.source(PAGE)):
            raise saw(
                "skipped",
                did="Let `{name}` give {more} more than before, for every call.",
                saw="exit code 0, and an example in the page that is marked to be skipped",
                needs="an exit code other than 0",
                why="An example that is skipped is prose with `>>>` before it.",
                try_="Take the mark away, and type what the call really gives.",
                name=name,
                more=patches.words["more"],
            )
        if complained(one):
            raise saw(
                "exit-code-lost",
                did="Let `{name}` give {more} more than before, for every call.",
                saw="The output says `{said}`, and the exit code is 0",
                needs="an exit code other than 0",
                why="CI reads no output. In a script, the last command decides.",
                try_="Put `set -e` on top, or `&&` between the commands.",
                name=name,
                more=patches.words["more"],
                said=told(one),
            )
        raise saw(
            "result-unnoticed",
            did="Let `{name}` give {more} more than before, for every call, and built the docs.",
            saw="exit code 0, and not a word about it",
            needs="an exit code other than 0",
            why="A wrong example costs whoever copies it more than none.",
            try_="Write an example with its result, as in a Python prompt, and let a command run it.",
            name=name,
            more=patches.words["more"],
        )


def test_stops_when_a_parameter_is_renamed(answer: Answer, built: dict[str, Build], patches: Patches) -> None:
    """It is red when a parameter is renamed."""
    judgeable(answer, built, patches)
    for pair in (PARAMETERS[:2], PARAMETERS[2:]):
        renamed = {f"{function} {name}": patches.renamed(function, name) for function, name in pair}
        for (function, name), one in zip(pair, build(answer, built, renamed), strict=True):
            if one.green:
                raise saw(
                    "rename-unnoticed",
                    did="Renamed the parameter `{parameter}` of `{name}` to `{new}`, and built the docs.",
                    saw="exit code 0",
                    needs="an exit code other than 0",
                    why="Whoever calls it by name, as the old docs taught, gets a TypeError.",
                    try_="Which way to write a call depends on the parameter's name?",
                    parameter=name,
                    name=function,
                    new=patches.words["renamed"],
                )
