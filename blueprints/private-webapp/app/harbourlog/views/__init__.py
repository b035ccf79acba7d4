"""The addresses of the application."""

from . import api, edit, health, login, pages


def prepare(app):
    """Registers all of them."""
    for module in (pages, edit, login, health, api):
        app.register_blueprint(module.blueprint)
