"""The course's settings in an environment whose JupyterLab something else starts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from inprod.cli import main
from inprod.errors import InprodError
from inprod.lab import settle
from inprod.lab.hosted import IPYTHON, OVERRIDES
from inprod.lab.launch import KERNELS, SETTINGS

DOCUMENTS = "@jupyterlab/docmanager-extension:plugin"


def test_every_kernel_and_every_lab_of_the_environment_gets_them(tmp_path: Path) -> None:
    """Both files, and a second time nothing is written."""
    settle(tmp_path)
    assert (tmp_path / IPYTHON).read_text(encoding="utf-8") == KERNELS
    assert json.loads((tmp_path / OVERRIDES).read_text(encoding="utf-8")) == SETTINGS
    written = [(tmp_path / name).stat().st_mtime_ns for name in (IPYTHON, OVERRIDES)]
    settle(tmp_path)
    assert [(tmp_path / name).stat().st_mtime_ns for name in (IPYTHON, OVERRIDES)] == written


def test_what_the_environment_had_set_stays(tmp_path: Path) -> None:
    """Another plugin's settings, and the same plugin's where both say something."""
    (tmp_path / OVERRIDES).parent.mkdir(parents=True)
    there = {"of-the-hub": {"a": 1}, DOCUMENTS: {"autosaveInterval": 5}}
    (tmp_path / OVERRIDES).write_text(json.dumps(there), encoding="utf-8")
    settle(tmp_path)
    now = json.loads((tmp_path / OVERRIDES).read_text(encoding="utf-8"))
    assert now["of-the-hub"] == {"a": 1}
    assert now[DOCUMENTS] == {**SETTINGS[DOCUMENTS], "autosaveInterval": 5}


@pytest.mark.parametrize(("name", "text"), [(IPYTHON, "c = 1\n"), (OVERRIDES, "{"), (OVERRIDES, '{"a": 1}')])
def test_what_cannot_be_merged_is_told_and_left(tmp_path: Path, name: Path, text: str) -> None:
    """IPython settings of somebody's own, a broken file, a file of another shape."""
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InprodError) as raised:
        settle(tmp_path)
    assert raised.value.looked == str(tmp_path / name)
    assert (tmp_path / name).read_text(encoding="utf-8") == text


def test_hosted_alone_is_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    """`inprod lab` starts JupyterLab by itself, so the option would mean nothing."""
    assert main(["lab", "--hosted"]) == 2
    assert "inprod lab --prepare --hosted" in capsys.readouterr().err
