"""Reassigning, withdrawing and marketing's reviews."""

from datetime import UTC, date, datetime, timedelta

import pytest

from handoff.actions import (
    accept_handoff,
    close_won,
    convert,
    log_attempt,
    reassign,
    recycle_handoff,
    reject_handoff,
    review_rejection,
    settle_dispute,
    withdraw,
)  # fmt: skip
from handoff.actions.assigning import expire_held
from handoff.models import Handoff, HandoffEvent, Leave, RejectionReview, Rep
from handoff.moves import allow, hold
from handoff.states import ClockKind, HandoffState
from leads.errors import Conflict, Invalid, NotAllowed
from leads.models import Outbox
from tests.handoff.conftest import HOUR, MONDAY


@pytest.fixture
def both(work, cast):
    """Otto takes leads too, after Rita."""
    return work.rep(cast.other_rep, last_offered_at=MONDAY)


def test_a_reassigned_lead_is_offered_anew_to_the_other_rep(work, cast, both):
    handoff = accept_handoff(work.offered(), actor=cast.rep)
    log_attempt(handoff, actor=cast.rep, channel="call", result="no_answer")
    work.hands.advance(HOUR)
    reassign(handoff, actor=cast.manager, to=cast.other_rep, reason="Speaks Dutch")
    fresh = work.fresh(handoff)
    assert (fresh.state, fresh.owner, fresh.epoch, fresh.offered_at) == (HandoffState.OFFERED, cast.other_rep, 2, MONDAY + HOUR)
    assert (fresh.opened_at, fresh.answered_at) == (MONDAY, None)
    assert (fresh.lead.stage, fresh.lead.owner) == ("mql", cast.other_rep)
    accept = work.timer(handoff, ClockKind.ACCEPT)
    assert (accept.state, accept.owner, accept.started_at) == ("running", cast.other_rep, MONDAY + HOUR)
    assert fresh.due_at == accept.due_at
    assert Outbox.objects.filter(kind="handoff.offered", recipient=cast.other_rep, channel="inapp").count() == 1
    left = Outbox.objects.get(kind="handoff.moved", recipient=cast.rep)
    assert left.payload["to"] == "Otto Other"
    assert fresh.routing["moved"]["reason"] == "Speaks Dutch"


def test_the_follow_up_of_an_mqo_is_not_started_again(work, cast, both):
    handoff = work.offered(kind="mqo")
    due = work.timer(handoff, ClockKind.MQO_FOLLOWUP).due_at
    work.hands.advance(HOUR)
    reassign(handoff, actor=cast.manager, to=cast.other_rep)
    assert handoff.timers.filter(kind=ClockKind.MQO_FOLLOWUP).count() == 1
    assert work.timer(handoff, ClockKind.MQO_FOLLOWUP).due_at == due


def test_an_opportunity_changes_hands_as_it_is(work, cast, both):
    handoff = accept_handoff(work.offered(), actor=cast.rep)
    convert(handoff, actor=cast.rep)
    reassign(handoff, actor=cast.manager, to=cast.other_rep)
    fresh = work.fresh(handoff)
    assert (fresh.state, fresh.owner, fresh.lead.stage) == (HandoffState.CONVERTED, cast.other_rep, "sql")


def test_a_queued_lead_can_be_given_to_somebody(work, cast, both):
    Rep.objects.update(takes_leads=False)
    handoff = work.queued()
    Rep.objects.filter(user=cast.other_rep).update(takes_leads=True)
    reassign(handoff, actor=cast.head_of_sales, to=cast.other_rep)
    fresh = work.fresh(handoff)
    assert (fresh.state, fresh.owner, fresh.queue_reason) == (HandoffState.OFFERED, cast.other_rep, "")
    assert work.timer(handoff, ClockKind.OFFER).state == "met"


def test_a_reassigned_lead_has_one_case_and_it_is_the_new_reps(work, cast, both):
    handoff = accept_handoff(work.offered(), actor=cast.rep)
    work.hands.advance(HOUR)
    reassign(handoff, actor=cast.manager, to=cast.other_rep)
    assert [case.outcome for case in handoff.lead.cases.all()] == ["unknown"]
    work.hands.advance(HOUR)
    accept_handoff(handoff, actor=cast.other_rep)
    work.hands.advance(HOUR)
    close_won(handoff, actor=cast.other_rep)
    assert [case.outcome for case in handoff.lead.cases.all()] == ["won"]


def test_a_reassigned_lead_that_is_then_rejected_has_one_case(work, cast, both):
    handoff = accept_handoff(work.offered(), actor=cast.rep)
    work.hands.advance(HOUR)
    reassign(handoff, actor=cast.manager, to=cast.other_rep)
    work.hands.advance(HOUR)
    reject_handoff(handoff, actor=cast.other_rep, reason="too_small")
    assert [(case.outcome, case.reason.code) for case in handoff.lead.cases.all()] == [("rejected", "too_small")]


def test_the_attempts_of_who_had_it_before_do_not_count(work, cast, both):
    handoff = accept_handoff(work.offered(), actor=cast.rep)
    for _ in range(5):
        log_attempt(handoff, actor=cast.rep, channel="call", result="no_answer", next_step_on=date(2026, 6, 10))
    work.hands.advance(HOUR)
    reassign(handoff, actor=cast.manager, to=cast.other_rep)
    fresh = work.fresh(handoff)
    assert (fresh.contacted_at, fresh.attempts_made, fresh.next_step_on) == (None, 0, None)
    assert fresh.attempts.count() == 5
    detail = HandoffEvent.objects.get(handoff=handoff, verb="reassign").detail
    assert (detail["attempts_made"], detail["contacted_at"]) == (5, MONDAY.isoformat())
    accept_handoff(handoff, actor=cast.other_rep)
    with pytest.raises(Invalid, match="5 attempts are agreed, 0 were made"):
        recycle_handoff(handoff, actor=cast.other_rep)


def test_a_manager_gives_to_the_own_team_only_and_a_head_to_all(work, cast, make):
    stranger = make.user("stella@accord.test", "Stella Stranger", "rep")
    work.rep(stranger, last_offered_at=MONDAY)
    handoff = work.offered()
    with pytest.raises(Invalid, match="Stella Stranger is in no team of yours"):
        reassign(handoff, actor=cast.manager, to=stranger)
    assert work.fresh(handoff).owner == cast.rep
    assert reassign(handoff, actor=cast.head_of_sales, to=stranger).owner == stranger


def test_nobody_switched_off_gets_a_lead(work, cast):
    work.rep(cast.other_rep, takes_leads=False, off_reason="At a fair")
    handoff = work.offered()
    with pytest.raises(Invalid, match="Otto Other is switched off: At a fair"):
        reassign(handoff, actor=cast.head_of_sales, to=cast.other_rep)
    assert work.fresh(handoff).owner == cast.rep


def test_the_queue_is_for_managers_who_have_a_team_to_give_it_to(work, cast, make):
    Rep.objects.update(takes_leads=False)
    handoff = work.queued()
    alone = make.user("mike@accord.test", "Mike Manager", "sales_manager")
    sees = {
        person.email: Handoff.objects.visible_to(person).filter(pk=handoff.pk).exists()
        for person in (cast.manager, alone, cast.head_of_sales, cast.rep)
    }
    assert sees == {cast.manager.email: True, alone.email: False, cast.head_of_sales.email: True, cast.rep.email: False}


@pytest.mark.parametrize("case", ["no_rep", "away", "inactive", "same"])
def test_nobody_who_cannot_take_it_gets_a_lead(work, cast, both, case):
    handoff, to = work.offered(), cast.other_rep
    if case == "no_rep":
        to = cast.marketer
    elif case == "away":
        Leave.objects.create(rep=both, starts_at=MONDAY - HOUR, ends_at=MONDAY + HOUR)
    elif case == "inactive":
        to.is_active = False
    else:
        to = cast.rep
    with pytest.raises(Invalid):
        reassign(handoff, actor=cast.manager, to=to)
    assert work.fresh(handoff).owner == cast.rep


@pytest.mark.parametrize("person", ["rep", "other_rep", "marketer", "outsider"])
def test_reassigning_and_withdrawing_are_for_who_assigns(work, cast, both, person):
    handoff = work.offered()
    for act in (
        lambda: reassign(handoff, actor=getattr(cast, person), to=cast.other_rep),
        lambda: withdraw(handoff, actor=getattr(cast, person), reason="no"),
    ):
        with pytest.raises(NotAllowed):
            act()
    assert work.fresh(handoff).state == HandoffState.OFFERED


def test_a_manager_of_another_team_cannot_touch_it(work, cast, both, make):
    stranger = make.user("mike@accord.test", "Mike Manager", "sales_manager")
    with pytest.raises(NotAllowed):
        reassign(work.offered(), actor=stranger, to=cast.other_rep)


def test_who_answers_after_a_reassignment_is_told(work, cast, both):
    handoff = work.offered()
    seen = work.fresh(handoff)
    reassign(handoff, actor=cast.manager, to=cast.other_rep)
    with pytest.raises(Conflict, match="Mona Manager reassigned this hand-off to Otto Other"):
        accept_handoff(seen, actor=cast.rep)
    assert accept_handoff(handoff, actor=cast.other_rep).owner == cast.other_rep


def test_a_withdrawn_lead_is_a_prospect_again(work, cast):
    handoff = accept_handoff(work.offered(), actor=cast.rep)
    with pytest.raises(Invalid):
        withdraw(handoff, actor=cast.manager, reason=" ")
    withdraw(handoff, actor=cast.manager, reason="Came in by mistake")
    fresh = work.fresh(handoff)
    assert (fresh.state, fresh.closed_as, fresh.lead.stage, fresh.lead.owner) == (
        HandoffState.CLOSED,
        "withdrawn",
        "prospect",
        None,
    )
    assert fresh.qualification.closed_as == "answered"
    assert not fresh.timers.filter(state__in=("running", "paused")).exists()


def test_an_expired_offer_leaves_a_case_without_work(work):
    handoff = work.offered()
    held = hold(handoff, actor=None)
    expire_held(held, allow(held, "expire"), "Nobody answered")
    fresh = work.fresh(handoff)
    assert (fresh.state, fresh.lead.stage) == (HandoffState.RECYCLED, "recycled")
    case = fresh.lead.cases.get()
    assert (case.kind, case.outcome) == ("closed", "closed_unworked")
    with pytest.raises(Conflict):
        allow(hold(handoff, actor=None), "expire")


# Reviews


@pytest.fixture
def rejected(work, cast):
    handoff = reject_handoff(work.offered(), actor=cast.rep, reason="too_small")
    work.hands.advance(timedelta(seconds=20))
    return handoff


def test_agreeing_ends_the_review_clock(work, cast, rejected):
    review_rejection(rejected, actor=cast.marketer, verdict="agree")
    fresh = work.fresh(rejected)
    assert (fresh.state, fresh.lead.stage, fresh.review.by) == (HandoffState.REJECTED, "rejected", cast.marketer)
    assert work.timer(rejected, ClockKind.REVIEW).state == "met"


def test_recycling_sends_the_lead_back_with_a_date(work, cast, rejected):
    review_rejection(rejected, actor=cast.marketer, verdict="recycle", return_on=date(2026, 10, 1))
    fresh = work.fresh(rejected)
    assert (fresh.state, fresh.lead.stage, fresh.lead.return_on) == (HandoffState.RECYCLED, "recycled", date(2026, 10, 1))
    assert fresh.lead.engagement_from == MONDAY + timedelta(seconds=20)


def test_a_dispute_needs_words_runs_a_clock_and_tells_the_rep_and_the_manager(work, cast, rejected):
    with pytest.raises(Invalid):
        review_rejection(rejected, actor=cast.marketer, verdict="dispute")
    review_rejection(rejected, actor=cast.marketer, verdict="dispute", note="480 people")
    assert work.fresh(rejected).lead.stage == "rejected"
    assert work.timer(rejected, ClockKind.DISPUTE).state == "running"
    told = set(Outbox.objects.filter(kind="handoff.disputed", channel="inapp").values_list("recipient__email", flat=True))
    assert told == {cast.rep.email, cast.manager.email}


@pytest.mark.parametrize(("stands", "stage", "count"), [(True, "rejected", 1), (False, "mql", 2)])
def test_a_dispute_ends_with_the_rejection_standing_or_a_new_hand_off(work, cast, rejected, stands, stage, count):
    review_rejection(rejected, actor=cast.marketer, verdict="dispute", note="480 people")
    settle_dispute(rejected, actor=cast.head_of_marketing, stands=stands, note="Talked to Rita")
    fresh = work.fresh(rejected)
    assert (fresh.lead.stage, Handoff.objects.filter(lead=fresh.lead).count()) == (stage, count)
    assert fresh.review.settled_note == "Talked to Rita"
    assert work.timer(rejected, ClockKind.DISPUTE).state == "met"
    with pytest.raises(Conflict):
        settle_dispute(rejected, actor=cast.head_of_marketing, stands=stands, note="again")


def test_handed_over_again_it_goes_to_another_rep_with_the_same_reasons(work, cast, rejected, both):
    from handoff.routing import route_waiting

    review_rejection(rejected, actor=cast.marketer, verdict="dispute", note="480 people")
    settle_dispute(rejected, actor=cast.head_of_marketing, stands=False, note="Talked to Rita")
    again = Handoff.objects.get(lead=rejected.lead, nth=2)
    assert again.packet.complete
    assert again.packet.content["lines"]
    Rep.objects.filter(user=cast.other_rep).update(takes_leads=False)
    assert route_waiting() == 0
    Rep.objects.update(takes_leads=True)
    assert route_waiting() == 1
    assert work.fresh(again).owner == cast.other_rep


def test_a_rejection_is_reviewed_once_and_by_marketing(work, cast, rejected):
    for person in (cast.rep, cast.manager, cast.outsider):
        with pytest.raises(NotAllowed):
            review_rejection(rejected, actor=person, verdict="agree")
    review_rejection(rejected, actor=cast.marketer, verdict="agree")
    with pytest.raises(Conflict):
        review_rejection(rejected, actor=cast.marketing_ops, verdict="recycle")
    assert RejectionReview.objects.count() == 1


@pytest.mark.parametrize(
    ("values", "code"),
    [({"verdict": "maybe"}, "unknown_verdict"), ({"verdict": "recycle", "return_on": date(2026, 6, 8)}, "in_past")],
)
def test_a_verdict_that_cannot_be_is_refused(work, cast, rejected, values, code):
    with pytest.raises(Invalid) as refused:
        review_rejection(rejected, actor=cast.marketer, **values)
    assert refused.value.code == code
    assert not RejectionReview.objects.exists()


@pytest.mark.parametrize(("zone", "refused"), [("Pacific/Auckland", True), ("America/Los_Angeles", False)])
def test_a_day_of_return_lies_ahead_where_the_person_is(work, cast, rejected, zone, refused):
    cast.marketer.time_zone = zone
    work.hands.move_to(datetime(2026, 6, 10, 2, 0, tzinfo=UTC))  # the 10th in Auckland, still the 9th in Los Angeles
    if refused:
        with pytest.raises(Invalid, match="The day must lie ahead"):
            review_rejection(rejected, actor=cast.marketer, verdict="recycle", return_on=date(2026, 6, 10))
        return
    review_rejection(rejected, actor=cast.marketer, verdict="recycle", return_on=date(2026, 6, 10))
    assert work.fresh(rejected).lead.return_on == date(2026, 6, 10)


def test_only_a_rejection_can_be_reviewed(work, cast):
    with pytest.raises(Conflict):
        review_rejection(work.offered(), actor=cast.marketer, verdict="agree")
