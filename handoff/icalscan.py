"""A first look through the lines of an iCalendar file, before any parser is given it: what is wrong is named by its line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from leads.errors import Invalid

MOST_LINES = 60_000
LONGEST_LINE = 20_000
MOST_EVENTS = 3_000
MOST_SERIES = 200
DEEPEST = 4
# What repeats within a day is no leave.
FREQUENCIES = frozenset(("DAILY", "WEEKLY", "MONTHLY", "YEARLY"))
RULE_PARTS = frozenset(
    ("FREQ", "UNTIL", "COUNT", "INTERVAL", "BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYMONTH", "BYSETPOS", "WKST")
)
_NAME = re.compile(r"[A-Za-z0-9-]+(?=[;:])")


@dataclass(slots=True)
class Scanned:
    """The line of each event of the file, and those of its properties by name."""

    events: list[tuple[int, dict[str, int]]] = field(default_factory=list)


def scan(text: str) -> Scanned:
    """Look through the lines, joined where they were folded, for what no parser should be given; nothing is worked out."""
    scanned, series = Scanned(), 0
    open_parts: list[str] = []
    lines = re.split(r"\r\n|\n|\r", text)
    if len(lines) > MOST_LINES:
        raise wrong(f"The file has more than {MOST_LINES:,} lines.")
    for number, line in _unfolded(lines):
        name = line.split(":", 1)[0].split(";", 1)[0].upper()
        value = line.split(":", 1)[1].strip().upper() if ":" in line else ""
        if not open_parts and (name, value) != ("BEGIN", "VCALENDAR"):
            raise wrong(f"Line {number}: an iCalendar file begins with BEGIN:VCALENDAR, here is “{line[:40]}”.")
        if not open_parts and number > 1 and scanned.events:
            raise wrong(f"Line {number}: a second calendar begins here; send one at a time.")
        if len(line) > LONGEST_LINE:
            raise wrong(f"Line {number} is longer than {LONGEST_LINE:,} characters.")
        if not _NAME.match(line):
            raise wrong(f"Line {number}: “{line[:40]}” is no line of an iCalendar file.")
        if name == "BEGIN":
            open_parts.append(value)
            if len(open_parts) > DEEPEST:
                raise wrong(f"Line {number}: parts within parts, deeper than {DEEPEST}.")
            if value == "VEVENT":
                scanned.events.append((number, {}))
        elif name == "END":
            if open_parts[-1] != value:
                raise wrong(f"Line {number}: END:{value[:20]} where END:{open_parts[-1][:20]} belongs.")
            open_parts.pop()
        elif open_parts[-1] == "VEVENT":
            scanned.events[-1][1].setdefault(name, number)
        if name in ("RRULE", "EXRULE"):
            series += 1
            _check_rule(value, number, is_zone="VTIMEZONE" in open_parts)
    if open_parts:
        raise wrong(f"The file ends inside of {open_parts[-1][:20]}: a part of it is missing.")
    if len(scanned.events) > MOST_EVENTS:
        raise wrong(f"The file has more than {MOST_EVENTS:,} events.")
    if series > MOST_SERIES:
        raise wrong(f"The file has more than {MOST_SERIES} series.")
    if not lines or not any(lines):
        raise wrong("The file is empty.")
    return scanned


def _unfolded(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Whole lines with the number of the first; a line that begins with a blank goes on with the one before."""
    number, held = 0, ""
    for place, line in enumerate(lines, start=1):
        if line[:1] in (" ", "\t") and held:
            held += line[1:]
            continue
        if held:
            yield number, held
        number, held = place, line.strip("\ufeff")
    if held:
        yield number, held


def _check_rule(value: str, number: int, *, is_zone: bool) -> None:
    parts = dict(part.split("=", 1) for part in value.split(";") if "=" in part)
    if parts.get("FREQ") not in (("YEARLY",) if is_zone else FREQUENCIES):
        raise wrong(f"Line {number}: leave repeats by day, week, month or year, not by “{parts.get('FREQ', '')[:20]}”.")
    strange = sorted(parts.keys() - RULE_PARTS)
    if strange:
        raise wrong(f"Line {number}: leave does not repeat by {strange[0][:20]}.")
    for name in ("INTERVAL", "COUNT"):
        if name in parts and not (parts[name].isdecimal() and 1 <= int(parts[name][:9]) <= 10_000):
            raise wrong(f"Line {number}: {name} is a number from 1 to 10,000, here is “{parts[name][:20]}”.")


def wrong(message: str) -> Invalid:
    """What a person is told of a file that cannot be taken."""
    return Invalid(message, code="bad_calendar_file", field="file", expected="an iCalendar file (.ics)")
