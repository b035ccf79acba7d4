"""The charts of single ships, harbours and calls."""

from datetime import date, datetime, timedelta

from .. import tides
from .overview import MONTHS, WEEKDAYS, shade
from .svg import Drawing, round_steps, scale


def journey(name, calls, harbours, year, narrow=False):
    """A ship's year: harbours from top to bottom, days from left to right."""
    width, left = (360, 92) if narrow else (1240, 118)
    row = 26 if narrow else 28
    visited = [harbour for harbour in harbours if any(call.harbour_id == harbour.id for call in calls)]
    height = 20 + row * max(1, len(visited)) + 26
    seen = f"{len(calls)} calls at {len(visited)} harbours."
    drawing = Drawing(width, height, f"The year of {name}", seen + " A bar is a stay, a slanting line a voyage.", "journey")
    start, end = datetime(year, 1, 1), datetime(year + 1, 1, 1)
    x = scale(0, (end - start).total_seconds(), left, width - 8)
    y = {harbour.id: 14 + row * (index + 0.5) for index, harbour in enumerate(visited)}

    def at(moment):
        return x((moment - start).total_seconds())

    for month in range(1, 13):
        here = at(datetime(year, month, 1))
        drawing.line(here, 10, here, height - 24, "grid")
        drawing.text(here + (width - left) / 24, height - 8, MONTHS[month - 1][0] if narrow else MONTHS[month - 1], "middle")
    for harbour in visited:
        drawing.text(left - 8, y[harbour.id] + 4, harbour.name, "end", "label")
        drawing.line(left, y[harbour.id], width - 8, y[harbour.id], "quay")
    voyages = "".join(
        f"M{at(one.departed_at):.1f} {y[one.harbour_id]:.1f}L{at(next_.arrived_at):.1f} {y[next_.harbour_id]:.1f}"
        for one, next_ in zip(calls, calls[1:]) if one.departed_at
    )
    drawing.add("path", d=voyages or "M0 0", class_="voyage")
    for call in calls:
        until = call.departed_at or end
        drawing.add(
            "rect", x=at(call.arrived_at), y=y[call.harbour_id] - 4.5, width=max(1.4, at(until) - at(call.arrived_at)), height=9,
            class_=f"stay k-{call.kind}", tip=f"{call.harbour}: {call.arrived_at:%d %b %H:%M} to {until:%d %b %H:%M}",
        )
    return drawing.done()


def calendar(name, per_day, year, narrow=False):
    """A year of days, weeks from left to right (or from top to bottom where it is narrow)."""
    first = date(year, 1, 1)
    offset, days = first.weekday(), (date(year + 1, 1, 1) - first).days
    most = max(per_day.values(), default=1)
    best = max(per_day, key=lambda day: per_day[day], default=first)
    words = f"One square for each day. Most calls on {best:%d %B}: {per_day.get(best, 0)}; {days - len(per_day)} days without any."
    cell = 11.5 if narrow else 22.4
    left, top = 36, 20
    weeks = (offset + days - 1) // 7 + 1
    half = -(-weeks // 2)
    bands = ((0, half), (half, weeks)) if narrow else ((0, weeks),)
    band_height = 7 * cell + 26
    drawing = Drawing(
        round(left + (half if narrow else weeks) * cell + 4), round(len(bands) * band_height), f"Calls at {name}, day by day", words, "calendar"
    )
    for band, (begin, until) in enumerate(bands):
        y = top + band * band_height
        for weekday in (0, 2, 4, 6):
            drawing.text(left - 7, y + cell * (weekday + 0.5) + 4, WEEKDAYS[weekday], "end")
        for index in range(days):
            week, weekday = divmod(offset + index, 7)
            if not begin <= week < until:
                continue
            day, x = first + timedelta(days=index), left + (week - begin) * cell
            n = per_day.get(day, 0)
            drawing.add("rect", x=x, y=y + weekday * cell, width=cell - 2, height=cell - 2, rx=2, class_=f"h{shade(n, most)}", tip=f"{day:%a %d %b}: {n}")
            if day.day == 1:
                drawing.text(x + (0 if weekday == 0 else cell), y - 6, MONTHS[day.month - 1])
    return drawing.done()


def bars(title, rows, unit, narrow=False):
    """Horizontal bars with their names and numbers."""
    width, left, row = (360, 92, 28) if narrow else (560, 110, 30)
    height = row * max(1, len(rows)) + 8
    most = round_steps(max((n for _, n in rows), default=1))[-1]
    words = "; ".join(f"{name}: {n:,} {unit}" for name, n in rows[:3]) or "nothing"
    drawing = Drawing(width, height, title, words + ".", "bars")
    x = scale(0, most, 0, width - left - 70)
    for index, (name, n) in enumerate(rows):
        y = 4 + index * row
        drawing.text(left - 8, y + row / 2 + 4, name, "end")
        drawing.add("rect", x=left, y=y + 5, width=max(1, x(n)), height=row - 10, rx=2, class_="bar", tip=f"{name}: {n:,} {unit}")
        drawing.text(left + x(n) + 6, y + row / 2 + 4, f"{n:,}")
    return drawing.done()


def tide(call, narrow=False):
    """The water over the bar around an arrival, and how much the ship needs."""
    width, height, left, bottom = (360, 280, 44, 236) if narrow else (720, 300, 52, 256)
    start = call.arrived_at - timedelta(minutes=call.waited_min, hours=9)
    end = max(call.arrived_at + timedelta(hours=9), min(call.departed_at or call.arrived_at, call.arrived_at + timedelta(hours=26)) + timedelta(hours=3))
    water = [(at, call.bar_cm + cm) for at, cm in tides.curve(start, end, call.amplitude_cm, call.tide_lag_min)]
    needed = call.draught_cm + 50
    low, high = min(min(cm for _, cm in water), needed) - 40, max(max(cm for _, cm in water), needed) + 40
    x = scale(0, (end - start).total_seconds(), left, width - 10)
    y = scale(low, high, bottom, 10)

    def at(moment):
        return x((moment - start).total_seconds())

    here = call.bar_cm + tides.height(call.arrived_at, call.amplitude_cm, call.tide_lag_min)
    words = f"{here / 100:.1f} m of water over the bar at arrival; {call.ship} needs {needed / 100:.1f} m."
    if call.waited_min:
        words += f" She waited {call.waited_min // 60} h {call.waited_min % 60} min for it."
    drawing = Drawing(width, height, f"Water over the bar of {call.harbour}", words, "tide")
    for cm in range(int(low // 100 + 1) * 100, int(high) + 1, 100):
        drawing.line(left, y(cm), width - 10, y(cm), "grid").text(left - 6, y(cm) + 4, f"{cm // 100} m", "end")
    drawing.path([(at(moment), y(cm)) for moment, cm in water], "water-area", closed_at=bottom)
    if call.waited_min:
        before = call.arrived_at - timedelta(minutes=call.waited_min)
        drawing.add("rect", x=at(before), y=10, width=at(call.arrived_at) - at(before), height=bottom - 10, class_="zone", tip="waited outside")
        if at(call.arrived_at) - at(before) > 60:
            drawing.text((at(before) + at(call.arrived_at)) / 2, 24, "waiting", "middle")
    drawing.path([(at(moment), y(cm)) for moment, cm in water], "water-line")
    drawing.line(left, y(needed), width - 10, y(needed), "needed")
    drawing.text(width - 12, y(needed) - 6, "needs", "end", "label strong")
    hour = start.replace(minute=0) + timedelta(hours=1)
    span = (end - start).total_seconds() / 3600
    every = (12 if span > 40 else 6) if narrow else (6 if span > 30 else 3)
    while hour <= end:
        if hour.hour % every == 0:
            said = f"{hour:%d %b}" if hour.hour == 0 else f"{hour:%H:%M}"
            if at(hour) < width - 24:
                drawing.line(at(hour), bottom, at(hour), bottom + 5, "axis").text(at(hour), bottom + 20, said, "middle")
        hour += timedelta(hours=1)
    for moment, said in ((call.arrived_at, "in"), (call.departed_at, "out")):
        if moment and start <= moment <= end:
            cm = call.bar_cm + tides.height(moment, call.amplitude_cm, call.tide_lag_min)
            drawing.line(at(moment), y(cm), at(moment), bottom, "drop")
            drawing.add("circle", cx=at(moment), cy=y(cm), r=5, class_=f"mark k-{call.kind}", tip=f"{said}: {moment:%d %b %H:%M}, {cm / 100:.1f} m")
            drawing.text(at(moment) + 8, y(cm) - 9, said, "start", "label strong")
    return drawing.done()
