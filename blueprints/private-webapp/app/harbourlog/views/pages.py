"""Pages that everybody may read."""

from flask import Blueprint, abort, render_template, request

from .. import database, people, queries, rights
from ..charts import detail, overview as first_page
from ..schema import KINDS, calls

blueprint = Blueprint("pages", __name__)

YEAR = 2025


def both(draw, *args, **kwargs):
    """A chart for wide and for narrow screens; the style sheet shows one of them."""
    return {"wide": draw(*args, **kwargs), "narrow": draw(*args, narrow=True, **kwargs)}


@blueprint.get("/")
def overview():
    """The year at a glance."""
    with database.reading() as db:
        figures = queries.key_figures(db)
        if not figures.calls:
            abort(503, "The log is empty: the data has not been loaded yet.")
        harbours, legs, days = queries.all_harbours(db), queries.legs(db), queries.days(db)
        months, hours = queries.calls_by_month(db), queries.calls_by_hour(db)
        latest = queries.find_calls(db)[0][:6]
    charts = {
        "map": both(first_page.traffic_map, harbours, legs), "months": both(first_page.months, months),
        "hours": both(first_page.hours, hours), "wind": both(first_page.wind, days),
    }
    by_month = [(first_page.MONTHS[m - 1], {kind: n for month, kind, n in months if month == m}) for m in range(1, 13)]
    return render_template(
        "overview.html", figures=figures, harbours=harbours, charts=charts, by_month=by_month, hours=hours, latest=latest,
        means=first_page.wind_means(days), weekdays=first_page.WEEKDAYS,
    )


@blueprint.get("/calls")
def call_list():
    """Search, filter, sort, turn pages."""
    args = request.args
    asked = {
        "q": args.get("q", "").strip()[:80],
        "harbour": args.get("harbour", "")[:40],
        "kind": args.get("kind", "") if args.get("kind") in KINDS else "",
        "month": _number(args.get("month"), 1, 12),
        "sort": args.get("sort") if args.get("sort") in queries.SORTS else "arrived",
        "page": _number(args.get("page"), 1, 100_000) or 1,
    }
    descending = args.get("order", "desc" if asked["sort"] not in ("ship", "harbour") else "asc") != "asc"
    with database.reading() as db:
        harbours = queries.all_harbours(db)
        rows, total = queries.find_calls(db, descending=descending, **asked)
    pages = max(1, -(-total // queries.PAGE))
    return render_template(
        "calls.html", rows=rows, total=total, pages=pages, harbours=harbours, months=first_page.MONTHS, descending=descending,
        first=(asked["page"] - 1) * queries.PAGE + 1, **asked,
    )


def _number(said, low, high):
    return int(said) if said and said.isascii() and said.isdecimal() and low <= int(said[:7]) <= high else 0


@blueprint.get("/calls/<int:number>")
def call(number):
    """One call, and the tide that it came in on."""
    with database.reading() as db:
        found = queries.one_call(db, number) if number < 2**31 else None
        if found is None:
            abort(404)
        changed = queries.changes_of(db, "call", number) if people.current() else []
    return render_template("call.html", call=found, chart=both(detail.tide, found), changed=changed)


@blueprint.get("/ships")
def ship_list():
    """The fleet."""
    q, kind = request.args.get("q", "").strip()[:80], request.args.get("kind", "")
    kind = kind if kind in KINDS else ""
    with database.reading() as db:
        ships = queries.all_ships(db, kind, q)
    return render_template("ships.html", ships=ships, q=q, kind=kind)


@blueprint.get("/ships/<slug>")
def ship(slug):
    """A ship and her year."""
    with database.reading() as db:
        found = queries.one_ship(db, slug)
        if found is None:
            abort(404)
        made, harbours = queries.calls_of(db, calls.c.ship_id == found.id), queries.all_harbours(db)
        changed = queries.changes_of(db, "ship", found.id) if people.current() else []
    visits = {}
    for one in made:
        visits[one.harbour] = visits.get(one.harbour, 0) + 1
    visits = sorted(visits.items(), key=lambda item: (-item[1], item[0]))
    charts = {
        "journey": both(detail.journey, found.name, made, harbours, YEAR),
        "visits": both(detail.bars, f"Where {found.name} called", visits, "calls"),
    }
    return render_template("ship.html", ship=found, calls=made, charts=charts, visits=visits, changed=changed)


@blueprint.get("/harbours/<slug>")
def harbour(slug):
    """A harbour, day by day."""
    with database.reading() as db:
        harbours = queries.all_harbours(db)
        found = next((one for one in harbours if one.slug == slug), None)
        if found is None:
            abort(404)
        here = calls.c.harbour_id == found.id
        per_day, cargo, months = queries.calls_by_day(db, here), queries.cargo_at(db, found.id), queries.calls_by_month(db, here)
        latest = queries.find_calls(db, harbour=slug)[0][:12]
    charts = {
        "calendar": both(detail.calendar, found.name, per_day, YEAR),
        "cargo": both(detail.bars, f"Cargo landed at {found.name}", cargo, "tonnes"),
        "months": both(first_page.months, months, title=f"Calls at {found.name} by month and kind of ship"),
    }
    return render_template("harbour.html", harbour=found, charts=charts, latest=latest, cargo=cargo)


@blueprint.get("/about")
def about():
    """How this page reaches its database, asked of the server now."""
    with database.reading() as db:
        way = rights.ask(db)
    return render_template("about.html", way=way)
