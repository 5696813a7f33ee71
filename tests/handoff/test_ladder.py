"""Plans of steps and what comes due, as pure functions."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.businesstime import ELAPSED, Calendar
from handoff.ladder import PAUSE_CAP, Ladder, Rung, advance, due_at, from_us, plan, to_us

HOUR_US = 3_600_000_000
OFFICE = Calendar.of("Europe/Berlin", {day: [(540, 1020)] for day in range(5)})
FRIDAY = datetime(2026, 6, 12, 13, 0, tzinfo=UTC)  # 15:00 in Berlin
RUNGS = (
    Rung("half", "remind", 50),
    Rung("late", "remind", 90),
    Rung("breach", "breach", 100),
    Rung("head", "escalate", None, 2 * HOUR_US),
    Rung("move", "reassign", None, 4 * HOUR_US),
)
LADDER = Ladder(1, "accept", "business", "owner", 4 * HOUR_US, 0, 0, RUNGS)


def planned(consumed=0, since=FRIDAY, done=(), calendar=OFFICE):
    return plan(calendar, RUNGS, target_us=4 * HOUR_US, consumed_us=consumed, running_since=since, done=done)


def test_steps_are_instants_on_the_clocks_own_time():
    assert [(from_us(instant).isoformat()[:16], code) for instant, code in planned()] == [
        ("2026-06-12T15:00", "half"),
        ("2026-06-15T08:36", "late"),
        ("2026-06-15T09:00", "breach"),
        ("2026-06-15T11:00", "head"),
        ("2026-06-15T13:00", "move"),
    ]


def test_what_was_done_is_not_planned_again():
    assert [code for _, code in planned(done={"half", "breach"})] == ["late", "head", "move"]


def test_a_threshold_already_used_up_is_due_at_once():
    entries = planned(consumed=3 * HOUR_US)
    assert entries[0] == (to_us(FRIDAY), "half")
    assert due_at(OFFICE, target_us=4 * HOUR_US, consumed_us=3 * HOUR_US, running_since=FRIDAY) == FRIDAY + timedelta(hours=1)


def outcomes(entries, at, **kwargs):
    firings, rest = advance(entries, LADDER, at, **kwargs)
    return [(firing.code, firing.outcome) for firing in firings], [code for _, code in rest]


def test_one_step_due_is_fired():
    entries = planned()
    assert outcomes(entries, from_us(entries[0][0])) == ([("half", "fired")], ["late", "breach", "head", "move"])


def test_nothing_due_changes_nothing():
    entries = planned()
    assert outcomes(entries, FRIDAY) == ([], [code for _, code in entries])


def test_of_several_the_last_is_fired_and_the_breach_is_never_skipped():
    entries = planned()
    assert outcomes(entries, from_us(entries[3][0]))[0] == [
        ("half", "skipped"),
        ("late", "skipped"),
        ("breach", "fired"),
        ("head", "fired"),
    ]


def test_an_act_is_done_even_when_a_message_comes_after_it():
    rungs = (*RUNGS, Rung("again", "escalate", None, 6 * HOUR_US))
    ladder = Ladder(1, "accept", "business", "owner", 4 * HOUR_US, 0, 0, rungs)
    entries = plan(ELAPSED, rungs, target_us=4 * HOUR_US, consumed_us=0, running_since=FRIDAY)
    firings, rest = advance(entries, ladder, FRIDAY + timedelta(days=9))
    assert {firing.code for firing in firings if firing.outcome == "fired"} == {"breach", "move", "again"}
    assert rest == []


def test_a_persons_deed_records_the_breach_and_tells_nobody():
    entries = planned()
    fired, _ = outcomes(entries, from_us(entries[4][0] + 1), by_person=True)
    assert fired == [("half", "skipped"), ("late", "skipped"), ("breach", "recorded"), ("head", "skipped"), ("move", "skipped")]


def test_a_deed_at_the_very_due_time_comes_before_the_breach():
    entries = planned()
    assert outcomes(entries, from_us(entries[2][0]), by_person=True)[0] == [("half", "skipped"), ("late", "skipped")]
    assert ("breach", "fired") in outcomes(entries, from_us(entries[2][0]))[0]


def test_the_end_of_a_pause_needs_no_step():
    firings, rest = advance([[to_us(FRIDAY), PAUSE_CAP]], LADDER, FRIDAY)
    assert [(firing.code, firing.outcome) for firing in firings] == [(PAUSE_CAP, "fired")]
    assert rest == []


def test_an_unknown_step_is_an_error():
    with pytest.raises(LookupError):
        advance([[to_us(FRIDAY), "nonsense"]], LADDER, FRIDAY)


@given(st.integers(0, 6 * HOUR_US), st.timedeltas(timedelta(0), timedelta(days=10)))
def test_each_step_comes_due_exactly_once_however_often_one_looks(consumed, wait):
    entries = planned(consumed)
    first, rest = advance(entries, LADDER, FRIDAY + wait)
    second, left = advance(rest, LADDER, FRIDAY + wait + wait)
    codes = [firing.code for firing in first + second] + [code for _, code in left]
    assert sorted(codes) == sorted(rung.code for rung in RUNGS)
