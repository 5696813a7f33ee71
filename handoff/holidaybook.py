"""Public holidays by country and region, for copying into calendars. What a calendar holds are rows of its own, so a newer
edition of the source moves no deadline; nothing is fetched.

Source: the `holidays` package. It is imported where it is asked, as pages that never do so need not wait for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import resources

from django.db.models import Exists, Max, OuterRef, Q

from handoff.models import CalendarDay, WorkCalendar
from leads.errors import Invalid

# Clocks are planned about this far ahead at most, so holidays are wanted as far.
AHEAD = timedelta(days=400)
MOST_YEARS = 6
LONGEST_NAME = 120
LANGUAGES = ("en_US", "en_GB", "en")
Choices = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class DayPlan:
    """What copying does to one date: `replaces` is what an imported row is called now, `kept` why a row by hand stays."""

    date: date
    name: str
    replaces: str = ""
    kept: str = ""

    @property
    def is_new(self) -> bool:
        return not (self.replaces or self.kept)

    @property
    def is_changed(self) -> bool:
        return bool(self.replaces) and self.replaces != self.name


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """What copying a country's holidays into a calendar would do, date by date; `gone` are imported dates that are none any more."""

    days: list[DayPlan]
    gone: list[CalendarDay]

    @property
    def new(self) -> int:
        return sum(day.is_new for day in self.days)

    @property
    def changed(self) -> int:
        return sum(day.is_changed for day in self.days)

    @property
    def kept(self) -> int:
        return sum(bool(day.kept) for day in self.days)

    @property
    def does_something(self) -> bool:
        return bool(self.new or self.changed or self.gone)


@cache
def countries() -> Choices:
    """Code and English name of every country there are holidays for, by name."""
    import holidays

    known = holidays.list_supported_countries(include_aliases=False)
    found: dict[str, str] = {}
    for name, code, *_ in holidays.registry.COUNTRIES.values():
        if code in known:
            found.setdefault(code, re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).replace(" And ", " and ").replace(" Of ", " of "))
    return sorted(found.items(), key=lambda item: item[1])


@cache
def subdivisions(country: str) -> Choices:
    """Code and name of the regions of a country that have holidays of their own; empty for none and for no country."""
    import holidays

    if country not in dict(countries()):
        return []
    place = holidays.country_holidays(country)
    names = {code: name for name, code in reversed(getattr(place, "subdivisions_aliases", {}).items())}
    return sorted(((code, names.get(code, code)) for code in place.subdivisions), key=lambda item: item[1])


@cache
def country_of(zone: str) -> str:
    """The country whose time this zone is, by the zone database; "" when it is nobody's or no holidays are known for it."""
    for line in resources.files("tzdata").joinpath("zoneinfo/zone.tab").read_text().splitlines():
        code, _, name, *_ = [*line.split("\t"), "", ""]
        if name == zone and not line.startswith("#"):
            return code if code in dict(countries()) else ""
    return ""


def public_holidays(country: str, subdivision: str, since: date, until: date) -> dict[date, str]:
    """The public holidays of these days by date, in order, named in English where the source can.

    Invalid names the country or region there is nothing for.
    """
    import holidays

    names = dict(countries())
    if country not in names:
        raise Invalid("No holidays are known for this country.", code="no_country", field="country", value=country)
    if subdivision and subdivision not in dict(subdivisions(country)):
        raise Invalid(f"That is no region of {names[country]}.", code="no_region", field="subdivision", value=subdivision)
    spoken = holidays.country_holidays(country).supported_languages
    language = next((one for one in LANGUAGES if one in spoken), None)
    years = range(since.year, until.year + 1)
    found = holidays.country_holidays(country, subdiv=subdivision or None, years=years, language=language)
    return {day: name[:LONGEST_NAME] for day, name in sorted(found.items()) if since <= day <= until}


def last_days(today: date) -> list[date]:
    """Until when holidays may be copied: ends of years, the first of them far enough ahead."""
    first = (today + AHEAD).year
    return [date(year, 12, 31) for year in range(first, first + MOST_YEARS - 1)]


def copy_plan(calendar: WorkCalendar, country: str, subdivision: str, since: date, until: date) -> CopyPlan:
    """What copying the holidays of these days into a calendar does. Dates by hand stay as they are; one query."""
    found = public_holidays(country, subdivision, since, until)
    rows = {row.date: row for row in CalendarDay.objects.filter(calendar=calendar, date__range=(since, until)).order_by("date")}
    imported = CalendarDay.Source.HOLIDAYS
    plans = []
    for day, name in found.items():
        row = rows.get(day)
        if row is None:
            plans.append(DayPlan(day, name))
        elif row.source == imported:
            plans.append(DayPlan(day, name, replaces=row.reason or name))
        else:
            plans.append(DayPlan(day, name, kept=row.reason or "entered by hand"))
    return CopyPlan(plans, [row for row in rows.values() if row.source == imported and row.date not in found])


def place_words(country: str, subdivision: str) -> str:
    """ "Germany, Bayern"; "" without a country."""
    if not country:
        return ""
    region = dict(subdivisions(country)).get(subdivision, subdivision)
    return ", ".join(part for part in (dict(countries()).get(country, country), region) if part)


def ends() -> dict[WorkCalendar, date | None]:
    """Until when the holidays of each calendar that follows a country are known, by its newest version: the end of the year of
    the last of them, None without any. One query."""
    newer = WorkCalendar.objects.filter(key=OuterRef("key"), version__gt=OuterRef("version"))
    rows = WorkCalendar.objects.filter(~Exists(newer)).exclude(country="")
    last = Max("days__date", filter=Q(days__source=CalendarDay.Source.HOLIDAYS))
    found = rows.annotate(last_holiday=last).order_by("name")
    return {row: date(row.last_holiday.year, 12, 31) if row.last_holiday else None for row in found}


def is_short(end: date | None, today: date) -> bool:
    """Whether holidays that are known until `end` do not reach far enough ahead of `today`."""
    return end is None or end < today + AHEAD
