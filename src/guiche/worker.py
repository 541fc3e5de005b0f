"""The Celery worker: two processes that work, and a clock."""

from __future__ import annotations

import logging
import socket
import sys
from typing import Any

from guiche import logs, system
from guiche.wiring import Services

CONCURRENCY = 2

log = logging.getLogger(__name__)


def run(services: Services) -> int:
    """Work until a signal ends it: SIGTERM lets running tasks finish; returns the exit code."""
    from celery import signals
    from celery.apps.worker import Worker

    from guiche.tasks import make_celery

    level = services.settings.log_level

    # Celery's signals are one a process; so they are connected here, where the process is ours, and nowhere else.
    def keep_our_logs(**_: Any) -> None:
        logs.configure(level)
        if level != "DEBUG":  # our tasks tell what they did, and for whom
            for name in ("celery.worker.strategy", "celery.app.trace"):
                logging.getLogger(name).setLevel(logging.WARNING)

    def tell(**_: Any) -> None:
        log.info(system.READY)

    def forget_connections(**_: Any) -> None:
        # A socket that two processes share serves neither.
        services.engine.dispose(close=False)

    signals.setup_logging.connect(keep_our_logs, weak=False)
    signals.worker_ready.connect(tell, weak=False)
    signals.worker_process_init.connect(forget_connections, weak=False)

    # Celery says goodbye past all logging; standard output is for lines of JSON.
    sys.__stdout__ = sys.__stderr__  # type: ignore[misc]
    app = make_celery(services)
    # The application's own Worker: `celery worker` would import every command that Celery has.
    worker = Worker(
        app=app,
        hostname=f"guiche@{socket.gethostname()}",
        pool="prefork",
        concurrency=CONCURRENCY,
        beat=True,
        quiet=True,
        loglevel=level,
        # Talk among workers: one would wait a second for answers before its first task.
        without_mingle=True,
        without_gossip=True,
        without_heartbeat=True,
    )
    worker.start()
    return int(worker.exitcode or 0)
