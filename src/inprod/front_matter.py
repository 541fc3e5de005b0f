"""The YAML at the top of a task, a solution's why.md or a lesson: read and typed, each error with its file and line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from inprod.errors import ExerciseError
from inprod.messages import _


class Fields:
    """Typed access to front matter; each error names the file and the field's line."""

    def __init__(self, path: Path, data: Mapping[str, Any]) -> None:
        self.path = path
        self.data = data

    def error(self, name: str, trouble: str) -> ExerciseError:
        line = 1
        for number, text in enumerate(self.path.read_text(encoding="utf-8").splitlines(), start=1):
            if text.startswith(f"{name}:"):
                line = number
                break
        return ExerciseError(
            _("The field `{name}` {trouble}.").format(name=name, trouble=trouble),
            looked=f"{self.path}:{line}",
            do=_("mend that line; CONTRIBUTING.md shows the form"),
        )

    def text(self, name: str) -> str:
        value = self.data.get(name)
        if not isinstance(value, str) or not value.strip():
            raise self.error(name, _("is missing or is not text"))
        return value.strip()

    def number(self, name: str) -> int:
        value = self.data.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            raise self.error(name, _("must be a whole number above 0"))
        return value

    def names(self, name: str) -> tuple[str, ...]:
        value = self.data.get(name)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(name, _("must be a list of names, such as [postgres, redis]"))
        return tuple(value)


def front_matter(path: Path, *, optional: bool = False) -> tuple[dict[str, Any], str, int]:
    """The YAML between the two `---` lines, the text after it, and the line on which that text starts."""
    if not path.is_file():
        raise ExerciseError(
            _("A file is missing."), looked=f"{path}:1", do=_("write it; CONTRIBUTING.md shows the form")
        )
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ExerciseError(_("A file is not UTF-8 text."), looked=f"{path}:1", do=_("save it as UTF-8")) from error
    if not lines or lines[0].strip() != "---":
        if optional:
            return {}, "\n".join(lines), 1
        raise ExerciseError(
            _("The front matter is missing."), looked=f"{path}:1", do=_("start the file with a line `---`")
        )
    end = next((n for n, line in enumerate(lines[1:], start=1) if line.strip() == "---"), None)
    if end is None:
        raise ExerciseError(_("The front matter never ends."), looked=f"{path}:1", do=_("close it with a line `---`"))
    try:
        data = yaml.safe_load("\n".join(lines[1:end])) or {}
    except yaml.MarkedYAMLError as error:
        line = (error.problem_mark.line if error.problem_mark else 0) + 2
        raise ExerciseError(
            _("The front matter is not YAML: {problem}.").format(problem=error.problem),
            looked=f"{path}:{line}",
            do=_("mend that line"),
        ) from error
    if not isinstance(data, dict):
        raise ExerciseError(
            _("The front matter is not a list of fields."),
            looked=f"{path}:2",
            do=_("write `name: value` lines"),
        )
    return data, "\n".join(lines[end + 1 :]), end + 2
