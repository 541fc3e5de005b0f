"""JSON, for programs: the same functions as `text`, one object each, `schema` first; keys are only ever added."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from inprod.errors import InprodError
from inprod.progress.summary import ExerciseState, Summary
from inprod.render.views import ALONE, Around, Finding, HintView, PredictionView, ResetView, SavedView, SolutionView
from inprod.results import SCHEMA, Report

#: What is true on one machine at one moment, and so never compared.
_PASSING = ("seed", "backend", "servers", "walls", "seconds", "at")


def report(of: Report, *, around: Around = ALONE, tries: int = 0, strict: bool = False) -> str:
    """The Report, whole; strictly, without what differs between two runs."""
    data = of.to_dict()
    if strict:
        data = {name: value for name, value in data.items() if name not in _PASSING}
    return _dump({**data, "tries": tries, "notes": list(around.notes)})


def error(of: InprodError) -> str:
    """An error that a person can act on."""
    return _dump({"error": of.what, "looked": of.looked, "do": of.do, "exit": of.exit_code})


def doctor(findings: Iterable[Finding]) -> str:
    """What this machine has and lacks."""
    return _dump({"findings": [{"name": f.name, "ok": f.ok, "saw": f.saw, "do": f.do} for f in findings]})


def progress(of: Summary, *, notes: Sequence[str] = ()) -> str:
    """The map."""
    lessons = [
        {
            "lesson": lesson.lesson,
            "title": lesson.title,
            "passed": lesson.passed,
            "exercises": [_exercise(e) for e in lesson.exercises],
        }
        for lesson in of.lessons
    ]
    return _dump(
        {
            "passed": of.passed,
            "total": of.total,
            "points": of.points,
            "max_points": of.max_points,
            "lessons": lessons,
            "notes": list(notes),
        }
    )


def hint(of: HintView) -> str:
    """One hint."""
    return _dump({"exercise": of.exercise, "title": of.title, "level": of.level, "text": of.text})


def solution(of: SolutionView) -> str:
    """The right answers with their trade-offs, or until when they stay closed."""
    answers = [{"name": a.name, "why": a.why, "needs": list(a.needs), "files": dict(a.files)} for a in of.answers]
    return _dump({"exercise": of.exercise, "title": of.title, "answers": answers, "closed": of.closed})


def prediction(of: PredictionView) -> str:
    """What was predicted, beside what happened."""
    reality = None if of.reality is None else {name: _plain(of.reality.get(name)) for name in of.fields}
    predicted = {name: _plain(of.predicted.get(name)) for name in of.fields}
    return _dump({"name": of.name, "predicted": predicted, "reality": reality})


def reset(of: ResetView) -> str:
    """The starter is back."""
    return _dump({"exercise": of.exercise, "title": of.title, "files": dict(of.files)})


def saved(of: SavedView) -> str:
    """One of several files is in place."""
    return _dump({"exercise": of.exercise, "saved": of.file, "last": of.last, "notes": list(of.notes)})


def _exercise(of: ExerciseState) -> dict[str, Any]:
    return {
        "id": of.id,
        "title": of.title,
        "state": str(of.state),
        "points": of.points,
        "max_points": of.max_points,
        "tries": of.tries,
        "changed": of.changed,
    }


def _plain(value: Any) -> Any:
    """A prediction may be any literal; JSON has a word for most of them."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return repr(value)
    return value


def _dump(data: dict[str, Any]) -> str:
    # ASCII escapes: a lone surrogate out of an answer must not keep a report from being printed.
    return json.dumps({"schema": SCHEMA, **data}, indent=1, ensure_ascii=not _encodable(data))


def _encodable(data: dict[str, Any]) -> bool:
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
