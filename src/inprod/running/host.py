"""The answer host: it forks a minder for each call of an answer, and never sees check.py or a password.

Requests come as single messages with one descriptor, the call's own connection; all else about the call
travels on that connection, from the judge to the minder.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import socket
from pathlib import Path

from inprod.running import minder, processes

_MAX_REQUEST = 65536


def main(control: socket.socket, folder: Path) -> None:
    """Fork minders until the judge is gone."""
    processes.adopt_orphans()
    processes.hide_from_others()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        data, descriptors, _flags, _address = socket.recv_fds(control, _MAX_REQUEST, 1)
        if not data:
            return
        request = json.loads(data)
        for name in request.get("preload", ()):
            # A library that the answer uses is imported once here instead of in each of its processes. Only
            # installed packages: the answer's own folder is not on this process's path.
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        if not descriptors:
            continue
        conn = socket.socket(fileno=descriptors[0])
        parent = os.getpid()
        if os.fork() == 0:
            try:
                processes.die_with_parent(parent)
                control.close()
                minder.main(conn, folder)
            finally:
                os._exit(70)
        conn.close()
