"""Reports as they come: from the plain one to the one that an answer wrote with ill intent."""

from __future__ import annotations

from inprod.progress.summary import ExerciseState, LessonState, State, Summary
from inprod.results import Observation, Problem, Report, Verdict

EVIL = '<script>alert(1)</script> \x1b[2J\u202e `a<b` **b"old**\n]]>&amp;'


def passed(number: int) -> Observation:
    """One that passed."""
    return Observation(f"test_{number}", f"Observation {number} holds.", Verdict.PASS)


def failed(number: int, text: str = "") -> Observation:
    """One that failed, with all five sentences."""
    return Observation(
        f"test_{number}",
        text or f"Observation {number} holds.",
        Verdict.NOT_YET,
        key="wrong",
        did=text or "Called `f()`.",
        saw=text or "1 statement, **20,000 rows**",
        needs=text or "rows in proportion",
        why=text or "The rows multiply.",
        try_=text or "Load them separately.",
    )


def report(*observations: Observation, verdict: Verdict | None = None, problem: Problem | None = None) -> Report:
    """A report on these, with everything in it that differs from machine to machine."""
    found = Verdict.PASS if all(o.verdict is Verdict.PASS for o in observations) else Verdict.NOT_YET
    return Report(
        exercise="X4",
        version="0123456789ab",
        title="Kill the N+1",
        verdict=verdict or found,
        observations=observations,
        max_points=10,
        problem=problem,
        seed=987654321,
        backend="embedded",
        servers={"postgres": "PostgreSQL 18.6 on port 54321"},
        walls=("landlock-wall",),
        seconds=12.345,
        at="2026-11-25T09:13:25+00:00",
        course="0.1.0",
    )


def unjudged() -> Report:
    """A server died."""
    problem = Problem("Postgres stopped (signal 9)", "server log, last line: “out of memory”", "run the cell again")
    return report(passed(1), verdict=Verdict.COULD_NOT_JUDGE, problem=problem)


def summary() -> Summary:
    """One of each state, one changed, and a title that is a formula."""
    return Summary(
        (
            LessonState(
                "01a_unit_tests",
                "01a Unit tests",
                (
                    ExerciseState("T1", "Collect", State.PASSED, 10, 10, 2, changed=True),
                    ExerciseState("T2", "=1+1", State.TRIED, 0, 10, 3, changed=False),
                    ExerciseState("T3", "Open", State.OPEN, 0, 5, 0, changed=False),
                ),
            ),
        )
    )
