"""Say what a release still lacks: one version everywhere, a clean tree, an sdist and a wheel that hold the course.

    .venv/bin/python .ci/release.py [FOLDER]

Nothing is published, tagged or changed. With FOLDER, sdist and wheel are left there.
"""

from __future__ import annotations

import datetime
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
UNRELEASED = "Unreleased"


def disagreements(root: Path) -> list[str]:
    """Where pyproject.toml, which decides, and CITATION.cff or CHANGELOG.md say different things."""
    project = _project(root)
    version = project["version"]
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    found = []
    if str(citation.get("version")) != version:
        found.append(f"CITATION.cff: version {citation.get('version')}; pyproject.toml says {version}")
    if not isinstance(citation.get("date-released"), datetime.date):
        found.append("CITATION.cff: date-released is no date such as 2026-11-25")
    address = project.get("urls", {}).get("Repository")
    if citation.get("repository-code") != address:
        found.append(f"CITATION.cff: repository-code {citation.get('repository-code')}; pyproject.toml says {address}")
    newest = _headings(root)[:1]
    if newest not in ([UNRELEASED], [f"{version} – {citation.get('date-released')}"]):
        found.append(f"CHANGELOG.md: begins with {newest}, which is neither {UNRELEASED} nor this version and its date")
    return found


def lacks(root: Path) -> list[str]:
    """What keeps this tree from being the release."""
    found = disagreements(root)
    if _headings(root)[:1] == [UNRELEASED]:
        version = _project(root)["version"]
        found.append(f"CHANGELOG.md: {UNRELEASED} is to be named “{version} – DATE”, the date as in CITATION.cff")
    dirty = _git(root, "status", "--porcelain").splitlines()
    if dirty:
        found.append(f"the tree is not clean: {len(dirty)} files, such as {dirty[0][3:]}")
    return found


def build(root: Path, folder: Path) -> list[Path]:
    """sdist and wheel, made by hatchling without a download."""
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise SystemExit(f"hatchling: {done.stderr.strip() or done.stdout.strip()}")
    return sorted(path for path in folder.iterdir() if path.suffix in (".gz", ".whl"))


def left_out(root: Path, built: list[Path]) -> list[str]:
    """What the two archives should hold and don't, or hold and should not."""
    version = _project(root)["version"]
    names = [f"python_in_production-{version}-py3-none-any.whl", f"python_in_production-{version}.tar.gz"]
    if [path.name for path in built] != names:
        return [f"built: {', '.join(path.name for path in built)}; expected: {', '.join(names)}"]
    tracked = {name for name in _git(root, "ls-files", "-z").split("\0") if name and (root / name).exists()}
    with zipfile.ZipFile(built[0]) as wheel:
        inside = set(wheel.namelist())
    code = {name.removeprefix("src/") for name in tracked if name.startswith("src/")}
    found = [f"the wheel lacks {name}" for name in sorted(code - inside)]
    packaged = {name for name in inside if ".dist-info/" not in name}
    found += [f"the wheel has {name}, which is not in the repository" for name in sorted(packaged - code)]
    if not any(name.endswith(".dist-info/licenses/LICENSE") for name in inside):
        found.append("the wheel lacks LICENSE")
    with tarfile.open(built[1]) as sdist:
        shipped = {name.partition("/")[2] for name in sdist.getnames()} - {"PKG-INFO"}
    found += [f"the sdist lacks {name}" for name in sorted(tracked - shipped)]
    found += [f"the sdist has {name}, which is not in the repository" for name in sorted(shipped - tracked)]
    return found


def _project(root: Path) -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project


def _headings(root: Path) -> list[str]:
    return re.findall(r"^## (.+)$", (root / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)


def _git(root: Path, *command: str) -> str:
    return subprocess.run(["git", *command], cwd=root, capture_output=True, text=True, timeout=60, check=True).stdout


def main() -> int:
    found = lacks(ROOT)
    with tempfile.TemporaryDirectory() as spare:
        folder = Path(sys.argv[1]) if sys.argv[1:] else Path(spare)
        # The same bytes each time: what is packed bears the date of the newest commit.
        os.environ["SOURCE_DATE_EPOCH"] = _git(ROOT, "log", "-1", "--format=%ct").strip()
        built = build(ROOT, folder)
        found += left_out(ROOT, built)
        for path in built:
            print(f"built: {path.name}, {path.stat().st_size / 1e6:.1f} MB")
    for line in found:
        print(f"✗ {line}")
    print(f"{len(found)} things to mend before a release." if found else "Ready to be released.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
