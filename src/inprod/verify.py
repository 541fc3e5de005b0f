"""The proof of an exercise: right answers pass, the starter and each wrong answer do not, each for its own reason."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import statistics
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inprod import recipes
from inprod.build.checks import lint_check
from inprod.course import Course
from inprod.errors import InprodError
from inprod.exercises import Exercise, Solution, discover, find, solutions
from inprod.messages import _, ngettext
from inprod.results import SCHEMA, Report, Verdict
from inprod.running import run_check
from inprod.services import open_services
from inprod.services.base import Services

MIN_WRONG = 3
MIN_RIGHT = 2  #: besides the reference
#: Wrong answers are repeated less often than right ones: a false pass is caught by its first sight.
MAX_WRONG_REPEATS = 5

#: A starter that fails like this teaches nothing.
_BREAKS = ("answer-raised", "answer-syntax", "answer-missing", "answer-died")

Say = Callable[[str], None]


@dataclass
class Proof:
    """What verify found out about one exercise."""

    exercise: Exercise
    backend: str
    starter: Verdict = Verdict.NOT_RUN
    reference: Verdict = Verdict.NOT_RUN
    right: list[dict[str, str]] = field(default_factory=list)
    wrong: list[dict[str, str]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)  #: observations that were made
    fell: set[str] = field(default_factory=set)  #: and those that failed for some answer

    def to_dict(self) -> dict[str, Any]:
        return {
            "id": self.exercise.id,
            "starter": str(self.starter),
            "reference": str(self.reference),
            "right": self.right,
            "wrong": self.wrong,
            "median_s": round(statistics.median(self.seconds), 3) if self.seconds else None,
            "problems": self.problems,
        }


@dataclass(frozen=True)
class Options:
    """How to verify."""

    backend: str | None = None
    jobs: int = 1
    repeat: int = 1
    busy: bool = False
    sample: bool = False  #: the reference and one wrong answer: what a second backend may change is seen by these


def verify(chosen: Sequence[Exercise], options: Options, say: Say) -> dict[str, Any]:
    """Prove `chosen`; the result is schema 1 of verify's JSON.

    Raises:
        ServiceError: a backend was demanded that this machine does not have.
    """
    work: queue.Queue[Exercise] = queue.Queue()
    for exercise in chosen:
        work.put(exercise)
    proofs: list[Proof] = []
    failures: list[BaseException] = []
    before = _left_folders()

    def worker() -> None:
        # Each worker has a server pair of its own, so that checks do not share a Redis.
        services = open_services(options.backend)
        try:
            while True:
                proofs.append(prove(work.get_nowait(), services, options, say))
        except queue.Empty:
            pass
        except BaseException as error:
            failures.append(error)
        finally:
            services.close()

    with _busy_cores() if options.busy else contextlib.nullcontext():
        workers = [threading.Thread(target=worker) for _n in range(min(options.jobs, len(chosen) or 1))]
        for thread in workers:
            thread.start()
        for thread in workers:
            thread.join()
    if failures:
        raise failures[0]
    order = {exercise.id: place for place, exercise in enumerate(chosen)}
    proofs.sort(key=lambda proof: order[proof.exercise.id])
    problems = [_("a check's folder was left behind: {path}").format(path=path) for path in _left_folders() - before]
    if not chosen:
        problems.append(_("nothing was verified: no exercise was chosen"))
    return {
        "schema": SCHEMA,
        "backend": proofs[0].backend if proofs else options.backend or "",
        "exercises": [proof.to_dict() for proof in proofs],
        "problems": problems,
    }


def failed(result: dict[str, Any]) -> bool:
    """Whether a verify result proves less than it should."""
    return bool(result["problems"]) or any(entry["problems"] for entry in result["exercises"])


def prove(exercise: Exercise, services: Services, options: Options, say: Say) -> Proof:
    """Judge the starter and every shipped answer of one exercise, and look at its folders."""
    proof = Proof(exercise, services.backend)
    proof.problems += stray_files(exercise)
    try:
        shipped = solutions(exercise)
    except InprodError as error:
        proof.problems.append(f"{error.what} ({error.looked})")
        return proof
    proof.problems += _counts(shipped)
    proof.problems += [str(finding) for finding in lint_check(exercise)]

    def judge(name: str, folder: Path, times: int) -> list[Report]:
        reports = []
        for number in range(times):
            say(f"{exercise.id} {name}" + (f" {number + 1}/{times}" if times > 1 else ""))
            reports.append(run_check(exercise, folder, services))
        _watch(proof, name, reports)
        return reports

    if options.sample:
        shipped = (*(s for s in shipped if s.name == "reference"), *[s for s in shipped if not s.right][:1])
    wrong_times = min(options.repeat, MAX_WRONG_REPEATS)
    starters = judge("starter", exercise.starter, wrong_times)
    proof.starter = _one_verdict(proof, "starter", starters, Verdict.NOT_YET)
    if any(report.failed and report.failed[0].key in _BREAKS for report in starters):
        proof.problems.append(_("the starter breaks; it must run, and fail for the reason that the exercise teaches"))
    for solution in shipped:
        if not solution.right:
            _prove_wrong(proof, solution, judge(solution.name, solution.folder, wrong_times))
        elif solution.needs <= exercise.needs | _offers(services):
            reports = judge(solution.name, solution.folder, options.repeat)
            proof.seconds += [report.seconds for report in reports]
            _note_right(proof, solution, _one_verdict(proof, solution.name, reports, Verdict.PASS))
        else:
            _note_right(proof, solution, Verdict.NOT_RUN)
    if not options.sample:
        proof.problems += [
            _("test_{name} never fails: neither the starter nor a wrong answer shows that it can").format(name=name)
            for name in sorted(proof.seen - proof.fell)
        ]
    proof.problems = list(dict.fromkeys(proof.problems))
    proof.backend = services.backend  # `auto` knows which one only after the first need
    return proof


def choose(course: Course, ids: Sequence[str], *, changed_since: str | None = None) -> tuple[Exercise, ...]:
    """The exercises named, or all, or those that a change since a git revision touches."""
    if ids:
        return tuple(find(course, exercise_id) for exercise_id in ids)
    everything = discover(course)
    if changed_since is None:
        return everything
    paths = _changed_paths(course.root, changed_since)
    if any(path.parts[0] == "src" or path.name in ("conftest.py", recipes.FILE) for path in paths):
        return everything
    folders = {path.parts[1:3] for path in paths if path.parts[0] in ("exercises", "solutions")}
    return tuple(e for e in everything if (e.lesson, e.folder.name) in folders)


def stray_files(exercise: Exercise) -> list[str]:
    """Files that belong to no part of the exercise: they would be shipped, and nothing would test them."""
    strays: list[str] = []
    known = {"task.md", "check.py", "starter", "given"}
    strays += [str(p) for p in sorted(exercise.folder.iterdir()) if p.name not in known and p.name != "__pycache__"]
    strays += _other_files(exercise.starter, set(exercise.answer))
    if exercise.solutions.is_dir():
        for folder in sorted(exercise.solutions.iterdir()):
            if folder.is_dir() and (folder.name == "reference" or folder.name.startswith(("right_", "wrong_"))):
                strays += _other_files(folder, {*exercise.answer, "why.md"})
            elif folder.name != "__pycache__":
                strays.append(str(folder))
    return [_("stray file: {path}").format(path=path) for path in strays]


def _other_files(folder: Path, wanted: set[str]) -> list[str]:
    found = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    return [str(folder / name) for name in sorted(found - wanted)]


def _counts(shipped: Sequence[Solution]) -> list[str]:
    problems = []
    right = sum(s.right and s.name != "reference" for s in shipped)
    wrong = [s for s in shipped if not s.right]
    if right < MIN_RIGHT:
        problems.append(
            ngettext(
                "{n} right answer besides the reference; {least} are needed",
                "{n} right answers besides the reference; {least} are needed",
                right,
            ).format(n=right, least=MIN_RIGHT)
        )
    if len(wrong) < MIN_WRONG:
        words = ngettext("{n} wrong answer; {least} are needed", "{n} wrong answers; {least} are needed", len(wrong))
        problems.append(words.format(n=len(wrong), least=MIN_WRONG))
    keys = [s.because for s in wrong]
    for key in sorted({key for key in keys if keys.count(key) > 1}):
        problems.append(_("two wrong answers share the key {key}").format(key=key))
    problems += [_("{name} has no why.md").format(name=s.name) for s in shipped if not s.text]
    return problems


def _watch(proof: Proof, name: str, reports: Sequence[Report]) -> None:
    """What must hold for every run: sentences, budget, no trouble of the machine."""
    for report in reports:
        if report.problem is not None:
            proof.problems.append(
                _("{name}: could not judge: {saw} {looked}").format(
                    name=name, saw=report.problem.saw, looked=report.problem.looked
                )
            )
        for seen in report.observations:
            proof.seen.add(seen.name)
            if seen.verdict is Verdict.NOT_YET:
                proof.fell.add(seen.name)
            if not seen.sentence.endswith((".", "?", "!")):
                proof.problems.append(_("test_{name} has no sentence as docstring").format(name=seen.name))
    slowest = max(report.seconds for report in reports)
    if slowest > proof.exercise.seconds:
        proof.problems.append(
            _("{name}: {seconds:.1f} s is over the budget of {budget} s").format(
                name=name, seconds=slowest, budget=proof.exercise.seconds
            )
        )


def _one_verdict(proof: Proof, name: str, reports: Sequence[Report], wanted: Verdict) -> Verdict:
    """The verdict; where runs disagree or it is not the wanted one, that is a problem, with its seed."""
    for report in reports:
        if report.verdict is not wanted:
            first = report.failed[0] if report.failed else None
            proof.problems.append(
                _("{name}: {verdict} instead of {wanted} ({by}: {saw}; seed {seed})").format(
                    name=name,
                    verdict=report.verdict,
                    wanted=wanted,
                    by=f"{first.name}/{first.key}" if first else "–",
                    saw=first.saw if first else "–",
                    seed=report.seed,
                )
            )
            return report.verdict
    return wanted


def _prove_wrong(proof: Proof, solution: Solution, reports: Sequence[Report]) -> None:
    verdict = _one_verdict(proof, solution.name, reports, Verdict.NOT_YET)
    expected = f"{solution.rejected_by}/{solution.because}"
    rejected_by = ""
    for report in reports:
        # The first failed observation is the one that the learner is told about.
        rejected_by = f"{report.failed[0].name}/{report.failed[0].key}" if report.failed else ""
        if rejected_by != expected:
            proof.problems.append(
                _("{name}: rejected by {got} instead of {expected} (seed {seed})").format(
                    name=solution.name, got=rejected_by or "–", expected=expected, seed=report.seed
                )
            )
            break
    proof.wrong.append(
        {"name": solution.name, "verdict": str(verdict), "expected": expected, "rejected_by": rejected_by}
    )


def _note_right(proof: Proof, solution: Solution, verdict: Verdict) -> None:
    if solution.name == "reference":
        proof.reference = verdict
    else:
        proof.right.append({"name": solution.name, "verdict": str(verdict)})


def _offers(services: Services) -> frozenset[str]:
    return frozenset({"docker"}) if services.backend == "docker" else frozenset()


def _left_folders() -> set[str]:
    # Others on this machine may be checking too: only this process's own folders count.
    return {path.name for path in Path(tempfile.gettempdir()).glob(f"inprod-check-{os.getpid()}-*")}


def _changed_paths(root: Path, revision: str) -> list[Path]:
    commands = (
        ["git", "diff", "--name-only", "-z", revision, "--"],
        ["git", "ls-files", "--others", "--exclude-standard", "-z"],
    )
    names: list[str] = []
    for command in commands:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            raise InprodError(
                _("git could not say what changed since {revision}.").format(revision=revision),
                looked=done.stderr.strip(),
                do=_("name a revision that exists: `inprod verify --changed main`"),
            )
        names += [name for name in done.stdout.split("\0") if name]
    return [Path(name) for name in names]


@contextlib.contextmanager
def _busy_cores() -> Iterator[None]:
    """Every core has something else to do, as in a room with thirty people on one machine."""
    context = multiprocessing.get_context("spawn")
    burners = [context.Process(target=_burn, args=(os.getpid(),), daemon=True) for _n in range(os.cpu_count() or 1)]
    for burner in burners:
        burner.start()
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.join(timeout=5)


def _burn(owner: int) -> None:
    while os.getppid() == owner:
        sum(range(100_000))
