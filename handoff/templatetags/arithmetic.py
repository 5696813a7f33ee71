"""Lines of a deadline's arithmetic in words."""

from __future__ import annotations

from django import template
from django.utils.dateformat import format as formatted

from handoff import arithmetic

register = template.Library()
register.filter("length_words", arithmetic.length_words)


@register.filter
def span_of_days(line: arithmetic.Line) -> str:
    """ "Sat 13 Jun – Sun 14 Jun"; one day alone."""
    first, last = formatted(line.start, "D j M"), formatted(line.end, "D j M")
    return first if line.what != "closed" or first == last else f"{first} – {last}"


@register.filter
def span_of_hours(line: arithmetic.Line) -> str:
    """ "09:40–17:00"; with the day where it ends on another, 24:00 where it ends with its own."""
    start, end = line.start, line.end
    if line.is_one_day:
        return f"{start:%H:%M}–{end:%H:%M}"
    if (end.date() - start.date()).days == 1 and end.hour == end.minute == 0:
        return f"{start:%H:%M}–24:00"
    return f"{start:%H:%M}–{formatted(end, 'D j M H:i')}"
