"""What one check has said so far, and the report that comes of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import inprod
from inprod.exercises import Exercise
from inprod.messages import _, language
from inprod.results import Observation, Problem, Report, Verdict
from inprod.running import guardian
from inprod.services.base import Services


@dataclass
class Found:
    """Records of one check, as they arrive."""

    collected: list[dict[str, str]] = field(default_factory=list)
    observations: dict[str, Observation] = field(default_factory=dict)
    started: str = ""
    finished: bool = False
    walls: tuple[str, ...] = ()
    ended: str = ""
    status: str = ""
    log: str = ""
    problem: Problem | None = None
    deadline: float = 0.0
    docker: bool = False  #: an answer was given the engine

    @property
    def began(self) -> bool:
        """Whether anybody on the other side ever spoke."""
        return bool(self.walls or self.collected or self.ended or self.problem)

    @property
    def all_passed(self) -> bool:
        """Whether nothing that was observed failed."""
        return all(o.verdict is Verdict.PASS for o in self.observations.values())

    def take(self, record: dict[str, Any]) -> None:
        """One record of the judge's."""
        match record:
            case {"walls": list() as names}:
                self.walls = tuple(names)
            case {"collected": list() as items}:
                self.collected = items
            case {"start": str() as name}:
                self.started = name
            case {"observation": dict() as data}:
                seen = Observation.from_dict(data)
                # A test that passed and fell in its teardown has failed; the first failure counts.
                if seen.name not in self.observations or seen.verdict is not Verdict.PASS:
                    self.observations.setdefault(seen.name, seen)
            case {"problem": dict() as data}:
                self.problem = self.problem or Problem(**data)
            case {"broken": str() as text}:
                self.problem = self.problem or Problem(
                    _("the check itself failed: {text}").format(text=text),
                    do=_("this is a fault of the course, not of your answer; please report it"),
                )
            case {"docker": True}:
                self.docker = True
            case {"end": _code}:
                self.finished = True
            case _:
                pass

    def report(self, exercise: Exercise, seed: int, services: Services) -> Report:
        """What is told to whoever asked for the check."""
        observations = self._observations()
        return Report(
            exercise=exercise.id,
            version=exercise.version,
            title=exercise.title,
            verdict=self._verdict(observations),
            observations=observations,
            max_points=exercise.points,
            problem=self._problem(),
            seed=seed,
            backend=services.backend,
            servers=dict(services.servers()),
            walls=self.walls,
            language=language(),
            at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            course=inprod.__version__,
        )

    def _problem(self) -> Problem | None:
        if self.problem is None and not self.collected:
            return Problem(
                _("the check did not start ({status})").format(status=self.status or _("no word from it")),
                looked=self.log[-600:].strip(),
                do=_("run the cell again; `%doctor` shows what is free"),
            )
        return self.problem

    def _verdict(self, observations: tuple[Observation, ...]) -> Verdict:
        if self._problem() is not None:
            return Verdict.COULD_NOT_JUDGE
        # `pass` needs the end record and every collected observation: a check that died early proved nothing.
        if self.finished and all(o.verdict is Verdict.PASS for o in observations):
            return Verdict.PASS
        return Verdict.NOT_YET

    def _observations(self) -> tuple[Observation, ...]:
        """One for each that was collected, in order; what was never reached is said to be so."""
        return tuple(
            self.observations.get(item["name"]) or self._unreached(item["name"], item["sentence"])
            for item in self.collected
        )

    def _unreached(self, name: str, sentence: str) -> Observation:
        if name != self.started or self.finished:
            return Observation(name, sentence, Verdict.NOT_RUN)
        if self.ended == guardian.DEADLINE:
            return Observation(
                name,
                sentence,
                Verdict.NOT_YET,
                key="too-slow",
                did=_("Watched your answer for {seconds} s.").format(seconds=f"{self.deadline:g}"),
                saw=_("It was still busy; everything it started was ended."),
                needs=_("an answer in bounded time"),
                why=_("Whoever waits for you waits for what you wait for."),
                try_=_("Look for a loop without an end, or a wait without a timeout."),
            )
        return Observation(
            name,
            sentence,
            Verdict.NOT_YET,
            key="check-ended",
            did=_("Watched your answer."),
            saw=_("The check was ended from outside in the middle ({status})").format(status=self.status),
            needs=_("an answer that leaves other processes alone"),
            why=_("On a shared machine a signal to the wrong process stops somebody else's work."),
            try_=_("Look for `os.kill`, or for memory that runs out; then run the cell again."),
        )
