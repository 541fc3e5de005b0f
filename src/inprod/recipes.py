"""course.toml: the sample databases that a course fills by a command, and what of it a learner gets to read."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from inprod.course import Course
from inprod.errors import InprodError
from inprod.messages import _

FILE = "course.toml"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,20}")


@dataclass(frozen=True)
class Recipe:
    """How a sample database is filled, and which files decide whether one that was filled before is still the same."""

    name: str
    make: tuple[str, ...]  #: a command; `python` is this interpreter, DATABASE_URL names the empty database
    sources: tuple[Path, ...]  #: files and folders
    root: Path  #: where the command is run

    @cached_property
    def digest(self) -> str:
        """Eight hex digits over the command and the contents of its sources."""
        digest = hashlib.sha256(repr(self.make).encode())
        for path in sorted(found for source in self.sources for found in _files(source)):
            digest.update(f"\0{path.relative_to(self.root).as_posix()}\0".encode())
            digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
        return digest.hexdigest()[:8]


@dataclass(frozen=True)
class CourseFile:
    """What a course.toml says; a course without one has neither."""

    databases: Mapping[str, Recipe] = field(default_factory=dict)
    show: tuple[Path, ...] = ()  #: folders that a learner gets as copies to read


def load(course: Course) -> CourseFile:
    """Read course.toml.

    Raises:
        InprodError: it is malformed; file and key are named.
    """
    path = course.root / FILE
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return CourseFile()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InprodError(
            _("{file} can't be read: {error}.").format(file=FILE, error=error), looked=str(path), do=_("mend that line")
        ) from error
    table = _Table(path, "", data)
    table.only("databases", "work")
    databases, work = table.table("databases"), table.table("work")
    work.only("show")
    return CourseFile(
        databases={name: _recipe(databases.table(name), name, course.root) for name in databases.data},
        show=work.paths("show", course.root) if work.data else (),
    )


def _recipe(table: _Table, name: str, root: Path) -> Recipe:
    if not _NAME.fullmatch(name):
        raise table.error("", _("needs a name of a-z, 0-9 and _"))
    table.only("make", "from")
    make = table.texts("make")
    if not make:
        raise table.error("make", _('must be a command, such as ["python", "-m", "app.seed"]'))
    return Recipe(name, make, table.paths("from", root), root)


def _files(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    return [p for p in source.rglob("*") if p.is_file() and "__pycache__" not in p.parts and p.suffix != ".pyc"]


@dataclass(frozen=True)
class _Table:
    """Typed access to one table; each error names the file and the key."""

    path: Path
    key: str
    data: Mapping[str, Any]

    def error(self, name: str, trouble: str) -> InprodError:
        key = ".".join(filter(None, [self.key, name]))
        return InprodError(
            _("`{key}` in {file} {trouble}.").format(key=key, file=FILE, trouble=trouble),
            looked=str(self.path),
            do=_("mend it; CONTRIBUTING.md shows the form"),
        )

    def only(self, *known: str) -> None:
        if unknown := sorted(set(self.data) - set(known)):
            raise self.error(unknown[0], _("is not known; {known} are").format(known=", ".join(known)))

    def table(self, name: str) -> _Table:
        value = self.data.get(name, {})
        if not isinstance(value, dict):
            raise self.error(name, _("must be a table"))
        return _Table(self.path, ".".join(filter(None, [self.key, name])), value)

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.data.get(name)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(name, _("must be a list of texts"))
        return tuple(value)

    def paths(self, name: str, root: Path) -> tuple[Path, ...]:
        found = []
        for text in self.texts(name):
            path = (root / text).resolve()
            if not path.is_relative_to(root.resolve()) or path == root.resolve():
                raise self.error(name, _("must stay inside the course, and {path} does not").format(path=text))
            if not path.exists():
                raise self.error(name, _("names {path}, which is not there").format(path=text))
            found.append(root / text)
        return tuple(found)
