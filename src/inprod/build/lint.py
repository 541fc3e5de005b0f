"""The template of a lesson, as rules; each finding names its file and line."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from inprod.build.execute import VOLATILE
from inprod.build.lesson import Block, Kind, Lesson
from inprod.exercises import Exercise
from inprod.messages import _, ngettext

MAX_LINES = 25
MAX_WIDTH = 88  #: what a narrow window shows of a line of code
#: The parts of a lesson, in the order in which they come.
PARTS = (
    "objectives",
    "cards",
    "hook",
    "demo",
    "worked",
    "parsons",
    "exercises",
    "right_answers",
    "glossary",
    "article",
    "sources",
    "next",
)
#: Each group must be there with at least one of its parts.
REQUIRED = {
    "full": tuple((part,) for part in PARTS),
    "first": (("objectives",), ("demo",), ("sources", "next")),
}
_COMMENT = re.compile(r"^\s*#+\s*(?:NBVAL_IGNORE_OUTPUT|NBVAL_SKIP|PYTEST_VALIDATE_IGNORE_OUTPUT)\s*$", re.MULTILINE)
_ASKED = re.compile(r"^order = \?\s*\Z", re.MULTILINE)
_PROMISE = re.compile(r"^promise: *\S", re.MULTILINE)
_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*$")
_FENCE = re.compile(r"^\s*(```+|~~~+)")
_ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+\S")
_PREPARATION = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
_DATE = re.compile(r"\b20\d\d-\d\d-\d\d\b")


@dataclass(frozen=True)
class Finding:
    """One thing to mend in a source."""

    path: Path
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


def lint(lesson: Lesson, exercises: Mapping[str, Exercise], *, saved: Collection[str] | None) -> tuple[Finding, ...]:
    """What the template asks for and `lesson` lacks, in the order of lines.

    `saved` holds the ids of cells with a saved output; None while the lesson was not built yet.
    """
    found = [
        Finding(lesson.path, line, what)
        for rule in (_parts, _headings, _cells, _demos, _parsons, _facts, _sources)
        for line, what in rule(lesson)
    ]
    found += [Finding(lesson.path, line, what) for line, what in _compared(lesson, saved)]
    found += [Finding(lesson.path, line, what) for line, what in _placed(lesson, exercises)]
    return tuple(sorted(found, key=lambda finding: finding.line))


Found = Iterator[tuple[int, str]]


def _parts(lesson: Lesson) -> Found:
    """Every required part, in the template's order."""
    seen: dict[str, int] = {}
    last = 0
    for block in lesson.blocks:
        if block.part in seen:
            continue
        seen[block.part] = block.line
        if block.part not in PARTS:
            known = ", ".join(PARTS)
            name = block.part or "–"
            yield block.line, _("The part {name} is not one of {known}.").format(name=name, known=known)
            continue
        place = PARTS.index(block.part)
        if place < last:
            before = PARTS[last]
            yield block.line, _("The part {name} comes before {before}.").format(name=block.part, before=before)
        last = max(last, place)
    for group in REQUIRED[lesson.form]:
        if not set(group) & set(seen):
            yield 1, _("The part {names} is missing.").format(names=_(" or ").join(group))
    if not lesson.of_kind(Kind.EXERCISE):
        yield 1, _("The lesson has no exercise.")


def _headings(lesson: Lesson) -> Found:
    """One title, no level left out."""
    headings = [found for block in lesson.of_kind(Kind.PROSE) for found in _headings_of(block)]
    title = lesson.title
    if not headings or headings[0][1] != 1 or not headings[0][2].endswith(title):
        yield (
            lesson.blocks[0].line if lesson.blocks else 1,
            _("The lesson begins with a heading `# … {title}`, as its front matter says.").format(title=title),
        )
    for (_line, above, _text), (line, level, text) in pairwise(headings):
        if level == 1:
            yield line, _("A second title: {text}.").format(text=text)
        elif level > above + 1:
            yield line, _("The heading {text} leaves a level out.").format(text=text)


def _headings_of(block: Block) -> Iterator[tuple[int, int, str]]:
    fence = ""
    for number, line in enumerate(block.source.split("\n"), start=block.line):
        mark = _FENCE.match(line)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        elif not fence and (heading := _HEADING.match(line)):
            yield number, len(heading[1]), heading[2]


def _cells(lesson: Lesson) -> Found:
    """The first cell loads the course; cells are short; what is not compared says why."""
    code = lesson.of_kind(Kind.CODE)
    if not code or code[0].source.strip() != "%load_ext inprod":
        yield code[0].line if code else 1, _("The first code cell is `%load_ext inprod`, alone.")
    for block in code:
        lines = block.source.count("\n") + 1
        if lines > MAX_LINES:
            yield (
                block.line,
                _("The cell {id} has {n} lines; {most} are the most.").format(id=block.id, n=lines, most=MAX_LINES),
            )
        for line in block.source.splitlines():
            if len(line) > MAX_WIDTH:
                words = _("The cell {id} has a line of {n} characters; {most} are the most: {start}…")
                yield block.line, words.format(id=block.id, n=len(line), most=MAX_WIDTH, start=line.strip()[:30])
        if _COMMENT.search(block.source):
            yield block.line, _("The cell {id} says in a comment what belongs into its :tags:.").format(id=block.id)
        if VOLATILE & set(block.tags) and not block.reason.strip():
            yield block.line, _("The output of {id} is not compared, and no :reason: says why.").format(id=block.id)
        if block.source.lstrip().startswith("%%answer"):
            yield block.line, _("The cell {id} is an answer cell; write `{{exercise}} ID` instead.").format(id=block.id)


def _demos(lesson: Lesson) -> Found:
    """Each section of the demo part lets the learner predict before something runs."""
    fresh = True
    predicted = ran = False
    start = next((block.line for block in lesson.blocks if block.part == "demo"), 1)
    for block in lesson.blocks:
        if block.part != "demo":
            continue
        if block.kind is Kind.PROSE and any(level == 2 for _line, level, _text in _headings_of(block)):
            fresh = True
        elif block.kind is Kind.CODE:
            is_prediction = block.source.lstrip().startswith(("%%predict", "%predict"))
            if _prepares(block.source):
                continue
            if fresh and not is_prediction:
                yield block.line, _("The cell {id} runs before anything was predicted.").format(id=block.id)
            ran = ran or (not is_prediction and predicted)
            predicted = predicted or is_prediction
            fresh = False
    if not ran:
        yield start, _("The lesson has no demo that is predicted, then run.")


def _prepares(code: str) -> bool:
    """Whether a cell only imports, defines and names things, so that nothing is shown before the prediction."""
    try:
        body = ast.parse(code).body
    except SyntaxError:
        return False  # a magic
    return all(isinstance(statement, _PREPARATION) or _writes_a_file(statement) for statement in body)


def _writes_a_file(statement: ast.stmt) -> bool:
    """`workshop.write(name, text)`: the text stands in the cell, and nothing runs."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "write"


def _parsons(lesson: Lesson) -> Found:
    """A Parsons problem ships unanswered, says what it promises, and has its order for the solutions' build."""
    puzzles = [block for block in lesson.of_kind(Kind.CODE) if block.source.lstrip().startswith("%%parsons")]
    for block in puzzles:
        if not (_ASKED.search(block.source) and _PROMISE.search(block.source) and block.order):
            needs = _("{id} needs a last line `order = ?`, a `promise:`, and its :order:.")
            yield block.line, needs.format(id=block.id)
    for block in lesson.of_kind(Kind.CODE):
        if block.order and block not in puzzles:
            yield block.line, _("The cell {id} has an :order:, and is no `%%parsons`.").format(id=block.id)
    if not puzzles and (found := [block for block in lesson.blocks if block.part == "parsons"]):
        yield found[0].line, _("The part {name} has no `%%parsons` cell.").format(name="parsons")


def _facts(lesson: Lesson) -> Found:
    """The objectives say how long the lesson takes and how many exercises it has, as they are."""
    blocks = [block for block in lesson.of_kind(Kind.PROSE) if block.part == "objectives"]
    text = "\n".join(block.source for block in blocks)
    line = blocks[0].line if blocks else 1
    n = len(lesson.of_kind(Kind.EXERCISE))
    for fact in (f"{lesson.minutes} min", f"{n} exercise" if n == 1 else f"{n} exercises"):
        if not re.search(rf"\b{fact}\b", text):
            yield line, _("The objectives do not say `{fact}`.").format(fact=fact)


def _sources(lesson: Lesson) -> Found:
    """Each source carries the date on which it was read."""
    for block in lesson.of_kind(Kind.PROSE):
        if block.part == "sources":
            for number, text in enumerate(block.source.split("\n"), start=block.line):
                if _ITEM.match(text) and not _DATE.search(text):
                    yield number, _("This source has no date such as 2026-11-20.")


def _compared(lesson: Lesson, saved: Collection[str] | None) -> Found:
    """At least half of the demos' outputs are compared by nbval."""
    code = lesson.of_kind(Kind.CODE)[1:]
    volatile = [block for block in code if VOLATILE & set(block.tags)]
    compared = [block for block in code if block not in volatile and (saved is None or block.id in saved)]
    if len(volatile) > len(compared):
        yield (
            volatile[-1].line,
            ngettext(
                "{n} output of {all} is compared; at least half must be.",
                "{n} outputs of {all} are compared; at least half must be.",
                len(compared),
            ).format(n=len(compared), all=len(compared) + len(volatile)),
        )


def _placed(lesson: Lesson, exercises: Mapping[str, Exercise]) -> Found:
    """Each exercise of the lesson's folder has its place in the lesson."""
    placed = {block.source for block in lesson.of_kind(Kind.EXERCISE)}
    for exercise in exercises.values():
        if exercise.lesson == lesson.name and exercise.id not in placed:
            yield 1, _("The exercise {id} has no place; write `{{exercise}} {id}`.").format(id=exercise.id)
