"""Text from outside, before it goes to Postgres or Redis."""

from __future__ import annotations


def storable(text: str) -> bool:
    """Whether a database can hold it: JSON and URLs may carry a NUL, or half of a character."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
