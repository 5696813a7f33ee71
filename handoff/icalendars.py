"""Reading when somebody is away from an iCalendar file (RFC 5545), such as Outlook, Google Calendar and personnel systems export.

Taken in are events of whole days and those marked as out of office; meetings, what is marked as free and what was called off are
not. Series are followed as far as leave may reach. A file is untrusted: its size, its events and its series are bounded before
anything is worked out, and what is wrong is named by its line.

Sources: RFC 5545; `X-MICROSOFT-CDO-BUSYSTATUS` (OOF, FREE) as Outlook writes it. `icalendar` parses, `dateutil` follows the rules.
"""

from __future__ import annotations

import json
import logging
import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, astuple, dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from handoff.icalscan import scan, wrong
from leads.errors import Invalid

MOST_BYTES = 2_000_000
MOST_FOUND = 500
OLDEST_SERIES = 2000  # a rule is followed from its start
CPU_SECONDS = 4
WALL_SECONDS = 40
MOST_MEMORY = 1_000_000_000
ROOT = Path(__file__).resolve().parent.parent
ENDLESS = "The file takes too long to work out: one of its series never falls on a day, or there is too much in it."
DAY = timedelta(days=1)
LONGEST = timedelta(days=366)
logger = logging.getLogger("accord.leave")


@dataclass(frozen=True, slots=True)
class Absence:
    """One time away: of a series each has the `uid` of the series and a start of its own."""

    uid: str
    starts_at: datetime
    ends_at: datetime
    reason: str


@dataclass(slots=True)
class Reading:
    """What a file says: times away, uids of events called off, how many events were no leave, and what could not be read."""

    found: list[Absence] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    passed_over: int = 0
    problems: list[str] = field(default_factory=list)


def read_apart(content: bytes, zone: ZoneInfo, since: datetime, until: datetime, *, seconds: int = CPU_SECONDS) -> Reading:
    """`read_absences` in a process of its own, held to `seconds` of processor time and to memory: a rule that never fits is
    followed for thousands of years, and no check of its words finds all of those."""
    if len(content) > MOST_BYTES:
        raise wrong(f"The file is larger than {MOST_BYTES // 1_000_000} MB.")
    told = [sys.executable, "-m", __name__, zone.key, since.isoformat(), until.isoformat(), str(seconds)]
    try:
        run = subprocess.run(told, input=content, capture_output=True, timeout=WALL_SECONDS, cwd=ROOT, check=False)
    except subprocess.TimeoutExpired:
        raise wrong(ENDLESS) from None
    if run.returncode != 0:
        logger.warning("a calendar file was not read: exit %s, %s", run.returncode, run.stderr[-300:].decode(errors="replace"))
        raise wrong(ENDLESS)
    answer = json.loads(run.stdout)
    if "refused" in answer:
        raise wrong(answer["refused"])
    answer["found"] = [
        Absence(uid, datetime.fromisoformat(starts), datetime.fromisoformat(ends), reason)
        for uid, starts, ends, reason in answer["found"]
    ]
    return Reading(**answer)


def main(zone: str, since: str, until: str, seconds: str) -> None:
    """The other process: the file from standard input, the answer as JSON to standard output."""
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    content = sys.stdin.buffer.read(MOST_BYTES + 1)
    try:
        reading = read_absences(content, ZoneInfo(zone), datetime.fromisoformat(since), datetime.fromisoformat(until))
    except Invalid as refused:
        json.dump({"refused": refused.message}, sys.stdout)
    else:
        json.dump(asdict(reading) | {"found": [astuple(one) for one in reading.found]}, sys.stdout, default=datetime.isoformat)


def read_absences(content: bytes, zone: ZoneInfo, since: datetime, until: datetime) -> Reading:
    """The times away that the file holds between two instants; whole days are days in `zone`.

    Invalid, with the line, when the file as a whole cannot be taken; an event that cannot is told in `problems` and left out.
    """
    import icalendar

    text = _decoded(content)
    scanned = scan(text)
    try:
        calendar = icalendar.Calendar.from_ical(text)
    except (ValueError, IndexError, KeyError) as error:
        raise wrong(f"The file could not be read: {str(error)[:160]}") from None
    events: list[Any] = calendar.walk("VEVENT")
    reading = Reading()
    good = []
    for event, (line, lines) in zip(events, scanned.events, strict=False):
        problem = _problem(event, line, lines)
        if problem:
            reading.problems.append(problem)
        elif str(event.get("STATUS", "")).upper() == "CANCELLED" and "RECURRENCE-ID" not in event:
            reading.cancelled.append(_uid(event))
        elif not _is_leave(event):
            reading.passed_over += 1
        else:
            good.append(event)
    moved = {(_uid(one), _instant(one["RECURRENCE-ID"].dt, zone)) for one in events if _is_dated(one, "RECURRENCE-ID")}
    for event in good:
        reading.found += _times(event, moved, zone, since, until)
        if len(reading.found) > MOST_FOUND:
            raise wrong(f"The file holds more than {MOST_FOUND} times away.")
    reading.found.sort(key=lambda one: (one.starts_at, one.uid))
    return reading


def _decoded(content: bytes) -> str:
    if len(content) > MOST_BYTES:
        raise wrong(f"The file is larger than {MOST_BYTES // 1_000_000} MB.")
    if b"\0" in content:
        raise wrong("This is no iCalendar file: it is not a text.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise wrong(f"Line {line}: this is not UTF-8, the encoding of iCalendar files.") from None


def _problem(event: Any, line: int, lines: dict[str, int]) -> str:
    """Why an event cannot be taken, with its line; "" when it can."""
    for name, why in event.errors:
        if str(name).upper() in ("DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID"):
            return f"Line {lines.get(str(name).upper(), line)}: {name} cannot be read ({str(why)[:80]})."
    if not _uid(event):
        return f"Line {line}: the event has no UID."
    if len(_uid(event)) > 255:
        return f"Line {lines.get('UID', line)}: its UID is longer than 255 characters."
    start = getattr(event.get("DTSTART"), "dt", None)
    if not isinstance(start, date):
        return f"Line {line}: the event has no DTSTART."
    if not 1900 <= start.year <= 2200:
        return f"Line {lines.get('DTSTART', line)}: its start, {start.year}, is no year to plan in."
    if "RRULE" in event and start.year < OLDEST_SERIES:
        return f"Line {lines.get('DTSTART', line)}: the series begins before {OLDEST_SERIES}."
    try:
        length = _end(event) - start
    except (TypeError, OverflowError):
        return f"Line {lines.get('DTEND', line)}: its end does not fit its start."
    if not timedelta(0) <= length <= LONGEST:
        return f"Line {lines.get('DTEND', lines.get('DURATION', line))}: it ends before it begins, or lasts longer than a year."
    return ""


def _uid(event: Any) -> str:
    return str(event.get("UID", "")).strip()


def _is_leave(event: Any) -> bool:
    """Whole days, and what is marked as out of office; not what is marked as free."""
    busy = str(event.get("X-MICROSOFT-CDO-BUSYSTATUS", "")).upper()
    if busy == "OOF":
        return True
    is_free = busy in ("FREE", "WORKINGELSEWHERE") or str(event.get("TRANSP", "")).upper() == "TRANSPARENT"
    return not is_free and not isinstance(event["DTSTART"].dt, datetime)


def _is_dated(event: Any, name: str) -> bool:
    return isinstance(getattr(event.get(name), "dt", None), date)


def _times(event: Any, moved: set[tuple[str, datetime]], zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[Absence]:
    """Each time of an event that reaches into the span; of a series without those left out or `moved` to an event of their own."""
    start, uid = event["DTSTART"].dt, _uid(event)
    length = _end(event) - start
    starts = {start}
    for rule in _listed(event.get("RRULE")):
        starts.update(_followed(rule, start, until))
    for dates in _listed(event.get("RDATE")):
        starts.update(one.dt[0] if isinstance(one.dt, tuple) else one.dt for one in dates.dts)
    left_out = {_instant(one.dt, zone) for dates in _listed(event.get("EXDATE")) for one in dates.dts}
    is_own = "RECURRENCE-ID" in event
    reason = " ".join(str(event.get("SUMMARY", "")).split())[:120]
    for one in starts:
        begins, ends = _instant(one, zone), _instant(one + length, zone)
        if begins >= until or ends <= max(begins, since) or begins in left_out or (not is_own and (uid, begins) in moved):
            continue
        yield Absence(uid, begins, ends, reason)


def _followed(rule: Any, start: date, until: datetime) -> Iterator[date]:
    """The starts a rule gives, by the clock on the wall, up to the end of the span."""
    from dateutil.rrule import rrulestr

    zone = start.tzinfo if isinstance(start, datetime) else None
    # The wall clock as if it were UTC's: a rule knows no time zones.
    wall = datetime(*start.timetuple()[:6], tzinfo=UTC)
    bounds = [(until.astimezone(zone) if zone else until).replace(tzinfo=UTC)]
    for last in rule.get("UNTIL", ()):
        if not isinstance(last, datetime):
            bounds.append(datetime(last.year, last.month, last.day, 23, 59, 59, tzinfo=UTC))
        else:
            bounds.append((last.astimezone(zone) if zone and last.tzinfo else last).replace(tzinfo=UTC))
    most = next(iter(rule.get("COUNT", ())), None)
    words = ";".join(part for part in rule.to_ical().decode().split(";") if not part.startswith(("UNTIL=", "COUNT=")))
    for at in islice(rrulestr(words, dtstart=wall).replace(until=min(bounds)), most):
        yield at.replace(tzinfo=zone) if isinstance(start, datetime) else at.date()


def _listed(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _end(event: Any) -> date:
    """The end of an event, its length added to its start where it has none of its own; one of days lasts a day at least."""
    start: date = event["DTSTART"].dt
    end: date
    if _is_dated(event, "DTEND"):
        end = event["DTEND"].dt
    elif "DURATION" in event:
        end = start + event["DURATION"].dt
    else:
        end = start
    return start + DAY if end == start and not isinstance(start, datetime) else end


def _instant(value: date, zone: ZoneInfo) -> datetime:
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=zone).astimezone(UTC)
    return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)


if __name__ == "__main__":
    main(*sys.argv[1:])
