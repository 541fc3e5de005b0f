"""Sentences made safe to show: control characters out, lengths bounded, `code` and **bold** told apart."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from enum import Enum

#: A sentence longer than this is somebody's data; the report in JSON has it whole.
MAX_SENTENCE = 700

# Bold only where the stars touch a word on the inside and none on the outside: `2**3` and `f(**a, **b)` stay.
_SPAN = re.compile(r"`([^`\n]+)`|(?<![\w*])\*\*(?=[^\s*])([^*\n]+?)(?<=[^\s*])\*\*(?![\w*])")


class Span(Enum):
    """How a piece of a sentence is set."""

    PLAIN = "plain"
    CODE = "code"
    BOLD = "bold"


def clean(text: str, limit: int = MAX_SENTENCE) -> str:
    """`text` without what could move a terminal's cursor or turn the reading direction, and not endless."""
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    return "".join(c if _harmless(c) else f"\\u{ord(c):04x}" for c in text.replace("\r\n", "\n"))


def _harmless(char: str) -> bool:
    # Cc: controls; Cf: bidirectional marks and the like; Cs: lone surrogates, which no encoder takes.
    return char in "\n\t\u200d" or unicodedata.category(char) not in ("Cc", "Cf", "Cs")


def spans(text: str) -> Iterator[tuple[Span, str]]:
    """The pieces of a cleaned sentence, in order."""
    at = 0
    for match in _SPAN.finditer(text):
        if match.start() > at:
            yield Span.PLAIN, text[at : match.start()]
        if match[1] is not None:
            yield Span.CODE, match[1]
        else:
            yield Span.BOLD, match[2]
        at = match.end()
    if at < len(text):
        yield Span.PLAIN, text[at:]


def sentence(text: str) -> str:
    """With a full stop, where it ends in none."""
    text = text.strip()
    return text if not text or text.endswith((".", "!", "?", "…", ":", "`")) else f"{text}."
