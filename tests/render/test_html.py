"""The card in a browser: light and dark, trusted and not, for eyes and for readers."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from inprod.errors import InprodError
from inprod.render import html
from inprod.render.views import (
    AnswerView,
    Around,
    HintView,
    NextExercise,
    PredictionView,
    ResetView,
    SavedView,
    SolutionView,
)
from tests.render.cases import failed, passed, report, summary, unjudged

AROUND = Around(2, NextExercise("X5", "Stampede", 35), "Well.", notes=("A note.",))
CARDS: dict[str, Callable[[], str]] = {
    "pass": lambda: html.report(report(passed(1), passed(2)), around=AROUND),
    "not yet": lambda: html.report(report(passed(1), failed(2), failed(3)), around=AROUND, tries=3),
    "could not judge": lambda: html.report(unjudged()),
    "progress": lambda: html.progress(summary()),
    "hint": lambda: html.hint(HintView("X4", "Kill", 1, "Read `this`.\n\n- a\n- b")),
    "solution": lambda: html.solution(
        SolutionView("X4", "Kill", (AnswerView("right_two", "It costs.", (("a.py", "x < 1\n"),), ("docker",)),))
    ),
    "prediction": lambda: html.prediction(PredictionView("page", ("n",), {"n": 1}, {"n": 2})),
    "reset": lambda: html.reset(ResetView("X4", "Kill", (("a.py", "x = 1\n"),))),
    "saved": lambda: html.saved(SavedView("X4", "Kill", "a.py", "b.py")),
    "stopped": lambda: html.stopped("X4 · Kill"),
    "live": lambda: html.live("X4 · Kill", "Watching.", 3.2),
    "error": lambda: html.error(InprodError("It broke.", looked="here", do="mend it")),
}
VOID = {"br"}


class Balance(HTMLParser):
    """Every element closed by its own end."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.styles: list[str] = []
        self.groups: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        named = dict(attrs)
        self.styles.append(named.get("style") or "")
        if named.get("role") == "group":
            self.groups.append(named.get("aria-label") or "")
        assert not any(name.startswith("on") for name in named)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", CARDS)
def test_what_an_untrusted_notebook_keeps(name: str) -> None:
    """No style element, script, picture, outside address or variable; well-formed; one named group."""
    shown = CARDS[name]()
    for lost in ("<style", "<script", "<svg", "<img", "var(--", "http:", "https:", "url(", "<a "):
        assert lost not in shown
    balance = Balance()
    balance.feed(shown)
    balance.close()
    assert balance.open == []
    assert len(balance.groups) == 1
    assert balance.groups[0]


@pytest.mark.parametrize("name", CARDS)
def test_text_keeps_the_readers_colour(name: str) -> None:
    """A fixed colour never sets text or ground: it would be unreadable in the other theme."""
    balance = Balance()
    balance.feed(CARDS[name]())
    for style in balance.styles:
        for declaration in filter(None, map(str.strip, style.split(";"))):
            kind, _colon, value = declaration.partition(":")
            if kind == "color":
                assert value.startswith("color-mix(in srgb,currentColor")
            if kind in ("background", "background-color"):
                assert re.fullmatch(r"transparent|rgba\(\d+,\d+,\d+,\.\d+\)", value), declaration


def test_colours_are_readable_in_both_themes() -> None:
    """The mixed words reach 4.5:1 on white and on JupyterLab's dark ground; edges reach 3:1."""
    for text, ground in (("#000000", "#ffffff"), ("#ffffff", "#111111")):
        for edge in set(html._EDGE.values()):
            mixed = [0.35 * a + 0.65 * b for a, b in zip(_rgb(text), _rgb(edge), strict=True)]
            assert _contrast(mixed, _rgb(ground)) >= 4.5, (edge, ground)
            assert _contrast(_rgb(edge), _rgb(ground)) >= 3, (edge, ground)


def _rgb(code: str) -> list[float]:
    return [int(code[n : n + 2], 16) for n in (1, 3, 5)]


def _contrast(one: list[float], other: list[float]) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(rgb: list[float]) -> float:
    parts = [c / 255 for c in rgb]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_solution_is_code() -> None:
    """Escaped, named, and with what it needs."""
    shown = CARDS["solution"]()
    assert "x &lt; 1" in shown
    assert "two (needs docker)" in shown
