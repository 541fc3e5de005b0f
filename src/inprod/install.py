"""Install the course into .venv: runs before anything is installed, so the standard library is all it has.

`python3 src/inprod/install.py [--dev]`; `make lab` and `make test` call it, the latter with --dev, which adds
the contributors' tools. Quick when nothing changed. `--wheelhouse` puts the learner's packages into wheelhouse/;
where that folder lies beside the lock, a learner's installation takes them from there and asks no network.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
LOCK = ROOT / "constraints.txt"
#: What stands below this line of the lock is only for contributors.
CONTRIBUTORS = "# Only for contributors"
LOG = VENV / "install.log"
WHEELHOUSE = ROOT / "wheelhouse"
LEAST_PYTHON = (3, 11)
LEAST_DISK = 1_500_000_000

#: A fragment of pip's output, and what helps.
REMEDIES = (
    ("CERTIFICATE_VERIFY_FAILED", "a proxy opens TLS here: set PIP_CERT to your company's CA file"),
    ("ProxyError", "set HTTPS_PROXY to your proxy, or unset a wrong one"),
    ("Temporary failure in name resolution", "connect to the network for this one step; the course runs without it"),
    ("Failed to establish a new connection", "connect to the network for this one step; the course runs without it"),
    ("No space left on device", "free 1.5 GB on this disk"),
    ("THESE PACKAGES DO NOT MATCH THE HASHES", "an index served another file than the locked one: try another network"),
    (
        "No matching distribution",
        "this Python or platform has no wheel for it; Python 3.11 to 3.14 on Linux or macOS do",
    ),
)


def main() -> int:
    """Make .venv and fill it from the lock; 0 when it is there, 2 with the remedy when it can't be."""
    began = time.monotonic()
    if "--wheelhouse" in sys.argv[1:]:
        return _fill_wheelhouse()
    dev = "--dev" in sys.argv[1:]
    wanted = _fingerprint()
    stamps = {level: VENV / f"installed-{level}" for level in ("learner", "contributor")}
    level = "contributor" if dev else "learner"
    accepted = [stamps["contributor"]] if dev else [stamps["contributor"], stamps["learner"]]
    if any(stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted for stamp in accepted):
        return 0
    trouble = _look()
    if trouble:
        return _fail(*trouble)
    lock = LOCK.read_text(encoding="utf-8")
    if not dev:
        lock = lock.partition(CONTRIBUTORS)[0]
    packages = _count(lock)
    # The contributors' tools are not in it.
    carried = ["--no-index", "--find-links", str(WHEELHOUSE)] if WHEELHOUSE.is_dir() and not dev else []
    origin = f" from {WHEELHOUSE.name}" if carried else ""
    print(f"Installing the course into {VENV.name}{origin} ({packages} packages, about a minute; once).", flush=True)
    if not (VENV / "bin" / "python").exists():
        made = subprocess.run(
            [sys.executable, "-m", "venv", "--clear", str(VENV)], capture_output=True, text=True, check=False
        )
        if made.returncode:
            shutil.rmtree(VENV, ignore_errors=True)
            return _fail(
                "A virtual environment could not be made.",
                made.stdout.strip()[-400:] or made.stderr.strip()[-400:],
                "on Debian and Ubuntu: sudo apt install python3-venv; then run this again",
            )
    python = str(VENV / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    LOG.write_text("", encoding="utf-8")
    chosen = VENV / f"{level}.txt"
    chosen.write_text(lock, encoding="utf-8")
    locked = [*pip, *carried, "--require-hashes", "--only-binary", ":all:", "-r", str(chosen)]
    course = [*pip, "--quiet", "--no-deps", "--no-build-isolation", "-e", str(ROOT)]
    for command, count in ((locked, packages), (course, 0)):
        if not _run(command, count):
            return _pip_failed(carried=bool(carried))
    stamps[level].write_text(wanted, encoding="utf-8")
    print(f"Installed in {time.monotonic() - began:.0f} s.")
    return 0


def _fill_wheelhouse() -> int:
    """The learner's wheels for this Python and platform; 0 when all are there."""
    python = VENV / "bin" / "python"
    if not python.exists():
        return _fail("The course is not installed.", str(VENV), "run `make install`, then this again")
    lock = LOCK.read_text(encoding="utf-8").partition(CONTRIBUTORS)[0]
    # Filled beside its place: an installation never meets half of it.
    draft = WHEELHOUSE.with_name(f"{WHEELHOUSE.name}.draft")
    draft.mkdir(exist_ok=True)
    wanted = draft / "learner.txt"
    wanted.write_text(lock, encoding="utf-8")
    known = ["--find-links", str(WHEELHOUSE)] if WHEELHOUSE.is_dir() else []
    pip = [str(python), "-m", "pip", "download", "--no-input", "--disable-pip-version-check", *known]
    packages = _count(lock)
    print(f"Fetching {packages} packages into {WHEELHOUSE.name}.", flush=True)
    if not _run([*pip, "--require-hashes", "--only-binary", ":all:", "-r", str(wanted), "-d", str(draft)], packages):
        return _pip_failed(carried=False)
    shutil.rmtree(WHEELHOUSE, ignore_errors=True)
    draft.replace(WHEELHOUSE)
    size = sum(path.stat().st_size for path in WHEELHOUSE.iterdir())
    print(
        f"{WHEELHOUSE.name}: {size / 1e6:.0f} MB, for Python {sys.version_info[0]}.{sys.version_info[1]} on a machine "
        "such as this. Carry this folder and the course to a room without a network; `make lab` works there."
    )
    return 0


def _count(lock: str) -> int:
    return sum(1 for line in lock.splitlines() if line[:1].isalnum())


def _fingerprint() -> str:
    """Changes when the lock, the package's own metadata or the interpreter do."""
    digest = hashlib.sha256(f"{sys.version_info[:2]} {ROOT}".encode())
    for path in (LOCK, ROOT / "pyproject.toml"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _look() -> tuple[str, str, str] | None:
    """What would make the installation fail half-way, found before it starts."""
    if sys.version_info < LEAST_PYTHON:
        return (
            "Python 3.11 or newer is needed.",
            f"{sys.executable} is Python {sys.version.split()[0]}",
            "install a newer one, then: make lab PYTHON=/path/to/python3.13",
        )
    if sys.platform == "win32":
        return ("Windows runs the course inside WSL2.", sys.platform, "install WSL2 with Ubuntu, then run this there")
    free = shutil.disk_usage(ROOT).free
    if free < LEAST_DISK:
        return ("The disk is nearly full.", f"{free / 1e9:.1f} GB free at {ROOT}", "free 1.5 GB, then run this again")
    return None


def _run(command: list[str], packages: int) -> bool:
    """Run pip with its output in the log, and a count on the screen."""
    seen: set[str] = set()
    shown = time.monotonic()
    live, unpacking = sys.stdout.isatty(), False
    with (
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=_environment()
        ) as process,
        LOG.open("a", encoding="utf-8") as log,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            log.write(line)
            if line.startswith(("Collecting ", "Processing ")):
                seen.add(line.split()[1])
            installing = line.startswith("Installing collected")
            if installing:
                unpacking = True
            if packages and (live or installing or time.monotonic() - shown > 10):
                shown = time.monotonic()
                text = "unpacking …" if unpacking else f"{len(seen)} of {packages} packages"
                print(f"\r  {text:<30}" if live else f"  {text}", end="" if live else "\n", flush=True)
    if live and packages:
        print()
    return process.returncode == 0


def _environment() -> dict[str, str]:
    # A constraint set for the whole machine would contradict the lock; the index and certificates stay.
    return {**os.environ, "PIP_CONSTRAINT": "", "PIP_REQUIRE_VIRTUALENV": "0", "PYTHONNOUSERSITE": "1"}


def _pip_failed(*, carried: bool) -> int:
    text = LOG.read_text(encoding="utf-8", errors="replace")
    remedy = next((do for sign, do in REMEDIES if sign in text), f"read {LOG}, mend it, then run this again")
    if carried and "No matching distribution" in text:
        remedy = f"{WHEELHOUSE.name} was made for another Python, platform or version: fill it anew, or move it away"
    errors = [line for line in text.splitlines() if "ERROR" in line or "error" in line]
    return _fail("The packages could not be installed.", "\n          ".join(errors[-3:]) or str(LOG), remedy)


def _fail(what: str, looked: str, do: str) -> int:
    print(f"{what}\n  looked: {looked}\n  do:     {do}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
