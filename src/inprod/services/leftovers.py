"""Containers that say who owns them, and the removal of those whose owner is gone: the net below the supervisor."""

from __future__ import annotations

import json
import os
import platform
import time
from pathlib import Path
from urllib.parse import quote

from inprod.services import engine, places

PID = "inprod.owner-pid"
START = "inprod.owner-start"
HOST = "inprod.owner-host"
USER = "inprod.owner-uid"
#: A stopped container of another machine or of an earlier boot is left alone for as long as somebody may read its log.
_GRACE_SECONDS = 3600


def labels(pid: int | None = None) -> dict[str, str]:
    """The labels of a container that this process owns."""
    pid = pid or os.getpid()
    return {PID: str(pid), START: str(places.start_time(pid)), HOST: host(), USER: str(os.getuid())}


def host() -> str:
    """Where pids mean what they mean here: this boot and this pid namespace.

    One engine may serve several machines and containers, and a pid of theirs is not one of ours.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return platform.node()


def sweep(url: str) -> list[str]:
    """Remove what dead owners left on this engine; the names of what is gone.

    Raises:
        EngineError: the engine gave no list.
    """
    filters = quote(json.dumps({"label": [PID]}))
    removed = []
    for found in engine.get(url, f"/containers/json?all=1&filters={filters}") or ():
        name = str(found["Names"][0]).lstrip("/") if found["Names"] else str(found["Id"])
        if _abandoned(found["Labels"], str(found["State"]), int(found["Created"])) and engine.remove(url, found["Id"]):
            removed.append(name)
    return removed


def remove_labelled(url: str, label: str, value: str) -> None:
    """Remove every container with this label, running or not.

    Raises:
        EngineError: the engine gave no list.
    """
    filters = quote(json.dumps({"label": [f"{label}={value}"]}))
    for found in engine.get(url, f"/containers/json?all=1&filters={filters}") or ():
        engine.remove(url, found["Id"])


def _abandoned(of: dict[str, str], state: str, created: int) -> bool:
    # Another user's processes may be hidden from us.
    if of.get(USER) != str(os.getuid()):
        return False
    if of.get(HOST) != host():
        return state in {"exited", "dead", "created"} and time.time() - created > _GRACE_SECONDS
    try:
        pid, start = int(of[PID]), int(of[START])
    except (KeyError, ValueError):
        return False
    return places.start_time(pid) != start
