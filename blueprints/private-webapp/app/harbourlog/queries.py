"""What pages ask the database. Every function takes a connection and gives plain rows."""

from sqlalchemy import Date, case, cast, extract, func, or_, select

from .schema import calls, changes, harbours, ships, weather
from .sql import minutes_between, weekday

LATE = minutes_between(calls.c.due_at, calls.c.arrived_at)
STAY = minutes_between(calls.c.arrived_at, calls.c.departed_at)
# A call that is this many minutes late or less is on time.
ON_TIME = 15
origins = harbours.alias("origins")

SORTS = {
    "arrived": calls.c.arrived_at, "ship": ships.c.name, "harbour": harbours.c.name, "tonnes": calls.c.tonnes,
    "passengers": calls.c.passengers, "late": LATE, "waited": calls.c.waited_min, "wind": calls.c.wind_kn,
}
PAGE = 40


def key_figures(db):
    """One row: how much of everything."""
    return db.execute(
        select(
            func.count().label("calls"),
            func.count(func.distinct(calls.c.ship_id)).label("ships"),
            func.sum(calls.c.tonnes).label("tonnes"),
            func.sum(calls.c.passengers).label("passengers"),
            func.sum(case((LATE <= ON_TIME, 1), else_=0)).label("on_time"),
            func.sum(case((calls.c.waited_min > 0, 1), else_=0)).label("waited"),
            func.max(calls.c.wind_kn).label("wind"),
            func.min(calls.c.arrived_at).label("first"),
            func.max(calls.c.arrived_at).label("last"),
        )
    ).one()


def calls_by_month(db, *where):
    """(month, kind, calls)"""
    month = extract("month", calls.c.arrived_at)
    query = select(month.label("month"), ships.c.kind, func.count().label("calls")).join_from(calls, ships)
    return [(int(m), kind, n) for m, kind, n in db.execute(query.where(*where).group_by(month, ships.c.kind))]


def calls_by_hour(db, *where):
    """(weekday, hour, calls)"""
    day, hour = weekday(calls.c.arrived_at), extract("hour", calls.c.arrived_at)
    query = select(day.label("day"), hour.label("hour"), func.count().label("calls")).where(*where).group_by(day, hour)
    return [(int(d), int(h), n) for d, h, n in db.execute(query)]


def days(db):
    """(day, wind, sky, calls, average minutes late) for every day with calls"""
    day = cast(calls.c.arrived_at, Date)
    late = func.avg(LATE)
    query = (
        select(weather.c.day, weather.c.wind_kn, weather.c.sky, func.count().label("calls"), late.label("late"))
        .join_from(calls, weather, weather.c.day == day)
        .group_by(weather.c.day, weather.c.wind_kn, weather.c.sky)
        .order_by(weather.c.day)
    )
    return [(d, wind, sky, n, float(mean)) for d, wind, sky, n, mean in db.execute(query)]


def calls_by_day(db, *where):
    """{day: calls}"""
    day = cast(calls.c.arrived_at, Date)
    return dict(tuple(row) for row in db.execute(select(day, func.count()).where(*where).group_by(day)))


def legs(db):
    """(from, to, calls) between harbours"""
    query = select(calls.c.from_id, calls.c.harbour_id, func.count()).where(calls.c.from_id.is_not(None))
    return [tuple(row) for row in db.execute(query.group_by(calls.c.from_id, calls.c.harbour_id))]


def all_harbours(db):
    """Every harbour, with its calls and what was landed there."""
    query = (
        select(
            harbours,
            func.count(calls.c.id).label("calls"),
            func.coalesce(func.sum(calls.c.tonnes), 0).label("tonnes"),
            func.coalesce(func.sum(calls.c.passengers), 0).label("passengers"),
            func.coalesce(func.sum(case((calls.c.waited_min > 0, 1), else_=0)), 0).label("waited"),
        )
        .outerjoin_from(harbours, calls, calls.c.harbour_id == harbours.c.id)
        .group_by(*harbours.c)
        .order_by(harbours.c.id)
    )
    return db.execute(query).all()


def all_ships(db, kind="", q=""):
    """Every ship, with its calls."""
    home = harbours.c.name.label("home")
    query = (
        select(ships, home, harbours.c.slug.label("home_slug"), func.count(calls.c.id).label("calls"))
        .join_from(ships, harbours)
        .outerjoin(calls, calls.c.ship_id == ships.c.id)
        .group_by(*ships.c, harbours.c.name, harbours.c.slug)
        .order_by(ships.c.name)
    )
    if kind:
        query = query.where(ships.c.kind == kind)
    if q:
        query = query.where(_contains(q, ships.c.name, ships.c.note))
    return db.execute(query).all()


def _contains(q, *columns):
    """Any of the columns contains the text, whatever the case; `%` and `_` mean themselves."""
    return or_(*(func.lower(column).contains(q.lower(), autoescape=True) for column in columns))


def _calls(*extra):
    return (
        select(
            calls, LATE.label("late"), STAY.label("stay"), ships.c.name.label("ship"), ships.c.slug.label("ship_slug"),
            ships.c.kind, ships.c.draught_cm, harbours.c.name.label("harbour"), harbours.c.slug.label("harbour_slug"),
            origins.c.name.label("origin"), *extra,
        )
        .join_from(calls, ships)
        .join(harbours, harbours.c.id == calls.c.harbour_id)
        .outerjoin(origins, origins.c.id == calls.c.from_id)
    )


def find_calls(db, q="", harbour="", kind="", month=0, sort="arrived", descending=True, page=1):
    """A page of calls, and how many there are in all."""
    where = []
    for word in q.split()[:6]:
        where.append(_contains(word, ships.c.name, harbours.c.name, calls.c.cargo, calls.c.remark))
    if harbour:
        where.append(harbours.c.slug == harbour)
    if kind:
        where.append(ships.c.kind == kind)
    if month:
        where.append(extract("month", calls.c.arrived_at) == month)
    counted = select(func.count()).select_from(calls).join(ships).join(harbours, harbours.c.id == calls.c.harbour_id)
    total = db.execute(counted.where(*where)).scalar_one()
    column = SORTS[sort]
    order = (column.desc() if descending else column.asc(), calls.c.id.desc() if descending else calls.c.id.asc())
    rows = db.execute(_calls().where(*where).order_by(*order).limit(PAGE).offset((page - 1) * PAGE)).all()
    return rows, total


def one_call(db, number):
    """A call with its harbour, or None."""
    extra = (harbours.c.bar_cm, harbours.c.tide_cm.label("amplitude_cm"), harbours.c.tide_lag_min, harbours.c.island)
    return db.execute(_calls(*extra).where(calls.c.id == number)).first()


def one_ship(db, slug):
    """A ship with its home, or None."""
    query = select(ships, harbours.c.name.label("home"), harbours.c.slug.label("home_slug")).join_from(ships, harbours)
    return db.execute(query.where(ships.c.slug == slug)).first()


def calls_of(db, *where):
    """All calls that the conditions name, in order."""
    return db.execute(_calls().where(*where).order_by(calls.c.arrived_at, calls.c.id)).all()


def cargo_at(db, harbour_id):
    """(cargo, tonnes) landed in a harbour, the most first"""
    tonnes = func.sum(calls.c.tonnes)
    query = select(calls.c.cargo, tonnes).where(calls.c.harbour_id == harbour_id).group_by(calls.c.cargo)
    return [(cargo, int(t)) for cargo, t in db.execute(query.having(tonnes > 0).order_by(tonnes.desc()))]


def changes_of(db, what=None, row_id=None, limit=100):
    """The latest changes, of one row or of all."""
    query = select(changes).order_by(changes.c.id.desc()).limit(limit)
    if what:
        query = query.where(changes.c.what == what, changes.c.row_id == row_id)
    return db.execute(query).all()
