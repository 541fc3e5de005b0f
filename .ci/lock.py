"""Write constraints.txt: the learner's packages first, then what only contributors need. Needs uv on PATH.

    python3 .ci/lock.py [--upgrade]

Versions stay as they are unless --upgrade is given. No address of an index is written.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "constraints.txt"
MARK = "# Only for contributors: tests, types, lint."
HEAD = "# Pinned and hashed by `make lock`; do not edit by hand."


def compile_(target: Path, *options: str) -> dict[str, str]:
    """The pinned requirements, each with its hashes, by name."""
    subprocess.run(
        ["uv", "pip", "compile", "pyproject.toml", *options, "--universal", "--python-version", "3.11",
         "--generate-hashes", "--no-emit-index-url", "--no-header", "--no-annotate", "--quiet",
         "--output-file", str(target)],
        cwd=ROOT, check=True, timeout=600, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    blocks: dict[str, str] = {}
    name = ""
    for line in target.read_text(encoding="utf-8").splitlines():
        if line and not line[0].isspace() and not line.startswith("#"):
            # One package may stand twice, with different markers.
            name = line.split(" \\")[0]
        blocks[name] = blocks.get(name, "") + line + "\n"
    return blocks


def main() -> None:
    upgrade = "--upgrade" in sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        everything_file, learner_file = Path(folder) / "all.txt", Path(folder) / "learner.txt"
        if LOCK.is_file() and not upgrade:
            everything_file.write_text(LOCK.read_text(encoding="utf-8"), encoding="utf-8")
        everything = compile_(everything_file, "--group", "dev")
        learner_file.write_text(everything_file.read_text(encoding="utf-8"), encoding="utf-8")
        learner = compile_(learner_file)
    only_dev = {name: text for name, text in everything.items() if name not in learner}
    parts = [HEAD, "\n", *learner.values(), MARK, "\n", *only_dev.values()]
    LOCK.write_text("".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
