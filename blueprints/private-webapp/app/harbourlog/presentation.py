"""How figures are written, and what every page knows."""

from flask import request, url_for

from . import people
from .schema import KINDS


def number(value):
    """With commas: 12,345."""
    return f"{int(value or 0):,}"


def moment(value):
    """A time of the log."""
    return f"{value:%d %b %Y, %H:%M}" if value else "–"


def span(minutes):
    """A number of minutes in words."""
    if minutes is None:
        return "–"
    sign, minutes = ("−" if minutes < 0 else ""), abs(int(minutes))
    if minutes < 60:
        return f"{sign}{minutes} min"
    if minutes < 48 * 60:
        return f"{sign}{minutes // 60} h {minutes % 60:02} min"
    return f"{sign}{minutes // 1440} d {minutes % 1440 // 60} h"


def metres(cm):
    """Centimetres as metres."""
    return f"{cm / 100:.1f} m"


def link_with(**changed):
    """This page with some of its query changed."""
    kept = {name: value for name, value in request.args.items() if value and name not in changed}
    kept.update({name: value for name, value in changed.items() if value not in (None, "", 0)})
    return url_for(request.endpoint, **(request.view_args or {}), **kept)


def prepare(app):
    """Filters and names for templates."""
    app.jinja_env.filters.update(number=number, moment=moment, span=span, metres=metres)
    app.jinja_env.globals.update(link_with=link_with, csrf_token=people.csrf_token, current_person=people.current, KINDS=KINDS)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
