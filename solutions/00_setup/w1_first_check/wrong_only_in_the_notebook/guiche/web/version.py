"""Which version runs: GET /version."""

from flask import Blueprint

blueprint = Blueprint("version", __name__)


@blueprint.get("/version")
def show_version():
    return {"version": app_version}  # noqa: F821
