"""JupyterLab on the learner's folder: this machine only, with settings of its own, in place of this process."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from inprod.course import OWN, ROOT_VARIABLE, WORK_VARIABLE, Course
from inprod.lab.files import put
from inprod.messages import LANGUAGE_VARIABLE, language

#: Every kernel knows the course's commands, also after a restart, before the notebook's first cell has run.
KERNELS: Final = """\
# Made by `inprod lab`.
c = get_config()
c.InteractiveShellApp.exec_lines = ["import inprod; inprod.load_ipython_extension(get_ipython())"]
"""

#: What JupyterLab does unless the learner's own settings say otherwise.
SETTINGS: Final[Mapping[str, Mapping[str, Any]]] = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/apputils-extension:themes": {"adaptive-theme": True},
    "@jupyterlab/docmanager-extension:plugin": {
        "autosaveInterval": 30,
        "defaultViewers": {"markdown": "Markdown Preview"},
    },
}


def launch(
    course: Course, work: Path, *, port: int | None = None, browser: bool = True, extra: Sequence[str] = ()
) -> NoReturn:
    """Become JupyterLab on `work`, which was prepared; Ctrl-C ends it.

    Args:
        course: what the kernels check against.
        work: the learner's folder.
        port: where to listen; where it is taken, the next free one.
        browser: whether to open one.
        extra: further options of JupyterLab.

    Raises:
        InprodError: the folder cannot be written.
    """
    put(_own(work) / "ipython" / "profile_default" / "ipython_config.py", KERNELS)
    put(_settings(work) / "overrides.json", json.dumps(SETTINGS, indent=2, sort_keys=True) + "\n")
    # Its files of connections must be readable by their owner alone, which not every disk can promise.
    runtime = tempfile.mkdtemp(prefix="inprod-lab-")
    command = [sys.executable, "-m", "inprod.lab.server", str(work.resolve())]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(  # noqa: S606 - no shell is wanted
        sys.executable,
        [*command, *options(work, port=port, browser=browser), *extra],
        environment(course, work, runtime),
    )


def options(work: Path, *, port: int | None = None, browser: bool = True) -> list[str]:
    """JupyterLab's command line."""
    found = [
        f"--ServerApp.root_dir={work.resolve()}",
        "--ServerApp.ip=127.0.0.1",
        f"--LabApp.app_settings_dir={_settings(work)}",
        # Else each kernel warns, in the terminal, that it talks to its server in the clear.
        "--KernelManager.transport_encryption=auto",
        # The search for other languages' servers runs npm, which writes into the home folder.
        "--LanguageServerManager.autodetect=False",
        # Shown are notebooks and answers; the record is a file for `inprod progress`.
        "--ContentsManager.hide_globs=['__pycache__', '*.pyc', '.*', 'progress.sqlite*', 'progress.damaged*']",
    ]
    if port is not None:
        found.append(f"--ServerApp.port={port}")
    if not browser:
        found.append("--no-browser")
    if os.geteuid() == 0:
        found.append("--allow-root")
    return found


def environment(course: Course, work: Path, runtime: str) -> dict[str, str]:
    """The environment of JupyterLab and its kernels: what a person configured elsewhere is neither read nor changed."""
    own = _own(work)
    # Another Python's kernels and settings stay out; this environment's come first.
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER_", "JUPYTERLAB_"))}
    return kept | {
        ROOT_VARIABLE: str(course.root.resolve()),
        WORK_VARIABLE: str(work.resolve()),
        LANGUAGE_VARIABLE: language(),
        "JUPYTER_CONFIG_DIR": str(own / "config"),
        "JUPYTER_DATA_DIR": str(own / "data"),
        "JUPYTER_RUNTIME_DIR": runtime,
        "IPYTHONDIR": str(own / "ipython"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTERLAB_SETTINGS_DIR": str(own / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(own / "workspaces"),
    }


def _settings(work: Path) -> Path:
    return _own(work) / "defaults"


def _own(work: Path) -> Path:
    return work.resolve() / OWN / "jupyter"
