"""Settings."""

import os

KEY = os.environ.get("PAYMENTS_KEY", "")
