"""The installer: quick when nothing changed, and a remedy when something stands in the way."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from inprod import install


@pytest.fixture
def venv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for a virtual environment, and nothing that may be run."""
    folder = tmp_path / ".venv"
    folder.mkdir()
    monkeypatch.setattr(install, "VENV", folder)
    monkeypatch.setattr(install, "LOG", folder / "install.log")
    monkeypatch.setattr(install, "WHEELHOUSE", tmp_path / "wheelhouse")
    monkeypatch.setattr("sys.argv", ["install.py"])

    def never(*_args: Any, **_options: Any) -> None:
        raise AssertionError("something was run")

    monkeypatch.setattr(subprocess, "run", never)
    monkeypatch.setattr(subprocess, "Popen", never)
    return folder


@pytest.mark.parametrize("arguments", [[], ["--dev"]])
def test_the_second_time_nothing_is_run(venv: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    """Same lock, same metadata, same Python: a contributor's installation serves a learner, too."""
    monkeypatch.setattr("sys.argv", ["install.py", *arguments])
    (venv / "installed-contributor").write_text(install._fingerprint(), encoding="utf-8")
    assert install.main() == 0


def test_a_changed_lock_installs_again(venv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stamp belongs to one lock."""
    (venv / "installed-learner").write_text(install._fingerprint(), encoding="utf-8")
    assert install.main() == 0
    lock = tmp_path / "constraints.txt"
    lock.write_text("pytest==9 \\\n", encoding="utf-8")
    monkeypatch.setattr(install, "LOCK", lock)
    with pytest.raises(AssertionError, match="something was run"):
        install.main()


@pytest.mark.usefixtures("venv")
@pytest.mark.parametrize(
    ("name", "value", "told", "remedy"),
    [
        ("LEAST_PYTHON", (9, 9), "Python 3.11 or newer is needed.", "make lab PYTHON="),
        ("LEAST_DISK", 1 << 60, "The disk is nearly full.", "free 1.5 GB"),
    ],
)
def test_what_would_fail_half_way_is_told_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: Any, told: str, remedy: str
) -> None:
    """Nothing is run, the exit code is 2."""
    monkeypatch.setattr(install, name, value)
    assert install.main() == 2
    error = capsys.readouterr().err
    assert error.startswith(told)
    assert remedy in error.partition("do:")[2]


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("ERROR: … [SSL: CERTIFICATE_VERIFY_FAILED] …", "PIP_CERT"),
        ("WARNING: … Temporary failure in name resolution", "connect to the network"),
        ("ERROR: Could not install packages due to an OSError: No space left on device", "free 1.5 GB"),
        ("ERROR: something else", "install.log"),
    ],
)
def test_pips_words_lead_to_a_remedy(venv: Path, capsys: pytest.CaptureFixture[str], line: str, remedy: str) -> None:
    """What pip said stands there, and what to do about it."""
    (venv / "install.log").write_text(f"Collecting x\n{line}\n", encoding="utf-8")
    assert install._pip_failed(carried=False) == 2
    error = capsys.readouterr().err
    assert remedy in error.partition("do:")[2]


@pytest.fixture
def commands(venv: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What pip would have been told; nothing is run, and all of it succeeds."""
    (venv / "bin").mkdir()
    (venv / "bin" / "python").touch()
    told: list[list[str]] = []

    def note(command: list[str], _packages: int) -> bool:
        told.append(command)
        return True

    monkeypatch.setattr(install, "_run", note)
    return told


@pytest.mark.parametrize(("arguments", "carried"), [([], True), (["--dev"], False)])
def test_packages_that_were_carried_here_are_enough(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch, arguments: list[str], *, carried: bool
) -> None:
    """A learner's come from the folder, by their hashes as ever; a contributor's come from an index."""
    monkeypatch.setattr("sys.argv", ["install.py", *arguments])
    install.WHEELHOUSE.mkdir()
    assert install.main() == 0
    packages, course = commands
    assert ("--no-index" in packages, str(install.WHEELHOUSE) in packages) == (carried, carried)
    assert "--require-hashes" in packages
    assert "-e" in course


def test_a_wheelhouse_is_filled_whole_or_not_at_all(commands: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """The learner's part of the lock; what a failure leaves is no folder that an installation would take."""
    monkeypatch.setattr("sys.argv", ["install.py", "--wheelhouse"])
    install.LOG.write_text("ERROR: something else\n", encoding="utf-8")
    succeed = install._run
    monkeypatch.setattr(install, "_run", lambda _command, _packages: False)
    assert install.main() == 2
    assert not install.WHEELHOUSE.exists()
    monkeypatch.setattr(install, "_run", succeed)
    assert install.main() == 0
    (command,) = commands
    assert {"download", "--require-hashes"} <= set(command)
    wanted = (install.WHEELHOUSE / "learner.txt").read_text(encoding="utf-8")
    assert "jupyterlab==" in wanted
    assert "mypy==" not in wanted


def test_a_wheelhouse_of_another_machine_is_told(venv: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """pip's words are the same as without one; the remedy is not."""
    (venv / "install.log").write_text("ERROR: No matching distribution found for x==1\n", encoding="utf-8")
    assert install._pip_failed(carried=True) == 2
    assert "fill it anew, or move it away" in capsys.readouterr().err
