"""What a learner did, in one SQLite file that survives kernels, kill -9 and two writers at once."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from inprod.exercises import Exercise
from inprod.progress import rows, salvage, transfer
from inprod.progress.schema import DamagedError, ProgressError, reading, sound, writing
from inprod.progress.summary import Standing, Summary, summarise
from inprod.results import Report, Verdict

FILE: Final = "progress.sqlite"
ANSWERS: Final = "answers"
_T = TypeVar("_T")


@dataclass(frozen=True)
class Kept:
    """One earlier text of an answer's file."""

    uuid: str
    at: str  #: ISO 8601, UTC
    exercise: str
    file: str
    content: str
    why: str  #: `run`, `reset`, `update`, `import` or `restore`


class Progress:
    """The learner's record. Every method is one transaction of its own.

    A damaged file is moved aside and built anew on the way; `notices` then holds what to tell the learner.

    Raises:
        ProgressError: from every method: disk full, folder read-only, file held or newer than this course.
    """

    def __init__(self, work: Path) -> None:
        self.path = work / FILE
        self._answers = work / ANSWERS
        self._notices: list[str] = []
        self._looked = False

    def take_notices(self) -> tuple[str, ...]:
        """What the learner must be told, once."""
        told, self._notices = tuple(self._notices), []
        return told

    def record(self, report: Report) -> None:
        """Keep one verdict."""
        self._add(
            "attempts",
            exercise=report.exercise,
            version=report.version,
            verdict=str(report.verdict),
            report=json.dumps(report.to_dict()),
        )

    def last_report(self, exercise: str) -> Report | None:
        """The newest verdict that counts."""
        found = self._read(
            "SELECT report FROM attempts WHERE exercise = ? AND verdict IN (?, ?) ORDER BY at DESC, rowid DESC",
            (exercise, Verdict.PASS, Verdict.NOT_YET),
        )
        for row in found:
            with contextlib.suppress(ValueError, KeyError, TypeError):  # a flipped bit that SQLite cannot see
                return Report.from_dict(json.loads(row["report"]))
        return None

    def standings(self) -> dict[str, Standing]:
        """Where the learner stands, by exercise id."""
        return self._guarded(lambda: _standings(self.path))

    def standing(self, exercise: str) -> Standing:
        """Where the learner stands with one exercise."""
        return self.standings().get(exercise, Standing())

    def tries(self, exercise: str) -> int:
        """How many checks were judged; the machine's trouble never counts."""
        return self.standing(exercise).tries

    def may_see_solution(self, exercise: str) -> bool:
        """Whether the right answers are open: after a pass, or three tries."""
        return self.standing(exercise).may_see_solution

    def summary(self, exercises: Sequence[Exercise]) -> Summary:
        """The map of the course."""
        return summarise(exercises, self.standings())

    def show_hint(self, exercise: str, levels: int = 3) -> int:
        """The level of the next hint, now recorded as shown; the last one again when all were."""

        def show() -> int:
            with writing(self.path) as connection:
                seen = connection.execute("SELECT max(level) FROM hints WHERE exercise = ?", (exercise,)).fetchone()[0]
                level = min((seen or 0) + 1, levels)
                connection.execute(rows.insert("hints"), {**rows.stamp(), "exercise": exercise, "level": level})
                return level

        return self._guarded(show)

    def open_solution(self, exercise: str) -> None:
        """Record that the right answers were shown."""
        self._add("solutions", exercise=exercise)

    def predict(self, name: str, guess: Mapping[str, Any]) -> None:
        """Keep what was predicted; the newest counts."""
        self._add("predictions", name=name, guess=json.dumps(dict(guess)))

    def prediction(self, name: str) -> dict[str, Any] | None:
        """What was predicted last under this name."""
        found = self._read("SELECT guess FROM predictions WHERE name = ? ORDER BY at DESC, rowid DESC", (name,))
        for row in found:
            with contextlib.suppress(ValueError, TypeError):
                return dict(json.loads(row["guess"]))
        return None

    def keep(self, exercise: str, file: str, content: str, why: str) -> None:
        """Put a text into the history, unless it is the newest there already."""

        def add() -> None:
            with writing(self.path) as connection:
                newest = connection.execute(
                    "SELECT content FROM history WHERE exercise = ? AND file = ? ORDER BY at DESC, rowid DESC",
                    (exercise, file),
                ).fetchone()
                if newest is None or newest["content"] != content:
                    row = {"exercise": exercise, "file": file, "content": content, "why": why}
                    connection.execute(rows.insert("history"), {**rows.stamp(), **row})

        self._guarded(add)

    def kept(self, exercise: str, file: str | None = None) -> tuple[Kept, ...]:
        """The history of an exercise's answer, or of one file of it; the newest first."""
        found = self._read(
            "SELECT uuid, at, exercise, file, content, why FROM history "
            "WHERE exercise = ? AND (? IS NULL OR file = ?) ORDER BY at DESC, rowid DESC",
            (exercise, file, file),
        )
        return tuple(Kept(**dict(row)) for row in found)

    def export(self, target: Path) -> int:
        """Write everything to one JSON file; the number of records."""

        def write() -> int:
            with reading(self.path) as connection:
                return transfer.write(connection, target)

        return self._guarded(write)

    def import_(self, source: Path) -> int:
        """Add what an export holds and this file does not; a second time it changes nothing.

        Raises:
            InprodError: the file is not an export; nothing was changed.
        """
        tables = transfer.read(source)

        def merge() -> int:
            with writing(self.path) as connection:
                return transfer.merge(connection, tables)

        return self._guarded(merge)

    def _add(self, table: str, **columns: object) -> None:
        def add() -> None:
            with writing(self.path) as connection:
                connection.execute(rows.insert(table), {**rows.stamp(), **columns})

        self._guarded(add)

    def _read(self, query: str, parameters: tuple[object, ...]) -> list[Any]:
        def read() -> list[Any]:
            with reading(self.path) as connection:
                return connection.execute(query, parameters).fetchall()

        return self._guarded(read)

    def _guarded(self, work: Callable[[], _T]) -> _T:
        """Do it; where the file turns out to be damaged, repair it and do it again."""
        if not self._looked:
            # Once a process the whole file is looked at: damage must not wait for the row that it hit.
            if not sound(self.path):
                self._repair()
            self._looked = True
        try:
            return work()
        except DamagedError:
            self._repair()
        try:
            return work()
        except DamagedError as error:  # written over while we look at it: not a case for a second repair
            raise ProgressError(str(error), looked=str(self.path)) from error

    def _repair(self) -> None:
        salvaged = salvage.repair(self.path, self._answers)
        if salvaged:
            self._notices.append(salvaged.notice)


def _standings(path: Path) -> dict[str, Standing]:
    with reading(path) as connection:
        attempts = connection.execute(
            "SELECT exercise, version, verdict FROM attempts WHERE verdict IN (?, ?) ORDER BY at, rowid",
            (Verdict.PASS, Verdict.NOT_YET),
        ).fetchall()
        opened = {row[0] for row in connection.execute("SELECT DISTINCT exercise FROM solutions")}
        hints = dict(connection.execute("SELECT exercise, max(level) FROM hints GROUP BY exercise").fetchall())
    tries: dict[str, int] = {}
    passed: dict[str, str] = {}
    for row in attempts:
        tries[row["exercise"]] = tries.get(row["exercise"], 0) + 1
        if row["verdict"] == Verdict.PASS:
            passed[row["exercise"]] = row["version"]
    return {
        exercise: Standing(
            tries=tries.get(exercise, 0),
            passed=exercise in passed,
            passed_version=passed.get(exercise, ""),
            solution_opened=exercise in opened,
            hints=hints.get(exercise, 0),
        )
        for exercise in tries.keys() | opened | hints.keys()
    }
