"""What an answer was when the learner's notebook and its file last agreed: so that it is known which one changed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from inprod.course import OWN

FILE: Final = "synced.json"


class Synced:
    """Digests of the texts on which cell and file agreed: at the end of an update, or when the cell was run.

    What can't be read or written is unknown, and unknown is safe: then the cell counts as the newer one, and the
    file's text enters the history.
    """

    def __init__(self, work: Path) -> None:
        self._path = work / OWN / FILE

    def unchanged(self, exercise: str, file: str, text: str) -> bool:
        """Whether `text` is the one on which both agreed last."""
        return self._read().get(f"{exercise}/{file}") == _digest(text)

    def save(self, texts: Mapping[tuple[str, str], str]) -> None:
        """Cell and file agree on these."""
        new = {f"{exercise}/{file}": _digest(text) for (exercise, file), text in texts.items()}
        old = self._read()
        if old | new == old:
            return
        draft = self._path.with_name(f".draft-{secrets.token_hex(8)}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(old | new, indent=1, sort_keys=True) + "\n", encoding="utf-8")
            draft.replace(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)

    def _read(self) -> dict[str, str]:
        try:
            data = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return data if isinstance(data, dict) else {}


def _digest(text: str) -> str:
    return hashlib.sha256((text.rstrip("\n") + "\n").encode("utf-8", "surrogatepass")).hexdigest()[:24]
