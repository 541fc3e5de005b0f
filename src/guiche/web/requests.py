"""Around every request: its id, its line in the log, its place in the metrics."""

from __future__ import annotations

import logging
import re
import secrets
import time

from flask import Flask, Response, g, request

from guiche import logs
from guiche import metrics as figures
from guiche.web.parts import customer

log = logging.getLogger("guiche.web")

HEADER = "X-Request-ID"
_GOOD = re.compile(r"[A-Za-z0-9._-]{1,64}")


def install(app: Flask) -> None:
    """Begin and end each request."""
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_forget)


def _begin() -> None:
    g.began = time.perf_counter()
    given = request.headers.get(HEADER, "")
    g.request_id = given if _GOOD.fullmatch(given) else secrets.token_hex(8)
    g.token = logs.request_id.set(g.request_id)


def _end(response: Response) -> Response:
    seconds = time.perf_counter() - g.get("began", time.perf_counter())
    route = str(request.url_rule) if request.url_rule else "unknown"
    figures.saw_request(request.method, route, response.status_code, seconds)
    who = customer()
    fields = {
        "method": request.method,
        "path": request.path[:200],
        "route": route,
        "status": response.status_code,
        "ms": round(seconds * 1000, 1),
        "user_id": who.id if who else None,
    }
    log.info("request", extra=fields)
    if "request_id" in g:
        response.headers[HEADER] = g.request_id
    return response


def _forget(_error: BaseException | None) -> None:
    token = g.pop("token", None)
    if token is not None:
        logs.request_id.reset(token)
