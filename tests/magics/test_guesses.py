"""What a learner writes as a guess, and how it is understood."""

from __future__ import annotations

from typing import Any

import pytest

from inprod.errors import InprodError
from inprod.magics import guesses


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("21", 21),
        (" 3.5 ", 3.5),
        ("20,000", 20000),
        ("-1,234,567", -1234567),
        ("1,2", [1, 2]),
        ("21  # or so", 21),
        ("Yes", True),
        ("no", False),
        ("None", None),
        ("", None),
        ("...", None),
        ("?", None),
        ("'quoted'", "quoted"),
        ("a seq scan", "a seq scan"),
        ("{1, 2}", "{1, 2}"),
        ("__import__('os')", "__import__('os')"),
        ("(" * 5000, "(" * 5000),
    ],
)
def test_values(text: str, value: Any) -> None:
    """Numbers as people write them, literals, and text for the rest; nothing is run."""
    assert guesses.value(text) == value


def test_fields() -> None:
    """Commas or spaces; a field twice is one."""
    assert guesses.fields("page n, m  n") == ("page", ("n", "m"))
    assert guesses.fields("01a-c1 answer") == ("01a-c1", ("answer",))


def test_one_field_may_be_a_sentence() -> None:
    """Also one with an equals sign in it, and of more than one line."""
    assert guesses.read(("why",), "because x = 3\nand more") == {"why": "because x = 3\nand more"}
    assert guesses.read(("why",), "why: because x == 3") == {"why": "because x == 3"}


def test_reality_is_the_notebooks_own_python() -> None:
    """Names, calls and braces; what JSON has no word for is shown as text."""
    name, was = guesses.reality("page n=len(rows), s={1}, d={'a': rows}['a']", {"rows": [1, 2]})
    assert (name, was) == ("page", {"n": 2, "s": "{1}", "d": [1, 2]})
    assert guesses.reality("page **found", {"found": {"n": 1, "s": {2}}}) == ("page", {"n": 1, "s": "{2}"})


@pytest.mark.parametrize(
    "line",
    [
        "",
        "page",
        "page 1",
        "page **{}",
        "page **[1]",
        "page n=1, **{'m': 2}",
        "page n=",
        "page n=1) or (1",
        "page n=1, n=2",
    ],
)
def test_a_line_that_is_no_reality(line: str) -> None:
    """The error shows the form."""
    with pytest.raises(InprodError) as raised:
        guesses.reality(line, {})
    assert "%reality NAME field=expression" in raised.value.do
