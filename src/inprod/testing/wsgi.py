"""One WSGI application of the answer's, served while a check asks it."""

from __future__ import annotations

import re
from collections.abc import Mapping

import httpx

from inprod.services.programs import free_port
from inprod.testing import system
from inprod.testing.answer import Answer
from inprod.testing.pending import Pending
from inprod.testing.waiting import wait_until

_NAME = "app"
_READY = "app: ready"
_GOING = 1.0  #: seconds until a process that lost its connection is known to have ended
#: The last line of a traceback: the exception's class at its beginning, and no timestamp.
_ERROR = re.compile(r"[A-Za-z_][\w.]*(?:: .+)?$")
_TRACEBACK = "Traceback (most recent call last):"
_LONGEST = 200
_SCRIPT = """
import logging, sys
logging.getLogger("werkzeug").setLevel(logging.ERROR)
from werkzeug.serving import make_server
from {module} import {name} as app
server = make_server("127.0.0.1", int(sys.argv[1]), app, threaded=True)
print("{ready}", flush=True)
server.serve_forever()
"""


class Served:
    """The application while it runs; `client` speaks to it, and nobody waits longer than its timeout."""

    def __init__(self, running: Pending, url: str, *, patience: float) -> None:
        self.client = httpx.Client(base_url=url, timeout=patience, trust_env=False)
        self._running = running

    def __repr__(self) -> str:
        return "<a served application>"

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def has_ended(self) -> bool:
        """Whether the process is gone; asked when a request got no answer."""
        return wait_until(lambda: not self._running.alive, timeout=_GOING, what="the process has ended")

    def last_error(self) -> str:
        """The exception of the last traceback in its log, as code; empty where there is none."""
        _before, found, after = self._running.log().rpartition(_TRACEBACK)
        lines = [line for line in after.splitlines() if _ERROR.match(line)]
        return f"`{lines[0][:_LONGEST]}`" if found and lines else ""

    def close(self) -> None:
        """End it; idempotent."""
        self.client.close()
        self._running.close()


def script(target: str, *, ready: str = _READY) -> str:
    """A program that serves `module:name` on the port that it is given, and prints `ready`."""
    module, _colon, name = target.partition(":")
    return _SCRIPT.format(module=module, name=name, ready=ready)


def serve(
    answer: Answer, target: str, *, env: Mapping[str, str], patience: float = 5.0, timeout: float = 60.0
) -> Served:
    """Start `module:name` of the answer, and return when it takes requests.

    Raises:
        NotYet: it can't be imported, or did not get ready; it tells the last lines of its log.
    """
    port = free_port()
    program = system.Program(_NAME, ("python", "serve.py", str(port)), env, _READY)
    running = system.start(answer, [program], files={"serve.py": script(target)}, timeout=timeout)
    return Served(running[_NAME], f"http://127.0.0.1:{port}", patience=patience)
