"""The card before it is set: the same lines for the notebook and for the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from inprod.errors import InprodError
from inprod.messages import _, ngettext
from inprod.render.views import Around, Finding
from inprod.results import Observation, Report, Verdict

#: Head, observations, the explained one and what follows it: more is not read.
MAX_LINES = 12


class Tone(Enum):
    """What a card, or one line of it, says at first sight; the words say it too."""

    GOOD = "good"
    GAP = "gap"
    TROUBLE = "trouble"
    PLAIN = "plain"


@dataclass(frozen=True)
class Fact:
    """A short label and its sentence: `saw`, `why`, `do`."""

    label: str
    text: str


@dataclass(frozen=True)
class Line:
    """One line of the list, perhaps explained."""

    tone: Tone
    text: str
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True)
class Card:
    """A head, a list, facts and a foot; each may be empty."""

    title: str
    word: str = ""  #: the verdict
    tone: Tone = Tone.PLAIN
    meta: str = ""
    lines: tuple[Line, ...] = ()
    facts: tuple[Fact, ...] = ()
    body: str = ""  #: Markdown
    foot: tuple[str, ...] = ()
    observed: tuple[Line, ...] = ()  #: shown on request

    @property
    def label(self) -> str:
        """The card's name for those who do not see it."""
        return ", ".join(part for part in (self.title, self.word, self.meta) if part)


def report(of: Report, around: Around, tries: int, *, strict: bool) -> Card:
    """The card of one check."""
    title = f"{of.exercise} · {of.title}"
    match of.verdict:
        case Verdict.PASS:
            return Card(
                title,
                _("pass"),
                Tone.GOOD,
                _meta(of, around, strict=strict),
                body=around.after_pass,
                foot=(*_after_pass(of, around), *around.notes),
                observed=tuple(Line(Tone.GOOD, o.sentence) for o in of.observations),
            )
        case Verdict.NOT_YET:
            return Card(
                title,
                _("not yet"),
                Tone.GAP,
                _meta(of, around, strict=strict),
                lines=_observations(of, tries, len(around.notes)),
                foot=around.notes,
            )
        case _:
            word = _("could not judge") if of.verdict is Verdict.COULD_NOT_JUDGE else _("not run")
            problem = of.problem
            facts = (
                (_("saw"), problem.saw if problem else ""),
                (_("looked"), problem.looked if problem else ""),
                (_("do"), problem.do if problem else ""),
            )
            return Card(title, word, Tone.TROUBLE, _("does not count"), facts=_facts(facts), foot=around.notes)


def error(of: InprodError) -> Card:
    """An error that a person can act on."""
    return Card(of.what, tone=Tone.TROUBLE, facts=_facts([(_("looked"), of.looked), (_("do"), of.do)]))


def doctor(findings: Iterable[Finding]) -> Card:
    """What this machine has and lacks."""
    seen = list(findings)
    missing = sum(not f.ok for f in seen)
    word = (
        ngettext("{n} thing to look at", "{n} things to look at", missing).format(n=missing)
        if missing
        else _("all is well")
    )
    return Card(
        _("This machine"),
        word,
        Tone.GAP if missing else Tone.GOOD,
        lines=tuple(
            Line(
                Tone.GOOD if f.ok else Tone.GAP,
                f"{f.name}: {f.saw}" if f.saw else f.name,
                _facts([(_("do"), f.do)]) if f.do else (),
            )
            for f in seen
        ),
    )


def _meta(of: Report, around: Around, *, strict: bool) -> str:
    parts = [_("{n} of {total} hold").format(n=of.observed, total=len(of.observations))]
    if of.verdict is Verdict.PASS:
        parts.append(ngettext("{n} point", "{n} points", of.points).format(n=of.points))
    # Which servers judged is true on this machine only, so it has no place in what is compared.
    if of.backend and around.servers and not strict:
        parts.append(_("{backend} servers").format(backend=of.backend))
    return " · ".join(parts)


def _after_pass(of: Report, around: Around) -> tuple[str, ...]:
    parts = []
    if around.others:
        parts.append(
            ngettext(
                "{n} other right answer, and what it costs: `%solution {id}`",
                "{n} other right answers, and what each costs: `%solution {id}`",
                around.others,
            ).format(n=around.others, id=of.exercise)
        )
    if around.next:
        parts.append(
            _("next: {id} · {title}, {minutes} min").format(
                id=around.next.id, title=around.next.title, minutes=around.next.minutes
            )
        )
    return (" · ".join(parts),) if parts else ()


def _observations(of: Report, tries: int, notes: int) -> tuple[Line, ...]:
    """All that passed, the first that did not with its reasons, and how many more there are."""
    failed = [o for o in of.failed if o.verdict is not Verdict.NOT_RUN]
    first = failed[0] if failed else None
    after = _further(len(failed) - 1, sum(o.verdict is Verdict.NOT_RUN for o in of.failed))
    facts = _gap(first, of.exercise, tries) if first else ()
    room = MAX_LINES - 1 - notes - len(after) - (1 + len(facts) if first else 0)
    shown = _passed(of, first, room)
    return (*(Line(_tone(o), o.sentence, facts if o is first else ()) for o in shown[0]), *shown[1], *after)


def _tone(of: Observation) -> Tone:
    return Tone.GOOD if of.verdict is Verdict.PASS else Tone.GAP


def _passed(of: Report, first: Observation | None, room: int) -> tuple[list[Observation], list[Line]]:
    """What is shown in the order of the check, and a line for the passed ones that find no room."""
    passed = [o for o in of.observations if o.verdict is Verdict.PASS]
    if len(passed) <= room:
        hidden: list[Observation] = []
    else:
        hidden = passed[max(room - 1, 0) :]
    shown = [o for o in of.observations if o is first or (o in passed and o not in hidden)]
    if not hidden:
        return shown, []
    text = ngettext("{n} more observation passes.", "{n} more observations pass.", len(hidden))
    return shown, [Line(Tone.GOOD, text.format(n=len(hidden)))]


def _further(failing: int, unreached: int) -> list[Line]:
    lines = []
    if failing > 0:
        text = ngettext(
            "{n} further observation also fails; it may follow from this one.",
            "{n} further observations also fail; they may follow from this one.",
            failing,
        )
        lines.append(Line(Tone.PLAIN, text.format(n=failing)))
    if unreached:
        text = ngettext(
            "{n} further observation was not reached.",
            "{n} further observations were not reached.",
            unreached,
        )
        lines.append(Line(Tone.PLAIN, text.format(n=unreached)))
    return lines


def _gap(of: Observation, exercise: str, tries: int) -> tuple[Fact, ...]:
    attempt = of.try_.strip().rstrip(".") or _("Read the task once more")
    if attempt.endswith(("?", "!")):
        ask = (
            _("{try_} Or ask `%hint {id}`; `%solution {id}` is open") if tries >= 3 else _("{try_} Or ask `%hint {id}`")
        )
    elif tries >= 3:
        ask = _("{try_}, or ask `%hint {id}`; `%solution {id}` is open")
    else:
        ask = _("{try_}, or ask `%hint {id}`")
    return _facts(
        [
            (_("did"), of.did),
            (_("saw"), of.saw),
            (_("needs"), of.needs),
            (_("why"), of.why),
            (_("try"), ask.format(try_=attempt, id=exercise)),
        ]
    )


def _facts(pairs: Iterable[tuple[str, str]]) -> tuple[Fact, ...]:
    return tuple(Fact(label, text.strip()) for label, text in pairs if text.strip())
