"""What a check found: plain, frozen data. Rendering happens elsewhere, at the edge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

SCHEMA = 1


class Verdict(StrEnum):
    """The learner's failure, the machine's failure and 'not run' are different things everywhere."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    NOT_YET = "not yet"
    COULD_NOT_JUDGE = "could not judge"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class Observation:
    """One thing that was watched. The five sentences are empty where it passed."""

    name: str  #: the check function's name without `test_`: stable, the same in every language
    sentence: str  #: its docstring, in the reader's language
    verdict: Verdict
    key: str = ""  #: which way it failed; the same in every language
    did: str = ""
    saw: str = ""
    needs: str = ""
    why: str = ""
    try_: str = ""

    def to_dict(self) -> dict[str, str]:
        return {
            "name": self.name,
            "sentence": self.sentence,
            "key": self.key,
            "verdict": str(self.verdict),
            "did": self.did,
            "saw": self.saw,
            "needs": self.needs,
            "why": self.why,
            "try": self.try_,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Observation:
        return cls(
            name=data["name"],
            sentence=data.get("sentence", ""),
            verdict=Verdict(data["verdict"]),
            key=data.get("key", ""),
            did=data.get("did", ""),
            saw=data.get("saw", ""),
            needs=data.get("needs", ""),
            why=data.get("why", ""),
            try_=data.get("try", ""),
        )


@dataclass(frozen=True)
class Problem:
    """Why nothing could be judged: what was seen, where we looked, what to do."""

    saw: str
    looked: str = ""
    do: str = ""

    def to_dict(self) -> dict[str, str]:
        return {"saw": self.saw, "looked": self.looked, "do": self.do}


@dataclass(frozen=True)
class Report:
    """The outcome of one check of one answer."""

    exercise: str  #: permanent id, such as `T2`
    version: str  #: hash of task, given and check
    title: str
    verdict: Verdict
    observations: tuple[Observation, ...] = ()
    max_points: int = 0
    problem: Problem | None = None
    seed: int = 0
    backend: str = ""
    servers: Mapping[str, str] = field(default_factory=dict)  #: product and version, by need
    walls: tuple[str, ...] = ()  #: what held around the answer on this machine
    language: str = "en"
    seconds: float = 0.0
    at: str = ""  #: ISO 8601, UTC
    course: str = ""  #: the course's version

    @property
    def points(self) -> int:
        """A pass earns all."""
        return self.max_points if self.verdict is Verdict.PASS else 0

    @property
    def failed(self) -> tuple[Observation, ...]:
        return tuple(o for o in self.observations if o.verdict is not Verdict.PASS)

    @property
    def observed(self) -> int:
        return len(self.observations) - len(self.failed)

    def to_dict(self) -> dict[str, Any]:
        """Schema 1 of the Report (keys are only ever added)."""
        return {
            "schema": SCHEMA,
            "exercise": {"id": self.exercise, "version": self.version, "title": self.title},
            "course": self.course,
            "verdict": str(self.verdict),
            "observations": [o.to_dict() for o in self.observations],
            "problem": self.problem.to_dict() if self.problem else None,
            "points": self.points,
            "max_points": self.max_points,
            "seed": self.seed,
            "backend": self.backend,
            "servers": dict(self.servers),
            "walls": list(self.walls),
            "language": self.language,
            "seconds": round(self.seconds, 3),
            "at": self.at,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Report:
        problem = data.get("problem")
        return cls(
            exercise=data["exercise"]["id"],
            version=data["exercise"]["version"],
            title=data["exercise"].get("title", ""),
            verdict=Verdict(data["verdict"]),
            observations=tuple(Observation.from_dict(o) for o in data["observations"]),
            max_points=data["max_points"],
            problem=Problem(**problem) if problem else None,
            seed=data["seed"],
            backend=data["backend"],
            servers=data["servers"],
            walls=tuple(data["walls"]),
            language=data["language"],
            seconds=data["seconds"],
            at=data["at"],
            course=data["course"],
        )
