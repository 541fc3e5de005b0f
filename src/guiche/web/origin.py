"""No other site may have a visitor's browser change something here."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import current_app, request

from guiche.web.errors import Problem

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
PUBLIC_URL = "GUICHE_PUBLIC_URL"


def refuse_other_sites() -> None:
    """Answer 403 to a change that comes from a page of somebody else.

    Every browser sends Origin with such a request, and current ones Sec-Fetch-Site; programs send neither,
    and have no cookies of a visitor.
    """
    if request.method in SAFE:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    allowed = site in ("same-origin", "none") if site is not None else origin is None or _ours(origin)
    if not allowed:
        raise Problem(403, "cross_site", "This came from another site. Please use the pages of the box office.")


def _ours(origin: str) -> bool:
    ours = {request.host_url.rstrip("/").lower(), _origin(current_app.config[PUBLIC_URL])}
    return origin.lower() in ours


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
