"""Which version runs: GET /version."""

import os

from flask import Blueprint

blueprint = Blueprint("version", __name__)


@blueprint.get("/version")
def show_version():
    return {"message": "You are using version " + os.environ["APP_VERSION"] + ", have fun!"}
