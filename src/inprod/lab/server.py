"""The process that is JupyterLab: `python -m inprod.lab.server WORK OPTION…`, started by `inprod.lab.launch`."""

from __future__ import annotations

import importlib
import os
import secrets
import shutil
import signal
import sys
from pathlib import Path
from typing import Any, Final

from inprod.lab.prepare import START
from inprod.messages import _

PAGE: Final = f"/lab/tree/{START}"


def main(work: str, options: list[str]) -> int:
    """Serve until a signal says stop; the exit code."""
    from traitlets.config import Config

    labapp: Any = importlib.import_module("jupyterlab.labapp")  # it has no types

    # Not on the command line, which every user of this machine can read.
    token = secrets.token_hex(16)
    defaults = Config({"IdentityProvider": {"token": token}, "Application": {"log_level": "ERROR"}})
    runtime = Path(os.environ["JUPYTER_RUNTIME_DIR"])
    try:
        app = labapp.LabApp.initialize_server(argv=options, config=defaults)
        app.default_url = PAGE
        # Only when it listens: the loop works its callbacks off in their order, and binding is an earlier one.
        app.io_loop.add_callback(lambda: print(*_greeting(app, work, token), sep="\n", flush=True))
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # One signal ends it, whoever sent it: answers are files already, so there is nothing to ask.
            signal.signal(name, lambda *_args: app.stop(from_signal=True))
        app.start()
    except KeyboardInterrupt:  # before the server took the signals over
        pass
    finally:
        shutil.rmtree(runtime, ignore_errors=True)
    print(_("\nThe course has ended. Your answers are in {folder}.").format(folder=Path(work) / "answers"), flush=True)
    return 0


def _greeting(app: Any, work: str, token: str) -> tuple[str, str, str]:
    url = f"http://127.0.0.1:{app.port}{PAGE}?token={token}"
    opened = _("The course opens in your browser: {url}") if app.open_browser else _("Open the course: {url}")
    return (
        opened.format(url=url),
        _("Your notebooks and answers: {work}").format(work=work),
        _("Leave this terminal open. Ctrl-C ends the course; nothing is lost."),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
