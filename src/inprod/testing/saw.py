"""What a check says when production would need something else, in five sentences."""

from __future__ import annotations

from typing import Any

from inprod.messages import _
from inprod.results import Observation, Verdict


class NotYet(Exception):
    """An observation that failed: raise what `saw` returns."""

    def __init__(self, key: str, *, did: str, saw: str, needs: str, why: str, try_: str) -> None:
        super().__init__(key)
        self.key = key
        self.did = did
        self.saw = saw
        self.needs = needs
        self.why = why
        self.try_ = try_

    def observation(self, name: str, sentence: str) -> Observation:
        return Observation(
            name=name,
            sentence=sentence,
            verdict=Verdict.NOT_YET,
            key=self.key,
            did=self.did,
            saw=self.saw,
            needs=self.needs,
            why=self.why,
            try_=self.try_,
        )


class CouldNotJudge(Exception):
    """The machine or the check is in trouble, not the answer."""

    def __init__(self, saw: str, *, looked: str = "", do: str = "") -> None:
        super().__init__(saw)
        self.saw = saw
        self.looked = looked
        self.do = do


def saw(key: str, *, did: str, saw: str, needs: str, why: str, try_: str, **values: Any) -> NotYet:
    """A failed observation, to be raised.

    Args:
        key: names this way of failing in every language; unique in its exercise.
        did, saw, needs, why, try_: literal sentences with `{placeholders}`; they are translated first and
            formatted after, so an f-string here would lose its translation (lint refuses it).
        values: what the placeholders stand for.
    """

    def say(sentence: str) -> str:
        return _(sentence).format(**values)

    return NotYet(key, did=say(did), saw=say(saw), needs=say(needs), why=say(why), try_=say(try_))
