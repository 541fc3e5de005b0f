"""The learner's record: attempts, hints, predictions and the history of answers, in one file."""

from inprod.progress.schema import ProgressError
from inprod.progress.store import Kept, Progress
from inprod.progress.summary import (
    ExerciseState,
    LessonState,
    Standing,
    State,
    Summary,
    lesson_title,
    summarise,
)

__all__ = [
    "ExerciseState",
    "Kept",
    "LessonState",
    "Progress",
    "ProgressError",
    "Standing",
    "State",
    "Summary",
    "lesson_title",
    "summarise",
]
