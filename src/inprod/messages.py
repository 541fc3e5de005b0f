"""The message catalogue: every text that a person reads passes through `_` (gettext; English for now)."""

from __future__ import annotations

import gettext
import os
from functools import cache
from pathlib import Path

DOMAIN = "inprod"
LANGUAGE_VARIABLE = "INPROD_LANG"


def language() -> str:
    """The reader's language as a folder name: `en`, `pt_BR`."""
    return os.environ.get(LANGUAGE_VARIABLE, "en").replace("-", "_")


@cache
def catalogue(lang: str) -> gettext.NullTranslations:
    """The catalogue of `lang`; English is the source, so it needs none."""
    return gettext.translation(DOMAIN, localedir=_localedir(), languages=[lang], fallback=True)


def _localedir() -> Path:
    from inprod.course import find_course

    course = find_course()
    return course.root / "locale" if course else Path("locale")


def _(message: str) -> str:
    """`message` in the reader's language; placeholders are formatted after, never before."""
    if not message or language() == "en":
        return message
    return catalogue(language()).gettext(message)


def ngettext(singular: str, plural: str, n: int) -> str:
    """The right plural of a message for `n` things."""
    return catalogue(language()).ngettext(singular, plural, n)
