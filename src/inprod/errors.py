"""Errors that a person can act on: what happened, where we looked, what to do."""

from __future__ import annotations

from inprod.messages import _

USAGE = 2
COULD_NOT_JUDGE = 3


class InprodError(Exception):
    """What the user asked for cannot be done as asked; the command ends with `exit_code`."""

    exit_code = USAGE

    def __init__(self, what: str, *, looked: str = "", do: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.looked = looked
        self.do = do

    def __str__(self) -> str:
        lines = [self.what]
        if self.looked:
            lines.append(_("  looked: {looked}").format(looked=self.looked))
        if self.do:
            lines.append(_("  do:     {do}").format(do=self.do))
        return "\n".join(lines)

    def _render_traceback_(self) -> list[str]:
        """What IPython shows when a cell raises it: these lines, no traceback."""
        return str(self).split("\n")


class ServiceError(InprodError):
    """A server could not be had, or it stopped: the machine's trouble, never the learner's."""

    exit_code = COULD_NOT_JUDGE


class ExerciseError(InprodError):
    """An exercise folder is malformed; `looked` names the file and line."""
