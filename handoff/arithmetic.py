"""The arithmetic of a deadline, for people: which hours counted, how much was left after each, and why the rest did not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from handoff.businesstime import Calendar, add, between, is_open, next_open, windows, without
from handoff.ladder import to_us
from leads.errors import Invalid

NONE = timedelta(0)
DAY = timedelta(days=1)
LONGEST = timedelta(hours=10_000)
_LENGTH = re.compile(
    r"(?:(\d{1,5}(?:[.,]\d{1,3})?)\s*(?:h|hours?)\.?)?\s*(?:and\s+)?(?:(\d{1,6})\s*(?:m|min|minutes?)\.?)?", re.I
)
_PLAIN = re.compile(r"(\d{1,5}(?:[.,]\d{1,3})?)")
_COLON = re.compile(r"(\d{1,5}):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Line:
    """One step on the way to a deadline. Instants are in the calendar's zone.

    `what` is open (hours that count: `took` of them, `left` afterwards), waits (the start lies outside hours), closed (whole dates
    from `start` to `end`, both included) or held (on hold: `took` would have been open). `room` is what was open from here to the end of
    these hours (of hours begun before the start: `is_rest`), and `note` says in words what is special: the holiday's name, a night the clocks change.
    """

    what: str
    start: datetime
    end: datetime
    took: timedelta = NONE
    left: timedelta = NONE
    room: timedelta = NONE
    note: str = ""
    is_rest: bool = False

    @property
    def is_one_day(self) -> bool:
        return self.start.date() == self.end.date()


@dataclass(frozen=True, slots=True)
class Sum:
    """A deadline with its lines, in order; `due` is `businesstime.add` of the same."""

    start: datetime
    due: datetime
    duration: timedelta
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class Hold:
    """A time in which a clock stood still, and why."""

    since: datetime
    until: datetime
    why: str


def work_out(
    calendar: Calendar,
    start: datetime,
    duration: timedelta,
    reasons: Mapping[date, str] | None = None,
    holds: Sequence[Hold] = (),
) -> Sum:
    """How `duration` from `start` comes to its deadline in this calendar; `reasons` name its dates with own hours, and while on
    hold nothing counts.

    Raises NoOpenTime as `businesstime.add` does.
    """
    zone, reasons = ZoneInfo(calendar.zone), reasons or {}
    running = without(calendar, ((to_us(hold.since), to_us(hold.until)) for hold in holds))
    due = add(running, start, duration)
    lines = [*_open(running, start, due, duration, zone, reasons), *_held(calendar, start, due, holds, zone)]
    lines += _closed(calendar, start, due, zone, reasons)
    if duration and not is_open(calendar, start):
        lines.append(Line("waits", start.astimezone(zone), next_open(calendar, start).astimezone(zone)))
    order = ("waits", "closed", "held", "open")
    lines.sort(key=lambda line: (line.start, order.index(line.what)))
    return Sum(start.astimezone(zone), due.astimezone(zone), duration, lines)


def _open(
    calendar: Calendar, start: datetime, due: datetime, duration: timedelta, zone: ZoneInfo, reasons: Mapping[date, str]
) -> Iterator[Line]:
    left = duration
    for opens, closes in windows(calendar, start, due + DAY):
        if opens >= due:
            return
        took = min(closes - opens, left)
        left -= took
        here, there = opens.astimezone(zone), closes.astimezone(zone)
        notes = [reasons.get(here.date(), ""), _change(here, there)]
        yield Line("open", here, there, took, left, closes - opens, ", ".join(filter(None, notes)), opens == start)


def _change(start: datetime, end: datetime) -> str:
    """What the clocks did between two instants of one zone: "the clocks go back 1 h"."""
    moved = (end.utcoffset() or NONE) - (start.utcoffset() or NONE)
    if not moved:
        return ""
    return f"the clocks go {'forward' if moved > NONE else 'back'} {length_words(abs(moved))}"


def _held(calendar: Calendar, start: datetime, due: datetime, holds: Sequence[Hold], zone: ZoneInfo) -> Iterator[Line]:
    """Each hold, with how much would have been open in it."""
    for hold in holds:
        lost = between(calendar, max(hold.since, start), min(hold.until, due))
        if lost:
            yield Line("held", max(hold.since, start).astimezone(zone), hold.until.astimezone(zone), lost, note=hold.why)


def _closed(calendar: Calendar, start: datetime, due: datetime, zone: ZoneInfo, reasons: Mapping[date, str]) -> Iterator[Line]:
    """The dates on which no shift opens, neighbours of one kind together. The date of the deadline is none of them."""
    exceptions = dict(calendar.exceptions)
    first = last = None
    word = ""
    day, end = start.astimezone(zone).date(), due.astimezone(zone).date()
    while day < end:
        shut = not exceptions.get(day, calendar.weekly[day.weekday()])
        told = (reasons.get(day) or "closed") if shut else ""
        if first is not None and last is not None and told != word:
            yield _dates(first, last, word, start, zone)
            first = None
        if told:
            first, last, word = first or day, day, told
        day += DAY
    if first is not None and last is not None:
        yield _dates(first, last, word, start, zone)


def _dates(first: date, last: date, word: str, start: datetime, zone: ZoneInfo) -> Line:
    begins = datetime(first.year, first.month, first.day, tzinfo=zone)
    return Line("closed", max(begins, start.astimezone(zone)), datetime(last.year, last.month, last.day, tzinfo=zone), note=word)


def read_length(text: str) -> timedelta:
    """A length of time as people write it: "4 h", "1 h 20 min", "90 min", "1:30", "2.5" (hours). Invalid says how to write it."""
    bare = text.strip()
    if found := _COLON.fullmatch(bare):
        length = timedelta(hours=int(found[1]), minutes=int(found[2]))
    elif found := _PLAIN.fullmatch(bare):
        length = timedelta(hours=float(found[1].replace(",", ".")))
    elif bare and (found := _LENGTH.fullmatch(bare)):
        length = timedelta(hours=float((found[1] or "0").replace(",", ".")), minutes=int(found[2] or 0))
    else:
        raise Invalid("Write it as in 4 h, 1 h 20 min or 90 min.", code="no_length", field="length", value=text)
    if length > LONGEST:
        raise Invalid("At most 10,000 hours.", code="too_long", field="length", value=text)
    return length


def length_words(length: timedelta) -> str:
    """ "7 h 20 min", "45 min", "1 min 30 s", "0 min": exact to the second, the rest left out."""
    seconds = int(length.total_seconds())
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    parts = [f"{value:,} {unit}" for value, unit in ((hours, "h"), (minutes, "min"), (seconds, "s")) if value]
    return " ".join(parts) or "0 min"
