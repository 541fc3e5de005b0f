"""Binder: what it would build, and its two scripts run for real as a normal user."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from tests.machines import UID, Machine, made_machine

ROOT = Path(__file__).parents[1]
BINDER = ROOT / "binder"
PIP = ["--requirement constraints.txt"]
#: A notebook that never loads the course: its kernel must know it all the same.
KERNEL = '''
import json, os, sys
import nbformat
from nbclient import NotebookClient
cell = """
import json, os
print(json.dumps([get_ipython().find_line_magic("doctor") is not None, os.environ["INPROD_BACKEND"]]))
"""
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
NotebookClient(notebook, timeout=60, resources={"metadata": {"path": "work"}}).execute()
print("kernel:", notebook.cells[0].outputs[0].text)
'''


def emitted(folder: Path) -> str:
    """The Dockerfile that repo2docker makes of a folder: nothing is built, nobody is asked."""
    program = Path(sys.executable).with_name("jupyter-repo2docker")
    done = subprocess.run(
        [program, "--no-build", "--debug", "--user-id", str(UID), "--user-name", "jovyan", str(folder)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "DOCKER_HOST": "unix:///nonexistent.sock"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout + done.stderr


def test_the_emitted_dockerfile_installs_and_starts_the_course() -> None:
    """Python as environment.yml says, the lock after the files have come, then our scripts, as a normal user."""
    text = emitted(ROOT)
    python = environment()["python"]
    assert f"Building conda environment for python={python}" in text
    steps = [
        "COPY --chown=1000:1000 src/ ${REPO_DIR}/",
        "USER ${NB_USER}",
        'env update -p ${NB_PYTHON_PREFIX} --file "binder/environment.yml"',
        "RUN ./binder/postBuild",
        'ENV R2D_ENTRYPOINT="${REPO_DIR}/binder/start"',
    ]
    places = [text.index(step) for step in steps]
    assert places == sorted(places)
    assert "USER root" not in text[places[0] :]


@pytest.mark.parametrize(
    ("missing", "lost"),
    [("environment.yml", "env update"), ("postBuild", "RUN ./binder/postBuild"), ("start", "R2D_ENTRYPOINT")],
)
def test_the_dockerfile_shows_what_is_missing(tmp_path: Path, missing: str, lost: str) -> None:
    """Each of the three files reaches the image: without it, the Dockerfile lacks its step."""
    for name in ("environment.yml", "constraints.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(BINDER, tmp_path / "binder", symlinks=True)
    assert lost in emitted(tmp_path)
    (tmp_path / "binder" / missing).unlink()
    assert lost not in emitted(tmp_path)


def environment() -> Mapping[str, str]:
    """What environment.yml asks of conda: names and versions."""
    wanted = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    return {re.split("[=<>]", text)[0]: re.sub("^[^=<>]*=*", "", text) for text in wanted if isinstance(text, str)}


def test_binder_conda_lock_and_metadata_agree() -> None:
    """One environment, one lock, found from binder/ as from the root; a Python that the package and its lock accept."""
    for name in ("environment.yml", "constraints.txt"):
        # pip runs beside the environment.yml that it was given, with the lock's name as it stands there.
        assert (BINDER / name).is_symlink()
        assert (BINDER / name).resolve() == ROOT / name
    pip = [
        d["pip"]
        for d in yaml.safe_load((BINDER / "environment.yml").read_text())["dependencies"]
        if isinstance(d, dict)
    ]
    assert pip == [PIP]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    least = tuple(map(int, project["requires-python"].removeprefix(">=").split(".")))
    python = tuple(map(int, environment()["python"].split(".")))
    assert least <= python
    assert {"python", "pip", "redis-server"} <= set(environment())
    # Scripts that Binder runs are executable in the repository as well, for who tries them by hand.
    assert [name for name in ("postBuild", "start") if not os.access(BINDER / name, os.X_OK)] == []


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """Where the packages are installed, and the course is not."""
    with made_machine() as made:
        yield made


@pytest.mark.slow
def test_build_and_start_as_a_normal_user(machine: Machine) -> None:
    """postBuild leaves a folder to learn in and servers that start; start's kernels know the course."""
    built = machine.run("./binder/postBuild")
    assert built.returncode == 0, built.stdout + built.stderr
    assert {name for name in ("postgres", "redis") if name in built.stdout} == {"postgres", "redis"}
    work = machine.home / "work"
    lessons = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert {path.stem for path in work.glob("*.ipynb")} == lessons
    assert (work / "start.md").is_file()
    overrides = json.loads((machine.prefix / "share/jupyter/lab/settings/overrides.json").read_text(encoding="utf-8"))
    assert overrides["@jupyterlab/docmanager-extension:plugin"]["defaultViewers"] == {"markdown": "Markdown Preview"}

    started = machine.run("./binder/start", "python", "-c", KERNEL)
    assert started.returncode == 0, started.stdout + started.stderr
    assert 'kernel: [true, "embedded"]' in started.stdout
    assert work.stat().st_uid == (UID if machine.root else os.geteuid())

    (machine.home / "notebooks").rename(machine.home / "gone")
    helped = machine.run("./binder/start", "echo", "two words", "three")
    assert (helped.returncode, helped.stdout) == (0, "two words three\n")
    assert "may be out of date" in helped.stderr
