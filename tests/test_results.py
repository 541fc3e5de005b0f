"""A report is data: it says the same after a journey through JSON."""

from __future__ import annotations

import json
from dataclasses import replace

from inprod.results import Observation, Problem, Report, Verdict

SEEN = Observation("adds", "It adds.", Verdict.NOT_YET, "wrong", "Called it.", "3", "4", "Because.", "Look.")
REPORT = Report(
    exercise="W0",
    version="abc",
    title="Sample",
    verdict=Verdict.NOT_YET,
    observations=(Observation("runs", "It runs.", Verdict.PASS), SEEN),
    max_points=10,
    seed=7,
    backend="embedded",
    servers={"redis": "Redis 7.0.15"},
    walls=("landlock",),
    seconds=0.1234,
    at="2026-11-25T10:00:00+00:00",
    course="0.1.0",
)


def test_a_report_survives_json() -> None:
    """Nothing is lost or changed; seconds are kept to the millisecond."""
    back = Report.from_dict(json.loads(json.dumps(REPORT.to_dict())))
    assert back == replace(REPORT, seconds=0.123)


def test_a_problem_survives_json() -> None:
    """Also why nothing could be judged."""
    broken = replace(REPORT, verdict=Verdict.COULD_NOT_JUDGE, observations=(), problem=Problem("gone", "here", "again"))
    assert Report.from_dict(broken.to_dict()).problem == Problem("gone", "here", "again")


def test_schema_1_has_its_keys() -> None:
    """Others rely on these names: keys are only ever added."""
    assert {
        "schema", "exercise", "course", "verdict", "observations", "points", "max_points", "seed", "backend",
        "servers", "walls", "language", "seconds", "at",
    } <= REPORT.to_dict().keys()  # fmt: skip
    assert {"name", "key", "verdict", "did", "saw", "needs", "why", "try"} <= SEEN.to_dict().keys()
    assert REPORT.to_dict()["schema"] == 1


def test_only_a_pass_earns_points() -> None:
    """All of them, or none."""
    assert [replace(REPORT, verdict=verdict).points for verdict in Verdict] == [10, 0, 0, 0]


def test_what_was_observed_is_counted() -> None:
    """One of two passed."""
    assert (REPORT.observed, REPORT.failed) == (1, (SEEN,))
