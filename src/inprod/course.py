"""Where the course lies on this machine: the folder that holds exercises/ and notebooks/."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT_VARIABLE = "INPROD_COURSE"
WORK_VARIABLE = "INPROD_WORK"
#: Marks a learner's folder, so that a kernel started anywhere below it finds its answers.
WORK_MARKER = ".inprod-work"
#: What the course keeps for itself in the learner's folder; hidden, and made anew where it is missing.
OWN = ".inprod"


@dataclass(frozen=True)
class Course:
    """The course's folders; nothing is read or made by building this."""

    root: Path

    @property
    def exercises(self) -> Path:
        return self.root / "exercises"

    @property
    def solutions(self) -> Path:
        return self.root / "solutions"

    @property
    def notebooks(self) -> Path:
        return self.root / "notebooks"


def find_course() -> Course | None:
    """The course: INPROD_COURSE, else the nearest folder above here, else where this package was installed from."""
    named = os.environ.get(ROOT_VARIABLE)
    if named:
        return Course(Path(named).resolve())
    here = Path.cwd()
    installed = Path(__file__).resolve().parents[2]
    return _first((here, *here.parents, installed))


@cache
def _first(folders: tuple[Path, ...]) -> Course | None:
    for folder in folders:
        if (folder / "exercises").is_dir() and (folder / "pyproject.toml").is_file():
            return Course(folder)
    return None


def course() -> Course:
    """Like `find_course`, but a missing course is an error with its remedy."""
    from inprod.errors import InprodError
    from inprod.messages import _

    found = find_course()
    if found is None or not found.exercises.is_dir():
        raise InprodError(
            _("The course's folder was not found."),
            looked=_("{variable}={value}; {here} and the folders above it").format(
                variable=ROOT_VARIABLE, value=os.environ.get(ROOT_VARIABLE, ""), here=Path.cwd()
            ),
            do=_("run the command inside the course's folder, or set {variable} to it").format(variable=ROOT_VARIABLE),
        )
    return found


def work_folder(of: Course) -> Path:
    """The learner's folder: INPROD_WORK, else the marked folder around here, else `work/` of the course."""
    named = os.environ.get(WORK_VARIABLE)
    if named:
        return Path(named).resolve()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / WORK_MARKER).is_file():
            return folder
    return of.root / "work"
