"""The learner's verbs: each does in the terminal what its magic does in a notebook."""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import re
import sys
from collections.abc import Iterator

from inprod import tutor
from inprod.course import course, work_folder
from inprod.errors import COULD_NOT_JUDGE, InprodError
from inprod.exercises import Exercise
from inprod.kernel import Kernel
from inprod.magics.checks import surroundings
from inprod.messages import _, language, ngettext
from inprod.progress import ProgressError
from inprod.render import csv_, json_, text
from inprod.results import SCHEMA, Report, Verdict
from inprod.running import Event, run_check
from inprod.services import open_services

_EXIT = {
    Verdict.PASS: 0,
    Verdict.NOT_YET: 1,
    Verdict.COULD_NOT_JUDGE: COULD_NOT_JUDGE,
    Verdict.NOT_RUN: COULD_NOT_JUDGE,
}


#: "`%hint T2`" on a card.
_MAGIC = re.compile(r"`%(check|hint|reset|solution)(?=\s)")


def lab(options: argparse.Namespace) -> int:
    """`inprod lab`."""
    from inprod import lab as learners_lab

    if options.hosted and not options.prepare:
        raise InprodError(
            _("--hosted is for a JupyterLab that something else starts."),
            looked="inprod lab --hosted",
            do=_("add --prepare: `inprod lab --prepare --hosted`"),
        )
    of = course()
    if options.offline:
        learners_lab.without_network(of, say=_say)
    work = work_folder(of)
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        _say(line)

    prepared = learners_lab.prepare(of, work, language=language(), say=say)
    if options.prepare:
        if options.hosted:
            learners_lab.settle()
        if options.json:
            notebooks = [str(path) for path in prepared.notebooks]
            found = {"schema": SCHEMA, "work": str(prepared.work), "start": str(prepared.start)}
            print(json.dumps({**found, "notebooks": notebooks, "said": said}, ensure_ascii=False, indent=2))
        return 0
    return learners_lab.launch(of, work, port=options.port, browser=not options.no_browser)


def check(options: argparse.Namespace) -> int:
    """`inprod check`."""
    if options.answers and len(options.ids) > 1:
        raise InprodError(
            _("A folder of answers belongs to one exercise."),
            looked=" ".join(options.ids),
            do=_("name one ID with --answers"),
        )
    with _kernel(options.backend) as kernel:
        exercises = [kernel.exercise(exercise_id) for exercise_id in options.ids]
        reports = [_check(kernel, exercise, options) for exercise in exercises]
    if options.json:
        print(json.dumps({"schema": SCHEMA, "reports": [r.to_dict() for r in reports]}, ensure_ascii=False, indent=2))
    return max(_EXIT[report.verdict] for report in reports)


def _check(kernel: Kernel, exercise: Exercise, options: argparse.Namespace) -> Report:
    folder = options.answers or kernel.answers.folder(exercise)
    if options.answers and not folder.is_dir():
        raise InprodError(
            _("There is no such folder."), looked=str(folder), do=_("name the folder of the answer's files")
        )
    with _Line() as line:
        report = run_check(
            exercise, folder, kernel.services, options.seed, on_event=functools.partial(line.event, exercise)
        )
    notes: tuple[str, ...] = ()
    tries = 0
    try:
        # Somebody else's answer is not the learner's try.
        tries = kernel.progress.tries(exercise.id) if options.answers else tutor.record(kernel, exercise, report)
    except ProgressError as error:  # a full disk must not hide the verdict
        notes = (f"{error.what} {error.do}",)
    if not options.json:
        around = surroundings(kernel, exercise, report, (*notes, *kernel.progress.take_notices()))
        _show(text.report(report, around=around, tries=tries))
    return report


def hint(options: argparse.Namespace) -> int:
    """`inprod hint`."""
    with _kernel() as kernel:
        exercise = kernel.exercise(options.id)
        view = tutor.hint(kernel, exercise)
    _show((json_ if options.json else text).hint(view))
    return 0


def reset(options: argparse.Namespace) -> int:
    """`inprod reset`."""
    with _kernel() as kernel:
        exercise = kernel.exercise(options.id)
        view = tutor.reset(kernel, exercise)
    _show((json_ if options.json else text).reset(view))
    return 0


def restore(options: argparse.Namespace) -> int:
    """`inprod restore`."""
    with _kernel() as kernel:
        exercise = kernel.exercise(options.id)
        kept = kernel.progress.kept(exercise.id)
        if options.text:
            found = [old for old in kept if old.uuid.startswith(options.text)]
            if len(found) != 1:
                raise InprodError(
                    _("The history of {id} has no such text.").format(id=exercise.id),
                    looked=options.text,
                    do=_("run `inprod restore {id}`: it lists them").format(id=exercise.id),
                )
            kernel.answers.restore(exercise, found[0].file, found[0].uuid)
            _say(_("{file} is back as it was. Run `inprod lab` to see it in your notebook.").format(file=found[0].file))
            return 0
    if options.json:
        rows = [
            {"text": old.uuid, "at": old.at, "file": old.file, "why": old.why, "content": old.content} for old in kept
        ]
        print(json.dumps({"schema": SCHEMA, "history": rows}, ensure_ascii=False, indent=2))
        return 0
    lines = [
        f"{old.uuid[:8]}  {old.at[:16].replace('T', ' ')}  {old.file}  "
        + ngettext("{n} line", "{n} lines", old.content.count("\n")).format(n=old.content.count("\n"))
        for old in kept
    ]
    if kept:
        lines.append(_("Put one back: `inprod restore {id} {text}`").format(id=exercise.id, text=kept[0].uuid[:8]))
    print("\n".join(lines) or _("The history of {id} is empty: no text was replaced yet.").format(id=exercise.id))
    return 0


def solution(options: argparse.Namespace) -> int:
    """`inprod solution`."""
    with _kernel() as kernel:
        exercise = kernel.exercise(options.id)
        view = tutor.solution(kernel, exercise, ask_hint=f"inprod hint {exercise.id}")
    _show((json_ if options.json else text).solution(view))
    return 0 if view.answers else 1


def progress(options: argparse.Namespace) -> int:
    """`inprod progress`."""
    with _kernel() as kernel:
        if options.export:
            count = kernel.progress.export(options.export)
            _say(_("{n} records written to {file}.").format(n=count, file=options.export))
        elif options.import_:
            count = kernel.progress.import_(options.import_)
            _say(_("{n} records added; what was here stayed.").format(n=count))
        else:
            render = json_ if options.json else csv_ if options.csv else text
            summary = kernel.progress.summary(kernel.exercises())
            _show(render.progress(summary, notes=kernel.progress.take_notices()), end="" if options.csv else "\n")
    return 0


def doctor(options: argparse.Namespace) -> int:
    """`inprod doctor`."""
    from inprod.services import carried
    from inprod.services import doctor as found

    if options.pull:
        found.pull(_say)
    if options.save:
        carried.save(options.save, _say)
    if options.cleanup and not found.cleanup(_say):
        _say(_("Nothing was left behind."))
    if options.require:
        found.require(options.require)
    if options.pull or options.save or options.cleanup or options.require:
        return 0
    findings = tutor.examine()
    _show((json_ if options.json else text).doctor(findings))
    return 0 if all(finding.ok for finding in findings) else COULD_NOT_JUDGE


@contextlib.contextmanager
def _kernel(backend: str | None = None) -> Iterator[Kernel]:
    of = course()
    kernel = Kernel(of, work_folder(of), functools.partial(open_services, backend))
    try:
        yield kernel
    finally:
        kernel.close()


def _show(card: str, *, end: str = "\n") -> None:
    """Print a card; where it names a magic, it names the command instead."""
    print(_MAGIC.sub(r"`inprod \1", card), end=end)


def _say(line: str) -> None:
    """To the person, not into a pipe."""
    print(line, file=sys.stderr)


class _Line:
    """One line on a terminal that says what a check is doing, and is gone afterwards."""

    def __init__(self) -> None:
        self._on = sys.stderr.isatty()

    def __enter__(self) -> _Line:
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._on:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def event(self, exercise: Exercise, event: Event) -> None:
        """Show a step or the observation that is made now."""
        if self._on and event.kind in ("step", "observing"):
            print(f"\r\033[K{exercise.id} · {event.text}"[:110], end="", file=sys.stderr, flush=True)
