"""Changing a row: what may be changed, what is a good value, and that no change is lost."""

from datetime import datetime, timezone

from sqlalchemy import insert, update

from .schema import calls, changes, ships


class Refused(Exception):
    """What was given is not right: {field: what is wrong}."""

    def __init__(self, problems):
        super().__init__("refused")
        self.problems = problems


class Outdated(Exception):
    """Somebody else changed the row in between."""


def _whole(low, high):
    def read(said):
        try:
            number = int(str(said).strip())
        except ValueError:
            raise ValueError("a whole number") from None
        if not low <= number <= high:
            raise ValueError(f"a number from {low} to {high}")
        return number

    return read


def _words(most, least=0):
    def read(said):
        words = " ".join(str(said).split())
        if not least <= len(words) <= most:
            raise ValueError(f"{least} to {most} characters")
        if any(not character.isprintable() for character in words):
            raise ValueError("characters that can be printed")
        return words or None

    return read


# What may be changed, and how it is read. Times and tides of a call are facts; nobody edits those.
CALL = {
    "cargo": ("Cargo", _words(20, 1)),
    "tonnes": ("Tonnes", _whole(0, 60_000)),
    "passengers": ("Passengers", _whole(0, 6_000)),
    "remark": ("Remark", _words(400)),
}
SHIP = {
    "name": ("Name", _words(60, 1)),
    "built": ("Built", _whole(1850, 2100)),
    "length_m": ("Length in metres", _whole(5, 400)),
    "draught_cm": ("Draught in centimetres", _whole(50, 2500)),
    "note": ("Note", _words(400)),
}
TABLES = {"call": (calls, CALL), "ship": (ships, SHIP)}


def read(what, given):
    """The values of a form or of a JSON object, each checked; `Refused` names all that are wrong."""
    values, problems = {}, {}
    for field, (_, reader) in TABLES[what][1].items():
        if field in given:
            try:
                values[field] = reader(given[field] if given[field] is not None else "")
            except ValueError as problem:
                problems[field] = str(problem)
    if problems:
        raise Refused(problems)
    return values


def change(db, what, row, values, version, person):
    """Writes what differs from `row`, if that still has this version, and says so in the table of changes.

    Gives the fields that changed.
    """
    table, _ = TABLES[what]
    differing = {field: value for field, value in values.items() if getattr(row, field) != value}
    if row.version != version:
        raise Outdated()
    if not differing:
        return differing
    same = (table.c.id == row.id) & (table.c.version == version)
    if db.execute(update(table).where(same).values(version=version + 1, **differing)).rowcount != 1:
        raise Outdated()
    now = datetime.now(timezone.utc).replace(tzinfo=None, microsecond=0)
    said = [
        {
            "changed_at": now, "who": person.name, "role": person.role, "what": what, "row_id": row.id, "field": field,
            "old_value": _text(getattr(row, field)), "new_value": _text(value),
        }
        for field, value in differing.items()
    ]
    db.execute(insert(changes), said)
    return differing


def _text(value):
    return None if value is None else str(value)
