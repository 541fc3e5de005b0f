"""GET /metrics, for Prometheus."""

from __future__ import annotations

from flask import Blueprint, Response, current_app
from prometheus_client import CONTENT_TYPE_LATEST

from guiche.metrics import Metrics

blueprint = Blueprint("metrics", __name__)
EXTENSION = "guiche.metrics"


def metrics() -> Metrics:
    """The numbers of this application."""
    found: Metrics = current_app.extensions[EXTENSION]
    return found


@blueprint.get("/metrics")
def show() -> Response:
    """Every number there is."""
    return Response(metrics().text(), content_type=CONTENT_TYPE_LATEST)
