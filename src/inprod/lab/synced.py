"""What an answer was when the learner's notebook and its file last agreed: so that it is known which one changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from inprod.lab.files import OWN, put, text_of

FILE: Final = "synced.json"


class Synced:
    """Digests of the texts on which cell and file agreed at the end of the last update."""

    def __init__(self, work: Path) -> None:
        self._path = work / OWN / FILE
        try:
            data = json.loads(text_of(self._path) or "{}")
        except ValueError:  # unknown is safe: then the cell wins
            data = {}
        self._digests: dict[str, str] = data if isinstance(data, dict) else {}

    def unchanged(self, exercise: str, file: str, text: str) -> bool:
        """Whether `text` is the one on which both agreed."""
        return self._digests.get(f"{exercise}/{file}") == _digest(text)

    def save(self, texts: Mapping[tuple[str, str], str]) -> None:
        """Cell and file agree on these."""
        new = {f"{exercise}/{file}": _digest(text) for (exercise, file), text in texts.items()}
        put(self._path, json.dumps(self._digests | new, indent=1, sort_keys=True) + "\n")


def _digest(text: str) -> str:
    return hashlib.sha256((text.rstrip("\n") + "\n").encode("utf-8", "surrogatepass")).hexdigest()[:24]
