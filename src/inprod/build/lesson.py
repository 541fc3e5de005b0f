"""A lesson's source, MyST Markdown, as a list of blocks that know their line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from inprod.errors import InprodError
from inprod.front_matter import Fields, front_matter
from inprod.messages import _

FORMS = ("first", "full")
_FIELDS = frozenset({"title", "chapter", "minutes", "languages", "form", "kernelspec"})
_OPTIONS = frozenset({"id", "tags", "reason", "order"})
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_EXERCISE = re.compile(r"\{exercise\}[ \t]+([A-Z]{1,2}\d{1,2})")
_JUPYTEXT_LINE = re.compile(r"\bat line (\d+)")


class LessonError(InprodError):
    """A lesson cannot be read; `looked` names the file and line."""


class Kind(StrEnum):
    """What a block of a lesson becomes."""

    PROSE = "prose"
    CODE = "code"
    EXERCISE = "exercise"


@dataclass(frozen=True)
class Block:
    """One piece of a lesson: a Markdown cell, a code cell, or the place of an exercise."""

    kind: Kind
    source: str  #: Markdown, code, or the exercise's id
    line: int  #: of the file, where `source` begins
    part: str  #: which part of the template it stands in
    id: str = ""  #: of a code cell
    tags: tuple[str, ...] = ()
    reason: str = ""  #: why an output is not compared
    order: str = ""  #: of a Parsons problem: the right one, for the solutions alone


@dataclass(frozen=True)
class Lesson:
    """One lesson as its author wrote it."""

    name: str  #: the file's, without suffix
    path: Path
    title: str
    chapter: int
    minutes: int
    languages: tuple[str, ...]
    form: str
    blocks: tuple[Block, ...]

    def of_kind(self, kind: Kind) -> tuple[Block, ...]:
        return tuple(block for block in self.blocks if block.kind is kind)


def read_lesson(path: Path) -> Lesson:
    """The lesson in `path`.

    Raises:
        LessonError: a cell or a place of an exercise is malformed.
        ExerciseError: the front matter is.
    """
    data, _body, _line = front_matter(path)
    field = Fields(path, data)
    if extra := sorted(set(data) - _FIELDS):
        raise field.error(extra[0], _("is not a field of a lesson"))
    chapter = data.get("chapter")
    if not isinstance(chapter, int) or isinstance(chapter, bool) or chapter < 0:
        raise field.error("chapter", _("must be the chapter's number"))
    form = field.text("form") if "form" in data else "full"
    if form not in FORMS:
        raise field.error("form", _("must be one of {known}, not {form!r}").format(known=", ".join(FORMS), form=form))
    languages = field.names("languages")
    if "en" not in languages:
        raise field.error("languages", _("must name en, the language of the source"))
    return Lesson(
        name=path.stem,
        path=path,
        title=field.text("title"),
        chapter=chapter,
        minutes=field.number("minutes"),
        languages=languages,
        form=form,
        blocks=tuple(_blocks(path)),
    )


def error_at(path: Path, line: int, what: str, do: str) -> LessonError:
    """A LessonError that names file and line."""
    return LessonError(what, looked=f"{path}:{line}", do=do)


def _blocks(path: Path) -> Iterator[Block]:
    text = path.read_text(encoding="utf-8")
    notebook = _jupytext(path, text)
    lines = text.splitlines()
    part = ""
    seen: dict[str, int] = {}
    for cell, start in zip(notebook.cells, notebook.metadata["source_map"], strict=True):
        if cell.cell_type == "markdown":
            part = str(cell.metadata.get("part", part))
            yield from _prose(path, cell.source, _first_text(lines, start), part)
        elif cell.cell_type == "code":
            block = _code(path, cell, lines, start, part)
            if block.id in seen:
                raise error_at(
                    path,
                    start,
                    _("The id {id} stands twice.").format(id=block.id),
                    _("line {line} has it as well; change the newer one").format(line=seen[block.id]),
                )
            seen[block.id] = start
            yield block
        else:
            raise error_at(
                path,
                start,
                _("A lesson has no {kind} cells.").format(kind=cell.cell_type),
                _("use a code cell or prose"),
            )


def _jupytext(path: Path, text: str) -> Any:
    # Loading jupytext takes a second, which no other command of this package should pay.
    from jupytext.myst import MystMetadataParsingError, myst_to_notebook

    try:
        return myst_to_notebook(text, add_source_map=True)
    except MystMetadataParsingError as error:
        line = _JUPYTEXT_LINE.search(str(error))
        raise error_at(
            path,
            int(line[1]) if line else 1,
            _("A cell's options cannot be read: {problem}.").format(problem=str(error).splitlines()[0].rstrip(":. ")),
            _("write them as `:name: value` lines, or as JSON after +++"),
        ) from error


def _first_text(lines: list[str], start: int) -> int:
    """The number, from 1, of the first line from `start` (from 0) that is not blank."""
    while start < len(lines) and not lines[start].strip():
        start += 1
    return start + 1


def _code(path: Path, cell: Any, lines: list[str], fence: int, part: str) -> Block:
    options = dict(cell.metadata)
    if extra := sorted(set(options) - _OPTIONS):
        raise error_at(
            path,
            fence,
            _("A code cell has no option {name}.").format(name=extra[0]),
            _("use {known}").format(known=", ".join(f":{name}:" for name in sorted(_OPTIONS))),
        )
    cell_id = str(options.get("id", ""))
    if not _ID.fullmatch(cell_id):
        raise error_at(
            path,
            fence,
            _("A code cell has no :id:.") if not cell_id else _("{id!r} is no id.").format(id=cell_id),
            _("write a line `:id: name` below the fence; letters, digits, - and _ make a name"),
        )
    tags = options.get("tags", [])
    if not isinstance(tags, list):
        raise error_at(path, fence, _("The :tags: are not a list."), _("write them as [one, two]"))
    first = fence  # the fence's own line, from 1, is the next line's index from 0
    while first < len(lines) and lines[first].lstrip().startswith(":"):
        first += 1
    return Block(
        kind=Kind.CODE,
        source=cell.source,
        line=_first_text(lines, first),
        part=part,
        id=cell_id,
        tags=tuple(str(tag) for tag in tags),
        reason=str(options.get("reason", "")),
        order=str(options.get("order", "")),
    )


def _prose(path: Path, source: str, line: int, part: str) -> Iterator[Block]:
    """The Markdown cut at each paragraph that is a place of an exercise."""
    from markdown_it import MarkdownIt

    lines = source.split("\n")
    start = 0
    for token in MarkdownIt("commonmark").enable("table").parse(source):
        if token.type != "inline" or "{exercise}" not in token.content or token.map is None:
            continue
        first, after = token.map
        place = _EXERCISE.fullmatch(token.content.strip())
        if place is None or token.level != 1 or lines[first].startswith("#"):
            raise error_at(
                path,
                line + first,
                _("This place of an exercise cannot be read."),
                _("write `{exercise} T2` as a paragraph of its own"),
            )
        yield from _text(lines[start:first], line + start, part)
        yield Block(Kind.EXERCISE, place[1], line + first, part)
        start = after
    yield from _text(lines[start:], line + start, part)


def _text(lines: list[str], line: int, part: str) -> Iterator[Block]:
    text = "\n".join(lines)
    if text.strip():
        blank = next(n for n, one in enumerate(lines) if one.strip())
        yield Block(Kind.PROSE, text.strip("\n"), line + blank, part)
