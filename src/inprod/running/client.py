"""The owner's side of the zygote: start it, ask it for checks, start a new one when it is gone."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from functools import cache
from pathlib import Path
from typing import IO

from inprod.errors import ServiceError
from inprod.messages import _


class Zygote:
    """One warm process, shared by all checks of this process; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._log: IO[bytes] | None = None

    def warm_up(self) -> None:
        """Start it in the background; requests queue in the socket until it is ready."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()

    def request(self, header: dict[str, object], chan: socket.socket, life: socket.socket) -> None:
        """Have a guardian forked for one check, which gets the two sockets.

        Raises:
            ServiceError: the process cannot be started.
        """
        data = json.dumps(header).encode()
        for _attempt in range(2):
            self.warm_up()
            assert self._control is not None
            try:
                socket.send_fds(self._control, [data], [chan.fileno(), life.fileno()])
                return
            except OSError:  # it was ended from outside between two checks
                self.close()
        raise ServiceError(
            _("The process that runs checks ended at once."),
            looked=self.last_words(),
            do=_("run `inprod doctor`; `make lab` mends a broken installation"),
        )

    def last_words(self) -> str:
        """The end of the zygote's log."""
        if self._log is None:
            return ""
        with contextlib.suppress(OSError, ValueError):
            return os.pread(self._log.fileno(), 1 << 16, 0).decode("utf-8", "replace")[-800:].strip()
        return ""

    @property
    def pid(self) -> int | None:
        """The process id, None when it was not started."""
        return self._process.pid if self._process else None

    def close(self) -> None:
        """Let the zygote end; checks that run go on under their own guardians."""
        with self._lock:
            if self._control is not None:
                self._control.close()
                self._control = None
            if self._process is not None:
                try:
                    self._process.wait(timeout=5)
                except subprocess.TimeoutExpired:
                    self._process.kill()
                    self._process.wait(timeout=5)
                self._process = None

    def _start(self) -> None:
        if self._control is not None:
            self._control.close()
        ours, theirs = socket.socketpair(socket.AF_UNIX, _kind())
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the zygote lives
        with theirs:
            # -P and -s: neither the folder it is started in nor the user's site-packages decide what it imports.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-s", "-m", "inprod.running.zygote", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                env=_clean_environment(),
                cwd="/",
                start_new_session=True,
            )
        self._control = ours


def _kind() -> socket.SocketKind:
    # macOS has no SEQPACKET for AF_UNIX; DGRAM keeps messages apart too.
    return socket.SOCK_SEQPACKET if sys.platform == "linux" else socket.SOCK_DGRAM


def _clean_environment() -> dict[str, str]:
    """No secret of the kernel's may be found in a fork of the zygote; one hash seed for all forks."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(Path.home()),
        "TMPDIR": tempfile.gettempdir(),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        # Plugins that happen to be installed must not change a verdict.
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }


@cache
def shared() -> Zygote:
    """This process's zygote; started by its first use."""
    zygote = Zygote()
    atexit.register(zygote.close)
    return zygote
