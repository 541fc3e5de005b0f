"""Which version runs: GET /version."""

from flask import Blueprint, Response, current_app, jsonify

blueprint = Blueprint("version", __name__)


@blueprint.get("/version")
def show_version() -> Response:
    """The version that runs, as the settings know it."""
    return jsonify(version=current_app.extensions["guiche"].settings.version)
