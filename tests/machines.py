"""A machine as Binder makes it: a normal user, little shared memory, and a copy of the repository."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
UID = 1000
COPIED = (
    "binder", "constraints.txt", "course.toml", "environment.yml", "exercises", "LICENSE", "notebooks",
    "pyproject.toml", "README.md", "src",
)  # fmt: skip
#: Root becomes a normal user, with the 64 MB of shared memory that a container has. Where this Python lies in root's
#: closed home, that home is open here and holds nothing else; the rest of the machine sees none of it.
AS_USER = """
base=$1 home=$2 spare=$3 group=$4
shift 4
[ -z "$group" ] || echo $$ > "$group/cgroup.procs"
mount -t tmpfs -o size=64m,mode=1777 tmpfs /dev/shm
case "$base" in "$home"/*)
    mount --bind "$base" "$spare"
    mount -t tmpfs -o mode=755 tmpfs "$home"
    mkdir -p "$base"
    mount --bind "$spare" "$base"
esac
exec setpriv --reuid UID --regid UID --clear-groups -- "$@"
""".replace("UID", str(UID))


@dataclass(frozen=True)
class Memory:
    """A cgroup, of the first or the second version, that kills who takes more than its limit."""

    folder: Path
    peak_file: str

    @property
    def peak(self) -> int:
        """The most bytes that were in use at once, with the kernel's caches of files."""
        return int((self.folder / self.peak_file).read_text(encoding="ascii"))

    @property
    def processes(self) -> list[int]:
        """Who is in it."""
        return [int(line) for line in (self.folder / "cgroup.procs").read_text(encoding="ascii").split()]

    def close(self) -> None:
        """End what is in it, and remove it."""
        deadline = time.monotonic() + 20
        while (left := self.processes) and time.monotonic() < deadline:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)  # until the kernel has taken them out
        self.folder.rmdir()


def memory_of(limit: int) -> Memory | None:
    """A group with this limit in bytes; None where the machine lets nobody make one."""
    for base, limiting, peak in (
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.max_usage_in_bytes"),
        ("/sys/fs/cgroup", "memory.max", "memory.peak"),
    ):
        folder = Path(base, f"inprod-test-{os.getpid()}")
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            (folder / limiting).write_text(str(limit), encoding="ascii")
            (folder / peak).read_text(encoding="ascii")
        except OSError:
            folder.rmdir()
            continue
        return Memory(folder, peak)
    return None


@dataclass(frozen=True)
class Machine:
    """A copy of the repository, an environment, and a user who has nothing else."""

    home: Path
    prefix: Path
    root: bool
    memory: Memory | None = None  #: None where cgroups can't be made here

    def run(self, *command: str, seconds: int = 240) -> subprocess.CompletedProcess[str]:
        """As that user, in the copy, with nothing of the caller's environment."""
        argv, clean = self._prepared(command)
        return subprocess.run(
            argv, cwd=self.home, env=clean, capture_output=True, text=True, timeout=seconds, check=False
        )

    def start(self, *command: str, log: Path) -> subprocess.Popen[bytes]:
        """The same, and it runs on; a session of its own, to be ended as a whole."""
        argv, clean = self._prepared(command)
        with log.open("wb") as output:
            return subprocess.Popen(
                argv, cwd=self.home, env=clean, stdout=output, stderr=output, start_new_session=True
            )

    def _prepared(self, command: tuple[str, ...]) -> tuple[list[str], dict[str, str]]:
        clean = {
            "HOME": str(self.home),
            "PATH": f"{self.prefix / 'bin'}:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TMPDIR": str(self.home.parent),
        }
        become: list[str] = []
        if self.root:
            spare = self.home.parent / "spare"
            spare.mkdir(exist_ok=True)
            become = ["unshare", "--mount", "--propagation", "private", "bash", "-ec", AS_USER, "bash"]
            become += [sys.base_prefix, str(Path.home()), str(spare), str(self.memory.folder) if self.memory else ""]
        return [*become, *command], clean


def copy_files(names: Iterable[str], into: Path) -> None:
    """Files and folders of the repository, without what is made while it is used."""
    made = shutil.ignore_patterns("__pycache__", "work", ".ipynb_checkpoints", "*.egg-info")
    for name in names:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, into / name, symlinks=True, ignore=made)
        else:
            shutil.copy(source, into / name)


@contextmanager
def made_machine() -> Iterator[Machine]:
    """Where the packages are installed, and the course is not; root becomes user 1000, any other user stays."""
    root = os.geteuid() == 0
    # A folder that another user can reach, which pytest's own is not.
    with tempfile.TemporaryDirectory(prefix="inprod-binder-") as place:
        home, prefix = Path(place, "home"), Path(place, "environment")
        Path(place).chmod(0o755)
        home.mkdir()
        copy_files(COPIED, home)
        subprocess.run(
            [sys.executable, "-m", "venv", "--without-pip", prefix],
            check=True,
            timeout=60,
        )
        (packages,) = prefix.glob("lib/python3.*/site-packages")
        # What conda and pip would have installed; a .pth file in there, such as the course's own, is not read.
        (packages / "installed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
        for name in ("jupyter", "jupyter-lab"):
            program = (Path(sys.executable).with_name(name)).read_text(encoding="utf-8").partition("\n")[2]
            (prefix / "bin" / name).write_text(f"#!{prefix}/bin/python\n{program}", encoding="utf-8")
            (prefix / "bin" / name).chmod(0o755)
        # JupyterLab's own files; its settings are for postBuild to write, and the rest is only read.
        theirs, ours = Path(sys.prefix, "share/jupyter"), prefix / "share/jupyter"
        (ours / "lab").mkdir(parents=True)
        for path in (*theirs.iterdir(), *(theirs / "lab").iterdir()):
            if path.name not in ("lab", "settings"):
                (ours / path.relative_to(theirs)).symlink_to(path)
        if root:
            for path in (Path(place), *Path(place).rglob("*")):
                os.chown(path, UID, UID, follow_symlinks=False)
        yield Machine(home, prefix, root)
