"""Attempts, conversion, outcomes and giving up."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from handoff.actions import accept_handoff, close_lost, close_won, convert, log_attempt, recycle_handoff
from handoff.models import Attempt, SlaEvent
from handoff.states import ClockKind, HandoffState
from handoff.sweep import sweep
from leads.actions.outcome import record_outcome
from leads.errors import Conflict, Invalid, NotAllowed
from leads.intake.batch import take_in_outcomes
from leads.intake.incoming import AboutLead, IncomingOutcome, Who
from leads.models import Case, Outbox, Reason
from tests.handoff.conftest import HOUR, MONDAY


@pytest.fixture
def accepted(work, cast):
    return accept_handoff(work.offered(), actor=cast.rep)


def call(handoff, actor, result="no_answer", **more):
    return log_attempt(handoff, actor=actor, channel="call", result=result, **more)


def test_the_first_attempt_meets_first_contact_reached_or_not(work, cast, accepted):
    work.hands.advance(HOUR)
    call(accepted, cast.rep, next_step_on=date(2026, 6, 10))
    fresh = work.fresh(accepted)
    assert (fresh.state, fresh.contacted_at, fresh.attempts_made) == (HandoffState.CONTACTED, MONDAY + HOUR, 1)
    assert (fresh.due_at, fresh.next_step_on) == (None, date(2026, 6, 10))
    assert work.timer(accepted, ClockKind.FIRST_CONTACT).met_at == MONDAY + HOUR


def test_the_next_step_stays_until_another_is_given(work, cast, accepted):
    call(accepted, cast.rep, next_step_on=date(2026, 6, 10))
    call(accepted, cast.rep)
    assert work.fresh(accepted).next_step_on == date(2026, 6, 10)
    convert(accepted, actor=cast.rep)
    assert work.fresh(accepted).next_step_on == date(2026, 6, 10)
    call(accepted, cast.rep, next_step_on=date(2026, 6, 12))
    assert work.fresh(accepted).next_step_on == date(2026, 6, 12)


def test_nobody_gives_up_until_a_day_that_is_over(work, cast, accepted):
    for day in (date(2020, 1, 1), date(2026, 6, 8)):
        with pytest.raises(Invalid) as refused:
            recycle_handoff(accepted, actor=cast.rep, note="Left", return_on=day)
        assert (refused.value.code, refused.value.field) == ("in_past", "return_on")
    assert work.fresh(accepted).state == HandoffState.ACCEPTED
    recycle_handoff(accepted, actor=cast.rep, note="Left", return_on=date(2026, 6, 9))
    assert work.fresh(accepted).lead.return_on == date(2026, 6, 9)


def test_further_attempts_are_counted_and_change_no_state(work, cast, accepted):
    for _ in range(3):
        call(accepted, cast.rep)
    fresh = work.fresh(accepted)
    assert (fresh.state, fresh.attempts_made, fresh.contacted_at) == (HandoffState.CONTACTED, 3, MONDAY)
    assert Attempt.objects.filter(handoff=accepted).count() == 3


def test_an_mqo_is_followed_up_by_the_first_attempt(work, cast):
    handoff = accept_handoff(work.offered(kind="mqo"), actor=cast.rep)
    follow_up = work.timer(handoff, ClockKind.MQO_FOLLOWUP)
    assert follow_up.due_at == MONDAY + 48 * HOUR
    call(handoff, cast.rep)
    assert work.timer(handoff, ClockKind.MQO_FOLLOWUP).state == "met"


def test_a_call_logged_later_counts_with_its_own_time(work, cast, accepted, steps):
    timer = work.timer(accepted, ClockKind.FIRST_CONTACT)
    work.hands.move_to(timer.due_at + timedelta(minutes=1))
    sweep()
    assert ("breach", "fired") in steps(timer)
    work.hands.advance(HOUR)
    call(accepted, cast.rep, at=timer.due_at - timedelta(minutes=5))
    timer.refresh_from_db()
    assert timer.met_at == timer.due_at - timedelta(minutes=5)
    assert steps(timer)[-2:] == [("met", "recorded"), ("breach", "withdrawn")]
    told = set(Outbox.objects.filter(kind="handoff.breach_withdrawn").values_list("recipient__email", flat=True))
    assert told == {cast.rep.email, cast.manager.email}


def test_a_call_logged_too_late_counts_when_it_was_logged(work, cast, accepted, steps):
    timer = work.timer(accepted, ClockKind.FIRST_CONTACT)
    work.hands.move_to(timer.due_at + 5 * HOUR)
    call(accepted, cast.rep, at=timer.due_at - timedelta(minutes=5))
    timer.refresh_from_db()
    assert timer.met_at > timer.due_at
    assert ("breach", "withdrawn") not in steps(timer)
    assert Attempt.objects.get().at == timer.due_at - timedelta(minutes=5)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"channel": "pigeon"}, "unknown_channel"),
        ({"result": "maybe"}, "unknown_result"),
        ({"at": MONDAY + HOUR}, "in_future"),
        ({"at": MONDAY - HOUR}, "too_early"),
    ],
)
def test_an_attempt_that_cannot_be_is_refused(work, cast, accepted, values, code):
    with pytest.raises(Invalid) as refused:
        log_attempt(accepted, actor=cast.rep, **({"channel": "call", "result": "reached"} | values))
    assert refused.value.code == code
    assert not Attempt.objects.exists()


def test_an_offer_must_be_accepted_before_it_is_worked(work, cast):
    handoff = work.offered()
    for act in (
        lambda: call(handoff, cast.rep),
        lambda: convert(handoff, actor=cast.rep),
        lambda: close_won(handoff, actor=cast.rep),
        lambda: close_lost(handoff, actor=cast.rep, reason="price"),
        lambda: recycle_handoff(handoff, actor=cast.rep, note="no"),
    ):
        with pytest.raises(Conflict):
            act()
    assert work.fresh(handoff).state == HandoffState.OFFERED


def test_work_is_for_the_rep_and_the_reps_manager(work, cast, accepted):
    for person in (cast.other_rep, cast.marketer, cast.outsider):
        with pytest.raises(NotAllowed):
            call(accepted, person)
    assert call(accepted, cast.manager).actor == cast.manager


def test_a_conversion_is_sql_and_a_contact(work, cast, accepted):
    convert(accepted, actor=cast.rep, amount=Decimal("12000"))
    fresh = work.fresh(accepted)
    assert (fresh.state, fresh.amount, fresh.converted_at, fresh.contacted_at) == (HandoffState.CONVERTED, 12000, MONDAY, MONDAY)
    assert fresh.lead.stage == "sql"
    assert work.timer(accepted, ClockKind.FIRST_CONTACT).state == "met"
    assert Case.objects.get().outcome == "working"


@pytest.mark.parametrize("amount", [Decimal("-1"), Decimal("NaN"), Decimal("1e15")])
def test_an_impossible_amount_is_refused(work, cast, accepted, amount):
    with pytest.raises(Invalid) as refused:
        convert(accepted, actor=cast.rep, amount=amount)
    assert refused.value.code == "bad_amount"


def test_a_won_deal_ends_hand_off_qualification_and_case(work, cast, accepted):
    convert(accepted, actor=cast.rep, amount=Decimal("12000"))
    close_won(accepted, actor=cast.rep, note="Signed")
    fresh = work.fresh(accepted)
    assert (fresh.state, fresh.closed_as, fresh.closed_at, fresh.due_at) == (HandoffState.CLOSED, "won", MONDAY, None)
    assert fresh.lead.stage == "won"
    assert fresh.qualification.closed_as == "answered"
    case = Case.objects.get()
    assert (case.outcome, case.amount) == ("won", 12000)
    assert not fresh.timers.filter(state__in=("running", "paused")).exists()


def test_a_lost_deal_needs_a_reason_for_losing(work, cast, accepted):
    with pytest.raises(Invalid):
        close_lost(accepted, actor=cast.rep, reason="unreachable")
    with pytest.raises(Invalid):
        close_lost(accepted, actor=cast.rep, reason="other")
    close_lost(accepted, actor=cast.rep, reason="price")
    case = Case.objects.get()
    assert (case.outcome, case.reason.code, work.fresh(accepted).closed_as) == ("lost", "price", "lost")


def test_an_outcome_told_elsewhere_ends_the_open_hand_off(work, cast, accepted):
    record_outcome(accepted.lead, "won", actor=None, at=MONDAY)
    fresh = work.fresh(accepted)
    assert (fresh.state, fresh.closed_as) == (HandoffState.CLOSED, "won")
    assert fresh.qualification.closed_as == "answered"
    assert Case.objects.get().outcome == "won"
    assert not fresh.timers.filter(state="running").exists()


def test_an_outcome_told_while_queued_ends_the_hand_off_too(work, cast):
    work.cast.rep.rep.delete()
    handoff = work.queued()
    record_outcome(handoff.lead, "lost", actor=None, at=MONDAY)
    fresh = work.fresh(handoff)
    assert (fresh.state, fresh.closed_as, fresh.queue_reason) == (HandoffState.CLOSED, "lost", "")


def told_by_hand(lead):
    record_outcome(lead, "rejected", actor=None, at=MONDAY, reason=Reason.objects.get(code="bad_timing"))


def told_by(channel):
    def tell(lead):
        outcome = IncomingOutcome("rejected", at=MONDAY, reason="bad_timing")
        (taken,) = take_in_outcomes([AboutLead(Who(email=lead.email), outcome=outcome)], actor=None, channel=channel)
        assert taken.status in ("created", "updated"), taken

    return tell


@pytest.mark.parametrize("tell", [told_by_hand, told_by("api"), told_by("import")], ids=["by hand", "api", "import"])
@pytest.mark.parametrize("answered", [False, True])
def test_a_rejection_told_elsewhere_ends_the_open_hand_off_and_frees_the_owner(work, cast, tell, answered):
    handoff = work.offered()
    if answered:
        accept_handoff(handoff, actor=cast.rep)
    tell(handoff.lead)
    fresh = work.fresh(handoff)
    assert (fresh.state, fresh.closed_as, fresh.reason.code, fresh.due_at) == (
        HandoffState.CLOSED,
        "rejected",
        "bad_timing",
        None,
    )
    assert (fresh.lead.stage, fresh.lead.owner) == ("rejected", None)
    assert fresh.qualification.closed_as == "answered"
    assert not fresh.timers.filter(state__in=("running", "paused")).exists()
    assert fresh.events.order_by("pk").last().detail["from"] == "outcome"


def test_giving_up_early_needs_words_and_recycles(work, cast, accepted):
    call(accepted, cast.rep)
    with pytest.raises(Invalid, match="5 attempts are agreed, 1 were made"):
        recycle_handoff(accepted, actor=cast.rep)
    recycle_handoff(accepted, actor=cast.rep, note="Left the company", return_on=date(2026, 9, 1))
    fresh = work.fresh(accepted)
    assert (fresh.state, fresh.lead.stage, fresh.lead.return_on) == (HandoffState.RECYCLED, "recycled", date(2026, 9, 1))
    assert (fresh.lead.owner, fresh.lead.engagement_from) == (None, MONDAY)
    assert Case.objects.get().outcome == "closed_unworked"
    assert fresh.qualification.closed_as == "answered"


def test_after_the_agreed_attempts_no_words_are_needed(work, cast, accepted):
    for _ in range(5):
        call(accepted, cast.rep)
    assert recycle_handoff(accepted, actor=cast.rep).state == HandoffState.RECYCLED


def test_events_tell_the_whole_story(work, cast, accepted):
    call(accepted, cast.rep)
    close_won(accepted, actor=cast.rep)
    verbs = list(accepted.events.order_by("pk").values_list("verb", "source", "target"))
    assert verbs == [
        ("open", "", "queued"), ("offer", "queued", "offered"), ("accept", "offered", "accepted"),
        ("attempt", "accepted", "contacted"), ("win", "contacted", "closed"),
    ]  # fmt: skip
    assert SlaEvent.objects.filter(handoff_id=accepted.pk, step="start").count() == 3
