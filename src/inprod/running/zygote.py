"""The zygote: a warm process that forks one guardian a check. It holds no secret and runs no answer.

Started with `python -m inprod.running.zygote FD` in a session of its own and with a clean environment;
FD is its end of a SOCK_SEQPACKET pair. A request is one message with two descriptors: `chan`, on which the
judge reports, and `life`, whose end in either direction ends the check. (A forkserver of multiprocessing
would sit in the kernel's process group, where the Stop button reaches it, and would keep its environment.)
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
import tempfile
import warnings
from pathlib import Path

MAX_REQUEST = 65536


def main() -> None:
    """Preload, then fork a guardian for each request until the owner is gone."""
    control = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.dont_write_bytecode = True
    walls = preload()
    # Guardians are reaped by the system: the zygote only forks.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        data, descriptors, _flags, _address = socket.recv_fds(control, MAX_REQUEST, 2)
        if not data:
            return
        chan, life = (socket.socket(fileno=fd) for fd in descriptors)
        if os.fork() == 0:
            control.close()
            _become_guardian(json.loads(data), chan, life, walls)
        chan.close()
        life.close()


def preload() -> tuple[str, ...]:
    """Import what every check uses, and run pytest once so that its lazy parts are loaded too."""
    import psycopg  # noqa: F401
    import pytest
    import redis  # noqa: F401

    from inprod.running import guardian, host, judge, walls  # noqa: F401
    from inprod.testing import plugin

    with tempfile.TemporaryDirectory() as folder:
        # Not named check.py: pytest would find this module again instead of loading an exercise's.
        check = Path(folder) / "warm_up.py"
        check.write_text(
            "import pytest\n@pytest.fixture\ndef one():\n    yield 1\n\n"
            "@pytest.mark.parametrize('n', [1])\ndef test_one(one, n):\n    '''One.'''\n    assert one == n\n",
            encoding="utf-8",
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pytest.main(judge.arguments(check), plugins=[plugin.Quiet()])
        sys.modules.pop("warm_up", None)
        os.chdir("/")
    standing = walls.probe()
    gc.collect()
    gc.freeze()
    return standing


def _become_guardian(
    header: dict[str, object], chan: socket.socket, life: socket.socket, walls: tuple[str, ...]
) -> None:
    from inprod.running import guardian

    try:
        guardian.main(header, chan, life, walls)
    finally:
        os._exit(70)


if __name__ == "__main__":
    main()
