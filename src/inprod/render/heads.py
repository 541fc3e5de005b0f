"""The words of everything that is not a check's card: the same ones in each form."""

from __future__ import annotations

from inprod.messages import _, ngettext
from inprod.progress.summary import LessonState, State, Summary
from inprod.render.cards import Card, Line, Tone
from inprod.render.views import AnswerView, HintView, ParsonsView, PredictionView, ResetView, SavedView, SolutionView

NOTHING = "–"
#: Of what a Parsons problem printed, in characters.
LONGEST = 4_000


def totals(of: Summary) -> str:
    """Exercises and points in all."""
    return _("{passed} of {total} · {points} of {max_points} points").format(
        passed=of.passed, total=of.total, points=of.points, max_points=of.max_points
    )


def count(of: LessonState) -> str:
    """Exercises of one lesson."""
    return _("{passed} of {total}").format(passed=of.passed, total=len(of.exercises))


def legend(of: Summary) -> tuple[str, ...]:
    """What the marks say, and which exercises are not what they were."""
    lines = [_("✓ passed · … tried")]
    if changed := [e.id for e in of.exercises if e.changed]:
        lines.append(
            ngettext(
                "{ids} has changed since you passed it. The pass counts; `%check {first}` shows what is new.",
                "{ids} have changed since you passed them. The passes count; `%check {first}` shows what is new.",
                len(changed),
            ).format(ids=", ".join(changed), first=changed[0])
        )
    return tuple(lines)


def state_word(of: State) -> str:
    """For those who do not see the marks."""
    return {State.PASSED: _("passed"), State.TRIED: _("tried"), State.OPEN: _("open")}[of]


def hint(of: HintView) -> Card:
    """One hint; the last one says so."""
    foot = (
        _("This was the last hint. After three tries or a pass, `%solution {id}` shows right answers.")
        if of.level >= 3
        else _("Run `%hint {id}` again for the next one.")
    )
    return Card(
        f"{of.exercise} · {of.title}",
        _("hint {level} of 3").format(level=of.level),
        Tone.PLAIN,
        body=of.text,
        foot=(foot.format(id=of.exercise),),
    )


def solution(of: SolutionView) -> Card:
    """The head above the right answers, or until when they stay closed."""
    number = len(of.answers)
    word = ngettext("{n} right answer", "{n} right answers", number).format(n=number) if number else _("not open yet")
    lines = (Line(Tone.PLAIN, of.closed),) if of.closed else ()
    return Card(f"{of.exercise} · {of.title}", word, Tone.PLAIN, lines=lines)


def answer_title(of: AnswerView) -> str:
    """Its name as words, and what it needs."""
    name = of.name.removeprefix("right_").replace("_", " ")
    return _("{name} (needs {needs})").format(name=name, needs=", ".join(of.needs)) if of.needs else name


def prediction_title(of: PredictionView) -> str:
    """The head above the table."""
    return _("{name} · prediction").format(name=of.name)


def prediction_rows(of: PredictionView) -> tuple[tuple[str, ...], ...]:
    """The table, its header first: what was said, and beside it what happened as soon as that is known."""
    if of.reality is None:
        head: tuple[str, ...] = ("", _("you say"))
        return (head, *((name, _said(of, name)) for name in of.fields))
    rows = tuple((name, _said(of, name), _shown(of.reality.get(name)), _verdict(of, name)) for name in of.fields)
    return (("", _("you said"), _("it was"), ""), *rows)


def prediction_foot(of: PredictionView) -> str:
    """What to do next."""
    if of.reality is not None:
        return ""
    missing = [name for name in of.fields if of.predicted.get(name) is None]
    if missing:
        return _("Still without a value: {names}. A guess is enough; then run this cell again.").format(
            names=", ".join(f"`{name}`" for name in missing)
        )
    return _("Kept. Run on, and compare.")


def parsons(of: ParsonsView) -> Card:
    """What to do, or whether the lines did what the right order does."""
    if of.order is None:
        return Card(
            _("{name} · put in order").format(name=of.name),
            lines=(
                Line(
                    Tone.PLAIN,
                    _(
                        "Some of the lines {first} to {last} make a program, and some belong to another one. Write "
                        'letters into the last line, as in `order = "{example}"`, and run the cell: whatever you '
                        "write is run."
                    ).format(first=of.letters[0], last=of.letters[-1], example="".join(of.letters[1::-1])),
                ),
                Line(Tone.PLAIN, _("The right order prints {lines}.").format(lines=_quoted(of.promised))),
            ),
        )
    if of.kept:
        word, tone, text = _("it works"), Tone.GOOD, _("As promised: {lines}.")
        foot: tuple[str, ...] = ()
    else:
        word, tone, text = _("not yet"), Tone.GAP, _("Promised, and not printed: {lines}.")
        foot = (_("Read what it printed, change the order, and run the cell again."),)
    said = [text.format(lines=_quoted(of.promised if of.kept else of.missing))] if of.kept or of.missing else []
    if of.code is None:
        said.append(_("It did not end by itself, and was ended."))
    elif of.code:
        said.append(_("It ended with exit code {code}.").format(code=of.code))
    title = _("{name} · {order}").format(name=of.name, order=of.order)
    return Card(title, word, tone, lines=(Line(tone, " ".join(said)),), foot=foot)


def _quoted(lines: tuple[str, ...]) -> str:
    return ", ".join(f"`{line}`" for line in lines)


def parsons_parts(of: ParsonsView) -> tuple[tuple[str, str], ...]:
    """The program that the order made and what it printed, each under its name."""
    if of.order is None:
        return ()
    # Of a long output the end is shown: there stands what went wrong.
    output = of.output if len(of.output) <= LONGEST else "…" + of.output[-LONGEST:]
    return (_("this ran"), of.source), (_("it printed"), output or _("(nothing)"))


def reset(of: ResetView) -> Card:
    """The starter is back."""
    return Card(
        f"{of.exercise} · {of.title}",
        _("starter restored"),
        Tone.PLAIN,
        lines=(
            Line(
                Tone.PLAIN,
                _(
                    "Your earlier text is kept: `inprod restore {id}` in a terminal brings it back. The answer cell "
                    "above still shows it: replace it with this before you run it again."
                ).format(id=of.exercise),
            ),
        ),
    )


def saved(of: SavedView) -> Card:
    """One of several files is in place."""
    text = _("`{file}` is in place. The cell of `{last}` runs the check; so does `%check {id}`.")
    return Card(
        f"{of.exercise} · {of.title}",
        _("saved"),
        Tone.PLAIN,
        lines=(Line(Tone.PLAIN, text.format(file=of.file, last=of.last, id=of.exercise)),),
        foot=of.notes,
    )


def stopped(title: str) -> Card:
    """A check that was interrupted."""
    return Card(
        title,
        _("stopped"),
        Tone.TROUBLE,
        _("does not count"),
        lines=(Line(Tone.PLAIN, _("You stopped the check; everything that it started has ended.")),),
    )


def cell(of: ResetView, name: str, content: str) -> str:
    """An answer cell as it shipped."""
    head = f"%%answer {of.exercise}" if len(of.files) == 1 else f"%%answer {of.exercise} {name}"
    return f"{head}\n{content}"


def live(title: str, doing: str, seconds: float) -> Card:
    """What a check that runs is doing."""
    return Card(title, _("running"), Tone.PLAIN, _("{n} s").format(n=int(seconds)), (Line(Tone.PLAIN, doing),))


def _said(of: PredictionView, name: str) -> str:
    return _shown(of.predicted.get(name))


def _shown(value: object) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int):
        return f"{value:,}"
    return value if isinstance(value, str) else f"{value}"


def _verdict(of: PredictionView, name: str) -> str:
    said = of.predicted.get(name)
    if said is None:
        return _("not predicted")
    return _("as you said") if of.reality is not None and _same(said, of.reality.get(name)) else _("different")


def _same(said: object, was: object) -> bool:
    if isinstance(said, str) and isinstance(was, str):
        return said.strip().casefold() == was.strip().casefold()
    return said == was
