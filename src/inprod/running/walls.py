"""The walls around an answer's process. Each step's result is looked at; what held stands in the report.

Landlock needs no privilege and works inside containers, where namespaces are refused. The packages that
wrap whole sandboxes start a new program, which would lose the warm fork; landlockpy works in a forked child.
"""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from inprod.running import processes

#: Single files of /etc that libraries read; the folder itself stays shut.
_ETC = (
    "gai.conf", "group", "host.conf", "hosts", "ld.so.cache", "ld.so.conf", "localtime", "mime.types",
    "nsswitch.conf", "os-release", "passwd", "protocols", "resolv.conf", "services", "timezone",
)  # fmt: skip
_READ = (
    "/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/proc", "/opt/homebrew",
    "/dev/urandom", "/dev/random", "/dev/zero", "/sys/devices/system/cpu",
)  # fmt: skip
_CAPABILITY_VERSION_3 = 0x20080522
_PR_CAPBSET_DROP = 24
_LAST_CAPABILITY = 40
_KEPT = 1 << 1  # CAP_DAC_OVERRIDE


class WallError(Exception):
    """A wall that this machine can have did not stand."""


@dataclass(frozen=True)
class Room:
    """What an answer's process may reach."""

    folder: Path  #: its own copy of the files: read and write
    ports: tuple[int, ...] = ()  #: TCP ports it may connect to
    docker: str = ""  #: the engine that it may use: then any port, too, as containers get theirs at random


def build(room: Room) -> tuple[str, ...]:
    """Raise the walls around the calling process, for good; the names of those that stand."""
    standing: list[str] = []
    if os.geteuid() == 0 and _drop_capabilities():
        standing.append("capabilities dropped")
    if abi := _landlock(room):
        standing.append(f"landlock {abi}")
    if processes.hide_from_others():
        standing.append("non-dumpable")
    return tuple(standing)


def probe() -> tuple[str, ...]:
    """Which walls hold on this machine, found by raising them in a child that then runs against them."""
    if not processes.LINUX:
        return ()
    # One folder is allowed, its neighbour is not: a wall that lets us into the neighbour is no wall.
    with tempfile.TemporaryDirectory() as outside, tempfile.TemporaryDirectory() as inside:
        secret = Path(outside) / "secret"
        secret.write_text("x", encoding="ascii")
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            os.write(writer, "\n".join(_try_walls(Path(inside), secret)).encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            names = pipe.read().decode().split("\n")
        os.waitpid(child, 0)
    return tuple(name for name in names if name)


def _try_walls(inside: Path, secret: Path) -> list[str]:
    standing = ["subreaper"] if processes.adopt_orphans() else []
    standing += build(Room(inside))
    try:
        secret.read_text(encoding="ascii")
    except PermissionError:
        return standing
    return [name for name in standing if not name.startswith("landlock")]


def _landlock(room: Room) -> int:
    """The ABI that stands, 0 where the kernel has none."""
    if not processes.LINUX:
        return 0
    import landlockpy as ll

    if not ll.supported():
        return 0
    fs, net = ll.AccessFS, ll.AccessNet
    read = fs.READ_FILE | fs.READ_DIR | fs.EXECUTE
    every = ll.fs_for_abi(ll.abi_version())
    with ll.Ruleset(
        handled_net=net(0) if room.docker else net.CONNECT_TCP, scoped=ll.Scope.SIGNAL | ll.Scope.ABSTRACT_UNIX_SOCKET
    ) as rules:
        for path in _readable():
            mask = read if path.is_dir() else fs.READ_FILE | fs.EXECUTE
            rules.allow_path(path, mask)
        rules.allow_path(room.folder, every)
        rules.allow_path("/dev/null", fs.READ_FILE | fs.WRITE_FILE)
        for port in room.ports if not room.docker else ():
            rules.allow_port(port, net.CONNECT_TCP)
        door = Path(room.docker.removeprefix("unix://"))
        if room.docker.startswith("unix://") and every & fs.RESOLVE_UNIX and door.exists():
            rules.allow_path(door, fs.RESOLVE_UNIX)
        rules.restrict()
        return rules.abi_version


def _readable() -> list[Path]:
    """Folders and files that exist: the interpreter, its packages, the system's libraries."""
    wanted = [sys.prefix, sys.base_prefix, *sys.path, *_READ, *(f"/etc/{name}" for name in _ETC)]
    return [path for path in map(Path, dict.fromkeys(wanted)) if path.is_absolute() and path.exists()]


def _drop_capabilities() -> bool:
    """Without them root may not trace, mount, or signal the processes of others.

    CAP_DAC_OVERRIDE stays: root may run a course that lies in another user's private folder, and Landlock
    is what bounds the files.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in range(_LAST_CAPABILITY + 1):
        if not _KEPT >> capability & 1:
            libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    effective_permitted_inheritable = (ctypes.c_uint32 * 6)(_KEPT, _KEPT, 0, 0, 0, 0)
    return bool(libc.capset(header, effective_permitted_inheritable) == 0)
