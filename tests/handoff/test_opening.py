"""From a qualification to a hand-off: once each, joined where one is open, and only where it may."""

from datetime import timedelta

import pytest

from handoff.actions import accept_handoff, open_handoffs, reject_handoff, review_rejection
from handoff.models import Handoff, SlaTimer
from handoff.receiving import no_handoff
from handoff.states import ClockKind, HandoffState
from leads.errors import Conflict
from leads.models import Activity, LeadRevision, Outbox
from scoring.actions.qualification import take_up_qualifications
from scoring.models import ModelVersion, Qualification
from tests.handoff.conftest import HOUR, LINES, MONDAY


def test_a_qualification_becomes_a_queued_hand_off_with_packet_and_clock(work):
    qualification = work.qualification()
    assert open_handoffs() == 1
    handoff = Handoff.objects.get()
    assert (handoff.qualification, handoff.state, handoff.nth, handoff.owner) == (qualification, HandoffState.QUEUED, 1, None)
    assert (handoff.score, handoff.tier, handoff.headline) == (72, 2, "Requested a demo, Company size")
    assert handoff.queue_reason
    assert handoff.lead.stage == "mql"
    assert handoff.packet.complete
    assert work.timer(handoff, ClockKind.OFFER).due_at == MONDAY + HOUR
    assert handoff.policy.key == "standard"


def test_opening_again_does_nothing(work):
    work.qualification()
    assert open_handoffs() == 1
    assert open_handoffs() == 0
    assert Handoff.objects.count() == 1


def test_what_sales_took_up_stays_open_and_waits_no_more(work):
    qualification = work.qualification()
    assert open_handoffs() == 1
    qualification.refresh_from_db()
    assert (qualification.taken_at, qualification.closed_at) == (MONDAY, None)
    with pytest.raises(Conflict):
        take_up_qualifications([qualification])


def test_what_is_not_released_or_cannot_be_reached_waits(work, make):
    held_back = work.qualification()
    Qualification.objects.filter(pk=held_back.pk).update(release_at=None)
    later = work.qualification()
    Qualification.objects.filter(pk=later.pk).update(release_at=MONDAY + HOUR)
    work.qualification(lead=make.lead(email="", contactable=False, contact_problem="no_contact", stage="inquiry"))
    work.qualification(lead=make.lead(stage="disqualified"))
    assert open_handoffs() == 0
    work.hands.advance(HOUR)
    assert open_handoffs() == 1
    assert Handoff.objects.get().qualification == later


def test_mql_and_mqo_of_one_moment_are_one_hand_off(work, make):
    lead = make.lead()
    first, second = work.qualification(lead=lead), work.qualification(lead=lead, kind="mqo")
    assert open_handoffs() == 2
    handoff = Handoff.objects.get()
    assert (handoff.qualification, handoff.is_mqo) == (first, True)
    second.refresh_from_db()
    assert second.closed_as == "joined"


def test_new_interest_joins_the_open_hand_off_and_its_owner_is_told(work, cast):
    handoff = work.offered()
    accept_handoff(handoff, actor=cast.rep)
    before = LeadRevision.objects.get(lead=handoff.lead).rev
    mqo = work.qualification(lead=handoff.lead, kind="mqo")
    assert open_handoffs() == 1
    assert Handoff.objects.count() == 1
    mqo.refresh_from_db()
    assert mqo.closed_as == "joined"
    fresh = work.fresh(handoff)
    assert fresh.is_mqo
    assert work.timer(handoff, ClockKind.MQO_FOLLOWUP).due_at == MONDAY + 48 * HOUR
    assert Activity.objects.get(lead=handoff.lead).kind == "interest"
    assert LeadRevision.objects.get(lead=handoff.lead).rev == before + 1
    assert Outbox.objects.filter(kind="handoff.interest", recipient=cast.rep, channel="inapp").count() == 1
    assert list(handoff.events.values_list("verb", flat=True))[-1] == "join"


def test_a_hand_off_rises_with_what_joins_it_and_its_frozen_packet_stays(work, make):
    handoff = work.offered()
    trial = LINES[0] | {"key": "trial", "words": "Started a trial", "points": 84}
    risen = work.qualification(lead=handoff.lead, kind="mqo", tier=3, engagement=84, lines=[trial, LINES[1]])
    open_handoffs()
    fresh = work.fresh(handoff)
    assert (fresh.score, fresh.tier, risen.total, fresh.headline) == (106, 3, 106, "Started a trial, Company size")
    assert (fresh.packet.content["score"]["total"], fresh.packet.content["score"]["tier"]) == (72, 2)
    work.qualification(lead=handoff.lead, kind="mqo", tier=1, engagement=20)
    open_handoffs()
    fresh = work.fresh(handoff)
    assert (fresh.score, fresh.tier) == (106, 3)


def test_a_tier_that_joins_is_read_in_the_words_of_the_version_that_qualified_the_lead(work):
    work.version.__class__.objects.filter(pk=work.version.pk).update(decision={"tiers": ["D", "C", "B", "A"]})
    handoff = work.offered()
    newer = ModelVersion.objects.create(model=work.model, no=2, status="draft", created_at=MONDAY, decision={"tiers": ["B", "A"]})
    work.qualification(lead=handoff.lead, kind="mqo", tier=1, engagement=84, version=newer)
    open_handoffs()
    fresh = work.fresh(handoff)
    assert (fresh.score, fresh.tier) == (106, 3)


def test_the_packet_of_a_queued_hand_off_tells_of_what_joined_it(work, cast):
    cast.rep.rep.delete()
    handoff = work.queued()
    demo, size = LINES
    work.qualification(lead=handoff.lead, kind="mqo", tier=3, engagement=84, lines=[demo | {"points": 84}, size])
    open_handoffs()
    content = work.fresh(handoff).packet.content
    assert (content["score"]["total"], content["score"]["tier"], content["score"]["kind"]) == (106, 3, "mqo")
    assert sum(line["points"] for line in content["lines"]) == 106


def test_joining_a_queued_hand_off_tells_nobody(work, cast):
    cast.rep.rep.delete()
    handoff = work.queued()
    work.qualification(lead=handoff.lead, kind="mqo")
    assert open_handoffs() == 1
    assert work.fresh(handoff).is_mqo
    assert not SlaTimer.objects.filter(kind=ClockKind.MQO_FOLLOWUP).exists()
    assert not Outbox.objects.filter(kind="handoff.interest").exists()


def test_a_mark_that_came_while_queued_starts_the_follow_up_with_the_offer(work, cast):
    from handoff.routing import route_waiting

    cast.rep.rep.delete()
    handoff = work.queued()
    work.qualification(lead=handoff.lead, kind="mqo")
    open_handoffs()
    work.rep(cast.rep)
    route_waiting()
    assert work.timer(handoff, ClockKind.MQO_FOLLOWUP).state == "running"


def test_a_lead_that_comes_back_is_handed_over_the_second_time(work, cast):
    handoff = work.offered()
    reject_handoff(handoff, actor=cast.rep, reason="bad_timing")
    again = work.qualification(lead=handoff.lead, at=MONDAY)
    assert open_handoffs() == 0  # its rejection is not settled
    work.hands.advance(timedelta(seconds=20))
    review_rejection(handoff, actor=cast.marketer, verdict="recycle")
    assert open_handoffs() == 1
    second = Handoff.objects.get(qualification=again)
    assert (second.nth, second.lead.stage) == (2, "mql")


def test_the_batch_is_limited_and_the_rest_comes_next(work):
    for _ in range(5):
        work.qualification()
    assert [open_handoffs(limit=2) for _ in range(4)] == [2, 2, 1, 0]


def test_who_would_get_no_hand_off_of_their_own_is_counted_by_why(work, make, cast):
    handoff = work.offered()
    accept_handoff(handoff, actor=cast.rep)
    inquiry = make.lead(email="", contactable=False, contact_problem="no_contact", stage="inquiry")
    fresh = [make.lead(), make.lead()]
    ids = {handoff.lead_id, inquiry.pk, *(lead.pk for lead in fresh)}
    assert no_handoff(ids) == [
        ("Join the hand-off that sales has open for them", 1),
        ("Wait while their stage is Inquiry", 1),
    ]
    assert no_handoff(set()) == []
