"""What can be typed: one parser a command, each with an example."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import inprod
from inprod.cli import author, learner
from inprod.messages import _
from inprod.services import BACKENDS

Run = Callable[[argparse.Namespace], int]
_CODES = "exit codes: 0 fine, 1 not yet, 2 wrong use, 3 could not judge"


def make() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="inprod",
        description=_("Python in Production: a course that runs, against real Postgres and Redis."),
        epilog=_(_CODES),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"inprod {inprod.__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _learner(commands)
    _author(commands)
    return top


def _learner(commands: Any) -> None:
    lab = _command(commands, "lab", learner.lab, _("open JupyterLab on your start page"), "inprod lab")
    lab.add_argument("--port", type=int, help=_("the port; the next free one when it is taken"))
    lab.add_argument("--no-browser", action="store_true", help=_("print the address, open nothing"))
    lab.add_argument(
        "--offline",
        action="store_true",
        help=_("for a room without a network: load the images that `make wheelhouse` saved, fetch nothing"),
    )
    lab.add_argument("--prepare", action="store_true", help=_("bring your notebooks up to date, and stop there"))
    lab.add_argument(
        "--hosted",
        action="store_true",
        help=_("with --prepare: Binder or JupyterHub starts JupyterLab; put the settings into its environment"),
    )
    lab.add_argument("--json", action="store_true", help=_("with --prepare: print what there is as JSON"))

    check = _command(commands, "check", learner.check, _("judge answers as they lie in their files"), "inprod check T2")
    check.add_argument("ids", nargs="+", metavar="ID", help=_("an exercise, such as T2"))
    check.add_argument("--seed", type=int, help=_("replay a run: the seed stands in its report (--json)"))
    check.add_argument("--answers", type=Path, metavar="DIR", help=_("a folder with the answer's files, for one ID"))
    _backend(check)
    _json(check)

    for name, run, does in (
        ("hint", learner.hint, _("show the next of three hints")),
        ("reset", learner.reset, _("put the starter back; your text goes into the history")),
        ("solution", learner.solution, _("show the right answers, after a pass or three tries")),
    ):
        command = _command(commands, name, run, does, f"inprod {name} T2")
        command.add_argument("id", metavar="ID", help=_("an exercise, such as T2"))
        _json(command)

    restore = _command(
        commands, "restore", learner.restore, _("list earlier texts of an answer, or put one back"), "inprod restore T2"
    )
    restore.add_argument("id", metavar="ID", help=_("an exercise, such as T2"))
    restore.add_argument("text", nargs="?", metavar="TEXT", help=_("the text's name, as the list shows it"))
    _json(restore)

    progress = _command(
        commands, "progress", learner.progress, _("draw the map of the course, or carry it along"), "inprod progress"
    )
    move = progress.add_mutually_exclusive_group()
    move.add_argument("--export", type=Path, metavar="FILE", help=_("write everything to one JSON file"))
    move.add_argument("--import", dest="import_", type=Path, metavar="FILE", help=_("add what an export holds"))
    form = progress.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help=_("a row an exercise"))
    _json(form)

    doctor = _command(commands, "doctor", learner.doctor, _("say what this machine has and lacks"), "inprod doctor")
    doctor.add_argument("--pull", action="store_true", help=_("fetch Docker's images, once"))
    doctor.add_argument(
        "--save", type=Path, metavar="FOLDER", help=_("write the images that Docker has into files, to carry them")
    )
    doctor.add_argument("--cleanup", action="store_true", help=_("remove what a killed course left behind"))
    doctor.add_argument("--require", choices=BACKENDS[1:], help=_("fail unless this backend can serve"))
    _json(doctor)


def _author(commands: Any) -> None:
    build = _command(
        commands, "build", author.build, _("make the notebooks from their sources"), "inprod build --check"
    )
    build.add_argument("lessons", nargs="*", metavar="LESSON", help=_("such as 00_setup; all when none is named"))
    build.add_argument("--check", action="store_true", help=_("change nothing; say what is stale or malformed"))
    _json(build)

    verify = _command(
        commands,
        "verify",
        author.verify,
        _("prove exercises: right answers pass, each wrong one fails for its own reason"),
        "inprod verify T2 --repeat 20 --busy",
    )
    verify.add_argument("ids", nargs="*", metavar="ID", help=_("such as T2; all when none is named"))
    verify.add_argument(
        "--changed", nargs="?", const="main", metavar="REVISION", help=_("those that differ from a git revision (main)")
    )
    verify.add_argument("--jobs", type=int, default=1, help=_("how many at once, each with its own servers"))
    verify.add_argument(
        "--repeat", type=int, default=1, help=_("times each right answer is judged (wrong ones: at most 5)")
    )
    verify.add_argument(
        "--sample",
        action="store_true",
        help=_("only exercises that need a server, and of each the starter, the reference and one wrong answer"),
    )
    verify.add_argument("--busy", action="store_true", help=_("with every core kept busy"))
    _backend(verify)
    _json(verify, file=True)

    bench = _command(
        commands, "bench", author.bench, _("measure the engine, beside its peers"), "inprod bench --json -"
    )
    bench.add_argument("--rounds", type=int, default=21, help=_("warm checks that are timed (%(default)s)"))
    _json(bench, file=True)


def _command(commands: Any, name: str, run: Run, does: str, example: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=does,
        description=f"{does[:1].upper()}{does[1:]}.",
        epilog=_("example: {example}").format(example=example) + f"\n{_(_CODES)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--lang", metavar="LANG", help=_("language of texts, such as pt-BR (also INPROD_LANG)"))
    command.set_defaults(run=run)
    return command


def _backend(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--backend", choices=BACKENDS, help=_("demand one; otherwise INPROD_BACKEND, or the first that serves")
    )


def _json(command: Any, *, file: bool = False) -> None:
    if file:
        command.add_argument("--json", metavar="FILE", help=_("write the result as JSON; - is standard output"))
    else:
        command.add_argument("--json", action="store_true", help=_("print JSON, for programs"))
