"""CSV, for a spreadsheet: what is a table anyway; the header first, LF line ends."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from inprod.progress.summary import Summary
from inprod.render.views import ALONE, Around, Finding, PredictionView
from inprod.render.words import clean
from inprod.results import Report

#: A spreadsheet takes a cell that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t")


def report(of: Report, *, around: Around = ALONE, tries: int = 0, strict: bool = False) -> str:
    """A row for each observation; what could not be judged has one row, with the reason."""
    head = ("exercise", "version", "verdict", "observation", "result", "key", "saw", "needs")
    fixed = (of.exercise, of.version, of.verdict)
    rows: list[tuple[str, ...]] = [(*fixed, o.name, o.verdict, o.key, o.saw, o.needs) for o in of.observations]
    if of.problem:
        rows = [(*fixed, "", "", "", of.problem.saw, of.problem.do)]
    return _table(head, rows)


def progress(of: Summary, *, notes: Sequence[str] = ()) -> str:
    """A row for each exercise, in the course's order."""
    head = ("lesson", "exercise", "title", "state", "points", "max_points", "tries", "changed")
    rows = [
        (lesson.lesson, e.id, e.title, e.state, e.points, e.max_points, e.tries, "yes" if e.changed else "no")
        for lesson in of.lessons
        for e in lesson.exercises
    ]
    return _table(head, rows)


def doctor(findings: Iterable[Finding]) -> str:
    """A row for each thing that was looked at."""
    return _table(("name", "ok", "saw", "do"), [(f.name, "yes" if f.ok else "no", f.saw, f.do) for f in findings])


def prediction(of: PredictionView) -> str:
    """A row for each field; empty where nothing is known."""
    reality = of.reality or {}
    rows = [(name, _shown(of.predicted.get(name)), _shown(reality.get(name))) for name in of.fields]
    return _table(("field", "predicted", "reality"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue()


def _cell(value: object) -> str:
    if isinstance(value, int | float):
        return str(value)
    text = clean(str(value), limit=10_000)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _shown(value: object) -> object:
    return "" if value is None else value
