"""The charts of the first page: a map of traffic, months, hours, wind."""

from ..schema import KINDS
from .svg import Drawing, round_steps, scale

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

# Coasts in cables, clockwise; curves go through all points.
ISLANDS = {
    "Alder": [(-40, -40), (88, -40), (70, 20), (96, 62), (84, 104), (112, 132), (104, 158), (76, 170), (90, 206), (112, 226),
              (92, 250), (100, 280), (78, 300), (96, 322), (70, 362), (84, 420), (-40, 440)],
    "Great Merrow": [(196, 70), (214, 40), (248, 30), (246, 62), (262, 78), (280, 50), (312, 44), (352, 62), (372, 96), (352, 120),
                     (324, 130), (310, 152), (286, 150), (266, 168), (238, 150), (222, 118), (200, 104)],
    "Merrow Holm": [(222, 262), (244, 244), (262, 256), (280, 246), (306, 262), (312, 292), (292, 320), (262, 326), (236, 308)],
    "Thornholm": [(452, 90), (478, 84), (496, 104), (492, 128), (506, 152), (498, 190), (476, 206), (458, 224), (436, 214),
                  (428, 184), (446, 156), (436, 124)],
    "Lantern Isle": [(384, 342), (398, 324), (416, 328), (434, 340), (436, 360), (414, 372), (392, 364)],
    "Outer Skerry": [(552, 280), (564, 272), (576, 284), (572, 300), (558, 298)],
    "": [(350, 262), (358, 256), (364, 264), (356, 270)],
    " ": [(178, 352), (188, 346), (192, 356), (182, 360)],
    "  ": [(398, 56), (406, 50), (410, 60), (402, 64)],
}
NAMES = {  # where a harbour's name stands: how far from the dot, and which end of it
    "port-alder": (8, -8, "start"), "saltern": (9, 4, "start"), "hollin-bay": (0, 20, "middle"), "quillan-quay": (10, 12, "start"),
    "fennick": (0, 22, "middle"), "thornholm": (0, 21, "middle"), "gannet-roads": (10, 2, "start"), "lanternhead": (-9, -6, "end"),
    "outer-skerry": (-2, -14, "middle"),
}


def coast(points):
    """A closed curve through points (Catmull-Rom, as cubic Bézier curves)."""
    said, n = f"M{points[0][0]} {points[0][1]}", len(points)
    for i in range(n):
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = (points[(i + k) % n] for k in (-1, 0, 1, 2))
        said += f"C{bx + (cx - ax) / 6:.1f} {by + (cy - ay) / 6:.1f} {cx - (dx - bx) / 6:.1f} {cy - (dy - by) / 6:.1f} {cx} {cy}"
    return said + "Z"


def traffic_map(harbours, legs, narrow=False):
    """Where ships go: an arc for every pair of harbours, as wide as there are voyages."""
    size = 17 if narrow else 12
    both = {}
    for start, end, number in legs:
        both[frozenset((start, end))] = both.get(frozenset((start, end)), 0) + number
    both = {pair: number for pair, number in both.items() if len(pair) == 2}
    most = max(both.values(), default=1)
    by_id = {harbour.id: harbour for harbour in harbours}
    busiest = sorted(both, key=lambda pair: -both[pair])[:1]
    words = f"{len(harbours)} harbours on {len({h.island for h in harbours})} islands; arcs are voyages between two of them."
    for pair in busiest:
        one, other = sorted(pair)
        words += f" Most went between {by_id[one].name} and {by_id[other].name}: {both[pair]}."
    left, width = (40, 600) if narrow else (0, 640)
    drawing = Drawing(width, 400, "Traffic between the harbours of the Merrow Isles", words, "map", left)
    drawing.add("rect", x=left, y=0, width=width, height=400, class_="sea")
    for x in range(80, left + width, 120):
        drawing.line(x, 0, x, 400, "graticule")
    for y in range(80, 400, 120):
        drawing.line(left, y, left + width, y, "graticule")
    for points in ISLANDS.values():
        drawing.add("path", d=coast(points), class_="shoal")
    for points in ISLANDS.values():
        drawing.add("path", d=coast(points), class_="land")
    for pair in sorted(both, key=lambda pair: both[pair]):
        one, other = (by_id[number] for number in sorted(pair))
        dx, dy = other.chart_x - one.chart_x, other.chart_y - one.chart_y
        bend = 0.16 * (1 if (one.id + other.id) % 2 else -1)
        x, y = (one.chart_x + other.chart_x) / 2 - dy * bend, (one.chart_y + other.chart_y) / 2 + dx * bend
        drawing.add(
            "path", d=f"M{one.chart_x} {one.chart_y}Q{x:.0f} {y:.0f} {other.chart_x} {other.chart_y}", class_="leg",
            stroke_width=0.6 + 6.5 * both[pair] / most, tip=f"{one.name} – {other.name}: {both[pair]} voyages",
        )
    for name, x, y in (("Alder", 36, 214), ("Great Merrow", 330, 90), ("Merrow Holm", 268, 304), ("Thornholm", 466, 168)):
        drawing.text(x, y, name, "middle", "island")
    drawing.text(186, 206, "MERROW SOUND", "middle", "water")
    drawing.text(536, 372, "OUTER GROUND", "middle", "water")
    largest = max((harbour.calls for harbour in harbours), default=1) or 1
    for harbour in harbours:
        dx, dy, anchor = NAMES.get(harbour.slug, (9, 4, "start"))
        drawing.add(
            "circle", cx=harbour.chart_x, cy=harbour.chart_y, r=3.0 + 5 * (harbour.calls / largest) ** 0.5, class_="harbour",
            tip=f"{harbour.name}: {harbour.calls} calls",
        )
        drawing.text(harbour.chart_x + dx, harbour.chart_y + dy, harbour.name, anchor, "place")
    # Ten cables are a sea mile; the scale is also an explanation of how large all this is.
    drawing.line(left + width - 130, 24, left + width - 30, 24, "scale").text(left + width - 80, 20 + size * 1.6, "10 sea miles", "middle", "label")
    return drawing.done()


def months(rows, narrow=False, title="Calls by month and kind of ship"):
    """Stacked bars."""
    width, height, left, bottom = (360, 300, 34, 262) if narrow else (720, 300, 42, 264)
    per = {month: {kind: n for m, kind, n in rows if m == month} for month in range(1, 13)}
    sums = {month: sum(kinds.values()) for month, kinds in per.items()}
    steps = round_steps(max(sums.values()) or 1)
    best = max(sums, key=lambda month: sums[month])
    words = f"Twelve bars. Most calls in {MONTHS[best - 1]}: {sums[best]}; fewest: {min(sums.values())}."
    drawing = Drawing(width, height, title, words, "bars")
    y, step = scale(0, steps[-1], bottom, 14), (width - left - 8) / 12
    for value in steps:
        drawing.line(left, y(value), width - 8, y(value), "grid").text(left - 6, y(value) + 4, f"{value:,}", "end")
    for month in range(1, 13):
        x, base = left + (month - 1) * step + step * 0.14, 0
        for kind in KINDS:
            n = per[month].get(kind, 0)
            if n:
                drawing.add(
                    "rect", x=x, y=y(base + n), width=step * 0.72, height=max(0.5, y(base) - y(base + n) - 0.8), class_=f"k-{kind}",
                    tip=f"{MONTHS[month - 1]}, {kind}: {n}",
                )
                base += n
        drawing.text(x + step * 0.36, bottom + 18, MONTHS[month - 1][0] if narrow else MONTHS[month - 1], "middle")
    return drawing.done()


def hours(rows, narrow=False):
    """Arrivals by weekday and hour, as squares that are darker where more happens."""
    every = 2 if narrow else 1
    width, height, left, top = (360, 250, 38, 8) if narrow else (1240, 268, 48, 8)
    counts = {}
    for day, hour, n in rows:
        counts[day, hour // every] = counts.get((day, hour // every), 0) + n
    most = max(counts.values(), default=1)
    busiest = max(counts, key=lambda key: counts[key], default=(0, 0))
    words = f"Busiest: {WEEKDAYS[busiest[0]]} from {busiest[1] * every} h, {counts.get(busiest, 0)} arrivals in the year."
    drawing = Drawing(width, height, "Arrivals by weekday and hour", words, "heat")
    columns = 24 // every
    w, h = (width - left - 4) / columns, (height - top - 30) / 7
    for day in range(7):
        drawing.text(left - 8, top + h * (day + 0.5) + 4, WEEKDAYS[day], "end")
        for column in range(columns):
            n = counts.get((day, column), 0)
            drawing.add(
                "rect", x=left + w * column, y=top + h * day, width=w - 2, height=h - 2, rx=2, class_=f"h{shade(n, most)}",
                tip=f"{WEEKDAYS[day]} {column * every}–{column * every + every} h: {n}",
            )
    for hour in range(0, 24, 6 if narrow else 3):
        drawing.text(left + w * (hour / every + 0.5), height - 10, f"{hour} h" if narrow else f"{hour:02}:00", "middle")
    return drawing.done()


def shade(n, most):
    """0 for nothing, then 1 to 7."""
    return 0 if not n else 1 + min(6, int(7 * n / (most + 1)))


def wind(rows, narrow=False):
    """How late the ships of a day were on average, against its wind; a line through the means of every four knots."""
    width, height, left, bottom = (360, 300, 46, 258) if narrow else (720, 300, 52, 260)
    strongest = max((row[1] for row in rows), default=40)
    # Delays range from minutes to days: roots, so that both can be seen.
    lates = [(day, wind, max(0.0, late), n) for day, wind, _, n, late in rows]
    x = scale(0, max(44, strongest + 2), left, width - 10)
    top = max((late for _, _, late, _ in lates), default=1) ** 0.5
    y = scale(0, top * 1.04, bottom, 12)
    means = wind_means(rows)
    words = "Every dot is a day. "
    if means:
        words += f"At {means[0][0]} knots ships were {means[0][1]:.0f} minutes late on average, at {means[-1][0]} knots {_hours(means[-1][1])}."
    drawing = Drawing(width, height, "Wind and delay", words, "scatter")
    for minutes, said in ((0, "0"), (60, "1 h"), (360, "6 h"), (1440, "1 day"), (2880, "2 days"), (4320, "3 days")):
        if minutes**0.5 <= top * 1.04:
            drawing.line(left, y(minutes**0.5), width - 10, y(minutes**0.5), "grid").text(left - 6, y(minutes**0.5) + 4, said, "end")
    for knots in range(0, max(44, strongest + 2), 10):
        drawing.line(x(knots), bottom, x(knots), bottom + 5, "axis").text(x(knots), bottom + 19, f"{knots} kn", "middle")
    if strongest >= 34:
        drawing.add("rect", x=x(34), y=12, width=width - 10 - x(34), height=bottom - 12, class_="zone").text(x(34) + 5, 26, "gale")
    for day, knots, late, n in lates:
        drawing.add("circle", cx=x(knots), cy=y(late**0.5), r=2.6 if narrow else 3.2, class_="dot", tip=f"{day}: {knots} kn, {_hours(late)} late on average, {n} calls")
    drawing.path([(x(knots), y(max(0, late) ** 0.5)) for knots, late, _ in means], "trend")
    return drawing.done()


def wind_means(rows):
    """(knots, average minutes late, calls) for every four knots with five days or more"""
    bins = {}
    for _, knots, _, n, late in rows:
        bins.setdefault(knots // 4, []).append((late, n))
    return [
        (b * 4 + 2, sum(late * n for late, n in days) / sum(n for _, n in days), sum(n for _, n in days))
        for b, days in sorted(bins.items()) if len(days) >= 5
    ]


def _hours(minutes):
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
