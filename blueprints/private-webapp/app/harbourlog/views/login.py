"""Logging in and out."""

from flask import Blueprint, flash, redirect, render_template, request, session, url_for

from .. import people

blueprint = Blueprint("login", __name__)


@blueprint.get("/login")
def form():
    """The form."""
    if people.current():
        return redirect(_next(), 303)
    return render_template("login.html", next=_next(), name="")


@blueprint.post("/login")
def check():
    """A name and a password."""
    people.require_own_form()
    name = request.form.get("name", "").strip()[:64]
    try:
        person = people.check(name, request.form.get("password", "")[:256], request.remote_addr or "")
    except people.TooManyAttempts:
        words = "Too many attempts that were wrong. Wait a quarter of an hour, then try again."
        return render_template("login.html", next=_next(), name=name, wrong=words), 429, {"Retry-After": "900"}
    if person is None:
        return render_template("login.html", next=_next(), name=name, wrong="Name or password is wrong."), 401
    people.begin_session(person)
    flash(f"Welcome, {person.name}.")
    return redirect(_next(), 303)


@blueprint.post("/logout")
def leave():
    """Ends the session."""
    people.require_own_form()
    session.clear()
    flash("You are logged out.")
    return redirect(url_for("pages.overview"), 303)


def _next():
    """Where to go then: a page of this site, nothing else."""
    said = request.values.get("next", "")
    good = said.startswith("/") and not said.startswith("//") and "\\" not in said and said.isprintable() and not said.startswith("/login")
    return said if good else url_for("pages.overview")
