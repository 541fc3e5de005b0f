"""The contributor's verbs: build, verify, bench."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from inprod.course import course
from inprod.errors import COULD_NOT_JUDGE, InprodError
from inprod.messages import _, ngettext
from inprod.results import SCHEMA, Verdict


def build(options: argparse.Namespace) -> int:
    """`inprod build`."""
    from inprod import build as builder

    of = course()
    if options.check:
        found = builder.check(of)
        if options.json:
            print(json.dumps({"schema": SCHEMA, "found": [str(item) for item in found]}, ensure_ascii=False, indent=2))
        else:
            for item in found:
                print(item)
            print(
                ngettext("{n} thing to mend.", "{n} things to mend.", len(found)).format(n=len(found))
                if found
                else _("Every notebook is what its sources say.")
            )
        return 1 if found else 0
    built = builder.build(of, lessons=options.lessons, say=_say)
    names = {"written": built.written, "unchanged": built.unchanged}
    relative = {key: [str(path.relative_to(of.root)) for path in paths] for key, paths in names.items()}
    if options.json:
        print(json.dumps({"schema": SCHEMA, **relative}, indent=2))
    else:
        for path in relative["written"]:
            print(_("written: {path}").format(path=path))
        unchanged = len(relative["unchanged"])
        print(ngettext("{n} notebook unchanged.", "{n} notebooks unchanged.", unchanged).format(n=unchanged))
    return 0


def verify(options: argparse.Namespace) -> int:
    """`inprod verify`."""
    from inprod import verify as prover

    for name in ("jobs", "repeat"):
        if getattr(options, name) < 1:
            raise InprodError(
                _("--{name} must be at least 1.").format(name=name),
                looked=str(getattr(options, name)),
                do=_("leave it out, or name a number"),
            )
    chosen = prover.choose(course(), options.ids, changed_since=options.changed)
    if options.sample:
        chosen = tuple(exercise for exercise in chosen if exercise.needs & {"postgres", "redis"})
    if not chosen and options.changed:
        _say(_("No exercise differs from {revision}.").format(revision=options.changed))
        return 0
    wanted = prover.Options(options.backend, options.jobs, options.repeat, options.busy, options.sample)
    result = prover.verify(chosen, wanted, _say)
    if options.json:
        _write(result, options.json)
    if options.json != "-":
        _table(result)
    return _exit(result)


def _exit(result: dict[str, Any]) -> int:
    from inprod.verify import failed

    if not failed(result):
        return 0
    verdicts = {str(Verdict.COULD_NOT_JUDGE)}
    seen = {
        verdict
        for entry in result["exercises"]
        for verdict in (entry["starter"], entry["reference"], *(a["verdict"] for a in entry["right"] + entry["wrong"]))
    }
    return COULD_NOT_JUDGE if seen & verdicts else 1


def _table(result: dict[str, Any]) -> None:
    for entry in result["exercises"]:
        right = sum(answer["verdict"] == Verdict.PASS for answer in entry["right"])
        wrong = sum(answer["rejected_by"] == answer["expected"] for answer in entry["wrong"])
        seconds = f"{entry['median_s']:.2f} s" if entry["median_s"] is not None else "–"
        print(
            f"{'✗' if entry['problems'] else '✓'} {entry['id']:4} "
            + _(
                "starter {starter} · reference {reference} · {right} of {rights} right · {wrong} of {wrongs} wrong"
            ).format(
                starter=entry["starter"],
                reference=entry["reference"],
                right=right,
                rights=len(entry["right"]),
                wrong=wrong,
                wrongs=len(entry["wrong"]),
            )
            + f" · {seconds} · {result['backend']}"
        )
        for problem in entry["problems"]:
            print(f"       {problem}")
    for problem in result["problems"]:
        print(f"✗ {problem}")


def bench(options: argparse.Namespace) -> int:
    """`inprod bench`."""
    from inprod.bench import bench as measure

    result = measure(_say, rounds=options.rounds)
    if options.json:
        _write(result, options.json)
    if options.json != "-":
        for figure in result["figures"]:
            print(
                f"{figure['name']:26} {figure['median']:8.1f} {figure['unit']:2}  "
                f"({figure['min']:.1f} to {figure['max']:.1f}, n={figure['n']})"
            )
        for ratio in result["ratios"]:
            print(f"{ratio['name']:50} {ratio['median']:.3f}")
        for name, why in result["not_run"].items():
            print(_("{name}: not run ({why})").format(name=name, why=why))
    return 0


def _write(result: dict[str, Any], target: str) -> None:
    content = json.dumps(result, ensure_ascii=False, indent=2) + "\n"
    if target == "-":
        sys.stdout.write(content)
        return
    try:
        Path(target).write_text(content, encoding="utf-8")
    except OSError as error:
        raise InprodError(
            _("The result could not be written: {reason}.").format(reason=error.strerror or error),
            looked=target,
            do=_("name a file in a folder that you may write to"),
        ) from error


def _say(line: str) -> None:
    """Progress goes to stderr: one line that changes on a terminal, nothing in a log."""
    if sys.stderr.isatty():
        print(f"\r\033[K{line[:110]}", end="", file=sys.stderr, flush=True)
