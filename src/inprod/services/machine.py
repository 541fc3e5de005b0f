"""What the machine itself gives the course: Python, memory, disks, a proxy in the way."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from inprod.messages import _
from inprod.services import places

OLDEST_PYTHON = (3, 11)
#: JupyterLab, a kernel, both servers, and an application under load.
ENOUGH_MEMORY = 1 << 30
_MB = 1 << 20


@dataclass(frozen=True)
class Finding:
    """One thing we looked at. Where `ok` is true, `do` is an offer, not a need."""

    name: str
    ok: bool
    saw: str
    do: str = ""


def examine() -> tuple[Finding, ...]:
    """All of it; nothing is started or changed."""
    return _python(), _system(), _memory(), *_disks(), _shared_memory(), _proxy()


def _python() -> Finding:
    saw = f"Python {platform.python_version()} ({sys.executable})"
    if sys.version_info >= OLDEST_PYTHON:
        return Finding("Python", True, saw)
    wanted = ".".join(map(str, OLDEST_PYTHON))
    return Finding("Python", False, saw, _("install Python {version} or newer").format(version=wanted))


def _system() -> Finding:
    name = _("System")
    saw = f"{platform.system()} {platform.release()} ({platform.machine()})"
    if sys.platform == "win32":
        do = _("work inside WSL2: `wsl --install`, then the same steps there; or use a codespace")
        return Finding(name, False, saw, do)
    return Finding(name, True, saw)


def _memory() -> Finding:
    name = _("Memory")
    free, total = _memory_bytes()
    if not total:
        return Finding(name, True, _("this system doesn't tell"))
    saw = _("{free} of {total} MB available").format(free=free // _MB, total=total // _MB)
    if free >= ENOUGH_MEMORY:
        return Finding(name, True, saw)
    return Finding(name, False, saw, _("close something: the course wants {mb} MB").format(mb=ENOUGH_MEMORY // _MB))


def _memory_bytes() -> tuple[int, int]:
    """Available and total, of the container where one limits us."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        table = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
        free, total = table["MemAvailable"], table["MemTotal"]
    except (OSError, KeyError, ValueError, IndexError):
        try:
            total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        except (OSError, ValueError):
            return 0, 0
        return total, total
    for group, files in (
        ("/sys/fs/cgroup", ("memory.max", "memory.current")),
        ("/sys/fs/cgroup/memory", ("memory.limit_in_bytes", "memory.usage_in_bytes")),
    ):
        with contextlib.suppress(OSError, ValueError):
            limit, used = (int((Path(group) / file).read_text(encoding="ascii")) for file in files)
            if limit < total:
                return min(free, max(limit - used, 0)), limit
    return free, total


def _disks() -> list[Finding]:
    return [
        _disk(_("Disk for the cache"), places.cache_folder()),
        _disk(_("Disk for sessions"), Path(os.environ.get(places.RUNTIME_VARIABLE) or tempfile.gettempdir())),
        _disk(_("Disk for your answers"), _work_folder()),
    ]


def _work_folder() -> Path:
    from inprod.course import find_course, work_folder

    found = find_course()
    return work_folder(found) if found else Path.cwd()


def _disk(name: str, folder: Path) -> Finding:
    there = next(place for place in (folder, *folder.parents) if place.is_dir())
    free = places.free_bytes(there)
    saw = _("{folder}: {free} MB free").format(folder=folder, free=free // _MB)
    if not os.access(there, os.W_OK | os.X_OK):
        saw = _("{folder}: you may not write there").format(folder=folder)
        do = _("name another folder: {cache}=, {runtime}= or {work}=")
        return Finding(name, False, saw, do.format(**_variables()))
    if free >= places.ENOUGH_DISK:
        return Finding(name, True, saw)
    do = _("free {mb} MB, or name a folder that has room: {cache}=, {runtime}= or {work}=")
    return Finding(name, False, saw, do.format(mb=places.ENOUGH_DISK // _MB, **_variables()))


def _variables() -> dict[str, str]:
    from inprod.course import WORK_VARIABLE

    return {"cache": places.CACHE_VARIABLE, "runtime": places.RUNTIME_VARIABLE, "work": WORK_VARIABLE}


def _shared_memory() -> Finding:
    name = _("Memory disk")
    if not places.SHARED_MEMORY.is_dir():
        return Finding(name, True, _("none; data goes to the disk"))
    saw = _("{folder}: {free} MB free").format(
        folder=places.SHARED_MEMORY, free=places.free_bytes(places.SHARED_MEMORY) // _MB
    )
    if places.shared_memory_is_small():
        saw = _("{saw}: too small, data goes to the disk").format(saw=saw)
        return Finding(name, True, saw, _("in a container of your own `docker run --shm-size=2g` is faster"))
    return Finding(name, True, saw)


def _proxy() -> Finding:
    name = _("Proxy")
    named = sorted({variable for variable in os.environ if variable.lower() in {"http_proxy", "all_proxy"}})
    if not named:
        return Finding(name, True, _("none"))
    caught = [host for host in ("127.0.0.1", "localhost") if not urllib.request.proxy_bypass(host)]
    if not caught:
        return Finding(
            name, True, _("{variables}, not for this machine's own addresses").format(variables=", ".join(named))
        )
    saw = _("{variables} would catch requests to {hosts}").format(variables=", ".join(named), hosts=", ".join(caught))
    return Finding(
        name, False, saw, _('run `export NO_PROXY="localhost,127.0.0.1,$NO_PROXY"; export no_proxy="$NO_PROXY"`')
    )
