"""Values that cross from an answer to its judge: plain JSON with tags, rebuilt as exact built-in types.

An answer may return an object whose `==` is always true. So nothing of the answer's own types arrives:
what is not a known plain type becomes an inert `Obj`, which equals nothing.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import decimal
import itertools
import math
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

TAG = "$"
MAX_ITEMS = 1000  #: of an iterator that may never end
_MAX_DEPTH = 60
_MAX_DIGITS = 4000  # int() refuses longer strings by default


class Obj:
    """Something that has no plain form: its type's name and its repr, equal to nothing, not even itself."""

    __slots__ = ("text", "type_name")

    def __init__(self, type_name: str, text: str) -> None:
        self.type_name = type_name
        self.text = text

    def __eq__(self, other: object) -> bool:
        return False

    def __ne__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]  # what equals nothing is no key either

    def __repr__(self) -> str:
        return f"<{self.type_name}: {self.text}>"


def encode(value: object, depth: int = 0) -> Any:
    """`value` as JSON data. Types are compared exactly: a subclass of str is an Obj, not a str."""
    kind = type(value)
    if depth > _MAX_DEPTH:
        return _obj(value)
    if value is None or kind is bool or kind is str:
        return value
    if kind is int:
        return value if -(2**53) < value < 2**53 else _tag("int", _digits(value))  # type: ignore[operator,arg-type]
    if kind is float:
        return value if math.isfinite(value) else _tag("float", repr(value))  # type: ignore[arg-type]
    if kind is list:
        return [encode(item, depth + 1) for item in value]  # type: ignore[attr-defined]
    if kind is dict:
        return _mapping(value, depth)  # type: ignore[arg-type]
    if kind is tuple:
        return _tag("tuple", [encode(item, depth + 1) for item in value])  # type: ignore[attr-defined]
    if kind in (set, frozenset):
        return _tag("set", [encode(item, depth + 1) for item in value])  # type: ignore[attr-defined]
    return _special(value, depth)


def _special(value: object, depth: int) -> Any:
    kind = type(value)
    if kind in (bytes, bytearray):
        return _tag("bytes", base64.b64encode(bytes(value)).decode())  # type: ignore[call-overload]
    if kind is decimal.Decimal:
        return _tag("decimal", str(value))
    if kind in (dt.datetime, dt.date, dt.time):
        return _tag(kind.__name__, value.isoformat())  # type: ignore[attr-defined]
    if kind is dt.timedelta:
        return _tag("timedelta", [value.days, value.seconds, value.microseconds])  # type: ignore[attr-defined]
    if kind is uuid.UUID:
        return _tag("uuid", str(value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [f.name for f in dataclasses.fields(value)]
        return _mapping({name: getattr(value, name) for name in names}, depth)
    if isinstance(value, Iterator):
        return [encode(item, depth + 1) for item in itertools.islice(value, MAX_ITEMS)]
    return _obj(value)


def _mapping(value: Mapping[object, object], depth: int) -> Any:
    if all(type(key) is str for key in value) and TAG not in value:
        return {key: encode(item, depth + 1) for key, item in value.items()}
    return _tag("dict", [[encode(k, depth + 1), encode(v, depth + 1)] for k, v in value.items()])


def _tag(name: str, data: Any) -> dict[str, Any]:
    return {TAG: name, "v": data}


def _digits(value: int) -> str:
    return hex(value)


def _obj(value: object) -> dict[str, Any]:
    try:
        text = repr(value)[:200]
    except Exception:  # an answer's __repr__ may do anything
        text = "…"
    return _tag("obj", [type(value).__name__[:80], text])


def decode(data: Any, depth: int = 0) -> Any:
    """The value behind JSON data that an answer's process sent; whatever is malformed becomes an Obj."""
    if depth > 2 * _MAX_DEPTH:
        return Obj("value", "…")
    if isinstance(data, list):
        return [decode(item, depth + 1) for item in data]
    if not isinstance(data, dict):
        return data
    if TAG not in data:
        return {key: decode(item, depth + 1) for key, item in data.items()}
    try:
        return _untag(data[TAG], data["v"], depth)
    except Exception:  # forged or broken: it stays inert
        return Obj("value", str(data)[:200])


def _untag(name: str, data: Any, depth: int) -> Any:
    match name:
        case "int":
            if len(data) > _MAX_DIGITS:
                return Obj("int", data[:40])
            return int(data, 16)
        case "float":
            return float(data)
        case "tuple":
            return tuple(decode(item, depth + 1) for item in data)
        case "set":
            return {decode(item, depth + 1) for item in data}
        case "dict":
            return {decode(k, depth + 1): decode(v, depth + 1) for k, v in data}
        case "bytes":
            return base64.b64decode(data)
        case "decimal":
            return decimal.Decimal(data)
        case "datetime" | "date" | "time":
            return getattr(dt, name).fromisoformat(data)
        case "timedelta":
            return dt.timedelta(*data)
        case "uuid":
            return uuid.UUID(data)
        case "obj":
            return Obj(str(data[0]), str(data[1]))
        case _:
            return Obj("value", str(data)[:200])
