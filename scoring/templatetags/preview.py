"""Charts and words of a draft's effect; loaded with `{% load preview %}`."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from leads.choices import Outcome
from leads.templatetags.accord import figure, percent
from scoring.spec import Decision

register = template.Library()

WIDTH, ABOVE, BELOW = 640, 150, 44  # cases stand above the axis, open leads hang below it, each to its own scale
STEPS = (1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000)
MOST_BINS = 40
FAR = 2.5  # times the highest bar
SHOWN_OUTCOMES = {str(outcome): outcome.label for outcome in Outcome} | {"open": "Open now"}


@register.filter
def outcome_label(outcome: str) -> str:
    return SHOWN_OUTCOMES.get(outcome, outcome)


@register.simple_tag
def rate(some: Any) -> SafeString | str:
    """A share with its interval; of a few rows only the counts."""
    if some is None or not some.rows:
        return "–"
    if some.is_small:
        return format_html('<span class="p-muted">{} of {}</span>', some.positive, some.rows)
    tip = f"{some.positive:,} of {some.rows:,}; 95 % interval {percent(some.low)} to {percent(some.high)}"
    return format_html('<span title="{}">{}</span>', tip, percent(some.share))


@register.simple_tag
def alike(some: Any) -> SafeString | str:
    """How many pairs two judges judge alike: as a share, or as counts where there are few."""
    if not some.rows:
        return "–"
    if some.share is None:
        return format_html('<span class="p-nowrap">{} of {}</span>', some.alike, some.rows)
    return format_html('<span title="{} of {}">{}</span>', some.alike, some.rows, percent(some.share))


@register.simple_tag
def interval(some: Any) -> str:
    """`52–75 %`, or nothing where it would say more than is known."""
    return "" if some is None or some.is_small else f"{round(some.low * 100)}–{round(some.high * 100)}\u202f%"


@register.simple_tag
def lift(some: Any) -> SafeString | str:
    """`2.1×` with its interval as a tip; counts where the numbers are small."""
    if some is None:
        return "–"
    if some.lift is None:
        return format_html('<span class="p-muted">{} of {}</span>', some.hit.positive, some.hit.rows) if some.hit.rows else "–"
    return format_html(
        '<span title="95 % interval {} to {}">{}×</span>', *(f"{one:.1f}" for one in (some.lift_low, some.lift_high, some.lift))
    )


def _sum(histogram: Any, names: Sequence[str], at: int) -> int:
    return sum(line[at] for name in names if (line := histogram.counts.get(name)) is not None)


def _bins(histogram: Any, threshold: int | None) -> tuple[int, int, list[tuple[int, int, int, int]]]:
    """The lowest score shown, the width of a bin, and won, lost and open of each; the last one holds all above."""
    size = max((len(line) for line in histogram.counts.values()), default=1)
    shown = ("won", "lost", "rejected", "open")
    filled = [at for at in range(size) if _sum(histogram, shown, at)]
    low = min(0, histogram.low + (filled[0] if filled else 0))
    high = max(histogram.low + (filled[-1] if filled else 0), (threshold or 0) + 5, 20)
    step = next((one for one in STEPS if (high - low) / one < MOST_BINS), STEPS[-1])
    low -= low % step
    count = (high - low) // step + 1
    count += -count % 5 if step % 5 else 0  # so that each fifth of the scale, where its labels stand, is a whole score
    bins = [[0, 0, 0] for _ in range(count)]
    for at in filled:
        place = min(max((histogram.low + at - low) // step, 0), count - 1)
        for number, names in enumerate((("won",), ("lost", "rejected"), ("open",))):
            bins[place][number] += _sum(histogram, names, at)
    return low, step, [(low + place * step, *some) for place, some in enumerate(bins)]


@register.inclusion_tag("scoring/_preview_plot.html")
def score_plot(histogram: Any, *, label: str, threshold: int | None = None, url: str = "") -> dict[str, Any]:
    """Won and lost cases by score above the axis, open leads below it, with the threshold as a line and a control that asks `url`."""
    low, step, bins = _bins(histogram, threshold)
    width = WIDTH / len(bins)
    most = max((won + lost for _, won, lost, _ in bins), default=0) or 1
    most_open = max((still for *_, still in bins), default=0) or 1
    columns = []
    for place, (start, won, lost, still) in enumerate(bins):
        y, parts = float(ABOVE), []
        for kind, count in (("won", won), ("lost", lost)):
            if count:
                tall = max((ABOVE - 6) * count / most, 2.0)
                y -= tall
                parts.append({"kind": kind, "y": round(y, 1), "height": round(tall - 1, 1), "count": count})
        if still:
            parts.append(
                {"kind": "open", "y": ABOVE + 2, "height": round(max((BELOW - 4) * still / most_open, 1.5), 1), "count": still}
            )
        name = f"{start}" if step == 1 else f"{start} to {start + step - 1}"
        columns.append(
            {
                "x": round(place * width + 0.5, 2),
                "width": round(width - 1, 2),
                "name": name,
                "parts": parts,
                "won": won,
                "lost": lost,
                "open": still,
            }
        )
    high = low + step * len(bins)
    return {
        "label": label, "columns": columns, "width": WIDTH, "height": ABOVE + BELOW, "axis": ABOVE, "low": low, "high": high,
        "threshold": threshold, "url": url, "x": None if threshold is None else round(WIDTH * (min(max(threshold, low), high) - low) / (high - low), 1),
        "ticks": [low + (high - low) * part // 5 for part in range(6)],
    }  # fmt: skip


@register.inclusion_tag("scoring/_preview_weeks.html")
def week_bars(
    weeks: Sequence[int], first: date, *, capacity: int | None = None, before: Sequence[int] | None = None
) -> dict[str, Any]:
    """MQLs of each week as bars, the reps' capacity as a line; the version in force as a mark in each bar."""
    before = before or None  # before anything is in force the template has no weeks to give
    most = max([*weeks, *(before or ()), capacity or 0]) or 1
    width, height = WIDTH / len(weeks), 120
    bars = []
    for place, count in enumerate(weeks):
        monday = first + timedelta(days=7 * place)
        tall, was = (height - 8) * count / most, None if before is None else before[place]
        bars.append(
            {
                "x": round(place * width + 1, 1), "width": round(width - 2, 1), "y": round(height - tall, 1), "height": round(tall, 1),
                "monday": monday, "count": count, "before": was, "over": capacity is not None and count > capacity,
                "mark": None if was is None else round(height - (height - 8) * was / most, 1),
            }
        )  # fmt: skip
    line = None if capacity is None else round(height - (height - 8) * capacity / most, 1)
    over = 0 if capacity is None else sum(count > capacity for count in weeks)
    return {
        "bars": bars,
        "width": WIDTH,
        "height": height,
        "line": line,
        "capacity": capacity,
        "over": over,
        "with_before": before is not None,
    }


@register.inclusion_tag("scoring/_preview_grid.html")
def decision_grid(decision: Decision, cells: Sequence[Any]) -> dict[str, Any]:
    """The grid with the labelled leads, their share and the open leads of each cell; the best fit on top."""
    by_place = {(cell.fit_band, cell.engagement_band): cell for cell in cells}

    def band(number: int, edges: Sequence[int]) -> str:
        if number == 0:
            return f"under {edges[0]}"
        return f"{edges[number - 1]}+" if number == len(edges) else f"{edges[number - 1]}–{edges[number] - 1}"

    columns = range(len(decision.engagement_edges) + 1)
    rows = []
    for fit in reversed(range(len(decision.fit_edges) + 1)):
        line = []
        for engagement in columns:
            tier = decision.grid[fit][engagement]
            line.append({"tier": decision.tiers[tier], "is_mql": tier >= decision.mql_from, "cell": by_place[fit, engagement]})
        rows.append((band(fit, decision.fit_edges), line))
    return {"head": [band(one, decision.engagement_edges) for one in columns], "rows": rows}


@register.simple_tag
def average(weeks: Sequence[int]) -> str:
    """MQLs a week over all weeks that are shown."""
    mean = sum(weeks) / len(weeks) if weeks else 0.0
    return figure(round(mean)) if mean >= 10 else f"{mean:.1f}"


@register.simple_tag
def weeks_of(leads: int, weekly: int) -> str:
    """How long the reps take for so many leads at `weekly` a week: `16 weeks`, `less than a week`."""
    weeks = leads / weekly
    if weeks < 1:
        return "less than a week"
    return "1 week" if round(weeks) == 1 else f"{figure(round(weeks))} weeks"


@register.inclusion_tag("scoring/_since_weeks.html")
def since_bars(since: Any) -> dict[str, Any]:
    """MQLs of each week since a version came into force, with what was signed and the reps' capacity as lines."""
    rows = since.week_rows
    signed, capacity = since.signed.per_week if since.signed else None, since.capacity
    most = max([*(count for _, _, count, _ in rows), signed or 0]) or 1
    is_far = capacity is not None and capacity > FAR * most  # drawn to scale it would flatten all that matters
    most = max(most, capacity or 0) if not is_far else most
    width, height = WIDTH / len(rows), 120

    def up(value: float) -> float:
        return round((height - 8) * value / most, 1)

    bars = [
        {
            "x": round(place * width + 1, 1), "width": round(width - 2, 1), "y": round(height - up(count), 1), "height": up(count),
            "no": no, "first": first, "count": count, "is_whole": is_whole,
        }
        for place, (no, first, count, is_whole) in enumerate(rows)
    ]  # fmt: skip
    lines = {
        "signed_at": None if signed is None else round(height - up(signed), 1),
        "line": None if capacity is None or is_far else round(height - up(capacity), 1),
    }
    return {"bars": bars, "signed": signed, "capacity": capacity, "width": WIDTH, "height": height, **lines}
