"""What a learner predicts, read from a cell; and what happened, worked out in the notebook."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from typing import Any

from inprod.errors import InprodError
from inprod.messages import _

_LINE = re.compile(r"([A-Za-z_]\w*)\s*[=:](?!=)\s*(.*)")
_THOUSANDS = re.compile(r"-?\d{1,3}(,\d{3})+")
_WORDS = {"yes": True, "true": True, "no": False, "false": False}
_USAGE = "`%%predict NAME FIELD, FIELD`"


def fields(line: str) -> tuple[str, tuple[str, ...]]:
    """Name and fields of a `%%predict` line."""
    name, *found = re.split(r"[\s,]+", line.strip(" ,"))
    wrong = [field for field in found if not field.isidentifier()]
    if not name or not found or wrong:
        raise InprodError(
            _("`{field}` is no name of a field.").format(field=wrong[0]) if wrong else _("What is to be predicted?"),
            looked=f"%%predict {line.strip()}",
            do=_("write {usage}").format(usage=_USAGE),
        )
    return name, tuple(dict.fromkeys(found))


def read(names: tuple[str, ...], cell: str) -> dict[str, Any]:
    """The values in a `%%predict` cell; a field without one is left out.

    Raises:
        InprodError: a line is neither `field = value` nor empty, or names another field.
    """
    lines = [line.strip() for line in cell.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    matches = [_LINE.fullmatch(line) for line in lines]
    if len(names) == 1 and not any(m and m[1] in names for m in matches):
        guess = value("\n".join(lines))
        return {} if guess is None else {names[0]: guess}
    found = {}
    for line, match in zip(lines, matches, strict=True):
        if match is None or match[1] not in names:
            raise InprodError(
                _("This line predicts nothing that is asked for."),
                looked=line,
                do=_("write one line each: {lines}").format(lines=", ".join(f"`{name} = …`" for name in names)),
            )
        guess = value(match[2])
        if guess is not None:
            found[match[1]] = guess
    return found


def value(text: str) -> Any:
    """A number, yes or no, or another literal; what is none is text, and nothing (or `…`) is None."""
    text = text.strip()
    if text in ("", "...", "…", "?"):
        return None
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _THOUSANDS.fullmatch(text):
        return int(text.replace(",", ""))
    try:
        return plain(ast.literal_eval(text))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text


def reality(line: str, namespace: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name and values of a `%reality` line: `NAME field=expression, …`, or `NAME **mapping`.

    Raises:
        InprodError: the line is no list of `field=expression`, or an expression fails.
    """
    name, _space, rest = line.strip().partition(" ")
    try:
        call = ast.parse(f"_({rest})", mode="eval").body
    except SyntaxError:
        call = None
    pairs = call.keywords if isinstance(call, ast.Call) and not call.args else []
    if name and len(pairs) == 1 and pairs[0].arg is None:
        return name, _all_of(ast.unparse(pairs[0].value), namespace)
    names = {pair.arg for pair in pairs}
    if not name or not pairs or None in names or len(names) < len(pairs):
        raise InprodError(
            _("This is no list of fields and what they were."),
            looked=f"%reality {line.strip()}",
            do=_("write {usage}").format(usage="`%reality NAME field=expression, field=expression`"),
        )
    return name, {str(pair.arg): _worked_out(str(pair.arg), pair.value, namespace) for pair in pairs}


def worked_out(name: str, expression: str, namespace: Mapping[str, Any]) -> Any:
    """What an expression on a magic's line is in the notebook.

    Raises:
        InprodError: it is no expression, or it fails; `name` says what it was to be.
    """
    try:
        return eval(compile(expression, f"<{name}>", "eval"), dict(namespace))  # noqa: S307 - the notebook's own code
    except Exception as error:
        raise InprodError(
            _("What `{field}` was could not be worked out.").format(field=name),
            looked=f"{expression}: {type(error).__name__}: {error}",
            do=_("run the cells above, from the top, then this one again"),
        ) from error


def plain(found: Any) -> Any:
    """`found` as JSON holds it; whatever JSON has no word for, as text."""
    if hasattr(found, "item") and callable(found.item):  # a number of numpy
        found = found.item()
    try:
        return json.loads(json.dumps(found))
    except (TypeError, ValueError, RecursionError):
        return str(found)


def _all_of(expression: str, namespace: Mapping[str, Any]) -> dict[str, Any]:
    found = worked_out(f"**{expression}", expression, namespace)
    if not isinstance(found, Mapping) or not found:
        raise InprodError(
            _("This is no mapping of fields to what they were."),
            looked=f"{expression}: {type(found).__name__}",
            do=_("write {usage}").format(usage="`%reality NAME field=expression, field=expression`"),
        )
    return {str(field): plain(value) for field, value in found.items()}


def _worked_out(field: str, expression: ast.expr, namespace: Mapping[str, Any]) -> Any:
    return plain(worked_out(field, ast.unparse(expression), namespace))
