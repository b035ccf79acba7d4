"""Who may log in, and what then: names, roles and verifiers of passwords in a file; sessions; forms that are ours.

The file has one person a line: name, roles with commas between, and a verifier as `pbkdf2:sha256:ROUNDS$SALT$HEX`.
No password is anywhere. The file is read again when it changes: who is taken out of it is out at the next request.
"""

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import wraps

from flask import abort, current_app, g, redirect, request, session, url_for
from sqlalchemy import delete, func, insert, select
from werkzeug.security import check_password_hash

from . import database
from .schema import login_attempts

SESSION_LASTS = timedelta(hours=8)
ROLES = ("editor", "admin")

# Attempts within the window that fail before more are refused: of one address for one name, of one address for all.
WINDOW, OF_ONE_NAME, OF_ONE_ADDRESS = timedelta(minutes=15), 5, 30

# What is checked for a name that does not exist, so that it takes as long.
NOBODY = "pbkdf2:sha256:100000$nobody$" + "0" * 64


@dataclass(frozen=True)
class Person:
    """Somebody of the file."""

    name: str
    roles: tuple
    verifier: str

    @property
    def role(self):
        """The strongest role."""
        return "admin" if "admin" in self.roles else "editor"

    @property
    def stamp(self):
        """Changes with the password: sessions from before end."""
        return hashlib.sha256(self.verifier.encode()).hexdigest()[:16]


class People:
    """The file, kept up to date."""

    def __init__(self, path):
        self.path, self.seen, self.people = path, None, {}

    def get(self, name):
        """The person of this name now."""
        try:
            facts = os.stat(self.path)
            seen = (facts.st_mtime_ns, facts.st_ino, facts.st_size)
            if seen != self.seen:
                with open(self.path, encoding="utf-8") as file:
                    self.people, self.seen = read_people(file), seen
        except (OSError, UnicodeDecodeError):
            # Without the file nobody is known; better than knowing those of yesterday.
            self.people, self.seen = {}, None
        return self.people.get(name)


def read_people(lines):
    """The people of a file's lines. A line that is not whole counts for nobody."""
    people = {}
    for line in lines:
        parts = line.split()
        if len(parts) != 3 or line.startswith("#"):
            continue
        name, roles, verifier = parts
        roles = tuple(role for role in roles.split(",") if role in ROLES)
        if roles and verifier.startswith("pbkdf2:"):
            people[name] = Person(name, roles, verifier)
    return people


class TooManyAttempts(Exception):
    """More than the limit; try again later."""


def check(name, password, address):
    """The person when the password is right, None when not. Every attempt counts before it is looked at, so that many at
    once get no further than one after the other; a right one is taken off the count."""
    subjects = [_subject("name", name, address), _subject("address", address)]
    now = datetime.now(timezone.utc).replace(tzinfo=None, microsecond=0)
    with database.writing() as db:
        db.execute(delete(login_attempts).where(login_attempts.c.attempted_at < now - WINDOW))
        for subject, limit in zip(subjects, (OF_ONE_NAME, OF_ONE_ADDRESS)):
            recent = (login_attempts.c.subject == subject, login_attempts.c.attempted_at >= now - WINDOW)
            if db.execute(select(func.count()).select_from(login_attempts).where(*recent)).scalar_one() >= limit:
                raise TooManyAttempts()
        made = [
            db.execute(insert(login_attempts).values(subject=subject, attempted_at=now)).inserted_primary_key[0]
            for subject in subjects
        ]
    person = current_app.extensions["people"].get(name)
    right = check_password_hash(person.verifier if person else NOBODY, password)
    if not (person and right):
        current_app.logger.warning("login refused: from %s", address)
        return None
    with database.writing() as db:
        db.execute(delete(login_attempts).where(login_attempts.c.id.in_(made)))
    return person


def _subject(*parts):
    key = current_app.config["SECRET_KEY"]
    return hmac.new(key, "\0".join(("attempt", *parts)).encode(), hashlib.sha256).hexdigest()


def begin_session(person):
    """A fresh session: nothing of the one before stays."""
    session.clear()
    session.permanent = True
    session.update(name=person.name, stamp=person.stamp, csrf=secrets.token_urlsafe(24))


def current():
    """Who is logged in, or None. What the session says counts only together with the file as it is now."""
    if "person" not in g:
        person = current_app.extensions["people"].get(session.get("name", ""))
        known = person and hmac.compare_digest(session.get("stamp", ""), person.stamp)
        g.person = person if known else None
    return g.person


def csrf_token():
    """The token that a form of this session carries."""
    if "csrf" not in session:
        session["csrf"] = secrets.token_urlsafe(24)
    return session["csrf"]


def require_own_form():
    """Refuses a form that was not made for this session, and one that another site sent."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        abort(403, "This form came from another site.")
    kept, sent = session.get("csrf", ""), request.form.get("csrf", "")
    if not kept or not hmac.compare_digest(kept.encode(), sent.encode()):
        abort(403, "This form is not of your session: it is too old, or cookies are off. Go back, load the page again, try again.")


def needs(role):
    """Pages for people with a role only; `admin` may what `editor` may."""

    def around(view):
        @wraps(view)
        def checked(*args, **kwargs):
            if request.method == "POST":
                require_own_form()
            person = current()
            if person is None:
                if request.method == "POST":
                    abort(403, "Your session has ended. Log in, then send the form again.")
                return redirect(url_for("login.form", next=request.path), 303)
            if role == "admin" and person.role != "admin":
                abort(403, "This is for administrators.")
            return view(*args, **kwargs)

        return checked

    return around
