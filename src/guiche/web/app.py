"""The web application's factory."""

from __future__ import annotations

import os
from datetime import timedelta

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from guiche.config import Settings
from guiche.web import (
    admin,
    auth,
    errors,
    events,
    filters,
    headers,
    health,
    metrics,
    orders,
    origin,
    requests,
    reviews,
    version,
    webhooks,
)
from guiche.wiring import Services, build

BLUEPRINTS = (admin, auth, events, health, metrics, orders, reviews, version, webhooks)
BIGGEST_BODY = 256 * 1024


def create_app(services: Services | None = None) -> Flask:
    """The application on `services`; without them, on what the environment says.

    Raises:
        ConfigError: the environment is incomplete.
    """
    parts = services or build(Settings.from_env(os.environ))
    app = Flask("guiche", template_folder="templates", static_folder="static")
    app.config.update(
        SECRET_KEY=parts.settings.secret_key,
        MAX_CONTENT_LENGTH=BIGGEST_BODY,
        PERMANENT_SESSION_LIFETIME=timedelta(days=14),
        SESSION_COOKIE_NAME="guiche",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=parts.settings.public_url.startswith("https://"),
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["guiche"] = parts
    # One proxy stands in front at most; a deploy without one binds to 127.0.0.1.
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=0)  # type: ignore[method-assign]
    for part in (requests, origin, headers, errors, filters):
        part.install(app)
    for part in BLUEPRINTS:
        app.register_blueprint(part.blueprint)
    return app
