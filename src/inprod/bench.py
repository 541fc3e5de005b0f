"""Figures of the engine, measured beside what a course would otherwise do; peers are interleaved in the same run."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inprod.errors import ServiceError
from inprod.exercises import Exercise, load
from inprod.messages import _
from inprod.results import SCHEMA, Verdict
from inprod.running import client, processes, run_check
from inprod.services import doctor, open_services
from inprod.services.base import Services

_TASK = """\
---
id: {id}
title: Bench
level: apply
minutes: 1
needs: [{needs}]
answer: [answer.py]
seconds: 10
---
Nothing.

## Hint 1
-
## Hint 2
-
## Hint 3
-
## After a pass
-
"""
_EMPTY = 'def test_nothing():\n    """Nothing is watched."""\n'
_QUERY = """\
def test_query(postgres):
    \"\"\"One query runs.\"\"\"
    assert postgres.rows("SELECT 1 AS one") == [{"one": 1}]
"""
_BOTH = frozenset({"postgres", "redis"})
_TIMEOUT = 120

Say = Callable[[str], None]


@dataclass
class Figures:
    """Samples by name; milliseconds, or megabytes for memory."""

    samples: dict[str, list[float]] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, value: float, unit: str = "ms") -> None:
        self.samples.setdefault(name, []).append(value)
        self.units[name] = unit

    def to_dict(self) -> dict[str, Any]:
        figures = [
            {
                "name": name,
                "unit": self.units[name],
                "n": len(values),
                "min": round(min(values), 1),
                "median": round(statistics.median(values), 1),
                "max": round(max(values), 1),
            }
            for name, values in self.samples.items()
        ]
        return {
            "schema": SCHEMA,
            "machine": _machine(),
            "figures": figures,
            "ratios": self._ratios(),
            "not_run": self.missing,
        }

    def _ratios(self) -> list[dict[str, Any]]:
        """Round by round, so that a slow moment of the machine weighs on both sides."""
        wanted = [
            ("check.warm.empty", "peer.pytest_process"),
            ("check.warm.query", "peer.container_per_check"),
            ("check.warm.empty", "peer.nbval"),
        ]
        ratios = []
        for of, to in wanted:
            if of in self.samples and to in self.samples:
                pairs = zip(self.samples[of], self.samples[to], strict=False)
                median = statistics.median(a / b for a, b in pairs)
                ratios.append({"name": f"{of} / {to}", "of": of, "to": to, "median": round(median, 4)})
        return ratios


def bench(say: Say, *, rounds: int = 21) -> dict[str, Any]:
    """Measure; about a minute and a half. Schema 1 of bench's JSON."""
    figures = Figures()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        say(_("servers, cold and warm"))
        _servers(figures, folder)
        say(_("checks, cold"))
        _cold_checks(figures, folder)
        services = open_services("embedded")
        try:
            say(_("checks, warm, with their peers"))
            _warm(figures, folder, services, rounds)
            _memory(figures)
        finally:
            services.close()
        say(_("a container a check"))
        _containers(figures)
    return figures.to_dict()


def _machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


@contextmanager
def _timed(figures: Figures, name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    figures.add(name, (time.perf_counter() - began) * 1000)


def _exercise(root: Path, check: str, *, exercise_id: str, needs: str = "") -> Exercise:
    folder = root / "exercises" / "00_bench" / exercise_id.lower()
    (folder / "starter").mkdir(parents=True, exist_ok=True)
    (folder / "task.md").write_text(_TASK.format(id=exercise_id, needs=needs), encoding="utf-8")
    (folder / "check.py").write_text(check, encoding="utf-8")
    (folder / "starter" / "answer.py").write_text("", encoding="utf-8")
    return load(folder, root / "solutions")


def _servers(figures: Figures, folder: Path) -> None:
    """From nothing to a leased database and a Redis; cold is with an empty cache."""
    for number in range(3):
        cache = folder / f"cache-{number}"
        before = os.environ.get("INPROD_CACHE")
        os.environ["INPROD_CACHE"] = str(cache)
        try:
            for name in ("services.cold", "services.warm", "services.warm"):
                services = open_services("embedded")
                with _timed(figures, name):
                    services.start(_BOTH)
                    lease = services.lease(_BOTH, "bench")
                    lease.__enter__()
                lease.__exit__(None, None, None)
                for place in range(3):
                    lease = services.lease(frozenset({"postgres"}), f"bench_{place}")
                    with _timed(figures, "database.create"):
                        lease.__enter__()
                    lease.__exit__(None, None, None)
                with _timed(figures, "services.stop"):
                    services.close()
        finally:
            os.environ.pop("INPROD_CACHE") if before is None else os.environ.update(INPROD_CACHE=before)


def _cold_checks(figures: Figures, folder: Path) -> None:
    """The first check of a new process, imports included."""
    exercise = _exercise(folder, _EMPTY, exercise_id="B0")
    code = (
        "import sys, time; from pathlib import Path; from inprod.bench import first_check; "
        "print(first_check(Path(sys.argv[1]), Path(sys.argv[2])))"
    )
    for _round in range(5):
        done = subprocess.run(
            [sys.executable, "-c", code, str(exercise.folder), str(folder)],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=True,
        )
        figures.add("check.cold", float(done.stdout))


def first_check(folder: Path, root: Path) -> float:
    """Milliseconds of a check in a process that has made none."""
    exercise = load(folder, root / "solutions")
    services = open_services("embedded")
    began = time.perf_counter()
    report = run_check(exercise, exercise.starter, services)
    took = (time.perf_counter() - began) * 1000
    services.close()
    _must_pass(report.verdict)
    return took


def _warm(figures: Figures, folder: Path, services: Services, rounds: int) -> None:
    empty = _exercise(folder, _EMPTY, exercise_id="B0")
    query = _exercise(folder, _QUERY, exercise_id="B1", needs="postgres")
    test_file = folder / "test_peer.py"
    test_file.write_text(_EMPTY, encoding="utf-8")
    notebook = folder / "peer.ipynb"
    notebook.write_text(json.dumps(_one_cell_notebook()), encoding="utf-8")
    for exercise in (empty, query):
        _must_pass(run_check(exercise, exercise.starter, services).verdict)
    for number in range(rounds):
        for name, exercise in (("check.warm.empty", empty), ("check.warm.query", query)):
            with _timed(figures, name):
                report = run_check(exercise, exercise.starter, services)
            _must_pass(report.verdict)
        if number % 3 == 0:
            with _timed(figures, "peer.pytest_process"):
                # The peer at its best: without the plugins that happen to be installed beside it.
                arguments = ["-q", "-p", "no:cacheprovider", str(test_file)]
                _run([sys.executable, "-m", "pytest", *arguments], folder, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
        if number % 7 == 0:
            with _timed(figures, "peer.nbval"):
                arguments = ["-q", "-p", "no:cacheprovider", "-p", "nbval.plugin", "--nbval-lax"]
                arguments += ["--nbval-cell-timeout", "60", str(notebook)]
                _run([sys.executable, "-m", "pytest", *arguments], folder, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")


def _one_cell_notebook() -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": "code", "id": "one", "source": "1"}
    cell |= {"execution_count": None, "metadata": {}, "outputs": []}
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return {"cells": [cell], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _run(argv: list[str], folder: Path, **more: str) -> None:
    done = subprocess.run(
        argv,
        cwd=folder,
        env={**os.environ, "PYTEST_ADDOPTS": "", **more},
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{argv} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def _must_pass(verdict: Verdict) -> None:
    if verdict is not Verdict.PASS:
        raise RuntimeError(f"a check that cannot fail gave: {verdict}")


def _memory(figures: Figures) -> None:
    """Proportional memory of everything of ours that rests beside a kernel: zygote, supervisor, servers."""
    client.shared().warm_up()
    total = sum(_proportional_kilobytes(pid) for pid in processes.descendants(os.getpid()))
    if total:
        figures.add("memory.resting", total / 1024, "MB")
    else:
        figures.missing["memory.resting"] = "no /proc/PID/smaps_rollup on this system"


def _proportional_kilobytes(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0)


def _containers(figures: Figures) -> None:
    """A new Postgres container for every check, as many test suites do; an image is not fetched for this."""
    try:
        doctor.require("docker")
    except ServiceError as error:
        figures.missing["peer.container_per_check"] = error.what
        return
    for _round in range(3):
        services = open_services("docker")
        try:
            with _timed(figures, "peer.container_per_check"):
                services.start(frozenset({"postgres"}))
                services.close()
        except ServiceError as error:
            figures.samples.pop("peer.container_per_check", None)
            figures.missing["peer.container_per_check"] = error.what
            return
        finally:
            services.close()
