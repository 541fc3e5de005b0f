"""Which version runs: GET /version."""

from flask import Blueprint

blueprint = Blueprint("version", __name__)


@blueprint.get("/version")
def show_version():
    return "<!doctype html><title>Oops</title><h1>Something went wrong</h1><p>Please try again later.</p>"
