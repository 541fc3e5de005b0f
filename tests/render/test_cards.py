"""The card: what stands on it, how long it is, and what never does."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from inprod.errors import InprodError
from inprod.render import cards, html, text
from inprod.render.cards import MAX_LINES, Card
from inprod.render.views import Around, HintView, NextExercise, PredictionView, ResetView, SolutionView
from inprod.results import Observation, Verdict
from tests.render.cases import EVIL, failed, passed, report, summary, unjudged


def height(card: Card) -> int:
    """Lines of a card, as a reader counts them."""
    return 1 + sum(1 + len(line.facts) for line in card.lines) + len(card.facts) + len(card.foot)


@pytest.mark.parametrize(
    ("good", "bad", "missed", "notes"),
    [*itertools.product((0, 1, 4, 20), (0, 1, 2, 9), (0, 3), (0, 2))],
)
def test_a_card_is_never_longer_than_twelve_lines(good: int, bad: int, missed: int, notes: int) -> None:
    """Whatever the check saw; and the gap is always explained, and every observation accounted for."""
    unreached = [Observation(f"test_{n}", "Later.", Verdict.NOT_RUN) for n in range(200, 200 + missed)]
    seen = (*map(passed, range(good)), *map(failed, range(100, 100 + bad)), *unreached)
    around = Around(notes=("A note.",) * notes)
    of = report(*seen, verdict=None if bad else Verdict.NOT_YET)
    card = cards.report(of, around, 0, strict=False)
    assert height(card) <= MAX_LINES
    assert f"{good} of {len(seen)} hold" in card.meta
    explained = [line for line in card.lines if line.facts]
    assert len(explained) == min(bad, 1)
    if bad:
        assert [f.label for f in explained[0].facts] == ["did", "saw", "needs", "why", "try"]
    numbers = " ".join(line.text for line in card.lines if not line.facts)
    if bad > 1:
        assert f"{bad - 1} further observation" in numbers
    if missed:
        assert f"{missed} further observations were not reached." in numbers
    shown = sum("Observation" in line.text and not line.facts for line in card.lines)
    if shown < good:
        assert f"{good - shown} more observation" in numbers


@pytest.mark.parametrize("render", [text.report, html.report])
def test_strictly_nothing_that_differs_is_shown(render: Callable[..., str]) -> None:
    """No time, port, path, seed, server or backend, in any verdict; the words stay."""
    for of in (report(passed(1)), report(passed(1), failed(2))):
        shown = render(of, strict=True)
        for passing in ("embedded", "54321", "987654321", "12.3", "2026", "landlock", "0123456789ab"):
            assert passing not in shown
        assert "X4 · Kill the N+1" in shown
        assert "embedded servers" in render(of)


def test_the_words_of_each_verdict() -> None:
    """Said in words, in both forms."""
    for of, word in ((report(passed(1)), "pass"), (report(failed(1)), "not yet"), (unjudged(), "could not judge")):
        assert word in text.report(of).splitlines()[0]
        assert f">{word}</span>" in html.report(of)
        assert f", {word}" in html.report(of).split(">")[0]
    assert "does not count" in text.report(unjudged())
    assert "out of memory" in text.report(unjudged())
    assert "points" not in text.report(unjudged())


def test_after_a_pass() -> None:
    """Other right answers, the next door, and what is worth knowing now."""
    around = Around(3, NextExercise("X5", "Stampede", 35), "A **join** is one too.", notes=("A note.",))
    shown = text.report(report(passed(1)), around=around)
    assert "3 other right answers, and what each costs: `%solution X4` · next: X5 · Stampede, 35 min" in shown
    assert "A note." in shown
    assert "<strong>join</strong>" in html.report(report(passed(1)), around=around)
    assert "%solution" not in text.report(report(passed(1)))


def test_after_three_tries_the_solution_is_offered() -> None:
    """Not before."""
    assert "%solution" not in text.report(report(failed(1)), tries=2)
    assert "`%solution X4` is open" in text.report(report(failed(1)), tries=3)


def test_an_error_has_its_three_parts() -> None:
    """What happened, where we looked, what to do; an empty part leaves no label."""
    shown = text.error(InprodError("It broke.", looked="here", do="mend it"))
    assert shown == "It broke.\n  looked  here\n  do      mend it"
    assert text.error(InprodError("It broke.")) == "It broke."
    assert "<dl" not in html.error(InprodError("It broke."))


def test_what_an_answer_wrote_does_no_harm() -> None:
    """Markup is text, controls are spelled out, in every form and place."""
    shown = html.report(report(failed(1, EVIL)), around=Around(notes=(EVIL,), after_pass=EVIL))
    shown += html.report(report(passed(1)), around=Around(notes=(EVIL,), after_pass=EVIL))
    shown += html.hint(HintView("X4", EVIL, 1, EVIL + "\n\n[x](javascript:alert(1))"))
    shown += html.prediction(PredictionView(EVIL, ("n",), {"n": EVIL}, {"n": EVIL}))
    shown += html.reset(ResetView("X4", EVIL, (("a.py", EVIL),)))
    shown += html.error(InprodError(EVIL, looked=EVIL, do=EVIL))
    shown += html.live(EVIL, EVIL, 3.0)
    assert "<script" not in shown
    assert 'href="javascript' not in shown
    for char in ("\x1b", "\u202e"):
        assert char not in shown
        assert char not in text.report(report(failed(1, EVIL)))
    assert ">a&lt;b</code>" in shown


def test_a_long_sentence_is_cut() -> None:
    """A megabyte out of an answer does not become a megabyte in the notebook."""
    assert len(html.report(report(failed(1, "x" * 1_000_000)))) < 20_000
    assert len(text.report(report(failed(1, "x" * 1_000_000)))) < 10_000


def test_the_map() -> None:
    """States in marks and words; what has changed is said."""
    shown = text.progress(summary(), notes=("A note.",))
    assert "Your progress (1 of 3 · 10 of 25 points)" in shown
    assert "T1 ✓  T2 …  T3" in shown
    assert "T1 has changed since you passed it." in shown
    assert "A note." in shown
    rich = html.progress(summary(), notes=("A note.",))
    for word in (" passed</span>", " tried</span>", " open</span>", "A note."):
        assert word in rich


def test_a_prediction_before_and_after() -> None:
    """First what was said, then beside it what happened."""
    before = PredictionView("page", ("n", "m"), {"n": 21})
    assert "Still without a value: `m`." in text.prediction(before)
    after = PredictionView("page", ("n", "m"), {"n": 21}, {"n": 101, "m": True})
    shown = text.prediction(after)
    assert [line.split() for line in shown.splitlines()[1:]] == [
        ["you", "said", "it", "was"],
        ["n", "21", "101", "different"],
        ["m", "–", "yes", "not", "predicted"],
    ]
    assert '<th scope="row"' in html.prediction(after)


def test_a_closed_solution_shows_no_answer() -> None:
    """Only until when."""
    shown = text.solution(SolutionView("X4", "Kill", closed="It opens after a pass."))
    assert shown == "X4 · Kill – not open yet\n  · It opens after a pass."
