"""`run_check`: the one way an answer is judged, for the cell, the terminal, nbval, verify and grading alike."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import secrets
import select
import shutil
import socket
import stat
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inprod.course import course
from inprod.errors import ServiceError
from inprod.exercises import Exercise
from inprod.messages import _, language
from inprod.recipes import Recipe
from inprod.results import Problem, Report
from inprod.running import client
from inprod.running.found import Found
from inprod.services import engine, leftovers
from inprod.services.base import Lease, Services
from inprod.wire import frames

MAX_ANSWER_FILE = 1024 * 1024
#: Added to the exercise's budget before a check is ended: a busy machine is not the learner's failure.
PATIENCE = 2.0
_TICK = 0.25


@dataclass(frozen=True)
class Event:
    """What a check is doing, for whoever watches."""

    kind: str  #: `step`, `observing`, `observed` or `tick`
    text: str = ""
    seconds: float = 0.0


OnEvent = Callable[[Event], None]


def run_check(
    exercise: Exercise,
    answer_dir: Path,
    services: Services,
    seed: int | None = None,
    deadline: float | None = None,
    on_event: OnEvent | None = None,
) -> Report:
    """Judge the files in `answer_dir` and say what was seen.

    Args:
        exercise: what is asked.
        answer_dir: where the exercise's answer files lie; a missing one is taken from the starter.
        services: the servers; started here at first need.
        seed: for the check's random data; drawn when None.
        deadline: seconds, in all; by default the exercise's own budget doubled, plus two.
        on_event: told of steps, of each observation, and every quarter of a second.

    Returns:
        A report with one of three verdicts. Trouble of the machine is "could not judge", never an exception.

    Raises:
        KeyboardInterrupt: after everything that was started has ended.
    """
    check = _Check(exercise, secrets.randbelow(2**31) if seed is None else seed, on_event or _nobody)
    began = time.monotonic()
    try:
        verdict_of = check.run(answer_dir, services, deadline or exercise.seconds * 2 + PATIENCE)
    except ServiceError as error:
        verdict_of = Found(problem=Problem(error.what, error.looked, error.do))
    except OSError as error:
        verdict_of = Found(problem=_disk(error))
    report = verdict_of.report(exercise, check.seed, services)
    return dataclasses.replace(report, seconds=time.monotonic() - began - check.filling)


def warm_up() -> None:
    """Start what the first check needs, in the background."""
    client.shared().warm_up()


def _nobody(_event: Event) -> None:
    """Nobody watches."""


class _Check:
    def __init__(self, exercise: Exercise, seed: int, tell: OnEvent) -> None:
        self.exercise = exercise
        self.seed = seed
        self.tell = tell
        self.filling = 0.0  #: seconds that went into sample data, which nobody's answer took

    def run(self, answer_dir: Path, services: Services, deadline: float) -> Found:
        needs = self.exercise.needs & {"postgres", "redis"}
        services.start(needs, self._step)
        if (template := self.exercise.recipe) is not None:
            began = time.monotonic()
            try:
                services.start(needs, self._step, template)
            finally:
                self.filling = time.monotonic() - began
        found = self._once(answer_dir, services, deadline, needs, template)
        if not found.began:
            # The zygote was ended from outside between two checks, after it took the request: ask a new one.
            found = self._once(answer_dir, services, deadline, needs, template)
        return found

    def _step(self, text: str) -> None:
        self.tell(Event("step", text))

    def _once(
        self, answer_dir: Path, services: Services, deadline: float, needs: frozenset[str], template: Recipe | None
    ) -> Found:
        before = len(services.deaths())
        folder = Path(tempfile.mkdtemp(prefix=f"inprod-check-{os.getpid()}-"))
        # The database goes after the processes that use it, though it came after them.
        with contextlib.ExitStack() as last, contextlib.ExitStack() as stack:
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            self._lay_out(folder, answer_dir)
            chan, chan_theirs = socket.socketpair()
            life, life_theirs = socket.socketpair()
            stack.callback(chan.close)
            # Runs also on KeyboardInterrupt: the cell ends when everything that it started has ended.
            stack.callback(_end, life)
            with chan_theirs, life_theirs:
                client.shared().request({"folder": str(folder), "deadline": deadline}, chan_theirs, life_theirs)
            # The host is forked by now or before it can read the job: passwords travel only to the judge.
            lease = last.enter_context(services.lease(needs, f"check_{secrets.token_hex(4)}", template))
            found = Found(deadline=deadline)
            job = self._job(lease, services)
            last.callback(_remove_containers, job["docker"], found)
            with contextlib.suppress(BrokenPipeError):
                frames.send(chan, job)
            self._listen(chan, life, found)
            if not found.collected and not found.log:
                found.log = client.shared().last_words()
            self._look_after_servers(services, before, found)
        return found

    def _job(self, lease: Lease, services: Services) -> dict[str, Any]:
        docker = None
        if services.backend == "docker":
            images = engine.images()
            label = f"inprod-{secrets.token_hex(8)}"
            docker = {"host": engine.resolve().url, "postgres": images.postgres, "redis": images.redis, "label": label}
        return {
            "backend": services.backend,
            "docker": docker,
            "seed": self.seed,
            "language": language(),
            "course": str(course().root),
            "lease": {
                "postgres": dataclasses.asdict(lease.postgres) if lease.postgres else None,
                "redis": dataclasses.asdict(lease.redis) if lease.redis else None,
            },
        }

    def _lay_out(self, folder: Path, answer_dir: Path) -> None:
        """Copy what the check may see: regular files only, by name, and check.py alone with its fixtures."""
        for name in self.exercise.answer:
            source = answer_dir / name
            if not os.path.lexists(source):
                source = self.exercise.starter / name
            _copy_regular(source, folder / "answer" / name)
        if self.exercise.given.is_dir():
            shutil.copytree(self.exercise.given, folder / "given", ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "check").mkdir()
        shutil.copyfile(self.exercise.check, folder / "check" / "check.py")
        if self.exercise.fixtures.is_file():
            shutil.copyfile(self.exercise.fixtures, folder / "check" / self.exercise.fixtures.name)

    def _listen(self, chan: socket.socket, life: socket.socket, found: Found) -> None:
        """Take in records until the guardian says that all is over and closes."""
        began = time.monotonic()
        sockets = [chan, life]
        while life in sockets:
            readable, _w, _x = select.select(sockets, [], [], _TICK)
            if not readable:
                self.tell(Event("tick", found.started, time.monotonic() - began))
            # Records first: what the judge said before its end counts.
            for sock in sorted(readable, key=lambda s: s is life):
                record = _next(sock)
                if record is None:
                    sockets.remove(sock)
                elif sock is life:
                    found.ended = record.get("ended", found.ended)
                    found.status = record.get("status", found.status)
                    found.log = record.get("log", found.log)
                else:
                    found.take(record)
                    self._say(record, time.monotonic() - began, found)
        while chan in sockets and (record := _next(chan)) is not None:
            found.take(record)

    def _say(self, record: dict[str, Any], seconds: float, found: Found) -> None:
        if "start" in record:
            sentences = {item["name"]: item["sentence"] for item in found.collected}
            self.tell(Event("observing", sentences.get(record["start"], record["start"]), seconds))
        elif "observation" in record:
            self.tell(Event("observed", record["observation"]["sentence"], seconds))

    def _look_after_servers(self, services: Services, before: int, found: Found) -> None:
        """A server that died in the middle explains everything that failed after it."""
        deaths = services.deaths()[before:]
        if deaths and not (found.finished and not found.problem and found.all_passed):
            dead = deaths[0]
            found.problem = Problem(
                _("{server} stopped in the middle of the check ({how})").format(server=dead.server, how=dead.how),
                looked=_("server log, last line: “{line}”").format(line=dead.last_line),
                do=_("close other kernels, then run the cell again; `%doctor` shows what is free"),
            )


def _next(sock: socket.socket) -> dict[str, Any] | None:
    try:
        return frames.receive(sock)
    except (OSError, frames.FrameError, ValueError):
        return None


def _end(life: socket.socket) -> None:
    """Tell the guardian that nobody waits any more, and wait until it has ended everything (at most 10 s)."""
    with contextlib.suppress(OSError), life:
        life.shutdown(socket.SHUT_WR)
        life.settimeout(10)
        while life.recv(4096):
            pass


def _remove_containers(docker: dict[str, str] | None, found: Found) -> None:
    """What an answer's tests started and did not remove, as when they were killed."""
    if docker and found.docker:
        with contextlib.suppress(engine.EngineError):
            leftovers.remove_labelled(docker["host"], "org.testcontainers.session-id", docker["label"])


def _copy_regular(source: Path, target: Path) -> None:
    """Copy one file of an answer: never what a link points to, never a pipe, never more than a megabyte."""
    info = source.lstat()
    if not stat.S_ISREG(info.st_mode) or info.st_size > MAX_ANSWER_FILE:
        raise ServiceError(
            _("{name} is not a plain file of at most 1 MB.").format(name=source.name),
            looked=str(source),
            do=_("put the file itself there, or `%reset` the exercise"),
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target, follow_symlinks=False)


def _disk(error: OSError) -> Problem:
    return Problem(
        _("the check's files could not be written: {reason}").format(reason=error.strerror or error),
        looked=str(error.filename or tempfile.gettempdir()),
        do=_("free some space there, or set TMPDIR to a folder that has some; `%doctor` shows what is free"),
    )
