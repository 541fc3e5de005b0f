"""Numbers for Prometheus, right for one process and for several that serve together."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy import Engine, event


class Metrics:
    """What the web server counts. With `folder` all its processes count together, through files in there.

    prometheus_client itself looks at PROMETHEUS_MULTIPROC_DIR; `folder` is its value.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._registry = CollectorRegistry()
        own: dict[str, Any] = {"registry": self._registry}
        self._requests = Counter("http_requests", "Requests that were answered.", ["method", "route", "status"], **own)
        self._seconds = Histogram("http_request_seconds", "Time until the answer.", ["route"], **own)
        self._orders = Counter("orders", "Orders that the web server moved into a status.", ["status"], **own)
        self._pool = Gauge("db_pool_in_use", "Connections to Postgres at work.", multiprocess_mode="livesum", **own)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered; `route` is the template, or each address would be a series of its own."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def order(self, status: str) -> None:
        """An order is `status` now."""
        self._orders.labels(status).inc()

    def watch(self, engine: Engine) -> None:
        """Count the connections of `engine` that are at work."""
        in_use: set[int] = set()
        lock = threading.Lock()

        # By record: a checkout that fails ends with a checkin, too, and would count below zero.
        def taken(_connection: Any, record: Any, _proxy: Any) -> None:
            with lock:
                in_use.add(id(record))
                self._pool.set(len(in_use))

        def returned(_connection: Any, record: Any) -> None:
            with lock:
                in_use.discard(id(record))
                self._pool.set(len(in_use))

        event.listen(engine, "checkout", taken)
        event.listen(engine, "checkin", returned)

    def text(self) -> bytes:
        """All numbers in Prometheus's format."""
        if self._folder is None:
            return generate_latest(self._registry)
        everybody = CollectorRegistry()
        MultiProcessCollector(everybody, path=str(self._folder))  # type: ignore[no-untyped-call]
        return generate_latest(everybody)
