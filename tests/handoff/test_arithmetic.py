"""The arithmetic of a deadline: the lines add up to what `add` says, and each night, holiday and leave is named."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handoff.arithmetic import Hold, length_words, read_length, work_out
from handoff.businesstime import ELAPSED, Calendar, add, between, windows, without
from handoff.templatetags.arithmetic import span_of_days, span_of_hours
from leads.errors import Invalid
from tests.handoff.test_businesstime import HOUR, MINUTE, NIGHT, OFFICE, ZONES, berlin, hours

SPLIT = hours("08:30-12:00", "13:00-17:30")


def us(at):
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def told(found):
    """The lines in short: what, days, hours or note, counted, left."""
    return [
        (
            line.what,
            span_of_days(line),
            span_of_hours(line) if line.what == "open" else line.note,
            line.took / HOUR,
            line.left / HOUR,
        )
        for line in found.lines
    ]


def test_twenty_past_nine_on_friday_and_ten_hours():
    found = work_out(OFFICE, berlin(6, 12, 9, 40), 10 * HOUR)
    assert told(found) == [
        ("open", "Fri 12 Jun", "09:40–17:00", pytest.approx(22 / 3), pytest.approx(8 / 3)),
        ("closed", "Sat 13 Jun – Sun 14 Jun", "closed", 0, 0),
        ("open", "Mon 15 Jun", "09:00–17:00", pytest.approx(8 / 3), 0),
    ]
    assert found.due == berlin(6, 15, 11, 40)
    assert [line.is_rest for line in found.lines] == [True, False, False]


def test_closed_days_have_names_and_a_start_outside_hours_waits():
    calendar = hours("09:00-17:00", exceptions={date(2026, 12, 24): [(540, 720)], date(2026, 12, 25): []})
    reasons = {date(2026, 12, 24): "Half a day", date(2026, 12, 25): "Christmas Day"}
    found = work_out(calendar, berlin(12, 23, 18), 4 * HOUR, reasons)
    assert told(found) == [
        ("waits", "Wed 23 Dec", "", 0, 0),
        ("open", "Thu 24 Dec", "09:00–12:00", 3, 1),
        ("closed", "Fri 25 Dec", "Christmas Day", 0, 0),
        ("closed", "Sat 26 Dec – Sun 27 Dec", "closed", 0, 0),
        ("open", "Mon 28 Dec", "09:00–17:00", 1, 0),
    ]
    assert found.lines[1].note == "Half a day"
    assert found.lines[0].end == berlin(12, 24, 9)


def test_the_nights_the_clocks_change_say_so():
    spring = work_out(NIGHT, berlin(3, 28, 21), 8 * HOUR)
    assert [(line.note, line.room / HOUR) for line in spring.lines if line.what == "open"] == [
        ("the clocks go forward 1 h", 7), ("", 8),
    ]  # fmt: skip
    autumn = work_out(NIGHT, berlin(10, 24, 22), 8 * HOUR)
    assert [(line.note, line.room / HOUR) for line in autumn.lines] == [("the clocks go back 1 h", 9)]
    assert autumn.due == datetime(2026, 10, 25, 4, tzinfo=UTC)  # 05:00 by the later clock


def test_a_hold_is_named_with_what_it_takes():
    """From Monday 13:00 until Wednesday 00:00: the line says how much of the hours did not count, and why."""
    found = work_out(OFFICE, berlin(6, 8, 12), 2 * HOUR, holds=[Hold(berlin(6, 8, 13), berlin(6, 10), "Call me then")])
    assert told(found) == [
        ("open", "Mon 8 Jun", "12:00–13:00", 1, 1),
        ("held", "Mon 8 Jun", "Call me then", 12, 0),
        ("open", "Wed 10 Jun", "09:00–17:00", 1, 0),
    ]
    assert found.due == berlin(6, 10, 10)


def test_time_around_the_clock_is_one_line():
    found = work_out(ELAPSED, berlin(12, 31, 12), 48 * HOUR)
    assert told(found) == [("open", "Thu 31 Dec", "11:00–Sun 3 Jan 11:00", 48, 0)]


weekly = st.dictionaries(
    st.integers(0, 6),
    st.sampled_from(([(540, 1020)], [(510, 720), (780, 1050)], [(1320, 1800)], [(0, 1440)], [(130, 170)])),
    min_size=1,
)
spans = st.lists(st.tuples(st.integers(0, 90 * 24), st.integers(1, 200)), max_size=4)


def apart(gone):
    """Holds never overlap: those that would are left out."""
    kept = []
    for hour, length in sorted(gone):
        if not kept or hour > sum(kept[-1]):
            kept.append((hour, length))
    return kept


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(ZONES), weekly, spans, st.integers(0, 80 * 24 * 60), st.integers(1, 90 * 60), st.sampled_from((0, 37)))
def test_the_lines_add_up_to_what_add_says(zone, week, gone, minute, minutes, microsecond):
    first = datetime(2026, 3, 1, tzinfo=UTC) if minute % 2 else datetime(2026, 10, 1, tzinfo=UTC)
    exceptions = {first.date() + timedelta(days=9): [], first.date() + timedelta(days=20): [(600, 700)]}
    whole = Calendar.of(zone, week, exceptions)
    away = [(us(first + hour * HOUR), us(first + (hour + length) * HOUR)) for hour, length in apart(gone)]
    holds = [Hold(first + hour * HOUR, first + (hour + length) * HOUR, "") for hour, length in apart(gone)]
    calendar, start = without(whole, away), first + minute * MINUTE
    duration = minutes * MINUTE + timedelta(microseconds=microsecond)
    found = work_out(whole, start, duration, holds=holds)
    counted = [line for line in found.lines if line.what == "open"]
    assert found.due == add(calendar, start, duration)
    assert sum((line.took for line in counted), timedelta(0)) == duration
    assert counted[-1].start.astimezone(UTC) + counted[-1].took == found.due.astimezone(UTC)
    assert counted[-1].left == timedelta(0)
    assert [line.start for line in found.lines] == sorted(line.start for line in found.lines)
    # With the holds the same instants hold as much more as their lines say.
    lost = sum((line.took for line in found.lines if line.what == "held"), timedelta(0))
    assert between(whole, start, found.due) == duration + lost
    assert sum((close - open_ for open_, close in windows(calendar, start, found.due)), timedelta(0)) == duration


@given(weekly, spans, st.integers(0, 60 * 24 * 60))
def test_what_is_taken_out_is_never_open(week, gone, minute):
    first = datetime(2026, 12, 1, tzinfo=UTC)
    whole = Calendar.of("Europe/Berlin", week)
    away = [(us(first + hour * HOUR), us(first + (hour + length) * HOUR)) for hour, length in gone]
    at = us(first + minute * MINUTE)
    here = first + minute * MINUTE
    is_away = any(start <= at < end for start, end in away)
    open_now = between(without(whole, away), here, here + timedelta(microseconds=1)) > timedelta(0)
    assert open_now == (not is_away and between(whole, here, here + timedelta(microseconds=1)) > timedelta(0))
    assert without(without(whole, away), ()) == whole


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("4 h", 240), ("1 h 20 min", 80), ("90min", 90), ("1:30", 90), ("2.5", 150), ("2,5 hours", 150), ("48", 2880), ("0", 0)],
)
def test_lengths_are_read_as_people_write_them(text, minutes):
    assert read_length(text) == minutes * MINUTE


@pytest.mark.parametrize("text", ["", "soon", "4 x", "-3", "1:75", "10001 h", "h", "9" * 30])
def test_lengths_nobody_can_read_are_refused(text):
    with pytest.raises(Invalid, match=r"Write it as|At most"):
        read_length(text)


def test_lengths_in_words():
    assert [length_words(timedelta(seconds=s)) for s in (0, 45, 90, 3600, 26400, 3_600_000)] == [
        "0 min", "45 s", "1 min 30 s", "1 h", "7 h 20 min", "1,000 h",
    ]  # fmt: skip


def test_an_ask_in_split_hours():
    found = work_out(SPLIT, berlin(6, 12, 11, 30), HOUR)
    assert [span_of_hours(line) for line in found.lines] == ["11:30–12:00", "13:00–17:30"]
    assert found.due.astimezone(ZoneInfo("Europe/Berlin")) == berlin(6, 12, 13, 30)
