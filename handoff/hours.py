"""Opening hours as people write and read them: "09:00-12:30, 13:00-17:30" for a day, "Mon–Fri 09:00–17:00" for a week."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DAY_MINUTES = 24 * 60
MOST_INTERVALS = 6
_INTERVAL = re.compile(r"\s*(\d{1,2})(?:[:.](\d{2}))?\s*(?:-|–|to)\s*(\d{1,2})(?:[:.](\d{2}))?\s*")


def parse_hours(text: str) -> list[list[int]]:
    """Intervals in minutes after midnight from such as "9-12:30, 13:00-17"; blank or "closed" is none.

    A close at or before its opening belongs to the next day. Raises ValueError with a sentence for what cannot be read.
    """
    bare = text.strip().lower()
    if bare in ("", "closed", "-", "–"):
        return []
    parts = re.split(r"[,;]|\band\b", bare)
    if len(parts) > MOST_INTERVALS:
        raise ValueError(f"At most {MOST_INTERVALS} openings a day.")
    intervals = []
    for part in parts:
        found = _INTERVAL.fullmatch(part)
        if found is None:
            raise ValueError(f"“{part.strip()[:40]}” is not a time span. Write it as in 09:00-17:00.")
        opens, closes = _minutes(found[1], found[2]), _minutes(found[3], found[4])
        if opens >= DAY_MINUTES:
            raise ValueError(f"“{part.strip()}” opens after midnight.")
        intervals.append([opens, closes + DAY_MINUTES if closes <= opens else closes])
    intervals.sort()
    for (_, before), (after, _) in zip(intervals, intervals[1:], strict=False):
        if after < before:
            raise ValueError("The openings overlap.")
    return intervals


def _minutes(hours: str, minutes: str | None) -> int:
    total = int(hours) * 60 + int(minutes or 0)
    if total > DAY_MINUTES or int(minutes or 0) > 59:
        raise ValueError(f"{hours}:{minutes or '00'} is no time of day.")
    return total


def hours_words(intervals: Sequence[Sequence[int]], dash: str = "–") -> str:
    """ "09:00–17:00", several with comma, "closed" for none; 24:00 is the end of the day, later is the next day's time."""
    return ", ".join(f"{_clock(opens)}{dash}{_clock(closes)}" for opens, closes in intervals) or "closed"


def _clock(minutes: int) -> str:
    shown = minutes - DAY_MINUTES if minutes > DAY_MINUTES else minutes
    return f"{shown // 60:02d}:{shown % 60:02d}"


def week_words(weekly: Mapping[str, Any]) -> str:
    """ "Mon–Thu 09:00–17:00, Fri 09:00–15:00": days with the same hours together, closed days left out."""
    days = [hours_words(weekly.get(str(day), ())) for day in range(7)]
    spans = []
    for hours, group in groupby(range(7), key=lambda day: days[day]):
        members = list(group)
        if hours == "closed":
            continue
        first, last = DAYS[members[0]][:3], DAYS[members[-1]][:3]
        spans.append(f"{first if first == last else f'{first}–{last}'} {hours}")
    return "; ".join(spans) or "never open"
