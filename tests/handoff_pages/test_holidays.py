"""Public holidays: looked at by place, copied into the next version of a calendar, and a warning before they run out."""

import re
import subprocess
import sys
from datetime import date, timedelta
from html import unescape

import pytest
from django.conf import settings

from handoff.actions.holidays import copy_holidays
from handoff.actions.revising import mark_of
from handoff.holidaybook import AHEAD, countries, country_of, is_short, last_days, public_holidays, subdivisions
from handoff.models import CalendarDay, WorkCalendar
from handoff.states import ClockKind
from leads.errors import Conflict, Invalid, NotAllowed
from tests.handoff.conftest import MONDAY
from tests.handoff_pages.test_setup import fields_of

TODAY = MONDAY.date()


def texts(page):
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page.content.decode())))


def test_the_source_knows_places_by_name_and_is_imported_only_when_asked():
    assert dict(countries())["DE"] == "Germany"
    assert dict(countries())["BA"] == "Bosnia and Herzegovina"
    assert dict(subdivisions("DE"))["BY"] == "Bayern"
    assert subdivisions("XX") == subdivisions("") == []
    assert (country_of("Europe/Berlin"), country_of("America/Chicago"), country_of("UTC")) == ("DE", "US", "")
    code = "import django; django.setup(); import sys; sys.exit('holidays' in sys.modules)"
    env = {"DJANGO_SETTINGS_MODULE": "tests.settings", "PATH": "/usr/bin:/bin"}
    assert subprocess.run([sys.executable, "-c", code], cwd=settings.BASE_DIR, env=env, check=False).returncode == 0


def test_holidays_of_a_place_and_days():
    """Corpus Christi is one in Bavaria and none in Berlin; 6 January there was before these days."""
    bavaria = public_holidays("DE", "BY", date(2027, 1, 7), date(2027, 12, 31))
    berlin = public_holidays("DE", "BE", date(2027, 1, 7), date(2027, 12, 31))
    assert bavaria[date(2027, 5, 27)] == "Corpus Christi"
    assert date(2027, 5, 27) not in berlin
    assert date(2027, 1, 6) not in bavaria
    assert list(bavaria) == sorted(bavaria)
    for place, subdivision in (("XX", ""), ("DE", "TX")):
        with pytest.raises(Invalid):
            public_holidays(place, subdivision, TODAY, TODAY)


def test_holidays_have_to_be_known_long_before_they_run_out():
    assert min(last_days(TODAY)) >= TODAY + AHEAD
    assert not is_short(TODAY + AHEAD, TODAY)
    assert is_short(TODAY + AHEAD - timedelta(days=1), TODAY)
    assert is_short(None, TODAY)


def test_holidays_are_looked_at_and_copied_into_the_next_version(work, cast, client_of):
    """Dates by hand win; running clocks keep the hours they have; a second look finds nothing to do."""
    calendar = WorkCalendar.objects.get()
    calendar.days.create(date="2026-12-24", intervals=[[540, 720]], reason="Half a day")
    calendar.days.create(date="2026-12-25", intervals=[[600, 720]], reason="Stocktaking")
    handoff, client = work.offered(), client_of(cast.admin)
    change = f"/setup/handoff/workcalendar/{calendar.pk}/change/"
    url = f"/calendars/{calendar.pk}/holidays/"
    assert f'href="{url}"' in client.get(change).content.decode()
    suggested = client.get(url)
    assert '<option value="DE" selected>Germany' in suggested.content.decode()
    other = client.get(url, {"country": "FR", "subdivision": "BY"}, headers={"HX-Request": "true"})
    assert "Bastille Day" in texts(other) or "National Day" in texts(other)
    assert "<html" not in other.content.decode()
    page = client.get(url, {"country": "DE", "subdivision": "BY", "until": "2027-12-31"})
    words = texts(page)
    assert "Thu 27 May 2027 Corpus Christi New" in words
    assert "Fri 25 Dec 2026 Christmas Day Kept yours: Stocktaking" in words
    assert "1 yours and kept" in words
    done = client.post(url, fields_of(page) | {"country": "DE", "subdivision": "BY", "until": "2027-12-31"}, follow=True)
    new = WorkCalendar.objects.get(version=2)
    assert done.redirect_chain[-1][0] == f"/setup/handoff/workcalendar/{new.pk}/change/"
    assert "public holidays copied into Office hours v2" in texts(done)
    assert (new.country, new.subdivision) == ("DE", "BY")
    assert new.days.get(date="2027-05-27").source == CalendarDay.Source.HOLIDAYS
    assert new.days.get(date="2026-12-25").intervals == [[600, 720]]
    assert calendar.days.count() == 2
    assert work.timer(handoff, ClockKind.ACCEPT).calendar_id == calendar.pk
    assert work.timer(work.offered(), ClockKind.ACCEPT).calendar_id == new.pk
    assert "Copied the public holidays of Germany, Bayern" in texts(
        client.get(f"{change.replace(str(calendar.pk), str(new.pk))}"[:-7] + "history/")
    )
    assert client.get(url).headers["Location"] == f"/calendars/{new.pk}/holidays/"
    again = client.get(f"/calendars/{new.pk}/holidays/", {"country": "DE", "subdivision": "BY", "until": "2027-12-31"})
    assert "The calendar holds all of them" in texts(again)


def test_another_place_replaces_imported_dates_and_leaves_nothing_half_done(defaults, cast, make, hands):
    calendar, until = WorkCalendar.objects.get(), date(2027, 12, 31)
    place = {"country": "DE", "subdivision": "BY", "until": until}
    first, _ = copy_holidays(calendar, **place, seen=mark_of(calendar), actor=cast.admin)
    with pytest.raises(Conflict, match="changed this on"):
        copy_holidays(calendar, **place, seen=mark_of(calendar), actor=cast.admin)
    with pytest.raises(Conflict):
        copy_holidays(first, **place, seen="another", actor=cast.admin)
    with pytest.raises(NotAllowed):
        copy_holidays(first, **place, seen=mark_of(first), actor=cast.manager)
    with pytest.raises(Invalid):
        copy_holidays(first, **place | {"subdivision": "TX"}, seen=mark_of(first), actor=cast.admin)
    assert WorkCalendar.objects.count() == 2
    second, plan = copy_holidays(first, country="DE", subdivision="BE", until=until, seen=mark_of(first), actor=cast.admin)
    assert "2027-05-27" in [f"{row.date}" for row in plan.gone]
    assert not second.days.filter(date="2027-05-27").exists()
    assert first.days.filter(date="2027-05-27").exists()


def test_a_warning_before_holidays_run_out(defaults, cast, client_of, hands):
    calendar, admin = WorkCalendar.objects.get(), client_of(cast.admin)
    change = f"/setup/handoff/workcalendar/{calendar.pk}/change/"
    for page in (admin.get("/"), admin.get(change)):  # without a country that is a choice
        assert "Holidays run out" not in texts(page)
        assert "known until" not in texts(page)
    WorkCalendar.objects.update(country="DE")
    assert "no public holidays were copied" in texts(admin.get(change))
    calendar.days.create(date="2026-12-26", intervals=[], reason="Boxing Day", source="holidays")
    assert "Public holidays are known until 31 December 2026 only" in texts(admin.get(change))
    assert "Office hours known until 31 Dec 2026" in texts(admin.get("/"))
    assert "Holidays run out" not in texts(client_of(cast.manager).get("/"))
    calendar.days.create(date="2027-12-25", intervals=[], reason="Christmas", source="holidays")
    for page in (admin.get("/"), admin.get(change)):
        assert "known until" not in texts(page)


def test_who_copies_holidays_and_what_a_bad_request_is_told(defaults, cast, client_of, hands):
    calendar = WorkCalendar.objects.get()
    url, admin = f"/calendars/{calendar.pk}/holidays/", client_of(cast.admin)
    assert client_of(cast.manager).get(url).status_code == 403
    assert "Choose a country" in texts(admin.get(url, {"country": ""}))
    assert "No holidays are known for this place" in texts(admin.get(url, {"country": "??"}))
    late = admin.post(url, {"country": "DE", "subdivision": "", "until": "2027-12-31", "seen": "old"})
    assert (late.status_code, "Nothing was copied" in texts(late)) == (409, True)
    wrong = admin.post(url, {"country": "XX", "subdivision": "", "until": "x", "seen": mark_of(calendar)})
    assert (wrong.status_code, "No holidays are known for this country" in texts(wrong)) == (422, True)
    WorkCalendar.objects.update(weekly={"4": [[540, 550]]})
    never = admin.post(
        url, {"country": "DE", "subdivision": "", "until": "2027-12-31", "seen": mark_of(WorkCalendar.objects.get())}
    )
    assert (never.status_code, "too little open time" in texts(never)) == (422, True)
    assert WorkCalendar.objects.count() == 1
