"""The command line: exit codes, JSON, and errors that name what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from inprod.cli import main, parser
from tests.support import make_exercise

CHECK = '''
from inprod.testing import saw

def test_answers(answer):
    """It answers 42."""
    got = answer.call("answer.py:answer")
    if got != 42:
        raise saw("wrong", did="Called it.", saw="{got}", needs="42", why="Because.", try_="Try", got=got)
'''
COMMANDS = ("lab", "check", "hint", "reset", "solution", "restore", "progress", "doctor", "build", "verify", "bench")


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course of one exercise, whose reference returns 42, and a learner's folder."""
    exercise = make_exercise(tmp_path, CHECK)
    answers = {
        "reference": ("", "42"),
        "right_a": ("", "41 + 1"),
        "right_b": ("", "int('42')"),
        "wrong_a": ("---\nrejected_by: answers\nbecause: wrong\n---\n", "43"),
    }
    for name, (front, value) in answers.items():
        folder = exercise.solutions / name
        folder.mkdir(parents=True)
        (folder / "answer.py").write_text(f"def answer():\n    return {value}\n", encoding="utf-8")
        (folder / "why.md").write_text(f"{front}Why.\n", encoding="utf-8")
    monkeypatch.setenv("INPROD_COURSE", str(tmp_path))
    monkeypatch.setenv("INPROD_WORK", str(tmp_path / "work"))
    return tmp_path


def _write(sample: Path, value: str) -> None:
    folder = sample / "work" / "answers" / "W0"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "answer.py").write_text(f"def answer():\n    return {value}\n", encoding="utf-8")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--help has an example and the exit codes."""
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert f"example: inprod {command}" in text
    assert "3 could not judge" in text


def test_the_list_of_commands_is_whole() -> None:
    """What this file tests is what can be typed."""
    (commands,) = [a for a in parser.make()._actions if a.dest == "command"]
    assert commands.choices is not None
    assert set(commands.choices) == set(COMMANDS)


@pytest.mark.usefixtures("sample")
def test_check_tells_by_its_exit_code(sample: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """0 pass, 1 not yet; without an answer the starter is judged."""
    assert main(["check", "w0"]) == 1
    assert "not yet" in capsys.readouterr().out
    _write(sample, "42")
    assert main(["check", "W0", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["schema"], [r["verdict"] for r in result["reports"]]) == (1, ["pass"])


def test_a_check_could_not_judge(sample: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A demanded engine that is away is exit code 3, and no try of the learner's."""
    make_exercise(tmp_path, CHECK, name="W1", needs="postgres")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'nothing.sock'}")
    assert main(["check", "W1", "--backend", "docker"]) == 3
    assert main(["solution", "W1"]) == 1


def test_check_of_another_folder_is_no_try(sample: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--answers judges somebody else's files."""
    assert main(["check", "W0", "--answers", str(sample / "solutions/00_sample/w0_sample/reference")]) == 0
    capsys.readouterr()
    assert main(["progress", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["passed"] == 0
    assert main(["check", "W0", "--answers", str(sample / "nowhere")]) == 2


@pytest.mark.usefixtures("sample")
@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["check", "T9"], 2, "no exercise T9"),
        (["hint", ""], 2, "Which exercise?"),
        (["verify", "T9"], 2, "no exercise T9"),
        (["verify", "--jobs", "0"], 2, "--jobs must be at least 1"),
        (["progress", "--import", "nowhere.json"], 2, "could not be read"),
        (["build", "nolesson"], 2, "no lesson nolesson"),
        (["restore", "W0", "abc"], 2, "no such text"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_use_is_told(arguments: list[str], code: int, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What happened, where we looked, what to do: on stderr, and as JSON where JSON was asked for."""
    assert main(arguments) == code
    error = capsys.readouterr().err
    assert word in error
    assert "do" in error
    if arguments[0] in ("check", "hint"):
        assert main([*arguments, "--json"]) == code
        assert json.loads(capsys.readouterr().out)["exit"] == code


@pytest.mark.usefixtures("sample")
def test_hints_come_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    """The third stays."""
    texts = []
    for _time in range(4):
        assert main(["hint", "W0", "--json"]) == 0
        texts.append(json.loads(capsys.readouterr().out)["text"])
    assert texts == ["One.", "Two.", "Three.", "Three."]


def test_solutions_open_after_a_pass(sample: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Closed before it, and then with each answer's trade-offs."""
    assert main(["solution", "W0"]) == 1
    assert "not open yet" in capsys.readouterr().out
    _write(sample, "42")
    assert main(["check", "W0"]) == 0
    capsys.readouterr()
    assert main(["solution", "W0", "--json"]) == 0
    assert [a["name"] for a in json.loads(capsys.readouterr().out)["answers"]] == ["reference", "right_a", "right_b"]


def test_a_reset_loses_nothing(sample: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The text is in the history, and comes back."""
    _write(sample, "42")
    assert main(["reset", "W0"]) == 0
    answer = sample / "work" / "answers" / "W0" / "answer.py"
    assert "None" in answer.read_text(encoding="utf-8")
    capsys.readouterr()
    assert main(["restore", "W0", "--json"]) == 0
    (old,) = json.loads(capsys.readouterr().out)["history"]
    assert main(["restore", "W0", old["text"][:8]]) == 0
    assert "42" in answer.read_text(encoding="utf-8")


def test_progress_travels(sample: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Exported here, imported there, twice without harm."""
    _write(sample, "42")
    assert main(["check", "W0"]) == 0
    assert main(["progress", "--export", str(sample / "mine.json")]) == 0
    monkeypatch.setenv("INPROD_WORK", str(sample / "other"))
    for _time in range(2):
        assert main(["progress", "--import", str(sample / "mine.json")]) == 0
    capsys.readouterr()
    assert main(["progress", "--csv"]) == 0
    assert "W0,Sample,passed,10,10,1" in capsys.readouterr().out


@pytest.mark.usefixtures("sample")
def test_verify_tells_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    """One wrong answer of three: the proof is not whole, and nothing else is wrong."""
    assert main(["verify", "--json", "-"]) == 1
    (entry,) = json.loads(capsys.readouterr().out)["exercises"]
    assert (entry["id"], entry["starter"], entry["reference"]) == ("W0", "not yet", "pass")
    assert entry["right"] == [{"name": "right_a", "verdict": "pass"}, {"name": "right_b", "verdict": "pass"}]
    assert entry["wrong"] == [
        {"name": "wrong_a", "verdict": "not yet", "expected": "answers/wrong", "rejected_by": "answers/wrong"}
    ]
    assert entry["problems"] == ["1 wrong answer; 3 are needed"]


def test_a_sample_is_what_needs_a_server(capsys: pytest.CaptureFixture[str], sample: Path) -> None:
    """Nothing to verify is no proof; where a server is needed, the reference and one wrong answer are judged."""
    assert main(["verify", "--sample", "--json", "-"]) == 1
    assert json.loads(capsys.readouterr().out)["problems"] == ["nothing was verified: no exercise was chosen"]
    task = next((sample / "exercises").rglob("task.md"))
    task.write_text(task.read_text(encoding="utf-8").replace("needs: []", "needs: [redis]"), encoding="utf-8")
    main(["verify", "--sample", "--backend", "embedded", "--json", "-"])
    (entry,) = json.loads(capsys.readouterr().out)["exercises"]
    assert (entry["reference"], entry["right"], len(entry["wrong"])) == ("pass", [], 1)


def test_the_lab_is_prepared_for_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies where, without opening anything."""
    from tests.lab.support import make_desk

    desk = make_desk(tmp_path / "course")
    monkeypatch.setenv("INPROD_COURSE", str(desk.course.root))
    monkeypatch.setenv("INPROD_WORK", str(desk.work))
    done = subprocess.run(
        [sys.executable, "-m", "inprod", "lab", "--prepare", "--json"],
        capture_output=True, text=True, timeout=60, check=True, env=dict(os.environ),
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert found["notebooks"] == [str(desk.work / "01_sums.ipynb")]
    assert Path(found["start"]).is_file()


def test_outside_a_course_the_remedy_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """INPROD_COURSE that names nothing."""
    monkeypatch.setenv("INPROD_COURSE", str(tmp_path / "nowhere"))
    assert main(["progress"]) == 2


@pytest.mark.usefixtures("sample")
def test_a_closed_pipe_is_no_traceback() -> None:
    """`inprod … | head -0` ends quietly."""
    done = subprocess.run(
        f"{sys.executable} -m inprod progress | true",
        shell=True, env=dict(os.environ), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("sample")
def test_an_observation_that_never_fails_is_no_proof(sample: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A test that asserts nothing is named, and so is a starter that breaks."""
    folder = sample / "exercises/00_sample/w0_sample"
    check = folder / "check.py"
    check.write_text(
        check.read_text(encoding="utf-8") + '\n\ndef test_nothing():\n    """It is so."""\n', encoding="utf-8"
    )
    (folder / "starter" / "answer.py").write_text("def answer():\n    raise NotImplementedError\n", encoding="utf-8")
    assert main(["verify", "--json", "-"]) == 1
    (entry,) = json.loads(capsys.readouterr().out)["exercises"]
    assert "test_nothing never fails: neither the starter nor a wrong answer shows that it can" in entry["problems"]
    assert any("the starter breaks" in problem for problem in entry["problems"])
