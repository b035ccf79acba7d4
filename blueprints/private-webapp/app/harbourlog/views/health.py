"""Is it alive, and can it do its work? Two questions: a dead database is no reason to restart the application."""

from flask import Blueprint, Response

from .. import database

blueprint = Blueprint("health", __name__)


@blueprint.get("/livez")
def livez():
    """The program answers."""
    return Response("alive\n", content_type="text/plain; charset=utf-8")


@blueprint.get("/healthz")
def healthz():
    """The program answers and its database does."""
    wrong = database.ping()
    words, status = (f"unavailable: {wrong}\n", 503) if wrong else ("ok: the database answers\n", 200)
    return Response(words, status, content_type="text/plain; charset=utf-8")
