"""Plain text, for terminals and for readers that show no HTML."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from inprod.errors import InprodError
from inprod.messages import _
from inprod.progress.summary import ExerciseState, State, Summary
from inprod.render import cards, heads
from inprod.render.cards import Card, Fact, Line, Tone
from inprod.render.views import (
    ALONE,
    Around,
    Finding,
    HintView,
    ParsonsView,
    PredictionView,
    ResetView,
    SavedView,
    SolutionView,
)
from inprod.render.words import Span, clean, spans
from inprod.results import Report

WIDTH = 100
_MARKS = {Tone.GOOD: "✓", Tone.GAP: "✗", Tone.TROUBLE: "!", Tone.PLAIN: "·"}
_STATES = {State.PASSED: " ✓", State.TRIED: " …", State.OPEN: ""}


def report(of: Report, *, around: Around = ALONE, tries: int = 0, strict: bool = False) -> str:
    """The card of one check."""
    return _card(cards.report(of, around, tries, strict=strict))


def error(of: InprodError) -> str:
    """An error that a person can act on."""
    return _card(cards.error(of))


def doctor(findings: Iterable[Finding]) -> str:
    """What this machine has and lacks."""
    return _card(cards.doctor(findings))


def progress(of: Summary, *, notes: Sequence[str] = ()) -> str:
    """The map: a row for each lesson."""
    lines = [_head(_("Your progress"), "", heads.totals(of))]
    width = max((len(lesson.title) for lesson in of.lessons), default=0)
    for lesson in of.lessons:
        chips = "  ".join(_chip(e) for e in lesson.exercises)
        lines.append(f"  {clean(lesson.title):<{width}}  {chips}   {heads.count(lesson)}")
    return "\n".join([*lines, *_foot((*heads.legend(of), *notes))])


def hint(of: HintView) -> str:
    """One hint."""
    return _card(heads.hint(of))


def solution(of: SolutionView) -> str:
    """The right answers with their trade-offs, or until when they stay closed."""
    lines = [_card(heads.solution(of))]
    for answer in of.answers:
        lines += ["", f"  {clean(heads.answer_title(answer))}", *_prose(answer.why)]
        for name, content in answer.files:
            lines += ["", f"  {clean(name)}", *_block(content, indent="    ")]
    return "\n".join(lines)


def prediction(of: PredictionView) -> str:
    """What was predicted, beside what happened."""
    rows = [[clean(text, limit=60).replace("\n", " ") for text in row] for row in heads.prediction_rows(of)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines = [clean(heads.prediction_title(of))]
    for row in rows:
        cells = (f"{text:<{width}}" for text, width in zip(row, widths, strict=True))
        lines.append(("  " + "  ".join(cells)).rstrip())
    foot = heads.prediction_foot(of)
    return "\n".join([*lines, *_foot([foot] if foot else [])])


def parsons(of: ParsonsView) -> str:
    """Lines put in order, and what they did."""
    lines = [_card(heads.parsons(of))]
    for name, content in heads.parsons_parts(of):
        lines += ["", f"  {name}", *_block(content.rstrip(), indent="    ")]
    return "\n".join(lines)


def reset(of: ResetView) -> str:
    """The starter is back."""
    lines = [_card(heads.reset(of))]
    for name, content in of.files:
        lines += ["", *_block(heads.cell(of, name, content), indent="    ")]
    return "\n".join(lines)


def saved(of: SavedView) -> str:
    """One of several files is in place."""
    return _card(heads.saved(of))


def stopped(title: str) -> str:
    """A check that was interrupted."""
    return _card(heads.stopped(title))


def live(title: str, doing: str, seconds: float) -> str:
    """What a check that runs is doing."""
    return _card(heads.live(title, doing, seconds))


def _card(card: Card) -> str:
    lines = [_head(card.title, card.word, card.meta)]
    for line in card.lines:
        lines += _line(line)
    lines += _facts(card.facts, "  ")
    if card.body:
        lines += _prose(card.body)
    return "\n".join([*lines, *_foot(card.foot)])


def _head(title: str, word: str, meta: str) -> str:
    head = f"{title} – {word}" if word else title
    return _plain(f"{head} ({meta})" if meta else head)


def _line(line: Line) -> list[str]:
    mark = _MARKS[line.tone]
    return [*_wrap(line.text, f"  {mark} ", "    "), *_facts(line.facts, "      ")]


def _facts(facts: Sequence[Fact], indent: str) -> list[str]:
    width = max((len(f.label) for f in facts), default=0)
    lines: list[str] = []
    for fact in facts:
        lines += _wrap(fact.text, f"{indent}{fact.label:<{width}}  ", indent + " " * (width + 2))
    return lines


def _foot(foot: Iterable[str]) -> list[str]:
    return [line for text in foot for line in _wrap(text, "  ", "  ")]


def _chip(of: ExerciseState) -> str:
    return f"{of.id}{_STATES[of.state]}"


def _wrap(text: str, first: str, rest: str) -> list[str]:
    """One paragraph; a line break in it is somebody's data and stays one."""
    lines: list[str] = []
    for piece in _plain(text).split("\n"):
        lead = rest if lines else first
        lines += textwrap.wrap(
            piece,
            WIDTH,
            initial_indent=lead,
            subsequent_indent=rest,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [lead.rstrip()]
    return lines


def _prose(text: str) -> list[str]:
    """Markdown as it was written, its long lines broken; what is fenced or indented as code stays."""
    lines: list[str] = []
    fenced = False
    for line in _block(text):
        fence = line.lstrip().startswith("```")
        fenced ^= fence
        if fence or fenced or line.startswith("      ") or len(line) <= WIDTH:
            lines.append(line)
        else:
            lines += textwrap.wrap(line, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return lines


def _block(text: str, indent: str = "  ") -> list[str]:
    """Markdown or code, as it was written."""
    return [f"{indent}{line}".rstrip() for line in clean(text, limit=100_000).rstrip("\n").split("\n")]


def _plain(text: str) -> str:
    return "".join(f"`{piece}`" if kind is Span.CODE else piece for kind, piece in spans(clean(text)))
