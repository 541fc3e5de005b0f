"""Which version runs: GET /version."""

from flask import Blueprint

blueprint = Blueprint("version", __name__)

# The view is missing here.
