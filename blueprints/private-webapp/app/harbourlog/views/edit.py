"""Pages for editors and administrators."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for

from .. import database, editing, people, queries

blueprint = Blueprint("edit", __name__)


@blueprint.route("/calls/<int:number>/edit", methods=["GET", "POST"])
@people.needs("editor")
def call(number):
    """The form for a call; editors and administrators."""
    return _form("call", lambda db: queries.one_call(db, number), url_for("pages.call", number=number))


@blueprint.route("/ships/<slug>/edit", methods=["GET", "POST"])
@people.needs("admin")
def ship(slug):
    """The form for a ship; administrators."""
    return _form("ship", lambda db: queries.one_ship(db, slug), url_for("pages.ship", slug=slug))


def _form(what, find, back):
    fields, problems, theirs, status = editing.TABLES[what][1], {}, {}, 200
    with database.reading() as db:
        row = find(db)
    if row is None:
        abort(404)
    said = {field: getattr(row, field) for field in fields}
    if request.method == "POST":
        said = {field: request.form.get(field, "")[:500] for field in fields}
        try:
            version = int(request.form.get("version", ""))
            values = editing.read(what, said)
            with database.writing() as db:
                changed = editing.change(db, what, find(db), values, version, people.current())
            flash("Saved." if changed else "Nothing was different, so nothing was changed.")
            return redirect(back, 303)
        except ValueError:
            abort(400, "The form is not whole. Go back and load the page again.")
        except editing.Refused as refused:
            problems, status = refused.problems, 422
        except editing.Outdated:
            # Show both: what is there now, and what this person wrote. Saving again is then a decision.
            with database.reading() as db:
                row = find(db)
            theirs, status = {field: getattr(row, field) for field in fields if _differs(getattr(row, field), said[field])}, 409
    shown = render_template("edit.html", what=what, row=row, fields=fields, said=said, problems=problems, theirs=theirs, back=back)
    return shown, status


def _differs(there, said):
    return ("" if there is None else str(there)) != str(said).strip()


@blueprint.get("/changes")
@people.needs("editor")
def changes():
    """Who changed what; for those who may change things."""
    with database.reading() as db:
        rows = queries.changes_of(db, limit=200)
    return render_template("changes.html", rows=rows)
