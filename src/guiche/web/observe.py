"""Around each request: its id, its line in the log, its numbers, and headers that protect the reader."""

from __future__ import annotations

import logging
import re
import secrets
import time

from flask import Flask, Response, g, request

from guiche import logs
from guiche.metrics import Metrics

log = logging.getLogger("guiche.web")

UNMATCHED = "unmatched"
_GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}


def register(app: Flask, metrics: Metrics, *, https: bool) -> None:
    """Watch every request of `app`; this comes before anything else that looks at requests."""
    headers = {**HEADERS, **({"Strict-Transport-Security": "max-age=31536000"} if https else {})}

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()
        given = request.headers.get("X-Request-ID", "")
        logs.request_id.set(given if _GIVEN.fullmatch(given) else secrets.token_hex(8))

    @app.after_request
    def end(response: Response) -> Response:
        seconds = time.perf_counter() - g.get("began", time.perf_counter())
        route = request.url_rule.rule if request.url_rule else UNMATCHED
        method = request.method if request.method in _METHODS else "OTHER"
        metrics.request(method, route, response.status_code, seconds)
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        if "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "no-store"  # a page shows who is logged in, and what is left now
        response.headers["X-Request-ID"] = logs.request_id.get() or ""
        known = g.get("visitor")
        log.info(
            "request",
            extra={
                "method": request.method,
                "path": request.path,
                "route": route,
                "status": response.status_code,
                "ms": round(seconds * 1000, 1),
                "user_id": known.id if known else None,
            },
        )
        return response

    @app.teardown_request
    def forget(_error: BaseException | None) -> None:
        logs.request_id.set(None)  # the thread serves somebody else next
