"""Text from outside: what a database can hold, and which links lead to a web page."""

from __future__ import annotations

import pytest

from guiche.plain import storable
from guiche.reviews import is_web_link


@pytest.mark.parametrize("text", ["", "Réquiem", "🎟", "a\nb\t\x7f"])
def test_storable(text: str) -> None:
    """Most text is."""
    assert storable(text)


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800", "a\udfff"])
def test_not_storable(text: str) -> None:
    """A NUL, and half of a character."""
    assert not storable(text)


@pytest.mark.parametrize("link", ["https://blog.example/1", "HTTP://blog.example", "http://[::1]:80/a?b#c"])
def test_web_links(link: str) -> None:
    """http and https, with a host."""
    assert is_web_link(link)


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "JavaScript://blog.example/%0aalert(1)",
        "data:text/html,hi",
        "//blog.example",
        "https:",
        "https:///a",
        "http://[::1",
        "blog.example",
        "java\nscript:alert(1)",
        "https://blog.example/" + "a" * 3_000,
        "https://blog.example/\ud800",
    ],
)
def test_no_web_links(link: str) -> None:
    """Everything else."""
    assert not is_web_link(link)
