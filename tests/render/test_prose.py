"""Markdown in a terminal: long lines are broken, code is not."""

from __future__ import annotations

from inprod.render import text
from inprod.render.views import HintView

LONG = "a word and another " * 12


def test_long_prose_is_broken_and_code_is_not() -> None:
    """A fence and an indented block stay as they were written."""
    body = f"{LONG.strip()}\n\n```python\n{'x' * 150}\n```\n\n    {'y ' * 80}\n"
    lines = text.hint(HintView("T2", "Title", 1, body)).split("\n")
    assert max(len(line) for line in lines if "word" in line) <= text.WIDTH
    assert " ".join(line.strip() for line in lines if "word" in line) == LONG.strip()
    assert f"  {'x' * 150}" in lines
    assert any(line.count("y") == 80 for line in lines)
