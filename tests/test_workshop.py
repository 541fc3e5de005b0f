"""A notebook's commands: real processes, and output that can be compared."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import pytest

from inprod import workshop
from inprod.workshop import Workshop


def test_pytest_says_the_same_twice(capsys: pytest.CaptureFixture[str]) -> None:
    """No time and no path of this machine; nothing is left beside the files."""
    shop = Workshop()
    shop.write("test_one.py", "\ndef test_one():\n    assert 1 == 2\n")
    first, second = shop.run("pytest -q test_*.py"), shop.run("pytest -q test_*.py")
    assert first == second
    assert first.code == 1
    assert first.said.endswith("FAILED test_one.py::test_one - assert 1 == 2\n1 failed")
    assert str(shop.folder) not in first.said
    assert [path.name for path in shop.folder.iterdir()] == ["test_one.py"]
    assert capsys.readouterr().out.startswith("$ pytest -q test_*.py\nF")


def test_coverage_says_the_same_on_every_machine() -> None:
    """Neither where packages lie nor which Python it is."""
    shop = Workshop()
    shop.write("adding.py", "def add(a, b):\n    return a + b\n")
    shop.write("test_adding.py", "import adding\n\ndef test_add():\n    assert adding.add(1, 2) == 3\n")
    found = shop.run("pytest -q --cov=adding test_adding.py", show=False).said
    assert "adding.py       2      0   100%" in found
    assert "platform" not in found
    found = shop.run("pytest -q --cov=missing test_adding.py", show=False).said
    assert "CoverageWarning: Module missing was never imported." in found
    assert "/site-packages" not in found


def test_the_environment_is_plain(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The course's own variables stay out, and this interpreter comes first."""
    monkeypatch.setenv("INPROD_STRICT", "1")
    shop = Workshop()
    shop.write("look.py", "import os, sys\nprint([k for k in os.environ if k.startswith('INPROD')], sys.prefix)")
    assert shop.run("python look.py", show=False).said == f"[] {sys.prefix}"
    assert capsys.readouterr().out == ""


def test_what_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its children; the notebook's cell does not hang."""
    monkeypatch.setattr(workshop, "SECONDS", 0.5)
    with pytest.raises(TimeoutError):
        Workshop().run("sleep 60 | cat")


def test_the_folder_goes_with_its_owner() -> None:
    """A kernel that ends leaves nothing behind."""
    shop = Workshop()
    folder: Path = shop.folder
    assert folder.is_dir()
    del shop
    gc.collect()
    assert not folder.exists()
