"""The harbour log of the Merrow Isles: ships, harbours, and who called where when.

A small web application with a database behind it, made to be looked at and to be kept running.
"""

from flask import Flask

from . import database, edge, errors, people, presentation, views
from .settings import Settings


def create_application(settings=None):
    """The WSGI application. Without settings, those of the environment; they are checked here, not at the first request."""
    settings = settings or Settings.from_environment()
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=settings.secret_key,
        MAX_CONTENT_LENGTH=64 * 1024,
        MAX_FORM_MEMORY_SIZE=64 * 1024,
        # `__Host-`: browsers take such a cookie only over TLS, for this host alone, from no subdomain.
        SESSION_COOKIE_NAME="__Host-session",
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        PERMANENT_SESSION_LIFETIME=people.SESSION_LASTS,
        SESSION_REFRESH_EACH_REQUEST=False,
    )
    app.extensions["settings"] = settings
    app.extensions["people"] = people.People(settings.users_file)
    database.prepare(app, settings)
    edge.prepare(app, settings)
    errors.prepare(app)
    presentation.prepare(app)
    views.prepare(app)
    return app
