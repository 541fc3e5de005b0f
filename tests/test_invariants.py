"""Promises that two files share."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from inprod.cli import parser
from inprod.exercises import load, solutions
from inprod.results import Verdict
from inprod.running import run_check
from tests.support import NoServices

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "inprod"
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "SECURITY.md", ".github/pull_request_template.md")
#: From the ground up: a module may import from its own floor and from those below.
FLOORS = (
    {"errors", "messages", "course", "front_matter"},
    {"exercises", "results", "recipes"},
    {"services"},
    {"running", "render", "progress", "testing", "wire"},
    {"answers", "brokers", "browser", "kernel", "demo", "tutor", "synced", "workshop"},
    {"magics", "build", "nbval_plugin"},
    {"lab", "verify", "bench"},
    {"cli", "__main__"},
)
LONGEST = 400


def _floor(module: str) -> int:
    name = module.removeprefix("inprod.").split(".")[0]
    (floor,) = [number for number, names in enumerate(FLOORS) if name in names]
    return floor


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "inprod":
            found |= {f"inprod.{alias.name}" for alias in node.names if not alias.name.startswith("__")}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("inprod."):
            found.add(str(node.module))
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("inprod.")}
    return found


MODULES = sorted(p for p in SOURCE.rglob("*.py") if p.parent != SOURCE or p.stem not in ("__init__", "install"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_down(path: Path) -> None:
    """A module imports nothing from a floor above its own."""
    own = _floor(".".join(["inprod", *path.relative_to(SOURCE).with_suffix("").parts]))
    assert [name for name in sorted(_imports(path)) if _floor(name) > own] == []


def test_the_installer_needs_nothing_installed() -> None:
    """It runs before there is anything but the standard library."""
    text = (SOURCE / "install.py").read_text(encoding="utf-8")
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(text))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    import sys

    assert imported <= sys.stdlib_module_names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_module_is_long(path: Path) -> None:
    """250 lines are normal; beyond 400 it is two modules."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


def test_every_dependency_is_pinned_with_its_hash_and_no_address() -> None:
    """What pyproject.toml asks for stands in the learner's part of the lock."""
    lock = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    learner, _mark, contributors = lock.partition("# Only for contributors")
    data = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    def names(requirements: list[str]) -> set[str]:
        return {re.split(r"[\[<>=; ]", text)[0].lower() for text in requirements}

    def pinned(text: str) -> set[str]:
        return set(re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE))

    assert names(data["project"]["dependencies"]) <= pinned(learner)
    assert names(data["dependency-groups"]["dev"]) <= pinned(contributors)
    assert "://" not in lock
    blocks = re.split(r"\n(?=[a-z0-9])", lock)
    assert [block.split("==")[0] for block in blocks if "==" in block and "--hash=sha256:" not in block] == []


def test_the_conda_route_installs_the_same() -> None:
    """environment.yml: a Python that pyproject.toml accepts, and the lock for the rest."""
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    (python,) = [d for d in environment["dependencies"] if isinstance(d, str) and d.startswith("python=")]
    assert tuple(map(int, python.removeprefix("python=").split("."))) >= (3, 11)
    assert {"pip": ["--requirement constraints.txt"]} in environment["dependencies"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_name_what_there_is(name: str) -> None:
    """Every `make …`, `inprod …` and linked file in these documents exists."""
    text = (ROOT / name).read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    (commands,) = [a.choices for a in parser.make()._actions if a.dest == "command"]
    # In prose "make" is a verb: only what is set as code counts.
    quoted = "\n".join(re.findall(r"```console\n.*?```|`[^`\n]+`", text, re.DOTALL))
    assert set(re.findall(r"\bmake ([a-z-]+)", quoted)) <= targets
    assert commands is not None
    assert set(re.findall(r"\binprod ([a-z]+)", quoted)) <= set(commands)
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / link).exists(), link


def test_who_follows_contributing_has_an_exercise(tmp_path: Path) -> None:
    """The page's own example, typed as it stands, is well-formed and judges right and wrong answers."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    task, check, why = (
        re.search(rf"```{language}\n(.*?{marker}.*?)```", text, re.DOTALL)[1]  # type: ignore[index]
        for language, marker in (
            ("markdown", "id: W9"),
            ("python", "def test_adds"),
            ("markdown", "because: wrong-sum"),
        )
    )
    task = task[task.rindex("---\nid: W9") :]
    why = why[why.rindex("---\nrejected_by") :]
    folder = tmp_path / "exercises" / "00_setup" / "w9_add_up"
    answers = tmp_path / "solutions" / "00_setup" / "w9_add_up"
    for place, files in {
        folder: {"task.md": re.sub(r"(## .*)", r"\1\nSome words.\n", task), "check.py": check},
        folder / "starter": {"adding.py": "def total(numbers):\n    return 0\n"},
        answers / "reference": {"adding.py": "def total(numbers):\n    return sum(numbers)\n", "why.md": "Built in.\n"},
        answers / "wrong_pair": {
            "adding.py": "def total(numbers):\n    return numbers[0] + numbers[1]\n",
            "why.md": why,
        },
    }.items():
        place.mkdir(parents=True)
        for name, content in files.items():
            (place / name).write_text(content, encoding="utf-8")
    exercise = load(folder, tmp_path / "solutions")
    reference, wrong = solutions(exercise)
    assert run_check(exercise, reference.folder, NoServices()).verdict is Verdict.PASS
    for rejected in (wrong.folder, exercise.starter):
        report = run_check(exercise, rejected, NoServices())
        assert [(o.name, o.key) for o in report.failed] == [(wrong.rejected_by, wrong.because)]
