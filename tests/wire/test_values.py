"""Values cross as exact built-in types, or inert."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import json
import math
import uuid
from typing import Any

import pytest

from inprod.wire import values


def crossed(value: object) -> Any:
    return values.decode(json.loads(json.dumps(values.encode(value))))


@dataclasses.dataclass
class Point:
    x: int
    y: list[int]


PLAIN: list[object] = [
    None, True, 0, -1, 2**53, -(2**70), 1.5, "é", "", [], [1, [2]], {"a": {"b": 1}}, (1, (2,)), {1, 2}, b"\x00\xff",
    {1: "a", (2, 3): "b"}, {"$": 1}, decimal.Decimal("1.10"), dt.date(2026, 1, 2), dt.time(3, 4),
    dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC), dt.timedelta(days=-1, microseconds=3), uuid.UUID(int=7), math.inf,
]  # fmt: skip


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_values_come_back_equal_and_of_the_same_type(value: object) -> None:
    """What a check compares is the value itself."""
    back = crossed(value)
    assert back == value
    assert type(back) is type(value)


def test_nan_stays_nan() -> None:
    """NaN has a tag of its own, since JSON has no word for it."""
    assert math.isnan(crossed(math.nan))


def test_a_dataclass_becomes_a_dict_and_an_iterator_a_list() -> None:
    """Both have a plain form that a check can compare."""
    assert crossed(Point(1, [2])) == {"x": 1, "y": [2]}
    assert crossed(n for n in range(3)) == [0, 1, 2]


def test_an_endless_iterator_is_cut() -> None:
    """A thousand items are enough to judge."""
    import itertools

    assert crossed(itertools.count()) == list(range(values.MAX_ITEMS))


class Liar(str):
    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = str.__hash__


@pytest.mark.parametrize("value", [Liar("a"), object(), len, Point, type("I", (int,), {})(3)], ids=repr)
def test_what_is_not_plain_is_inert(value: object) -> None:
    """A subclass may lie about equality, so it does not arrive as what it claims to be."""
    back = crossed(value)
    assert type(back) is values.Obj
    assert (back == value, back == back, back != back) == (False, False, True)


DEEP: Any = [0]
for _ in range(200):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    "data",
    [{"$": "nothing", "v": 1}, {"$": "date", "v": "x"}, {"$": "int", "v": "f" * 9000}, {"$": "set", "v": 1}, {"$": 1}],
    ids=str,
)
def test_forged_tags_are_inert(data: dict[str, Any]) -> None:
    """What an answer writes by hand on its descriptor cannot crash the judge."""
    assert type(values.decode(data)) is values.Obj


def test_deep_nesting_is_cut() -> None:
    """A value deeper than sixty levels ends in an inert one."""
    back = crossed(DEEP)
    while isinstance(back, list):
        back = back[0]
    assert type(back) is values.Obj
