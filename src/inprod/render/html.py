"""HTML for the notebook: one form that is right in a light and a dark theme, trusted or not.

An untrusted notebook loses `<style>`, `<svg>`, ARIA attributes and every `var(--…)`; inline styles stay.
So there is no style element here. Text keeps the reader's own colour; what carries a colour carries
its words too. Greys are the text's own, fainter. A coloured word is mixed with the text's colour, so that
it is dark on light and light on dark; where the mixture is taken out, the word stands in the text's colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from inprod.errors import InprodError
from inprod.messages import _
from inprod.progress.summary import ExerciseState, LessonState, State, Summary
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

#: Edges: at least 3:1 on white and on JupyterLab's dark ground.
_EDGE = {Tone.GOOD: "#2a9a66", Tone.GAP: "#d9731a", Tone.TROUBLE: "#7a8699", Tone.PLAIN: "#8a8a8a"}
_TINT = {
    Tone.GOOD: "rgba(42,154,102,.14)",
    Tone.GAP: "rgba(217,115,26,.14)",
    Tone.TROUBLE: "rgba(122,134,153,.16)",
    Tone.PLAIN: "rgba(127,127,127,.12)",
}
_MARKS = {Tone.GOOD: "✓", Tone.GAP: "✗", Tone.TROUBLE: "!", Tone.PLAIN: "·"}
_LINE = "rgba(127,127,127,.35)"
_GROUND = "rgba(127,127,127,.1)"

_CARD = (
    f"box-sizing:border-box;max-width:920px;border:1px solid {_LINE};border-left:4px solid {{edge}};"
    "border-radius:6px;padding:12px 16px;margin:4px 0 8px;line-height:1.5"
)
_HEAD = "display:flex;gap:10px;align-items:baseline;flex-wrap:wrap"
_SOFT = "opacity:.75"
_LIST = "list-style:none;margin:8px 0 0;padding:0"
_ITEM = "display:grid;grid-template-columns:22px minmax(0,1fr);margin:0"
_FACTS = (
    "display:grid;grid-template-columns:max-content minmax(0,1fr);gap:2px 16px;box-sizing:border-box;width:auto;"
    f"margin:{{margin}};padding:8px 12px;background-color:{_GROUND};border-radius:4px"
)
# JupyterLab floats these two and gives them a share of the width.
_CELL = "float:none;width:auto;margin:0;padding:0"
_HIDDEN = "position:absolute;width:1px;height:1px;overflow:hidden;clip:rect(0,0,0,0);white-space:nowrap"
#: JupyterLab's own grey behind code is the box's grey: the name would look like a gap.
_CODE = "background-color:rgba(127,127,127,.2);padding:0 3px;border-radius:3px"
_PRE = f"margin:4px 0 8px;padding:8px 12px;background-color:{_GROUND};border-radius:4px;overflow:auto;line-height:1.4"


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
    card = Card(_("Your progress"), meta=heads.totals(of), foot=(*heads.legend(of), *notes))
    rows = "".join(_row(lesson) for lesson in of.lessons)
    return _card(card, inside=f'<ul style="{_LIST}">{rows}</ul>' if rows else "")


def hint(of: HintView) -> str:
    """One hint."""
    return _card(heads.hint(of))


def solution(of: SolutionView) -> str:
    """The right answers with their trade-offs, or until when they stay closed."""
    inside = ""
    for answer in of.answers:
        files = "".join(f"{_file_name(name)}{_pre(content)}" for name, content in answer.files)
        inside += (
            f'<details style="margin:8px 0 0"><summary style="cursor:pointer"><b>'
            f"{escape(clean(heads.answer_title(answer)))}</b></summary>{_markdown(answer.why)}{files}</details>"
        )
    return _card(heads.solution(of), inside=inside)


def prediction(of: PredictionView) -> str:
    """What was predicted, beside what happened."""
    head, *body = heads.prediction_rows(of)
    cell = "text-align:left;padding:2px 20px 2px 0;background-color:transparent;font-size:14px"
    # An empty header cell is a plain one: a header without words has nothing to say.
    top = "".join(
        f'<th scope="col" style="{cell};font-weight:400">{_fade(text)}</th>' if text else f'<td style="{cell}"></td>'
        for text in head
    )
    rows = "".join(
        f'<tr><th scope="row" style="{cell};font-weight:400"><code>{escape(clean(name, limit=60))}</code></th>'
        + "".join(f'<td style="{cell}">{_sentence(text)}</td>' for text in values)
        + "</tr>"
        for name, *values in body
    )
    table = (
        f'<table style="margin:8px 0 0;border-collapse:collapse"><thead><tr>{top}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )
    foot = heads.prediction_foot(of)
    return _card(Card(heads.prediction_title(of), foot=(foot,) if foot else ()), inside=table)


def parsons(of: ParsonsView) -> str:
    """Lines put in order, and what they did."""
    inside = "".join(f"{_file_name(name)}{_pre(content.rstrip())}" for name, content in heads.parsons_parts(of))
    return _card(heads.parsons(of), inside=inside)


def reset(of: ResetView) -> str:
    """The starter is back."""
    files = "".join(_pre(heads.cell(of, name, content)) for name, content in of.files)
    return _card(heads.reset(of), inside=files)


def saved(of: SavedView) -> str:
    """One of several files is in place."""
    return _card(heads.saved(of))


def stopped(title: str) -> str:
    """A check that was interrupted."""
    return _card(heads.stopped(title))


def live(title: str, doing: str, seconds: float) -> str:
    """What a check that runs is doing."""
    return _card(heads.live(title, doing, seconds))


def _card(card: Card, inside: str = "") -> str:
    word = f'<span style="{_badge(card.tone)}">{escape(card.word)}</span>' if card.word else ""
    meta = f'<span style="margin-left:auto;font-size:12px;{_SOFT}">{escape(clean(card.meta))}</span>'
    lines = "".join(_item(line) for line in card.lines)
    observed = "".join(_item(line) for line in card.observed)
    more = (
        f'<details style="margin:6px 0 0"><summary style="cursor:pointer">{escape(_("what was observed"))}</summary>'
        f'<ul style="{_LIST}">{observed}</ul></details>'
    )
    # A group, not a region: a notebook with twenty cards must not have twenty landmarks.
    return (
        f'<section role="group" aria-label="{escape(clean(card.label))}" '
        f'style="{_CARD.format(edge=_EDGE[card.tone])}">'
        f'<div style="{_HEAD}"><b style="font-size:15px">{_sentence(card.title)}</b> {word} '
        f"{meta if card.meta else ''}</div>"
        + (f'<ul style="{_LIST}">{lines}</ul>' if lines else "")
        + _facts(card.facts, "8px 0 2px")
        + (_markdown(card.body) if card.body else "")
        + inside
        + (more if observed else "")
        + "".join(f'<div style="margin:8px 0 0;font-size:13px;{_SOFT}">{_sentence(f)}</div>' for f in card.foot)
        + "</section>"
    )


def _item(line: Line) -> str:
    style = f"{_ITEM};{_SOFT}" if line.tone is Tone.PLAIN else _ITEM
    return (
        f'<li style="{style}"><span style="{_coloured(line.tone)}">{_MARKS[line.tone]}</span>'
        f"<div>{_sentence(line.text)}{_facts(line.facts, '6px 0 4px')}</div></li>"
    )


def _facts(facts: Sequence[Fact], margin: str) -> str:
    if not facts:
        return ""
    rows = "".join(
        f'<dt style="{_CELL};font-weight:400;{_SOFT}">{escape(fact.label)}</dt>'
        f'<dd style="{_CELL};overflow-wrap:break-word">{_sentence(fact.text)}</dd>'
        for fact in facts
    )
    return f'<dl style="{_FACTS.format(margin=margin)}">{rows}</dl>'


def _row(lesson: LessonState) -> str:
    chips = "".join(_chip(e) for e in lesson.exercises)
    return (
        '<li style="display:grid;grid-template-columns:15em minmax(0,1fr) max-content;gap:4px 14px;'
        f'align-items:center;margin:0 0 6px"><span>{_sentence(lesson.title)}</span>'
        f'<span style="display:flex;gap:4px;flex-wrap:wrap">{chips}</span>'
        f'<span style="font-size:12px;{_SOFT}">{escape(heads.count(lesson))}</span></li>'
    )


def _chip(of: ExerciseState) -> str:
    look = {
        State.PASSED: f"border:1px solid {_EDGE[Tone.GOOD]};background-color:rgba(42,154,102,.22)",
        State.TRIED: f"border:1px dashed {_EDGE[Tone.GAP]}",
        State.OPEN: f"border:1px solid {_LINE}",
    }[of.state]
    mark = {State.PASSED: " ✓", State.TRIED: " …", State.OPEN: ""}[of.state]
    return (
        f'<span title="{escape(clean(of.title))}" style="min-width:34px;padding:1px 6px;text-align:center;'
        f'border-radius:4px;font-size:12px;{look}">{escape(of.id)}{mark}'
        f'<span style="{_HIDDEN}"> {escape(heads.state_word(of.state))}</span></span> '
    )


def _coloured(tone: Tone) -> str:
    # A third of the text's own colour makes it readable on any ground that the text is readable on.
    return "" if tone is Tone.PLAIN else f"color:color-mix(in srgb,currentColor 35%,{_EDGE[tone]})"


def _badge(tone: Tone) -> str:
    return f"{_coloured(tone)};background-color:{_TINT[tone]};padding:1px 9px;border-radius:10px;font-weight:600"


def _fade(text: str) -> str:
    return f'<span style="{_SOFT}">{escape(text)}</span>'


def _file_name(name: str) -> str:
    return f'<div style="margin:8px 0 0;font-size:12px;{_SOFT}">{escape(clean(name))}</div>'


def _pre(content: str) -> str:
    return f'<pre style="{_PRE}">{escape(clean(content, limit=100_000))}</pre>'


def _sentence(text: str) -> str:
    tags = {Span.CODE: (f'<code style="{_CODE}">', "</code>"), Span.BOLD: ("<b>", "</b>"), Span.PLAIN: ("", "")}
    found = "".join(
        # A short name stays on one line; a long one may break, or it would stick out of its box.
        (tags[kind][0].replace('">', ';white-space:nowrap">') if len(piece) <= 24 else tags[kind][0])
        + f"{escape(piece)}{tags[kind][1]}"
        for kind, piece in spans(clean(text))
    )
    return found.replace("\n", "<br>")


def _markdown(text: str) -> str:
    """Hints and trade-offs; HTML in them is shown as text, and a link goes only where a link may go."""
    # Here, not above: it costs a tenth of a second, and a card of a check that is not yet right has none.
    from markdown_it import MarkdownIt

    rendered = MarkdownIt("commonmark", {"html": False}).enable("table").render(clean(text, limit=100_000))
    return f'<div style="margin:8px 0 0">{rendered.strip()}</div>'
