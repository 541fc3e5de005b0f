"""Which version runs: GET /version."""

from flask import Blueprint

blueprint = Blueprint("version", __name__)

VERSION = "1.0.0"


@blueprint.get("/version")
def show_version():
    return {"version": VERSION}
