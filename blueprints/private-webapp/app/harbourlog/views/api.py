"""For programs: JSON, with a name and a password in each request where something is changed.

    GET   /api/calls?q=TEXT             found calls
    GET   /api/calls/NUMBER             one, with its version
    PATCH /api/calls/NUMBER             {"version": 1, "remark": "..."} as an editor; with `?dry-run=1` all is done, read back and undone
    GET   /api/connection               how the database is reached
"""

from flask import Blueprint, abort, jsonify, request

from .. import database, editing, people, queries, rights

blueprint = Blueprint("api", __name__, url_prefix="/api")

SHOWN = ("id", "ship", "kind", "harbour", "origin", "cargo", "tonnes", "passengers", "remark", "version")


def _shown(row):
    said = {name: getattr(row, name) for name in SHOWN}
    return said | {"arrived_at": row.arrived_at.isoformat(), "departed_at": row.departed_at and row.departed_at.isoformat()}


@blueprint.get("/calls")
def find():
    """Found calls, the latest first."""
    with database.reading() as db:
        rows, total = queries.find_calls(db, q=request.args.get("q", "").strip()[:80])
    return jsonify(total=total, calls=[_shown(row) for row in rows])


@blueprint.get("/calls/<int:number>")
def one(number):
    """One call."""
    with database.reading() as db:
        return jsonify(_found(db, number))


def _found(db, number):
    row = queries.one_call(db, number) if number < 2**31 else None
    if row is None:
        abort(404)
    return _shown(row)


@blueprint.patch("/calls/<int:number>")
def change(number):
    """Changes fields of a call, if it still has the version that was said."""
    person = _person()
    given = request.get_json(silent=True)
    dry = request.args.get("dry-run", "") not in ("", "0", "false")
    # What is undone anyway need not say which version it is about.
    if not isinstance(given, dict) or not isinstance(given.get("version", 0 if dry else None), int):
        abort(400, "A JSON object with the version of the call, and the fields to change.")
    unknown = set(given) - set(editing.CALL) - {"version"}
    if unknown:
        abort(422, "These cannot be changed: " + ", ".join(sorted(unknown)))
    try:
        values = editing.read("call", given)
        with database.writing() as db:
            before = _found(db, number)
            editing.change(db, "call", queries.one_call(db, number), values, given.get("version", before["version"]), person)
            after = _found(db, number)
            if dry:
                db.get_transaction().rollback()
    except editing.Refused as refused:
        return jsonify(error="refused", fields=refused.problems), 422
    except editing.Outdated:
        abort(409, "The call was changed in between: read it again.")
    with database.reading() as db:
        now = _found(db, number)
    return jsonify(before=before, after=after, now=now, undone=dry and now == before)


@blueprint.get("/connection")
def connection():
    """What the about page says."""
    with database.reading() as db:
        way = rights.ask(db)
    return jsonify(
        server=way.server, role=way.role, tls=way.tls, cipher=way.cipher, encrypted=way.encrypted, may_create=way.may_create,
        reads_verifiers=way.reads_verifiers, tables=way.tables,
    )


def _person():
    """Who the request's own credentials say it is. Cookies do not count here, so that no other site's page can send this."""
    given = request.authorization
    if not given or given.type != "basic" or not given.username:
        response = jsonify(error="credentials of an editor are needed")
        response.status_code, response.headers["WWW-Authenticate"] = 401, 'Basic realm="harbour log"'
        abort(response)
    if not request.is_json:
        abort(415, "Send application/json.")
    try:
        person = people.check(given.username[:64], (given.password or "")[:256], request.remote_addr or "")
    except people.TooManyAttempts:
        abort(429, "Too many attempts that were wrong. Wait a quarter of an hour.")
    if person is None:
        response = jsonify(error="name or password is wrong")
        response.status_code, response.headers["WWW-Authenticate"] = 401, 'Basic realm="harbour log"'
        abort(response)
    return person
