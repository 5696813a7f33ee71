"""A promise and its steps on a line of its own time, as inline SVG whose text keeps its size; the same steps stand below in words."""

from __future__ import annotations

from collections.abc import Callable

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from handoff.admin.fields import hours_of
from handoff.models import SlaStep, SlaTarget
from handoff.policybook import rung_of

LEFT, WIDE = 3.0, 94.0  # percent of the width: where the line begins and how long it is
NEAR = 5.0  # steps nearer than this stand above one another
ROW, DOT, BELOW = 24, 10, 30  # pixels
TONES = {SlaStep.Action.REMIND: "remind", SlaStep.Action.BREACH: "breach", SlaStep.Action.ESCALATE: "tell"}


def ladder_picture(target: SlaTarget, words: Callable[[SlaStep], str]) -> SafeString | str:
    """The line from the start to the last step, the promised time on it, and every step by its number in the list below."""
    steps = sorted(target.steps.all(), key=lambda step: (rung_of(step).threshold(target.duration_us), step.code))
    if not steps:
        return "No steps yet: nobody is told and nothing happens."
    most = max(target.duration_us, *(rung_of(step).threshold(target.duration_us) for step in steps))
    places = [LEFT + WIDE * rung_of(step).threshold(target.duration_us) / most for step in steps]
    rows = _rows(places)
    line = DOT + ROW * max(rows) + 14
    due = LEFT + WIDE * target.duration_us / most
    dots = format_html_join(
        "",
        '<g class="p-ladder-{}"><title>{}</title><line x1="{}%" x2="{}%" y1="{}" y2="{}"/><circle cx="{}%" cy="{}" r="{}"/>'
        '<text x="{}%" y="{}" text-anchor="middle">{}</text></g>',
        (
            (TONES.get(SlaStep.Action(step.action), "act"), words(step), _of(x), _of(x), y, line, _of(x), y, DOT, _of(x), y + 4, number)
            for number, (step, x, y) in enumerate(
                zip(steps, places, (line - 14 - ROW * row for row in rows), strict=True), start=1
            )
        ),
    )  # fmt: skip
    ticks = [("0", LEFT, "start"), (hours_of(target.duration_us), due, "middle" if most > target.duration_us else "end")]
    if most > target.duration_us:
        ticks.append((hours_of(most), LEFT + WIDE, "end"))
    scale = format_html_join(
        "",
        '<text class="p-ladder-tick" x="{}%" y="{}" text-anchor="{}">{}</text>',
        ((_of(x), line + 22, anchor, label) for label, x, anchor in ticks),
    )
    told = format_html_join(
        "",
        "<li>{} <span>after {}</span></li>",
        ((words(step), hours_of(rung_of(step).threshold(target.duration_us))) for step in steps),
    )
    return format_html(
        '<svg class="p-ladder" width="100%" height="{}" role="img" aria-label="Steps of the promise on a time line">'
        '<rect class="p-ladder-promised" x="{}%" y="{}" width="{}%" height="6"/>'
        '<rect class="p-ladder-past" x="{}%" y="{}" width="{}%" height="6"/>{}{}</svg><ol class="p-ladder-steps">{}</ol>',
        line + BELOW, _of(LEFT), line, _of(due - LEFT), _of(due), line, _of(LEFT + WIDE - due), dots, scale, told,
    )  # fmt: skip


def _rows(places: list[float]) -> list[int]:
    """For each place, in order, how many rows above the line it stands so that none covers another."""
    last: list[float] = []
    rows = []
    for place in places:
        row = next((number for number, before in enumerate(last) if place - before >= NEAR), len(last))
        last[row : row + 1] = [place]
        rows.append(row)
    return rows


def _of(share: float) -> str:
    return f"{share:.2f}"
