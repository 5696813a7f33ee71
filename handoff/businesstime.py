"""Business time: how much open time lies between two instants, exact to the microsecond.

Pure functions over an immutable `Calendar`; aware datetimes in, UTC out. Opening hours are half-open local wall times, durations are
elapsed time inside them, so a night shift is an hour longer or shorter when the clocks change. A year of a calendar is expanded once
into sorted UTC intervals and kept per calendar value; after that every question is a binary search.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

DAY_MINUTES = 24 * 60
MINUTE_US = 60_000_000
HORIZON = timedelta(days=1826)
MICROSECOND = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Hours = tuple[tuple[int, int], ...]


class NoOpenTime(ValueError):
    """The calendar does not hold enough open time within five years."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Opening hours as a value: weekly hours by weekday (Monday first) and dates that replace their whole weekday.

    `away` are spans in microseconds since 1970, sorted and apart, in which nothing is open whatever the hours say.

    Hours are minutes after local midnight of the date the shift opens on; a close past 24:00 belongs to the next date (22-06 is
    `(1320, 1800)`). Build it with `Calendar.of`, which checks and normalises.
    """

    zone: str
    weekly: tuple[Hours, ...]
    exceptions: tuple[tuple[date, Hours], ...] = ()
    away: tuple[tuple[int, int], ...] = ()
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.zone, self.weekly, self.exceptions, self.away)))

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[object, ...]:
        return Calendar, (self.zone, self.weekly, self.exceptions, self.away)

    @classmethod
    def of(
        cls,
        zone: str,
        weekly: Mapping[int, Iterable[Sequence[int]]],
        exceptions: Mapping[date, Iterable[Sequence[int]]] | None = None,
    ) -> Calendar:
        """A calendar from plain data; a close at or before its opening is taken as the next day's."""
        ZoneInfo(zone)
        days = tuple(_hours(weekly.get(day, ())) for day in range(7))
        return cls(zone, days, tuple(sorted((day, _hours(hours)) for day, hours in (exceptions or {}).items())))


def without(calendar: Calendar, spans: Iterable[Sequence[int]]) -> Calendar:
    """The calendar with these spans (microseconds since 1970) taken out of its hours; those taken out before are put back."""
    away = _joined(sorted((start, end) for start, end in spans if start < end), 0)
    return Calendar(calendar.zone, calendar.weekly, calendar.exceptions, tuple(zip(away.opens, away.closes, strict=True)))


def _hours(intervals: Iterable[Sequence[int]]) -> Hours:
    normal = []
    for start, end in intervals:
        end = end + DAY_MINUTES if end <= start else end
        if not (0 <= start < DAY_MINUTES and start < end <= start + DAY_MINUTES):
            raise ValueError(f"hours out of range: {start}-{end}")
        normal.append((start, end))
    return tuple(sorted(normal))


ELAPSED = Calendar.of("UTC", {day: [(0, DAY_MINUTES)] for day in range(7)})


def add(calendar: Calendar, start: datetime, duration: timedelta) -> datetime:
    """The earliest instant u >= start with exactly `duration` of open time in [start, u)."""
    need = duration // MICROSECOND
    if need < 0:
        raise ValueError("a duration cannot be negative")
    at = start.astimezone(UTC)
    if not need:
        return at
    position = limit = _micros(at)
    limit += HORIZON // MICROSECOND
    for year in _years(calendar, at):
        before = year.open_before(position)
        target = before + need
        if target <= year.before[-1]:
            index = bisect_left(year.before, target) - 1
            result = year.opens[index] + target - year.before[index]
            if result > limit:
                break
            return _instant(result)
        need -= year.before[-1] - before
        position = year.end
    raise NoOpenTime(f"less than {duration} of open time within five years of {at.isoformat()}")


def between(calendar: Calendar, start: datetime, end: datetime) -> timedelta:
    """Open time in [start, end); zero when end <= start."""
    position, stop = _micros(start), _micros(end)
    if stop <= position:
        return timedelta(0)
    total = 0
    for number in range(start.astimezone(UTC).year, end.astimezone(UTC).year + 1):
        year = _year(calendar, number)
        total += year.open_before(stop) - year.open_before(position)
    return timedelta(microseconds=total)


def is_open(calendar: Calendar, at: datetime) -> bool:
    """Whether the instant lies inside opening hours; a closing minute is already closed."""
    year, position = _year(calendar, at.astimezone(UTC).year), _micros(at)
    index = bisect_right(year.opens, position) - 1
    return index >= 0 and position < year.closes[index]


@lru_cache(maxsize=1024)  # a batch of messages asks for few calendars at one instant
def next_open(calendar: Calendar, at: datetime) -> datetime:
    """The first open instant at or after `at`: `at` itself when open."""
    position = _micros(at)
    for opens, closes in _intervals(calendar, at):
        if position < closes:
            return _instant(max(opens, position))
    raise NoOpenTime(f"no open time within five years of {at.isoformat()}")


def next_close(calendar: Calendar, at: datetime) -> datetime | None:
    """The end of the open interval at or after `at`; None when it never closes within five years."""
    position, last = _micros(at), None
    for opens, closes in _intervals(calendar, at):
        if last is not None and opens > last:
            return _instant(last)
        if position < closes:
            last = closes
    if last is None:
        raise NoOpenTime(f"no open time within five years of {at.isoformat()}")
    return None if last == [*_years(calendar, at)][-1].end else _instant(last)


def windows(calendar: Calendar, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The open intervals of [start, end), cut at both ends; what touches is one."""
    position, stop = _micros(start), _micros(end)
    held: tuple[int, int] | None = None
    for number in range(start.astimezone(UTC).year, end.astimezone(UTC).year + 1):
        year = _year(calendar, number)
        for opening, closing in zip(year.opens, year.closes, strict=True):
            opens, closes = max(opening, position), min(closing, stop)
            if opens >= closes:
                continue
            if held is not None and opens > held[1]:
                yield _instant(held[0]), _instant(held[1])
                held = None
            held = (held[0] if held else opens, closes)
    if held is not None:
        yield _instant(held[0]), _instant(held[1])


class _Year(NamedTuple):
    """The open intervals of one UTC year: sorted, disjoint, cut at its ends; `before[i]` is the open time ahead of interval i."""

    opens: tuple[int, ...]
    closes: tuple[int, ...]
    before: tuple[int, ...]
    end: int

    def open_before(self, position: int) -> int:
        index = bisect_right(self.opens, position) - 1
        if index < 0:
            return 0
        return self.before[index] + min(position, self.closes[index]) - self.opens[index]


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // MICROSECOND


def _instant(position: int) -> datetime:
    return _EPOCH + timedelta(microseconds=position)


def _years(calendar: Calendar, at: datetime) -> Iterator[_Year]:
    first = at.astimezone(UTC).year
    return (_year(calendar, number) for number in range(first, first + 6))


def _intervals(calendar: Calendar, at: datetime) -> Iterator[tuple[int, int]]:
    """Intervals from the one that could hold `at` on, for five years; one that crosses New Year comes in two pieces."""
    position = _micros(at)
    for year in _years(calendar, at):
        index = max(0, bisect_right(year.opens, position) - 1)
        yield from zip(year.opens[index:], year.closes[index:], strict=True)


@lru_cache(maxsize=512)
def _year(calendar: Calendar, number: int) -> _Year:
    if calendar.away:
        whole = _year(Calendar(calendar.zone, calendar.weekly, calendar.exceptions), number)
        return _cut(whole, calendar.away)
    start, end = _micros(datetime(number, 1, 1, tzinfo=UTC)), _micros(datetime(number + 1, 1, 1, tzinfo=UTC))
    zone, exceptions = ZoneInfo(calendar.zone), dict(calendar.exceptions)
    found: list[tuple[int, int]] = []
    first = date(number, 1, 1) - timedelta(days=3)
    days = [first + timedelta(days=place) for place in range((date(number, 12, 31) - first).days + 8)]
    offsets = [_midnight(zone, day).utcoffset() for day in days]
    for place, day in enumerate(days[1:-4], start=1):
        hours = exceptions.get(day, calendar.weekly[day.weekday()])
        if not hours:
            continue
        steady = offsets[place - 1] == offsets[place] == offsets[place + 1] == offsets[place + 2] == offsets[place + 3]
        midnight = _micros(_midnight(zone, day)) if steady else 0
        for opening, closing in hours:
            opens = midnight + opening * MINUTE_US if steady else _wall(zone, day, opening, 0)
            closes = midnight + closing * MINUTE_US if steady else _wall(zone, day, closing, 1)
            opens, closes = max(start, opens), min(end, closes)
            if opens < closes:
                found.append((opens, closes))
    return _joined(sorted(found), end)


def _cut(year: _Year, away: Sequence[tuple[int, int]]) -> _Year:
    """The year's intervals without what lies in `away`."""
    left: list[tuple[int, int]] = []
    for opens, closes in zip(year.opens, year.closes, strict=True):
        for gone, back in away:
            if gone >= closes or opens >= closes:
                break
            if opens < gone:
                left.append((opens, gone))
            opens = max(opens, back)
        if opens < closes:
            left.append((opens, closes))
    return _joined(left, year.end)


def _joined(intervals: Iterable[tuple[int, int]], end: int) -> _Year:
    """Merge touching and overlapping intervals."""
    opens: list[int] = []
    closes: list[int] = []
    for opening, closing in intervals:
        if closes and opening <= closes[-1]:
            closes[-1] = max(closes[-1], closing)
        else:
            opens.append(opening)
            closes.append(closing)
    before = [0]
    for opening, closing in zip(opens, closes, strict=True):
        before.append(before[-1] + closing - opening)
    return _Year(tuple(opens), tuple(closes), tuple(before), end)


def _midnight(zone: ZoneInfo, day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def _wall(zone: ZoneInfo, day: date, minutes: int, fold: int) -> int:
    """A local wall time as an instant: of two, the first for fold 0 and the second for fold 1; inside a gap, the jump."""
    wall = _midnight(zone, day) + timedelta(minutes=minutes)
    late, early = wall.replace(fold=0).astimezone(UTC), wall.replace(fold=1).astimezone(UTC)
    if early >= late:
        return _micros(early if fold else late)
    old = early.astimezone(zone).utcoffset()
    while late - early > SECOND:
        middle = early + (late - early) // SECOND // 2 * SECOND
        if middle.astimezone(zone).utcoffset() == old:
            early = middle
        else:
            late = middle
    return _micros(late)
