"""Accept, reject and taking it back: states, clocks, cases, owners, messages, and who may."""

from datetime import timedelta
from functools import partial

import pytest

from handoff.actions import accept_handoff, log_attempt, reject_handoff, review_rejection, undo_answer
from handoff.models import HandoffEvent, SlaTimer
from handoff.sla import verdict
from handoff.states import ClockKind, HandoffState
from handoff.sweep import sweep
from leads.errors import Conflict, Invalid, NotAllowed
from leads.models import Case, Outbox, Reason
from leads.notify.outbox import deliver
from tests.handoff.conftest import HOUR, MONDAY


def test_an_accepted_lead_is_sal_with_a_case_and_a_first_contact_clock(work, cast):
    handoff = work.offered()
    work.hands.advance(HOUR)
    accepted = accept_handoff(handoff, actor=cast.rep)
    fresh = work.fresh(accepted)
    assert (fresh.state, fresh.answered_at, fresh.version) == (HandoffState.ACCEPTED, MONDAY + HOUR, accepted.version)
    assert fresh.lead.stage == "sal"
    assert fresh.lead.owner == cast.rep
    accept = work.timer(handoff, ClockKind.ACCEPT)
    assert (accept.state, accept.met_at, accept.consumed_us) == ("met", MONDAY + HOUR, 3_600_000_000)
    contact = work.timer(handoff, ClockKind.FIRST_CONTACT)
    assert contact.state == "running"
    assert contact.due_at == fresh.due_at == MONDAY + 25 * HOUR  # Tuesday 11:00, eight working hours on
    case = Case.objects.get(lead=fresh.lead)
    assert (case.kind, case.outcome, case.decided_at) == ("decision", "working", MONDAY + HOUR)
    assert case.facts["company.employees"] == 480
    assert case.score["version"] == work.version.pk


def test_a_rejected_lead_goes_to_marketing_with_its_reason(work, cast):
    handoff = work.offered()
    work.hands.advance(HOUR)
    reject_handoff(handoff, actor=cast.rep, reason="too_small", note="Four people")
    fresh = work.fresh(handoff)
    assert (fresh.state, fresh.reason.code, fresh.note, fresh.due_at) == (HandoffState.REJECTED, "too_small", "Four people", None)
    assert fresh.lead.stage == "rejected"
    assert fresh.lead.owner is None
    assert fresh.qualification.closed_as == "answered"
    case = Case.objects.get(lead=fresh.lead)
    assert (case.outcome, case.reason.code, case.outcome_at) == ("rejected", "too_small", MONDAY + HOUR)
    assert work.timer(handoff, ClockKind.REVIEW).state == "running"
    assert work.timer(handoff, ClockKind.ACCEPT).state == "met"


@pytest.mark.parametrize(
    ("reason", "note", "code"),
    [
        ("", "", "reason_needed"),
        ("nonsense", "", "reason_needed"),
        ("price", "", "reason_needed"),
        ("other", "  ", "words_needed"),
        ("wrong_fit", "", "reason_is_heading"),
    ],
)
def test_a_rejection_without_a_proper_reason_changes_nothing(work, cast, reason, note, code):
    handoff = work.offered()
    with pytest.raises(Invalid) as refused:
        reject_handoff(handoff, actor=cast.rep, reason=reason, note=note)
    assert refused.value.code == code
    assert work.fresh(handoff).state == HandoffState.OFFERED
    assert not Case.objects.exists()


def test_a_reason_that_was_switched_off_is_refused(work, cast):
    handoff = work.offered()
    Reason.objects.filter(code="too_small").update(active=False)
    with pytest.raises(Invalid):
        reject_handoff(handoff, actor=cast.rep, reason="too_small")
    assert work.fresh(handoff).state == HandoffState.OFFERED


def test_something_else_with_words_is_a_reason(work, cast):
    handoff = work.offered()
    assert reject_handoff(handoff, actor=cast.rep, reason="other", note="Met at the fair").note == "Met at the fair"


@pytest.mark.parametrize("person", ["other_rep", "manager", "marketer", "outsider"])
@pytest.mark.parametrize("verb", [accept_handoff, undo_answer])
def test_only_the_rep_it_is_with_answers(work, cast, person, verb):
    handoff = work.offered()
    if verb is undo_answer:
        accept_handoff(handoff, actor=cast.rep)
    before = work.fresh(handoff).version
    with pytest.raises(NotAllowed):
        verb(handoff, actor=getattr(cast, person))
    assert work.fresh(handoff).version == before


def test_an_inactive_rep_cannot_answer(work, cast):
    handoff = work.offered()
    cast.rep.is_active = False
    with pytest.raises(NotAllowed):
        accept_handoff(handoff, actor=cast.rep)


def test_who_comes_second_is_told_who_was_first(work, cast):
    handoff = work.offered()
    stale = work.fresh(handoff)
    accept_handoff(handoff, actor=cast.rep)
    with pytest.raises(Conflict, match="Rita Rep accepted this hand-off at"):
        reject_handoff(stale, actor=cast.rep, reason="too_small")
    assert Case.objects.get().outcome == "working"


def test_an_accept_taken_back_goes_on_as_if_never_answered(work, cast, steps):
    handoff = work.offered()
    before = work.timer(handoff, ClockKind.ACCEPT)
    work.hands.advance(HOUR)
    accept_handoff(handoff, actor=cast.rep)
    work.hands.advance(timedelta(seconds=10))
    undo_answer(handoff, actor=cast.rep)
    fresh, clock = work.fresh(handoff), work.timer(handoff, ClockKind.ACCEPT)
    assert (fresh.state, fresh.epoch, fresh.answered_at, fresh.undo_until) == (HandoffState.OFFERED, 2, None, None)
    assert (clock.state, clock.due_at, clock.running_since) == ("running", before.due_at, MONDAY + HOUR)
    assert fresh.due_at == before.due_at
    assert clock.epoch > before.epoch
    assert [code for _, code in clock.plan] == [code for _, code in before.plan]
    assert work.timer(handoff, ClockKind.FIRST_CONTACT).state == "cancelled"
    assert (fresh.lead.stage, fresh.lead.owner) == ("mql", cast.rep)
    assert Case.objects.get().outcome == "unknown"
    work.hands.move_to(before.due_at)
    assert sweep() == 1
    assert ("breach", "fired") in steps(clock)


@pytest.mark.parametrize("verb", [accept_handoff, partial(reject_handoff, reason="too_small")], ids=["accept", "reject"])
def test_an_overdue_promise_stays_overdue_since_then_when_the_answer_is_taken_back(work, cast, steps, verb):
    handoff = work.offered()
    before = work.timer(handoff, ClockKind.ACCEPT)
    work.hands.move_to(before.due_at + timedelta(minutes=85))
    sweep()
    fired = [code for code, outcome in steps(before) if outcome == "fired"]
    assert "breach" in fired
    for _ in range(2):
        verb(handoff, actor=cast.rep)
        work.hands.advance(timedelta(seconds=5))
        undo_answer(handoff, actor=cast.rep)
    fresh, clock = work.fresh(handoff), work.timer(handoff, ClockKind.ACCEPT)
    assert (fresh.state, fresh.due_at, clock.due_at, clock.state) == (
        HandoffState.OFFERED,
        before.due_at,
        before.due_at,
        "running",
    )
    sweep()
    assert [code for code, outcome in steps(clock) if outcome == "fired"] == fired
    accept_handoff(handoff, actor=cast.rep)
    clock.refresh_from_db()
    assert verdict(clock, clock.met_at) is False


def test_a_reject_taken_back_restores_case_owner_and_qualification(work, cast):
    handoff = work.offered(kind="mqo")
    reject_handoff(handoff, actor=cast.rep, reason="too_small")
    undo_answer(handoff, actor=cast.rep)
    fresh = work.fresh(handoff)
    assert (fresh.state, fresh.reason, fresh.note) == (HandoffState.OFFERED, None, "")
    assert (fresh.lead.stage, fresh.lead.owner) == ("mql", cast.rep)
    assert fresh.qualification.closed_at is None
    assert work.timer(handoff, ClockKind.REVIEW).state == "cancelled"
    assert work.timer(handoff, ClockKind.MQO_FOLLOWUP).state == "running"
    assert Case.objects.get().reason is None


def test_answering_again_after_undo_uses_the_same_case(work, cast):
    handoff = work.offered()
    accept_handoff(handoff, actor=cast.rep)
    undo_answer(handoff, actor=cast.rep)
    reject_handoff(handoff, actor=cast.rep, reason="no_need")
    case = Case.objects.get()
    assert (case.outcome, case.reason.code) == ("rejected", "no_need")
    assert list(HandoffEvent.objects.filter(handoff=handoff).values_list("verb", flat=True)) == [
        "open",
        "offer",
        "accept",
        "undo",
        "reject",
    ]


def test_after_fifteen_seconds_an_answer_stands(work, cast):
    handoff = work.offered()
    accept_handoff(handoff, actor=cast.rep)
    work.hands.advance(timedelta(seconds=15))
    undo_answer(handoff, actor=cast.rep)
    accept_handoff(handoff, actor=cast.rep)
    work.hands.advance(timedelta(seconds=15, microseconds=1))
    with pytest.raises(Conflict, match="over"):
        undo_answer(handoff, actor=cast.rep)
    assert work.fresh(handoff).state == HandoffState.ACCEPTED


def test_what_was_worked_on_cannot_be_taken_back(work, cast):
    handoff = work.offered()
    accept_handoff(handoff, actor=cast.rep)
    log_attempt(handoff, actor=cast.rep, channel="call", result="no_answer")
    with pytest.raises(Conflict):
        undo_answer(handoff, actor=cast.rep)
    assert work.fresh(handoff).state == HandoffState.CONTACTED


def test_marketing_hears_of_a_rejection_once_it_can_no_longer_be_taken_back(work, cast):
    handoff = work.offered()
    reject_handoff(handoff, actor=cast.rep, reason="too_small")
    row = Outbox.objects.get(kind="handoff.answered", recipient=cast.marketer)
    assert row.state == "pending"
    work.hands.advance(timedelta(seconds=15))
    deliver()
    row.refresh_from_db()
    assert row.state == "sent"


def test_nobody_hears_of_a_rejection_that_was_taken_back(work, cast):
    handoff = work.offered()
    reject_handoff(handoff, actor=cast.rep, reason="too_small")
    undo_answer(handoff, actor=cast.rep)
    work.hands.advance(timedelta(seconds=20))
    deliver()
    assert Outbox.objects.get(kind="handoff.answered", recipient=cast.marketer).state == "dropped"


def test_a_review_waits_until_the_rejection_stands(work, cast):
    handoff = work.offered()
    reject_handoff(handoff, actor=cast.rep, reason="too_small")
    with pytest.raises(Conflict):
        review_rejection(handoff, actor=cast.marketer, verdict="agree")
    work.hands.advance(timedelta(seconds=16))
    assert review_rejection(handoff, actor=cast.marketer, verdict="agree").verdict == "agree"


def test_an_answer_after_the_breach_keeps_the_breach(work, cast, steps):
    handoff = work.offered()
    work.hands.advance(5 * HOUR)
    accept_handoff(handoff, actor=cast.rep)
    timer = work.timer(handoff, ClockKind.ACCEPT)
    assert timer.met_at > timer.due_at
    assert ("breach", "recorded") in steps(timer)
    assert sweep() == 0
    assert not Outbox.objects.filter(timer_id=timer.pk).exists()


def test_an_answer_at_the_very_due_time_is_in_time(work, cast):
    handoff = work.offered()
    timer = work.timer(handoff, ClockKind.ACCEPT)
    work.hands.move_to(timer.due_at)
    accept_handoff(handoff, actor=cast.rep)
    timer = SlaTimer.objects.get(pk=timer.pk)
    assert timer.met_at == timer.due_at
