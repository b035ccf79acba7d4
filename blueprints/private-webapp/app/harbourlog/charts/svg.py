"""Drawing charts as SVG, on the server: no script, colours from the style sheet, words for those who do not see."""

from itertools import count

from markupsafe import Markup, escape

_numbers = count(1)


class Drawing:
    """One picture. What has a `tip` shows it under the mouse, and programs that read aloud can say it."""

    def __init__(self, width, height, title, description, kind, left=0):
        number = next(_numbers) % 1_000_000
        self.parts = [
            Markup(
                '<svg class="chart {kind}" viewBox="{left} 0 {width} {height}" role="img" aria-labelledby="t{n} d{n}">'
                '<title id="t{n}">{title}</title><desc id="d{n}">{description}</desc>'
            ).format(kind=kind, left=left, width=width, height=height, n=number, title=title, description=description)
        ]

    def add(self, tag, text=None, tip=None, **attributes):
        """Adds an element. `class_` is `class`, other underscores are hyphens; numbers are rounded to a tenth."""
        said = "".join(
            f' {name.rstrip("_").replace("_", "-")}="{escape(_short(value))}"' for name, value in attributes.items() if value is not None
        )
        inside = (f"<title>{escape(tip)}</title>" if tip else "") + (str(escape(text)) if text is not None else "")
        self.parts.append(Markup(f"<{tag}{said}>{inside}</{tag}>" if inside else f"<{tag}{said}/>"))
        return self

    def text(self, x, y, text, anchor="start", kind="label"):
        return self.add("text", text, x=x, y=y, text_anchor=anchor, class_=kind)

    def line(self, x1, y1, x2, y2, kind):
        return self.add("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind)

    def path(self, points, kind, closed_at=None, tip=None):
        """A line through points; with `closed_at` an area down to that height."""
        if not points:
            return self
        said = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        if closed_at is not None:
            said += f"L{points[-1][0]:.1f} {closed_at:.1f}L{points[0][0]:.1f} {closed_at:.1f}Z"
        return self.add("path", d=said, class_=kind, tip=tip)

    def done(self):
        return Markup("").join([*self.parts, Markup("</svg>")])


def _short(value):
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else value


def scale(low, high, start, end):
    """A function that leads from values to places."""
    span = (high - low) or 1
    return lambda value: start + (value - low) / span * (end - start)


def round_steps(highest, wanted=4):
    """Round numbers from 0 to at least `highest`."""
    step = 1
    while True:
        for factor in (1, 2, 2.5, 5):
            if step * factor == int(step * factor) and highest <= step * factor * wanted:
                size = int(step * factor)
                return list(range(0, int(-(-highest // size)) * size + 1, size)) or [0, 1]
        step *= 10
