"""How far a learner has come: plain data for the map."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from inprod.exercises import Exercise

#: From this try on the right answers are open; a pass opens them at once.
TRIES_UNTIL_SOLUTION = 3


class State(StrEnum):
    """Where a learner stands with one exercise."""

    PASSED = "passed"
    TRIED = "tried"
    OPEN = "open"


@dataclass(frozen=True)
class Standing:
    """What is recorded about one exercise, whatever its text says today."""

    tries: int = 0  #: checks that were judged; the machine's trouble never counts
    passed: bool = False
    passed_version: str = ""  #: of the last pass
    solution_opened: bool = False
    hints: int = 0  #: the highest one shown

    @property
    def may_see_solution(self) -> bool:
        """Whether the right answers are open: after a pass, or three tries."""
        return self.passed or self.tries >= TRIES_UNTIL_SOLUTION

    @property
    def state(self) -> State:
        if self.passed:
            return State.PASSED
        return State.TRIED if self.tries else State.OPEN


@dataclass(frozen=True)
class ExerciseState:
    """One field of the map."""

    id: str
    title: str
    state: State
    points: int
    max_points: int
    tries: int
    changed: bool  #: the exercise is not what it was when it was passed; the pass stays a pass


@dataclass(frozen=True)
class LessonState:
    """One row of the map."""

    lesson: str  #: folder name
    title: str
    exercises: tuple[ExerciseState, ...]

    @property
    def passed(self) -> int:
        return sum(e.state is State.PASSED for e in self.exercises)


@dataclass(frozen=True)
class Summary:
    """The map, in the course's order."""

    lessons: tuple[LessonState, ...]

    @property
    def exercises(self) -> tuple[ExerciseState, ...]:
        return tuple(e for lesson in self.lessons for e in lesson.exercises)

    @property
    def passed(self) -> int:
        return sum(lesson.passed for lesson in self.lessons)

    @property
    def total(self) -> int:
        return len(self.exercises)

    @property
    def points(self) -> int:
        return sum(e.points for e in self.exercises)

    @property
    def max_points(self) -> int:
        return sum(e.max_points for e in self.exercises)


def summarise(exercises: Sequence[Exercise], standings: Mapping[str, Standing]) -> Summary:
    """The map of these exercises; what is recorded of others is left aside."""
    return Summary(
        tuple(
            _lesson(lesson, of_lesson, standings)
            for lesson, of_lesson in itertools.groupby(exercises, key=lambda e: e.lesson)
        )
    )


def lesson_title(folder: str) -> str:
    """`01a_unit_tests` reads "01a · Unit tests"."""
    number, _sep, words = folder.partition("_")
    words = words.replace("_", " ")
    return f"{number} · {words[:1].upper()}{words[1:]}" if words else number


def _lesson(lesson: str, exercises: Iterable[Exercise], standings: Mapping[str, Standing]) -> LessonState:
    return LessonState(
        lesson,
        lesson_title(lesson),
        tuple(_exercise(e, standings.get(e.id, Standing())) for e in exercises),
    )


def _exercise(exercise: Exercise, standing: Standing) -> ExerciseState:
    return ExerciseState(
        id=exercise.id,
        title=exercise.title,
        state=standing.state,
        points=exercise.points if standing.passed else 0,
        max_points=exercise.points,
        tries=standing.tries,
        changed=standing.passed and standing.passed_version != exercise.version,
    )
