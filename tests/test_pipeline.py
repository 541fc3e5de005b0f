"""The pipeline proves the course, so something has to prove the pipeline: three validators, each seen to refuse."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
GITHUB = ROOT / ".github"
WORKFLOW = GITHUB / "workflows" / "ci.yml"
#: The same three for everybody; none of them asks the network.
VALIDATORS: dict[str, list[str]] = {
    "schema": ["check-jsonschema", "--builtin-schema", "vendor.github-workflows"],
    "actionlint": ["actionlint", "-no-color"],
    "zizmor": ["zizmor", "--offline", "--persona", "pedantic", "--no-progress", "--color", "never"],
}


def judge(validator: str, *files: Path) -> tuple[int, str]:
    """A validator's exit code and words about these files."""
    program, *options = VALIDATORS[validator]
    done = subprocess.run(
        [Path(sys.executable).with_name(program), *options, *files],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def broken(tmp_path: Path) -> Callable[[str, str], Path]:
    """A copy of the workflow with one place changed."""

    def make(old: str, new: str) -> Path:
        text = WORKFLOW.read_text(encoding="utf-8")
        assert old in text
        folder = tmp_path / ".github" / "workflows"
        folder.mkdir(parents=True)
        (folder / "ci.yml").write_text(text.replace(old, new, 1), encoding="utf-8")
        return folder / "ci.yml"

    return make


def workflow() -> dict[str, Any]:
    """The workflow as data; YAML reads its key `on` as a truth value."""
    data: dict[Any, Any] = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    return {("on" if key is True else key): value for key, value in data.items()}


@pytest.mark.parametrize("validator", VALIDATORS)
def test_the_workflow_passes(validator: str) -> None:
    """Each of the three has nothing to say."""
    code, said = judge(validator, WORKFLOW)
    assert code == 0, said


def test_the_updates_pass() -> None:
    """dependabot.yml, by its schema and by zizmor."""
    program = Path(sys.executable).with_name("check-jsonschema")
    updates = GITHUB / "dependabot.yml"
    done = subprocess.run([program, "--builtin-schema", "vendor.dependabot", updates], timeout=60, check=False)
    assert done.returncode == 0
    assert judge("zizmor", updates)[0] == 0


@pytest.mark.parametrize(
    ("validator", "old", "new", "told"),
    [
        ("schema", "    runs-on: ubuntu-24.04", "    run-on: ubuntu-24.04", "run-on"),
        (
            "schema",
            "on:\n  push:\n    branches: [main]\n  pull_request:",
            "on:\npush:\n  branches: [main]\npull_request:",
            "push",
        ),
        ("schema", "timeout-minutes: 15", "timeout-minutes: soon", "soon"),
        ("actionlint", "runs-on: ubuntu-24.04", "runs-on: ubuntu-24.4", "ubuntu-24.4"),
        ("actionlint", "${{ matrix.python }}", "${{ matrix.pyton }}", "pyton"),
        ("actionlint", "github.event_name == 'pull_request'", "github.event == pull_request", "pull_request"),
        ("actionlint", "23 3 * * *", "23 3 * *", "23 3 * *"),
        ("zizmor", "@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@v7", "unpinned-uses"),
        ("zizmor", "permissions: {}\n", "permissions: write-all\n", "excessive-permissions"),
        ("zizmor", "permissions: {}\n", "", "excessive-permissions"),
        ("zizmor", "          persist-credentials: false\n", "          fetch-depth: 1\n", "artipacked"),
        (
            "zizmor",
            'verify --backend embedded --changed "$BASE"',
            "verify --changed ${{ github.head_ref }}",
            "template-injection",
        ),
        ("zizmor", "  pull_request:\n", "  pull_request_target:\n", "dangerous-triggers"),
    ],
)
def test_a_broken_workflow_is_refused(
    broken: Callable[[str, str], Path], validator: str, old: str, new: str, told: str
) -> None:
    """One place of the real workflow is changed, and the validator names it."""
    code, said = judge(validator, broken(old, new))
    assert code != 0, f"{validator} accepts {new!r}"
    assert told in said


def too_much(data: dict[str, Any]) -> list[str]:
    """Where more is allowed than reading the repository for the checkout; validators accept any that a job names."""
    found = [] if data.get("permissions") == {} else ["the workflow"]
    return found + [name for name, job in data["jobs"].items() if job.get("permissions") != {"contents": "read"}]


def endless(data: dict[str, Any]) -> list[str]:
    """What may run on: a hung server costs minutes, not the default of six hours, and an older run gives way."""
    found = [name for name, job in data["jobs"].items() if not 0 < job.get("timeout-minutes", 0) <= 90]
    concurrency = data.get("concurrency", {})
    gives_way = concurrency.get("cancel-in-progress") is True and "github.ref" in concurrency.get("group", "")
    return found if gives_way else [*found, "the workflow"]


def test_least_permissions() -> None:
    """Nothing at the top, and each job may read."""
    assert too_much(workflow()) == []


def test_every_job_ends_and_older_runs_give_way() -> None:
    """Each has its minutes."""
    assert endless(workflow()) == []


@pytest.mark.parametrize(
    ("look", "path", "value", "found"),
    [
        (too_much, ("jobs", "lint", "permissions", "contents"), "write", "lint"),
        (too_much, ("jobs", "lint", "permissions", "id-token"), "write", "lint"),
        (too_much, ("permissions", "contents"), "read", "the workflow"),
        (endless, ("jobs", "docker", "timeout-minutes"), 360, "docker"),
        (endless, ("concurrency", "cancel-in-progress"), False, "the workflow"),
        (endless, ("concurrency", "group"), "ci", "the workflow"),
    ],
)
def test_what_the_validators_accept_is_refused(
    look: Callable[[dict[str, Any]], list[str]], path: tuple[str, ...], value: object, found: str
) -> None:
    """One value of the real workflow is changed, and our own look names the place."""
    data = place = workflow()
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert look(data) == [found]


def test_every_action_is_named_by_the_commit_of_a_release() -> None:
    """40 digits and the release they stand for; the same one everywhere."""
    text = WORKFLOW.read_text(encoding="utf-8")
    uses = re.findall(r"uses: (\S+?)@(.+)", text)
    assert {action for action, _at in uses} == {"actions/checkout", "actions/setup-python"}
    assert [at for _action, at in uses if not re.fullmatch(r"[0-9a-f]{40} # v\d+\.\d+\.\d+", at)] == []
    assert len(set(uses)) == 2


def test_every_python_that_the_package_is_for() -> None:
    """From the oldest that pyproject.toml accepts, without a gap, on Linux; one on macOS."""
    matrix = workflow()["jobs"]["test"]["strategy"]["matrix"]
    least = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    pythons = matrix["python"]
    assert f">={pythons[0]}" == least
    assert pythons == [f"3.{minor}" for minor in range(int(pythons[0][2:]), int(pythons[-1][2:]) + 1)]
    assert len(pythons) >= 4
    assert [one["system"].partition("-")[0] for one in matrix["include"]] == ["macos"]
    assert f"{pythons[0]} to {pythons[-1]}" in (ROOT / "src" / "inprod" / "install.py").read_text(encoding="utf-8")


def steps(job: str) -> str:
    """What a job runs, a line a step."""
    return "\n".join(step["run"] for step in workflow()["jobs"][job]["steps"] if "run" in step)


def test_the_workflow_runs_what_a_person_runs() -> None:
    """Every habit that proves something is run; every command that is run exists."""
    everything = "\n".join(map(steps, workflow()["jobs"]))
    assert {"lint", "test", "test-docker", "test-browser", "coverage"} <= set(re.findall(r"make ([a-z-]+)", everything))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"make ([a-z-]+)", everything)) <= targets
    assert "doctor --pull" in steps("docker")
    assert {"schedule", "pull_request"} <= set(workflow()["on"])
    verify = {s.get("if"): s["run"] for s in workflow()["jobs"]["verify"]["steps"] if "verify" in s.get("run", "")}
    assert verify.keys() == {"github.event_name == 'pull_request'", "github.event_name != 'pull_request'"}
    assert "--changed" in verify["github.event_name == 'pull_request'"]
    assert "--changed" not in verify["github.event_name != 'pull_request'"]
    for path in re.findall(r"^(\.ci/\S+)", everything, re.MULTILINE):
        assert (ROOT / path).stat().st_mode & 0o111


GATED = '''"""Sums."""


def doubled(number: int) -> int:
    """Twice as much."""
    return number * 2
'''
NEW = '''

def halved(number: int) -> float:
    """Half as much."""
    half = number / 2
    return half
'''


@pytest.mark.slow
@pytest.mark.parametrize(("tested", "passes"), [(False, False), (True, True)])
def test_the_gate_refuses_new_lines_without_a_test(tmp_path: Path, *, tested: bool, passes: bool) -> None:
    """The Makefile's own commands, in a repository of their own: old lines are forgiven, new ones are not."""
    recipe = re.search(r"^coverage:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert recipe
    (tmp_path / "src" / "guiche").mkdir(parents=True)
    module = tmp_path / "src" / "guiche" / "sums.py"
    module.write_text(GATED, encoding="utf-8")
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "init.defaultBranch=main"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "before"], ["branch", "base"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True, timeout=30)
    module.write_text(GATED + NEW, encoding="utf-8")
    calls = "doubled(2) == 4\n    assert sums.halved(4) == 2" if tested else "doubled(2) == 4"
    test = f"from guiche import sums\n\n\ndef test_sums():\n    assert sums.{calls}\n"
    (tmp_path / "tests" / "test_sums.py").write_text(test, encoding="utf-8")
    (tmp_path / "src" / "guiche" / "__init__.py").touch()
    subprocess.run([*git, "add", "-A"], cwd=tmp_path, check=True, timeout=30)
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(tmp_path), "BASE": "base"}
    environment["PYTHONPATH"] = str(tmp_path / "src")
    done = subprocess.run(
        [
            "make",
            "--no-print-directory",
            "-f",
            "-",
            "coverage",
            f"BIN={Path(sys.executable).parent}",
        ],
        input=f"coverage:\n{recipe[1]}",
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "halved" in done.stdout or "sums.py" in done.stdout, done.stdout + done.stderr
    assert (done.returncode == 0) is passes, done.stdout + done.stderr


def test_what_the_gate_leaves_out_exists() -> None:
    """A module that is renamed comes back to the gate's list or into the gate."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["diff_cover"]
    assert [pattern for pattern in settings["exclude"] if not list(ROOT.glob(pattern.removeprefix("*/")))] == []
    assert settings["fail_under"] >= 90
