"""Whose the time of a hand-off was: the waits sum to the whole, in hours and out, on hold, over hands and back."""

import csv
import io
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from handoff.actions import accept_handoff, log_attempt, reassign, reject_handoff, review_rejection
from handoff.blame import Course, Move, Span, Whose, courses, gaps, shares, whole
from handoff.blame_report import Report, percentile, spent_on
from handoff.businesstime import Calendar, between
from handoff.models import Rep
from handoff.policybook import PolicyBook
from handoff.states import ClockKind
from leads.models import Submission
from tests.handoff.conftest import HOUR, MONDAY

OFFICE = Calendar.of("Europe/Berlin", {day: [(540, 1020)] for day in range(5)})
MINUTE = timedelta(minutes=1)


def course(*moves, holds=(), submitted=None, qualified=None):
    made = tuple(Move(MONDAY + at, state, 1 if state != "queued" else None, verb) for at, state, verb in moves)
    kinds = {
        "queued": ClockKind.OFFER,
        "offered": ClockKind.ACCEPT,
        "accepted": ClockKind.FIRST_CONTACT,
        "rejected": ClockKind.REVIEW,
    }
    clocks = tuple(Span(kinds[move.state], move.at, OFFICE, tuple(holds)) for move in made if move.state in kinds)
    return Course(submitted, qualified, made, clocks)


def test_an_answer_overnight_is_the_reps_in_hours_only():
    """Offered Monday 16:00, answered Tuesday 10:00: two hours are the rep's, sixteen nobody's."""
    found = gaps(
        course(
            (5 * HOUR, "queued", "open"), (6 * HOUR, "offered", "offer"), (24 * HOUR, "accepted", "accept"), (25 * HOUR, "contacted", "attempt"),
            submitted=MONDAY, qualified=MONDAY + 4 * HOUR,
        ),
        MONDAY + 99 * HOUR,
    )  # fmt: skip
    assert shares(found) == {
        Whose.SYSTEM: 5 * HOUR, Whose.QUEUE: HOUR, Whose.REP: 3 * HOUR, Whose.OFF_HOURS: 16 * HOUR,
    }  # fmt: skip
    assert whole(found) == 25 * HOUR
    assert [(gap.what, gap.whose.value) for gap in found[:2]] == [("to qualify", "system"), ("to open the hand-off", "system")]


def test_a_hold_is_nobodys_also_over_the_night_and_a_return_to_work_counts_again():
    held = (MONDAY + 2 * HOUR, MONDAY + 24 * HOUR)
    found = gaps(
        course((timedelta(0), "queued", "open"), (HOUR, "offered", "offer"), (25 * HOUR, "contacted", "attempt"),
               (26 * HOUR, "offered", "reassign"), holds=[held]),
        MONDAY + 27 * HOUR,
    )  # fmt: skip
    assert shares(found) == {Whose.QUEUE: HOUR, Whose.REP: 3 * HOUR, Whose.PAUSED: 22 * HOUR, Whose.WORK: HOUR}
    assert whole(found) == 27 * HOUR
    rejected = course((timedelta(0), "offered", "offer"), (HOUR, "rejected", "reject"), (3 * HOUR, "rejected", "dispute"),
                      (5 * HOUR, "rejected", "settle"))  # fmt: skip
    assert shares(gaps(rejected, MONDAY + 90 * HOUR)) == {Whose.REP: HOUR, Whose.MARKETING: 4 * HOUR}


STATES = st.sampled_from(["queued", "offered", "accepted", "contacted", "rejected", "closed"])


@given(
    st.lists(st.tuples(st.integers(0, 20_000), STATES), min_size=1, max_size=9),
    st.lists(st.tuples(st.integers(0, 20_000), st.integers(1, 4000)), max_size=1),
    st.integers(0, 40_000),
)
def test_whatever_happened_the_waits_sum_exactly_to_the_whole(steps, holds, until):
    steps = sorted(steps, key=lambda step: step[0])
    spans = [(MONDAY + start * MINUTE, MONDAY + (start + length) * MINUTE) for start, length in holds]
    given_course = course(*((at * MINUTE, state, "move") for at, state in steps), holds=spans, submitted=MONDAY - HOUR)
    now = MONDAY + until * MINUTE
    found = gaps(given_course, now)
    waits = {"queued", "offered", "accepted", "rejected"}
    last = max((number for number, (_, state) in enumerate(steps) if state in waits), default=None)
    first = MONDAY - HOUR
    if last is None:
        end = given_course.moves[0].at
    elif last + 1 < len(steps):
        end = given_course.moves[last + 1].at
    else:
        end = max(now, given_course.moves[last].at)
    assert whole(found) == end - first
    assert all(gap.took > timedelta(0) for gap in found)
    open_time = sum((between(OFFICE, gap.start, gap.end) for gap in {(g.start, g.end): g for g in found}.values()), timedelta(0))
    assert sum((gap.took for gap in found if gap.whose in (Whose.REP, Whose.QUEUE, Whose.MARKETING)), timedelta(0)) <= open_time


def test_it_is_read_from_what_the_verbs_stored(work, cast, client_of):
    """Rita lets Monday's offer lie for two hours, Otto gets it, accepts on Tuesday and calls; another is rejected and reviewed."""
    Rep.objects.create(user=cast.other_rep)
    Rep.objects.filter(user=cast.other_rep).update(takes_leads=False)
    lead = work.make.lead(company=work.make.company())
    Submission.objects.create(channel="api", kind="lead", lead=lead, received_at=MONDAY - HOUR, raw={}, status="created")
    first = work.offered(lead=lead)
    other = work.offered()
    work.hands.move_to(MONDAY + 2 * HOUR)
    Rep.objects.filter(user=cast.other_rep).update(takes_leads=True)
    reassign(first, actor=cast.manager, to=cast.other_rep, reason="Ill")
    reject_handoff(other, actor=cast.rep, reason="too_small")
    work.hands.move_to(MONDAY + 24 * HOUR)
    log_attempt(accept_handoff(work.fresh(first), actor=cast.other_rep), actor=cast.other_rep, channel="call", result="reached")
    review_rejection(work.fresh(other), actor=cast.marketer, verdict="agree")
    now = MONDAY + 48 * HOUR
    found = {pk: gaps(one, now) for pk, one in courses([first.pk, other.pk], PolicyBook(now)).items()}
    assert shares(found[first.pk]) == {Whose.SYSTEM: HOUR, Whose.REP: 8 * HOUR, Whose.OFF_HOURS: 16 * HOUR}
    assert shares(found[other.pk]) == {Whose.REP: 2 * HOUR, Whose.MARKETING: 6 * HOUR, Whose.OFF_HOURS: 16 * HOUR}
    theirs = [(gap.owner_id, gap.took) for gap in found[first.pk] if gap.whose == Whose.REP]
    assert theirs == [(cast.rep.pk, 2 * HOUR), (cast.other_rep.pk, 6 * HOUR)]
    spent = spent_on(first, now)
    assert (spent.seconds, round(sum(part.width for part in spent.parts))) == (25 * 3600, 100)
    # On the packet, in the report and in its file.
    html = client_of(cast.manager).get(f"/handoffs/{first.pk}/").content.decode()
    for words in ("Where the time went", "25h 00m in all", "Out of hours", "for the answer"):
        assert words in html, words
    work.hands.move_to(now)
    report = Report(cast.marketer, now)
    stages = {line.name: (line.count, line.median) for line in report.stages}
    assert stages["Submission to qualified"] == (1, 3600)
    assert stages["Answered to first attempt"] == (1, 0)
    assert {part.words: line.count for part, line in report.whose}["Marketing"] == 1
    assert [(rep.name, rep.count, rep.median, every.count) for rep, _, every in report.groups] == [
        ("Rita Rep", 2, 2 * 3600, 1),
        (str(cast.other_rep), 1, 6 * 3600, 1),
    ]
    page = client_of(cast.marketer).get("/board/time/", {"by": "team", "days": "x"}).content.decode()
    assert "Stage by stage" in page
    rows = list(csv.DictReader(io.StringIO(client_of(cast.marketer).get("/board/time/export/").content.decode("utf-8-sig"))))
    assert {"What": "Whose", "Which": "Marketing", "Hand-offs": "1", "Median, s": "21600", "90th percentile, s": "21600"} in rows
    assert Report(cast.marketer, datetime(2027, 1, 1, tzinfo=UTC)).rows == []


def test_percentiles_are_those_of_the_database():
    assert percentile([4, 1, 3, 2], 0.5) == 2.5
    assert percentile([1, 2, 3, 4], 0.9) == 3.7
    assert percentile([], 0.5) is None
