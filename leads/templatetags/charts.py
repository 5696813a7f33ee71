"""Charts as inline SVG: they print, follow the theme, carry their own tips, and the same numbers stand below as a table.

Loaded with `{% load accord %}`.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django import template

register = template.Library()

WIDTH, HEIGHT = 640, 168


def _value(row: Any, name: str) -> Any:
    return row.get(name) if isinstance(row, dict) else getattr(row, name, None)


def _share(value: float, most: float, size: float) -> float:
    return round(size * value / most, 2) if most else 0.0


@register.inclusion_tag("partials/histogram.html")
def histogram(bins: Iterable[Sequence[Any]], *, label: str, marker: float | None = None, top: float = 100) -> dict[str, Any]:
    """Columns of (label, won, open, lost), stacked with one pixel between; `marker` is a value on the 0 to `top` axis."""
    rows = [(str(row[0]), int(row[1]), int(row[2]), int(row[3])) for row in bins]
    most = max((won + still + lost for _, won, still, lost in rows), default=0)
    step = WIDTH / (len(rows) or 1)
    columns = []
    for place, (name, *counts) in enumerate(rows):
        y, segments = float(HEIGHT), []
        for kind, count in zip(("won", "open", "lost"), counts, strict=True):
            if count:
                tall = max(_share(count, most, HEIGHT - 8), 2.0)
                y -= tall
                segments.append({"kind": kind, "y": round(y, 2), "height": round(tall - 1, 2), "count": count})
        columns.append({"x": round(place * step + 1, 2), "width": round(step - 2, 2), "label": name, "segments": segments})
    ticks = [f"{top * place / 5:g}" for place in range(6)]
    return {
        "label": label,
        "columns": columns,
        "rows": rows,
        "ticks": ticks,
        "marker": marker,
        "marker_x": _share(marker or 0, top, WIDTH),
        "width": WIDTH,
        "height": HEIGHT,
    }


@register.inclusion_tag("partials/bars.html")
def bars(rows: Iterable[Any], *, label: str, tone: str = "won", unit: str = "") -> dict[str, Any]:
    """Horizontal bars of `label` and `value`, with `note`, `url`, and the change since `before` where given."""
    drawn = []
    items = list(rows)
    most = max((_value(row, "value") or 0 for row in items), default=0)
    for row in items:
        value, before = _value(row, "value") or 0, _value(row, "before")
        drawn.append(
            {
                "label": _value(row, "label"),
                "value": value,
                "note": _value(row, "note") or "",
                "url": _value(row, "url") or "",
                "width": _share(value, most, 100),
                "before": before,
                "change": None if before is None else value - before,
                "is_on": bool(_value(row, "is_on")),
            }
        )
    return {"label": label, "rows": drawn, "tone": tone, "unit": unit}


@register.inclusion_tag("partials/sparkline.html")
def sparkline(values: Iterable[float | None], *, label: str, width: int = 120, height: int = 28) -> dict[str, Any]:
    """A line of the values in order; gaps where a value is None; the last one is marked."""
    points = list(values)
    known = [value for value in points if value is not None]
    low, high = min(known, default=0), max(known, default=0)
    step = (width - 6) / (len(points) - 1) if len(points) > 1 else 0

    def at(place: int, value: float) -> str:
        part = (value - low) / (high - low) if high > low else 0.5
        return f"{3 + place * step:.1f},{height - 3 - part * (height - 6):.1f}"

    runs: list[list[str]] = [[]]
    for place, value in enumerate(points):
        if value is None:
            runs.append([])
        else:
            runs[-1].append(at(place, value))
    last = next((run[-1].split(",") for run in reversed(runs) if run), None)
    return {
        "label": label,
        "lines": [" ".join(run) for run in runs if len(run) > 1],
        "last": last,
        "values": points,
        "width": width,
        "height": height,
    }


@register.inclusion_tag("partials/heat.html")
def heat(rows: Sequence[str], columns: Sequence[str], cells: Sequence[Sequence[int]], *, label: str) -> dict[str, Any]:
    """A table with a number in each cell, shaded in five steps up to the largest."""
    most = max((cell for line in cells for cell in line), default=0)
    body = [
        (name, [(cell, min(5, -(-5 * cell // most)) if most and cell else 0) for cell in line])
        for name, line in zip(rows, cells, strict=True)
    ]
    return {"label": label, "columns": columns, "body": body}
