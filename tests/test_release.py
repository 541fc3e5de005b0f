"""One version, one address, and what is packed; the forms and hooks that contributors meet."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import inprod

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
GIT = ["git", "-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "init.defaultBranch=main"]


@pytest.fixture(scope="module")
def release() -> ModuleType:
    """.ci/release.py, which is a script and no part of the package."""
    spec = importlib.util.spec_from_file_location("release", ROOT / ".ci" / "release.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What is packed, as a repository of its own with one commit."""
    root = tmp_path / "course"
    hidden = shutil.ignore_patterns("__pycache__", "guiche", "work")
    shutil.copytree(ROOT / "src" / "inprod", root / "src" / "inprod", ignore=hidden)
    shutil.copytree(ROOT / "binder", root / "binder", symlinks=True)
    files = ("CHANGELOG.md", "CITATION.cff", "LICENSE", "README.md", "pyproject.toml", ".gitignore")
    for name in (*files, "constraints.txt", "environment.yml"):
        shutil.copy(ROOT / name, root / name)
    (root / "src" / "guiche").mkdir()
    (root / "src" / "guiche" / "__init__.py").write_text('"""A box office."""\n', encoding="utf-8")
    subprocess.run([*GIT, "init", "-q"], cwd=root, check=True, timeout=30)
    commit(root)
    return root


def commit(root: Path) -> None:
    """Everything that git does not ignore."""
    subprocess.run([*GIT, "add", "-A"], cwd=root, check=True, timeout=30)
    subprocess.run([*GIT, "commit", "-q", "-m", "a state"], cwd=root, check=True, timeout=30)


def change(path: Path, old: str, new: str) -> None:
    """Put `new` for the first `old`."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_version_comes_from_one_place(release: ModuleType) -> None:
    """pyproject.toml has it, the package asks its metadata, CITATION.cff and CHANGELOG.md agree."""
    assert inprod.__version__ == PROJECT["version"]
    written = [p for p in (ROOT / "src").rglob("*.py") if f'"{PROJECT["version"]}"' in p.read_text(encoding="utf-8")]
    assert written == []
    assert release.disagreements(ROOT) == []


@pytest.mark.parametrize(
    ("name", "pattern", "new", "told"),
    [
        ("pyproject.toml", r'^version = ".*"', 'version = "9.9.9"', "pyproject.toml says 9.9.9"),
        ("CITATION.cff", r"^version: .*", "version: 9.9.9", "version 9.9.9"),
        ("CITATION.cff", r"^date-released: .*", "date-released: soon", "date-released"),
        ("CITATION.cff", r"^license: .*", "license: MIT\nrepository-code: https://a.example/b/c", "repository-code"),
        ("CHANGELOG.md", r"^## .*", "## 9.9.9 – 2026-11-25", "9.9.9"),
    ],
)
def test_a_disagreement_is_named(
    release: ModuleType, tmp_path: Path, name: str, pattern: str, new: str, told: str
) -> None:
    """One line changed in one file."""
    for file in ("pyproject.toml", "CITATION.cff", "CHANGELOG.md"):
        shutil.copy(ROOT / file, tmp_path / file)
    text = (tmp_path / name).read_text(encoding="utf-8")
    changed = re.sub(pattern, new, text, count=1, flags=re.MULTILINE)
    assert changed != text
    (tmp_path / name).write_text(changed, encoding="utf-8")
    assert told in " ".join(release.disagreements(tmp_path))


def test_links_come_from_the_one_address() -> None:
    """README and CITATION name the repository's host or Binder only as [project.urls] has it, in the built lines."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    by_hand = re.sub(r"<!-- badges: .*?<!-- /badges -->", "", text, flags=re.DOTALL)
    assert by_hand != text
    assert re.findall(r"https?://(?:mybinder\.org|github\.com|gitlab\.com)\S*", by_hand) == []
    address = PROJECT.get("urls", {}).get("Repository")
    assert ("mybinder.org" in text) is (address is not None)


@pytest.mark.slow
def test_what_a_release_lacks_is_named_and_then_it_is_ready(release: ModuleType, tree: Path, tmp_path: Path) -> None:
    """The heading, a change that is not committed, a file unknown to git; then archives that hold everything."""
    change(tree / "CHANGELOG.md", "## Unreleased", "## Unreleased\n\n- One more.")
    assert [line.partition(":")[0] for line in release.lacks(tree)] == ["CHANGELOG.md", "the tree is not clean"]
    date = yaml.safe_load((tree / "CITATION.cff").read_text(encoding="utf-8"))["date-released"]
    change(tree / "CHANGELOG.md", "## Unreleased", f"## {PROJECT['version']} – {date}")
    commit(tree)
    assert release.lacks(tree) == []

    first, second = tmp_path / "first", tmp_path / "second"
    assert release.left_out(tree, release.build(tree, first)) == []
    stray = tree / "src" / "inprod" / "stray.txt"
    stray.touch()
    (tree / "pyproject.toml").write_text(
        (tree / "pyproject.toml").read_text(encoding="utf-8")
        + '\n[tool.hatch.build]\nexclude = ["/src/inprod/services/images.toml"]\n',
        encoding="utf-8",
    )
    assert release.left_out(tree, release.build(tree, second)) == [
        "the wheel lacks inprod/services/images.toml",
        "the wheel has inprod/stray.txt, which is not in the repository",
        "the sdist lacks src/inprod/services/images.toml",
        "the sdist has src/inprod/stray.txt, which is not in the repository",
    ]


def schema(name: str, file: Path) -> int:
    """check-jsonschema's exit code with one of the schemas that it brings."""
    command = [str(BIN / "check-jsonschema"), "--builtin-schema", f"vendor.{name}", str(file)]
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("citation-file-format", ROOT / "CITATION.cff"),
        *(("github-issue-forms", path) for path in FORMS),
    ],
    ids=lambda value: value.name if isinstance(value, Path) else "",
)
def test_forms_are_what_their_readers_expect(tmp_path: Path, name: str, file: Path) -> None:
    """By the schema; and the same file with a key misspelt is refused."""
    assert schema(name, file) == 0
    broken = tmp_path / file.name
    broken.write_text(re.sub(r"^([a-z-]+):", r"\1x:", file.read_text(encoding="utf-8"), count=1), encoding="utf-8")
    assert schema(name, broken) != 0


@pytest.fixture
def commit_hooks(tmp_path: Path) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """What the hooks say to one module, in a repository of its own."""
    for name in ("pyproject.toml", ".pre-commit-config.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / ".gitignore").write_text(".venv\n", encoding="utf-8")
    subprocess.run([*GIT, "init", "-q"], cwd=tmp_path, check=True, timeout=30)

    def run(module: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "src").mkdir(exist_ok=True)
        (tmp_path / "src" / "sums.py").write_text(module, encoding="utf-8")
        subprocess.run([*GIT, "add", "-A"], cwd=tmp_path, check=True, timeout=30)
        return subprocess.run(
            [BIN / "pre-commit", "run", "--all-files", "--color=never"],
            cwd=tmp_path,
            # mypy and the build look at the whole repository, which is not here.
            env={**os.environ, "PRE_COMMIT_HOME": str(tmp_path / ".venv-hooks"), "SKIP": "mypy,fresh"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def test_hooks_run_the_programs_of_the_lock(commit_hooks: Callable[[str], subprocess.CompletedProcess[str]]) -> None:
    """They refuse what lint and format refuse, accept the rest, fetch nothing, and warn of nothing."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert [one["repo"] for one in hooks] == ["local"]
    programs = {hook["entry"].split()[0] for hook in hooks[0]["hooks"]}
    assert programs == {".venv/bin/ruff", ".venv/bin/mypy", ".venv/bin/inprod"}
    assert [name for name in programs if not (BIN / Path(name).name).exists()] == []
    done = commit_hooks('"""Sums."""\n\nTWO = 2\n')
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warn" not in (done.stdout + done.stderr).lower()
    done = commit_hooks('"""Sums."""\n\nimport os\nTWO    = 2\n')
    assert done.returncode != 0
    assert re.findall(r"^(ruff \w+)\.*Failed", done.stdout, re.MULTILINE) == ["ruff check", "ruff format"]
