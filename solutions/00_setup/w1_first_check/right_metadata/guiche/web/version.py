"""Which version runs: GET /version."""

from importlib import metadata

from flask import Blueprint

blueprint = Blueprint("version", __name__)


@blueprint.get("/version")
def show_version():
    return (
        metadata.version("guiche"),
        200,
        {"Content-Type": "text/plain; charset=utf-8"},
    )
