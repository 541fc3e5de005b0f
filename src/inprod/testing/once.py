"""One scene for several observations: what takes seconds runs once, and each of them says what it saw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Once:
    """A check's one scene. The first observation that asks for it runs it; a failure is the failure of all."""

    def __init__(self) -> None:
        self._seen: Any = None
        self._trouble: Exception | None = None
        self._over = False

    def __repr__(self) -> str:
        return "<a scene>"

    def __call__(self, scene: Callable[[], T]) -> T:
        """What `scene` returned, or raised, when it ran."""
        if not self._over:
            self._over = True
            try:
                self._seen = scene()
            except Exception as trouble:
                self._trouble = trouble
        if self._trouble is not None:
            raise self._trouble
        seen: T = self._seen
        return seen
