"""What one kernel has, and owns until it exits: the learner's folder, the course's exercises and the servers."""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import os
import secrets
import tempfile
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from inprod import recipes
from inprod.answers import Answers
from inprod.course import WORK_VARIABLE, Course, course, work_folder
from inprod.errors import InprodError
from inprod.exercises import Exercise, discover
from inprod.messages import _
from inprod.progress import Progress
from inprod.recipes import Recipe
from inprod.services.base import POSTGRES, REDIS, Lease, Services

if TYPE_CHECKING:
    from inprod.services.programs import Programs

STRICT_VARIABLE: Final = "INPROD_STRICT"


def strict() -> bool:
    """Whether outputs are compared: then nothing is shown that differs between two runs."""
    return os.environ.get(STRICT_VARIABLE, "") not in ("", "0")


class Kernel:
    """One kernel's course, work folder and servers; the servers start at first need and end with `close`."""

    def __init__(self, of: Course, work: Path, open_services: Callable[[], Services]) -> None:
        self.course = of
        self.progress = Progress(work)
        self.answers = Answers(work, self.progress)
        self._open_services = open_services
        self._services: Services | None = None
        self._leases = contextlib.ExitStack()
        self._leased: dict[tuple[str, str], Lease] = {}
        self._programs: Programs | None = None
        self._lock = threading.RLock()
        self._known: tuple[object, tuple[Exercise, ...]] = (None, ())

    @property
    def services(self) -> Services:
        """The kernel's one set of servers.

        Raises:
            ServiceError: no backend could be had.
        """
        with self._lock:
            if self._services is None:
                self._services = self._open_services()
            return self._services

    def exercises(self) -> tuple[Exercise, ...]:
        """Every exercise in the course's order, read again only where a task has changed."""
        tasks = sorted(self.course.exercises.glob("*/*/task.md"))
        state = [(task, task.stat().st_mtime_ns, task.stat().st_size) for task in tasks]
        if self._known[0] != state:
            self._known = (state, discover(self.course))
        # Fresh objects: an exercise remembers its version, and the check beside the task may have changed.
        return tuple(dataclasses.replace(e) for e in self._known[1])

    def exercise(self, exercise_id: str) -> Exercise:
        """The exercise with this id, in any case; an unknown id is an error that lists the ids there are."""
        exercises = self.exercises()
        for exercise in exercises:
            if exercise.id == exercise_id.strip().upper():
                return exercise
        raise InprodError(
            _("There is no exercise {id}.").format(id=exercise_id) if exercise_id else _("Which exercise?"),
            looked=", ".join(e.id for e in exercises) or str(self.course.exercises),
            do=_("name one of these"),
        )

    def lease(self, need: str, database: str = "") -> Lease:
        """This notebook's own database or Redis: made at first use, the same one until the kernel exits.

        `database` is a sample database of course.toml, of which the notebook gets one more, a copy.
        """
        with self._lock:
            if (need, database) not in self._leased:
                needs = frozenset({need})
                template = self._recipe(database) if database else None
                self.services.start(needs, None, template)
                name = f"demo_{secrets.token_hex(4)}"
                leased = self._leases.enter_context(self.services.lease(needs, name, template))
                self._leased[need, database] = leased
            return self._leased[need, database]

    def postgres_url(self, database: str = "") -> str:
        """The URL of this notebook's own database, or of its own copy of a sample database."""
        lease = self.lease(POSTGRES, database).postgres
        assert lease is not None  # it was asked for by name
        return lease.url

    def redis_url(self) -> str:
        """The URL of this notebook's own Redis."""
        lease = self.lease(REDIS).redis
        assert lease is not None  # it was asked for by name
        return lease.url

    def addresses(self) -> dict[str, str]:
        """The environment that leads to the servers which this notebook has started; empty before the first."""
        with self._lock:
            # The plain one last: it is the notebook's DATABASE_URL where there are several.
            leases = tuple(self._leased[key] for key in sorted(self._leased, key=lambda key: key[1] == ""))
        found: dict[str, str] = {}
        for lease in leases:
            found |= {"DATABASE_URL": lease.postgres.url} if lease.postgres else {}
            found |= {"REDIS_URL": lease.redis.url} if lease.redis else {}
        return found

    @property
    def programs(self) -> Programs:
        """What this notebook's lessons start; it ends with the kernel."""
        with self._lock:
            if self._programs is None:
                # As below: most notebooks start none.
                from inprod.services.programs import Programs

                self._programs = Programs()
            return self._programs

    def _recipe(self, database: str) -> Recipe:
        known = recipes.load(self.course).databases
        if database not in known:
            raise InprodError(
                _("There is no sample database {name}.").format(name=database),
                looked=", ".join(known) or recipes.FILE,
                do=_("name one of these"),
            )
        return known[database]

    def close(self) -> None:
        """End the programs, give the leases back and stop the servers; idempotent."""
        with self._lock:
            programs, self._programs = self._programs, None
            if programs is not None:
                programs.close()
            self._leased.clear()
            services, self._services = self._services, None
            try:
                self._leases.close()
            finally:
                if services is not None:
                    services.close()


@cache
def current() -> Kernel:
    """This process's kernel; what it holds is given back at exit.

    Raises:
        InprodError: the course's folder was not found.
    """
    of = course()
    kernel = Kernel(of, _work(of), _open_services)
    atexit.register(kernel.close)
    return kernel


def _work(of: Course) -> Path:
    if strict() and not os.environ.get(WORK_VARIABLE):
        # A run that only compares must neither see nor touch what a learner did.
        folder = tempfile.TemporaryDirectory(prefix="inprod-work-", ignore_cleanup_errors=True)
        atexit.register(folder.cleanup)
        return Path(folder.name)
    return work_folder(of)


def _open_services() -> Services:
    # Here, not above: it is needed by the first check, and the extension loads before the first cell.
    from inprod.services import open_services

    return open_services()
