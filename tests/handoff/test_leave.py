"""Time away: whole and half days in the rep's own hours, and calendar files."""

from datetime import UTC, date, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

import pytest
from django.contrib.admin.models import LogEntry

from handoff.actions.answering import accept_handoff
from handoff.actions.leave import AHEAD, enter_leave, leave_words, take_in_leave, withdraw_leave
from handoff.actions.leaving import tend_absent
from handoff.icalendars import read_absences, read_apart
from handoff.models import Leave, Rep, WorkCalendar
from handoff.routing import desk
from handoff.sweep import sweep
from leads import clock
from leads.errors import Conflict, Invalid, NotAllowed
from tests.handoff.conftest import MONDAY
from tests.handoff.test_businesstime import berlin

BERLIN = ZoneInfo("Europe/Berlin")
DAY = timedelta(days=1)


def rep_of(work):
    return Rep.objects.select_related("user").get()


def test_whole_and_half_days_in_the_hours_of_the_rep(work, cast):
    """Midday of 08:30-12:00 and 13:00-17:30 is 13:30; of the office hours 13:00; a closed day has no half."""
    rep, me = rep_of(work), {"actor": cast.rep}
    whole = enter_leave(rep, first=date(2026, 7, 1), last=date(2026, 7, 3), reason=" Holiday ", cover=cast.other_rep, **me)
    assert (whole.starts_at, whole.ends_at, whole.reason) == (berlin(7, 1), berlin(7, 4), "Holiday")
    half = enter_leave(rep, first=date(2026, 7, 6), last=date(2026, 7, 6), from_midday=True, **me)
    assert (half.starts_at, half.ends_at) == (berlin(7, 6, 13), berlin(7, 7))
    assert [leave_words(leave, BERLIN) for leave in (whole, half)] == ["1 Jul – 3 Jul 2026", "6 Jul 2026 (from 13:00)"]
    split = {str(day): [[510, 720], [780, 1050]] for day in range(5)}
    WorkCalendar.objects.create(key="split", name="Split", zone="America/New_York", weekly=split, effective_from=MONDAY - DAY)
    rep.calendar_key = "split"
    rep.save()
    theirs = enter_leave(rep, first=date(2026, 7, 13), last=date(2026, 7, 14), until_midday=True, **me)
    assert theirs.starts_at == datetime(2026, 7, 13, 4, tzinfo=UTC)
    assert theirs.ends_at == datetime(2026, 7, 14, 17, 30, tzinfo=UTC)
    for first, last, more, words in (
        (date(2026, 7, 9), date(2026, 7, 8), {}, "before the first"),
        (date(2026, 7, 9), date(2026, 7, 9), {"from_midday": True, "until_midday": True}, "no time at all"),
        (date(2026, 7, 11), date(2026, 7, 12), {"from_midday": True}, "Saturday, 11 July 2026 is closed"),
        (date(2026, 6, 1), date(2026, 6, 2), {}, "over already"),
        (date(2026, 7, 15), date(2027, 9, 1), {}, "a year at a time"),
        (date(2029, 7, 9), date(2029, 7, 10), {}, "two years ahead"),
        (date(2026, 8, 1), date(2026, 8, 2), {"cover": cast.rep}, "Somebody else has to stand in"),
    ):
        with pytest.raises(Invalid, match=words):
            enter_leave(rep, first=first, last=last, **more, **me)
    with pytest.raises(Conflict, match="away then already: 13 Jul"):
        enter_leave(rep, first=date(2026, 7, 14), last=date(2026, 7, 20), **me)
    assert Leave.objects.count() == 3


def test_who_enters_leave_of_whom(work, cast, make):
    rep, days = rep_of(work), {"first": date(2026, 7, 1), "last": date(2026, 7, 1)}
    stranger = make.user("other.manager@accord.test", "Olga Other", "sales_manager")
    for actor in (cast.other_rep, cast.marketer, stranger):
        with pytest.raises(NotAllowed):
            enter_leave(rep, **days, actor=actor)
    leave = enter_leave(rep, **days, actor=cast.manager)
    with pytest.raises(NotAllowed):
        withdraw_leave(leave, actor=stranger)
    assert "Away 1 Jul 2026" in LogEntry.objects.get(user=cast.manager).change_message
    withdraw_leave(leave, actor=cast.rep)
    with pytest.raises(Conflict, match="already"):
        withdraw_leave(leave, actor=cast.rep)


def test_entered_leave_hands_over_what_is_due_before_the_rep_is_back(work, cast):
    handoff = accept_handoff(work.offered(), actor=cast.rep)
    leave = enter_leave(rep_of(work), first=date(2026, 6, 9), last=date(2026, 6, 9), actor=cast.rep)
    assert tend_absent() == 0
    work.hands.move_to(berlin(6, 9, 9).astimezone(UTC))
    sweep()  # the reminder comes first
    assert desk(clock.now()).turns == []
    assert tend_absent() == 1
    assert work.fresh(handoff).queue_reason == f"{cast.rep} is away"
    withdraw_leave(leave, actor=cast.rep)  # back early: what is over stays
    assert Leave.objects.get().ends_at == clock.now()
    assert [one.pk for one in desk(clock.now()).turns] == [cast.rep.pk]


# Calendar files


def event(*lines):
    return "\r\n".join(["BEGIN:VEVENT", *lines, "END:VEVENT"])


def file_of(*parts):
    return ("\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:test", *parts, "END:VCALENDAR"]) + "\r\n").encode()


def read(*parts):
    return read_absences(file_of(*parts), BERLIN, MONDAY, MONDAY + AHEAD)


def told(reading):
    return [
        (f"{one.starts_at.astimezone(BERLIN):%d %b %H:%M}", f"{one.ends_at.astimezone(BERLIN):%d %b %H:%M}", one.reason)
        for one in reading.found
    ]


def test_days_off_and_what_is_out_of_office_are_leave_meetings_are_not():
    reading = read(
        event("UID:a", "DTSTART;VALUE=DATE:20260615", "DTEND;VALUE=DATE:20260620", "SUMMARY:Holiday\\, at", "  last"),
        event("UID:b", "DTSTART;TZID=America/New_York:20260622T080000", "DURATION:PT4H", "X-MICROSOFT-CDO-BUSYSTATUS:OOF", "SUMMARY:Dentist"),
        event("UID:c", "DTSTART:20260623T080000Z", "DTEND:20260623T090000Z", "SUMMARY:Meeting"),
        event("UID:d", "DTSTART;VALUE=DATE:20260624", "TRANSP:TRANSPARENT", "SUMMARY:Ann's birthday"),
        event("UID:e", "DTSTART;VALUE=DATE:20260625", "STATUS:CANCELLED"),
        event("UID:f", "DTSTART;VALUE=DATE:20260501", "SUMMARY:Over"),
    )  # fmt: skip
    assert told(reading) == [
        ("15 Jun 00:00", "20 Jun 00:00", "Holiday, at last"), ("22 Jun 14:00", "22 Jun 18:00", "Dentist"),
    ]  # fmt: skip
    assert (reading.passed_over, reading.cancelled, reading.problems) == (2, ["e"], [])


def test_series_are_followed_with_what_was_left_out_and_moved():
    weekly = event(
        "UID:s",
        "DTSTART;VALUE=DATE:20260615",
        "RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=4",
        "EXDATE;VALUE=DATE:20260622",
        "SUMMARY:Monday",
    )
    moved = event("UID:s", "RECURRENCE-ID;VALUE=DATE:20260629", "DTSTART;VALUE=DATE:20260630", "SUMMARY:Tuesday")
    assert [start for start, _, _ in told(read(weekly, moved))] == ["15 Jun 00:00", "30 Jun 00:00", "06 Jul 00:00"]
    # Nine by the clock on the wall, also after it changed.
    monthly = event(
        "UID:m", "DTSTART;TZID=Europe/Berlin:20261001T090000", "DURATION:PT3H", "RRULE:FREQ=MONTHLY;UNTIL=20261201T080000Z",
        "X-MICROSOFT-CDO-BUSYSTATUS:OOF",
    )  # fmt: skip
    assert [start for start, _, _ in told(read(monthly))] == ["01 Oct 09:00", "01 Nov 09:00", "01 Dec 09:00"]
    old = event("UID:y", "DTSTART;VALUE=DATE:20100704", "RRULE:FREQ=YEARLY", "RDATE;VALUE=DATE:20260720")
    assert [start for start, _, _ in told(read(old))] == ["04 Jul 00:00", "20 Jul 00:00", "04 Jul 00:00"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"Subject,Start\r\nHoliday,1", "Line 1: an iCalendar file begins with BEGIN:VCALENDAR"),
        (b"PK\x03\x04\0", "not a text"),
        (b"BEGIN:VCALENDAR\r\nX-A:\xff\r\n", "Line 2: this is not UTF-8"),
        (file_of("hello world"), "Line 4: “hello world” is no line"),
        (file_of(event("UID:a"))[:64], "ends inside of VEVENT"),
        (file_of("END:VEVENT"), "Line 4: END:VEVENT where END:VCALENDAR belongs"),
        (file_of(*["BEGIN:VEVENT"] * 6), "deeper than"),
        (file_of(event("UID:a", "RRULE:FREQ=SECONDLY")), "Line 6: leave repeats by day, week, month or year, not by “SECONDLY”"),
        (file_of(event("UID:a", "RRULE:FREQ=DAILY;BYSECOND=1")), "Line 6: leave does not repeat by BYSECOND"),
        (file_of(event("UID:a", "RRULE:FREQ=DAILY;INTERVAL=0")), "Line 6: INTERVAL is a number from 1"),
        (file_of(event("UID:a", "DTSTART;VALUE=DATE:20260615", "RRULE:FREQ=DAILY")), "more than 500 times away"),
        (file_of(*[event(f"UID:{n}") for n in range(3_001)]), "more than 3,000 events"),
        (file_of(*[event(f"UID:{n}", "RRULE:FREQ=DAILY;COUNT=1") for n in range(201)]), "more than 200 series"),
        (file_of("X-A:" + "a" * 20_001), "Line 4 is longer than"),
        (file_of(*["X-A:1"] * 60_001), "more than 60,000 lines"),
        (b"x" * 2_000_001, "larger than 2 MB"),
        (file_of() + file_of(), "one at a time|only one is allowed"),
    ],
)
def test_files_that_cannot_be_taken_are_refused_by_line(content, words):
    with pytest.raises(Invalid, match=words):
        read_absences(content, BERLIN, MONDAY, MONDAY + AHEAD)


def test_events_that_cannot_be_read_are_named_and_the_others_taken():
    reading = read(
        event("UID:a", "DTSTART;VALUE=DATE:2026061"),
        event("DTSTART;VALUE=DATE:20260615"),
        event("UID:b", "SUMMARY:No start"),
        event("UID:c", "DTSTART;VALUE=DATE:20260615", "DTEND;VALUE=DATE:20260610"),
        event("UID:d", "DTSTART;VALUE=DATE:19000101", "RRULE:FREQ=YEARLY"),
        event("UID:e", "DTSTART;VALUE=DATE:20260615", "RRULE:FREQ=WEEKLY;BYDAY=XX"),
        event("UID:f", "DTSTART;VALUE=DATE:20260615"),
        event("UID:g", "DTSTART;VALUE=DATE:20260615", "DTEND:20260616T100000Z"),
    )
    assert [problem.split(":")[0] for problem in reading.problems] == [
        "Line 6", "Line 8", "Line 11", "Line 18", "Line 22", "Line 28", "Line 37",
    ]  # fmt: skip
    assert [one.uid for one in reading.found] == ["f"]


def test_a_file_is_read_in_a_process_of_its_own_and_given_up_in_time():
    good = event("UID:a", "DTSTART;VALUE=DATE:20260615", "SUMMARY:Off"), event("UID:b", "SUMMARY:No start")
    span = BERLIN, MONDAY, MONDAY + AHEAD
    assert read_apart(file_of(*good), *span) == read_absences(file_of(*good), *span)
    with pytest.raises(Invalid, match="Line 1: an iCalendar file"):
        read_apart(b"hello:", *span)
    never = event("UID:a", "DTSTART;VALUE=DATE:20260615", "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30")
    with pytest.raises(Invalid, match="never falls on a day"):
        read_apart(file_of(never), *span, seconds=1)


def test_a_file_twice_changes_nothing_and_a_newer_one_moves_what_it_knows(work, cast):
    rep, number = rep_of(work), count(15)
    hand = enter_leave(rep, first=date(2026, 8, 3), last=date(2026, 8, 3), actor=cast.rep)

    def take(*events):
        reading = read(*events)
        return take_in_leave(rep, reading.found, reading.cancelled, actor=cast.rep)

    days = [event(f"UID:{name}", f"DTSTART;VALUE=DATE:202606{next(number)}", "SUMMARY:Off") for name in "abc"]
    tomorrow = event("UID:t", "DTSTART;VALUE=DATE:20260609")
    first = take(*days, tomorrow)
    assert (first.new, first.changed, first.same, first.gone) == (4, 0, 0, 0)
    again = take(*days, tomorrow)
    assert (again.new, again.changed, again.same, again.gone) == (0, 0, 4, 0)
    newer = take(
        event("UID:a", "DTSTART;VALUE=DATE:20260720", "SUMMARY:Off"), event("UID:b", "DTSTART;VALUE=DATE:20260616", "DTEND;VALUE=DATE:20260618"),
        event("UID:t", "DTSTART;VALUE=DATE:20260609", "STATUS:CANCELLED"),
    )  # fmt: skip
    assert (newer.new, newer.changed, newer.same, newer.gone) == (1, 1, 0, 2)
    assert set(Leave.objects.values_list("uid", flat=True)) == {"", "a", "b", "c"}
    assert Leave.objects.get(uid="c").source == "file"
    assert Leave.objects.filter(pk=hand.pk).exists()
    with pytest.raises(NotAllowed):
        take_in_leave(rep, [], ["b"], actor=cast.other_rep)
