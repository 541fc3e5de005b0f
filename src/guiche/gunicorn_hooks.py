"""Gunicorn's configuration that is code: its log lines become ours, and dead workers leave the metrics."""

from __future__ import annotations

import os
from typing import Any

from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from guiche import logs


class PlainLogger(Logger):  # type: ignore[misc]
    """Gunicorn's own lines go where all lines go; its access log is off, the application writes a better one."""

    def setup(self, cfg: Any) -> None:
        """Let the root logger have them."""
        super().setup(cfg)
        logs.configure(str(cfg.loglevel).upper())
        logs.tell_through_root("gunicorn.error", "gunicorn.access")


logger_class = PlainLogger


def child_exit(server: Any, worker: Any) -> None:
    """The gauges of a worker that is gone count no more."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):  # read by prometheus_client itself, and so not in Settings alone
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
