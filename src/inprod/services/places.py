"""Where servers keep their files: a cache for what is made once, a runtime folder for a session's data."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import tempfile
from pathlib import Path

import platformdirs

from inprod.errors import ServiceError
from inprod.messages import _
from inprod.services.owner import Account

CACHE_VARIABLE = "INPROD_CACHE"
RUNTIME_VARIABLE = "INPROD_RUNTIME"
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a memory disk, used through private folders only
_PREFIX = "inprod-session"
#: Below this the memory disk is left to others (containers have 64 MB by default).
ENOUGH_MEMORY = 1 << 30
#: A cluster and its growth.
ENOUGH_DISK = 200 << 20


def cache_folder() -> Path:
    """What may be kept between sessions: INPROD_CACHE, else the user's cache folder."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named) if named else Path(platformdirs.user_cache_dir("inprod"))


def account() -> Account | None:
    """Who servers run as: Postgres refuses root, so root names an unprivileged user."""
    if os.geteuid() != 0:
        return None
    import pwd  # not on Windows, where the doctor has to say what is missing

    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return Account(65534, 65534)
    return Account(nobody.pw_uid, nobody.pw_gid)


def start_time(pid: int) -> int:
    """When a process began, in the system's own ticks; -1 when it is gone, 0 where the system doesn't tell.

    A pid is given out again; a pid and its start are not.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return int(text.rpartition(")")[2].split()[19])
    except (OSError, IndexError):
        if Path("/proc/self/stat").exists():
            return -1
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return -1
    except PermissionError:
        pass
    return 0


def free_bytes(folder: Path) -> int:
    """What a disk still takes; 0 where there is none."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0


def shared_memory_is_small() -> bool:
    """Whether Postgres must not use /dev/shm for its own needs."""
    return free_bytes(SHARED_MEMORY) < ENOUGH_MEMORY


def session_folder(who: Account | None) -> Path:
    """A new private folder for one session's data, on the fastest disk that has room.

    Raises:
        ServiceError: no disk has room, or none can be reached by the servers' user.
    """
    looked = []
    for base in _bases():
        free = free_bytes(base)
        needed = ENOUGH_MEMORY if base == SHARED_MEMORY else ENOUGH_DISK
        looked.append(_("{folder} ({free} MB free)").format(folder=base, free=free >> 20))
        if free < needed or not os.access(base, os.W_OK | os.X_OK) or not (who is None or reachable(base)):
            continue
        pid = os.getpid()
        folder = base / f"{_PREFIX}-{os.getuid()}-{pid}-{start_time(pid)}-{secrets.token_hex(4)}"
        # Another user's processes have to pass through, and can list nothing.
        folder.mkdir(mode=0o711 if who else 0o700)
        return folder
    raise ServiceError(
        _("No disk has room for the servers' data."),
        looked=", ".join(looked),
        do=_("free {needed} MB, or name a folder that has room: {variable}=/path").format(
            needed=ENOUGH_DISK >> 20, variable=RUNTIME_VARIABLE
        ),
    )


def _bases() -> list[Path]:
    named = os.environ.get(RUNTIME_VARIABLE)
    if named:
        Path(named).mkdir(parents=True, exist_ok=True)
        return [Path(named).resolve()]
    bases = [SHARED_MEMORY, Path(tempfile.gettempdir()), Path("/var/tmp")]  # noqa: S108 - private folders below
    return [base for base in dict.fromkeys(bases) if base.is_dir()]


def reachable(path: Path) -> bool:
    """Whether an unprivileged user may pass through every folder on the way to `path`, and through it."""
    resolved = path.resolve()
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (resolved, *resolved.parents) if folder.is_dir())


def sweep() -> list[Path]:
    """Remove the session folders whose owner is gone, where its supervisor was killed as well."""
    removed = []
    for base in _bases():
        for folder in base.glob(f"{_PREFIX}-{os.getuid()}-*-*-*"):
            _name, _word, _uid, pid, started, _random = folder.name.split("-")
            if start_time(int(pid)) != int(started):
                shutil.rmtree(folder, ignore_errors=True)
                removed.append(folder)
    return removed


def for_everyone(binaries: Path, who: Account | None) -> Path:
    """`binaries` (a folder with bin/, lib/, share/) where the servers' user can read it, copied at most once.

    A virtual environment below a private home can't be read by another user, and we don't open anybody's home.
    """
    if who is None or reachable(binaries / "bin"):
        return binaries
    stamp = (binaries / "bin" / "postgres").stat() if (binaries / "bin" / "postgres").exists() else binaries.stat()
    for base in (Path("/var/tmp"), Path(tempfile.gettempdir()), SHARED_MEMORY):  # noqa: S108 - owner is checked
        if not base.is_dir() or not reachable(base) or free_bytes(base) < ENOUGH_DISK:
            continue
        target = base / f"inprod-binaries-{os.getuid()}-{stamp.st_mtime_ns:x}-{stamp.st_size:x}"
        if not target.is_dir():
            draft = Path(tempfile.mkdtemp(dir=base, prefix=".inprod-"))
            shutil.copytree(binaries, draft, dirs_exist_ok=True, symlinks=True)
            draft.chmod(0o755)
            try:
                draft.rename(target)
            except OSError:  # somebody else was faster
                shutil.rmtree(draft)
        found = target.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022:
            return target
    raise ServiceError(
        _("The servers can't be started as root from a private folder."),
        looked=str(binaries),
        do=_("work as a normal user, or put the course into a folder that others may enter"),
    )
