"""Run a built notebook in a kernel and save outputs that are the same bytes on every run."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inprod.build.notebook import Cell, Notebook
from inprod.build.place import LESSON, METADATA, source_of
from inprod.course import ROOT_VARIABLE, WORK_VARIABLE, Course
from inprod.errors import InprodError
from inprod.kernel import STRICT_VARIABLE
from inprod.messages import LANGUAGE_VARIABLE, _

CELL_SECONDS = 60
SKIP, IGNORE = "nbval-skip", "nbval-ignore-output"
#: A cell with one of these is not compared, so its output is not saved either: it would differ on every build.
VOLATILE = frozenset({SKIP, IGNORE})
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def execute(course: Course, notebook: Notebook, *, folder: Path, name: str) -> Notebook:
    """`notebook` with the outputs of a run in `folder`.

    In a lesson the answer cells are left unrun: their starters are the learner's to judge.

    Raises:
        InprodError: a cell failed, took over a minute, or the kernel died.
    """
    run = [cell for cell in notebook["cells"] if _is_run(notebook, cell)]
    with tempfile.TemporaryDirectory(prefix="inprod-build-", ignore_cleanup_errors=True) as work:
        environment = {
            **os.environ,
            ROOT_VARIABLE: str(course.root),
            WORK_VARIABLE: work,
            STRICT_VARIABLE: "1",
            LANGUAGE_VARIABLE: "en",
        }
        outputs = _run(run, notebook["metadata"], folder=folder, environment=environment, name=name)
    cells = []
    for cell in notebook["cells"]:
        if cell["id"] in outputs:
            count, found = outputs[cell["id"]]
            cell = {**cell, "execution_count": count, "outputs": [] if volatile(cell) else found}
        cells.append(cell)
    return {**notebook, "cells": cells}


def is_answer(cell: Mapping[str, Any]) -> bool:
    """Whether a cell is an answer cell."""
    return cell.get("cell_type") == "code" and source_of(cell).lstrip().startswith("%%answer")


def volatile(cell: Mapping[str, Any]) -> bool:
    """Whether a cell's output is not compared."""
    return bool(VOLATILE & set(cell["metadata"].get("tags", [])))


def _is_run(notebook: Notebook, cell: Cell) -> bool:
    if cell["cell_type"] != "code" or SKIP in cell["metadata"].get("tags", []):
        return False
    return not (is_answer(cell) and notebook["metadata"][METADATA]["kind"] == LESSON)


def _run(
    cells: list[Cell], metadata: Mapping[str, Any], *, folder: Path, environment: Mapping[str, str], name: str
) -> dict[str, tuple[int | None, list[dict[str, Any]]]]:
    """Execution count and outputs by cell id."""
    # A kernel's client takes a second to load, which no other command should pay.
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    node = nbformat.from_dict({"cells": cells, "metadata": dict(metadata), "nbformat": 4, "nbformat_minor": 5})
    for cell in node.cells:
        cell.source = source_of(cell)
    started: list[Any] = []
    client = NotebookClient(
        node,
        timeout=CELL_SECONDS,
        startup_timeout=CELL_SECONDS,
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],
        on_cell_execute=lambda cell, cell_index: started.append(cell),
        resources={"metadata": {"path": str(folder)}},
    )
    try:
        client.execute(env=dict(environment))
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise _failure(started, error, name) from error
    return {cell.id: (cell.execution_count, [_normal(output) for output in cell.outputs]) for cell in node.cells}


def _failure(started: list[Any], error: Exception, name: str) -> InprodError:
    """What went wrong, with the cell's own words; the failing cell is the last one that was started."""
    cell: Any = started[-1] if started else {"id": "–", "outputs": []}
    said = [
        _COLOURS.sub("", "\n".join(output.get("traceback", [])))
        for output in cell.get("outputs", [])
        if output.get("output_type") == "error"
    ]
    return InprodError(
        _("The cell {id} of {name} failed:\n{said}").format(
            id=cell["id"], name=name, said=said[-1] if said else str(error).strip()
        ),
        looked=_("{name}, cell {id}").format(name=name, id=cell["id"]),
        do=_("mend the cell, or the exercise's reference answer, then build again"),
    )


def _normal(output: Any) -> dict[str, Any]:
    """One output without what differs between runs or machines; texts as nbformat writes them."""
    plain: dict[str, Any] = {key: value for key, value in output.items() if key != "transient"}
    if plain["output_type"] == "error":
        # A traceback holds paths of this machine.
        plain["traceback"] = [f"{plain['ename']}: {plain['evalue']}"]
    if plain["output_type"] == "stream":
        plain["text"] = _lines(plain["text"])
    if "data" in plain:
        plain["data"] = {kind: _lines(value) if _is_text(kind) else value for kind, value in plain["data"].items()}
        plain["metadata"] = dict(plain.get("metadata", {}))
    return plain


def _is_text(kind: str) -> bool:
    """Whether nbformat writes this MIME type as lines: JSON it keeps whole."""
    return kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json"))


def _lines(text: Any) -> Any:
    return text.splitlines(keepends=True) if isinstance(text, str) else text
