"""What people see when something is wrong: kind words, the right status, never a trace."""

from flask import jsonify, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from .database import Unavailable

TITLES = {
    400: "That was not understood", 403: "Not allowed", 404: "Nothing here", 405: "Not this way", 413: "Too large",
    429: "Too many attempts", 503: "The log is closed for a moment",
}
WORDS = {
    404: "There is no such page. Perhaps the ship has sailed.",
    405: "This address does not take such a request.",
    413: "What you sent is too large.",
}


def prepare(app):
    """Registers the handlers."""

    @app.errorhandler(HTTPException)
    def refused(error):
        if error.response is not None:
            return error.response
        return answer(error.code, WORDS.get(error.code) or error.description, error.get_response().headers.get("Allow"))

    @app.errorhandler(Unavailable)
    def without_database(_error):
        response = answer(503, "The database does not answer just now. Nothing is lost; please try again in a minute.")
        response.headers["Retry-After"] = "10"
        return response

    @app.errorhandler(Exception)
    def broken(error):
        app.logger.error("%s: %s", request.path, type(error).__name__, exc_info=error)
        return answer(500, "This is our mistake, and it is in our log now.")


def answer(status, words, allow=None):
    """An error as a page, or as JSON for programs."""
    title = TITLES.get(status, "Something went wrong")
    if request.path.startswith("/api/"):
        response = jsonify(error=words)
    else:
        response = _page(status, title, words)
    response.status_code = status
    if allow:
        response.headers["Allow"] = allow
    return response


def _page(status, title, words):
    return make_response(render_template("error.html", status=status, title=title, words=words))
