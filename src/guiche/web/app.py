"""The web application, put together."""

from __future__ import annotations

import os
from datetime import timedelta

from flask import Flask

from guiche import wiring
from guiche.config import Settings
from guiche.metrics import Metrics
from guiche.web import (
    admin,
    auth,
    context,
    errors,
    events,
    formats,
    health,
    metrics,
    observe,
    orders,
    origin,
    reviews,
    version,
    webhooks,
)
from guiche.wiring import Services

LONGEST_BODY = 64 * 1024
PARTS = (events, orders, auth, reviews, admin, webhooks, health, metrics, version)


def create_app(services_or_settings: Services | Settings | None = None) -> Flask:
    """An application of these services, or of new ones for these settings, or for those in the environment.

    Nothing is connected yet, and logging is left to whoever starts the process.
    """
    services = _services(services_or_settings)
    settings = services.settings
    https = settings.public_url.startswith("https://")
    app = Flask("guiche.web", root_path=os.path.dirname(os.path.dirname(__file__)))  # noqa: PTH120 - Flask takes a str
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SESSION_COOKIE_NAME="guiche",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=https,
        PERMANENT_SESSION_LIFETIME=timedelta(hours=12),
        SESSION_REFRESH_EACH_REQUEST=False,  # a cookie on a banner would be in everybody's cache
        MAX_CONTENT_LENGTH=LONGEST_BODY,
        MAX_FORM_MEMORY_SIZE=LONGEST_BODY,
    )
    app.config[origin.PUBLIC_URL] = settings.public_url
    counted = Metrics(settings.multiproc_dir)
    counted.watch(services.engine)
    app.extensions[context.EXTENSION] = services
    app.extensions[metrics.EXTENSION] = counted

    observe.register(app, counted, https=https)
    app.before_request(context.recognise)
    app.before_request(origin.refuse_other_sites)
    app.teardown_request(context.close_db)
    errors.register(app)
    formats.register(app)
    for part in PARTS:
        app.register_blueprint(part.blueprint)
    return app


def _services(given: Services | Settings | None) -> Services:
    if isinstance(given, Services):
        return given
    return wiring.build(given or Settings.from_env(os.environ))
