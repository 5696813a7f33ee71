"""Who gets which lead: turns, caps, absence, the account owner, explanations, and waiting with a reason."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from handoff.actions import open_handoffs, reject_handoff, review_rejection
from handoff.models import Handoff, Leave, Packet, Rep
from handoff.routewords import routed
from handoff.routing import offer, route_waiting
from handoff.states import ClockKind, HandoffState
from leads.actions.owner import hand_out
from leads.errors import Invalid
from leads.models import Lead, Outbox
from tests.handoff.conftest import HOUR, MONDAY


@pytest.fixture
def team(work, make, cast):
    """Three reps; nobody has had a lead yet."""
    work.rep(cast.other_rep)
    third = make.user("thea@accord.test", "Thea Third", "rep")
    work.rep(third)
    return [cast.rep, cast.other_rep, third]


def fill(work, number):
    for _ in range(number):
        work.qualification()
    open_handoffs(limit=1000)


def owners():
    return Counter(Handoff.objects.filter(owner__isnull=False).values_list("owner__full_name", flat=True))


def test_an_offer_names_owner_clock_and_reason_and_freezes_the_packet(work, cast):
    handoff = work.offered()
    assert (handoff.state, handoff.owner, handoff.offered_at, handoff.queue_reason) == (
        HandoffState.OFFERED,
        cast.rep,
        MONDAY,
        "",
    )
    assert handoff.lead.owner == cast.rep
    assert handoff.packet.frozen_at == MONDAY
    assert work.timer(handoff, ClockKind.OFFER).state == "met"
    assert handoff.due_at == work.timer(handoff, ClockKind.ACCEPT).due_at == MONDAY + 4 * HOUR
    assert handoff.routing["decided_by"] == "turn"
    assert handoff.routing["candidates"] == [{"id": cast.rep.pk, "name": "Rita Rep", "open": 0, "cap": 25}]
    assert Outbox.objects.filter(handoff_id=handoff.pk, recipient=cast.rep, channel="inapp", state="sent").count() == 1
    assert Outbox.objects.filter(handoff_id=handoff.pk, recipient=cast.rep, channel="mail", state="pending").count() == 1


def test_turns_are_fair_to_within_one(work, team):
    fill(work, 10)
    assert route_waiting() == 10
    assert sorted(owners().values()) == [3, 3, 4]


def test_turns_go_on_where_they_stopped(work, team):
    for _ in range(7):
        fill(work, 1)
        assert route_waiting() == 1
        work.hands.advance(timedelta(seconds=1))
    assert sorted(owners().values()) == [2, 2, 3]


def test_caps_hold_and_the_rest_waits_with_the_reason(work, team):
    Rep.objects.update(open_cap=2)
    fill(work, 8)
    assert route_waiting() == 6
    assert set(owners().values()) == {2}
    route_waiting()
    waiting = Handoff.objects.filter(state=HandoffState.QUEUED)
    assert {handoff.queue_reason for handoff in waiting} == {"No rep can take it: 3 at the cap"}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda user: type(user).objects.filter(pk=user.pk).update(is_active=False), "inactive"),
        (
            lambda user: Rep.objects.filter(pk=user.pk).update(takes_leads=False, off_reason="parental leave"),
            "switched off: parental leave",
        ),
        (lambda user: Leave.objects.create(rep_id=user.pk, starts_at=MONDAY, ends_at=MONDAY + HOUR), "away"),
        (lambda user: Rep.objects.filter(pk=user.pk).update(open_cap=0), "at the cap: 0 open"),
    ],
)
def test_who_cannot_take_a_lead_is_skipped_and_it_says_why(work, team, change, why):
    change(team[1])
    fill(work, 4)
    assert route_waiting() == 4
    assert "Otto Other" not in owners()
    (skipped,) = Handoff.objects.first().routing["skipped"]
    assert skipped == {"id": team[1].pk, "name": "Otto Other", "why": why} | (
        {"until": skipped["until"]} if why == "away" else {}
    )


def test_an_absence_ends_at_the_reader_s_hour(work, team):
    back = datetime(2026, 12, 1, 23, tzinfo=UTC)  # midnight in Berlin
    Leave.objects.create(rep_id=team[1].pk, starts_at=MONDAY, ends_at=back)
    fill(work, 1)
    assert route_waiting() == 1
    for zone, words in (("Europe/Berlin", "away until 2 Dec, 00:00"), ("America/New_York", "away until 1 Dec, 18:00")):
        with timezone.override(zone):
            assert [one.words for one in routed(Handoff.objects.get()).skipped] == [words]


def test_leave_that_is_over_or_to_come_does_not_count(work, cast):
    Leave.objects.create(rep_id=cast.rep.pk, starts_at=MONDAY - HOUR, ends_at=MONDAY)
    Leave.objects.create(rep_id=cast.rep.pk, starts_at=MONDAY + HOUR, ends_at=MONDAY + 2 * HOUR)
    assert work.offered().owner == cast.rep


def test_nobody_set_up_is_said(work, cast):
    cast.rep.rep.delete()
    handoff = work.queued()
    assert route_waiting() == 0
    assert work.fresh(handoff).queue_reason == "Nobody is set up to take leads"


def test_the_moment_somebody_can_the_queue_moves(work, cast):
    Rep.objects.update(takes_leads=False)
    handoff = work.queued()
    assert route_waiting() == 0
    Rep.objects.update(takes_leads=True)
    assert route_waiting() == 1
    assert work.fresh(handoff).owner == cast.rep


def test_the_account_owner_comes_first(work, team, make):
    company = make.company(account_owner=team[2])
    for _ in range(3):
        work.qualification(lead=make.lead(company=company))
    fill(work, 2)
    route_waiting()
    assert set(Handoff.objects.filter(lead__company=company).values_list("owner__full_name", flat=True)) == {"Thea Third"}
    assert Handoff.objects.filter(lead__company=company).first().routing["decided_by"] == "account owner"


def test_an_absent_account_owner_does_not_hold_the_lead_up(work, team, make):
    Leave.objects.create(rep_id=team[2].pk, starts_at=MONDAY, ends_at=MONDAY + HOUR)
    work.qualification(lead=make.lead(company=make.company(account_owner=team[2])))
    open_handoffs()
    assert route_waiting() == 1
    assert Handoff.objects.get().owner != team[2]


def test_who_rejected_a_lead_is_not_asked_again(work, team):
    fill(work, 1)
    route_waiting()
    first = Handoff.objects.get()
    reject_handoff(first, actor=first.owner, reason="bad_timing")
    work.hands.advance(timedelta(seconds=20))
    review_rejection(first, actor=work.cast.marketer, verdict="recycle")
    work.qualification(lead=first.lead)
    open_handoffs()
    Rep.objects.exclude(user=first.owner).update(takes_leads=False)
    assert route_waiting() == 0
    second = Handoff.objects.get(nth=2)
    assert "1 let it pass" in second.queue_reason
    Rep.objects.update(takes_leads=True)
    assert route_waiting() == 1
    second.refresh_from_db()
    assert second.owner != first.owner
    assert "rejected it before" in str(second.routing["skipped"])


def test_one_that_nobody_can_take_does_not_stop_the_others(work, cast):
    first = work.queued()
    Handoff.objects.filter(pk=first.pk).update(routing={"passed": [cast.rep.pk]})
    fill(work, 2)
    assert route_waiting() == 2
    assert work.fresh(first).state == HandoffState.QUEUED


def test_an_incomplete_packet_is_not_offered_and_says_what_is_missing(work):
    handoff = work.queued(lines=[])
    assert route_waiting() == 0
    assert work.fresh(handoff).queue_reason == "Packet incomplete: why the lead qualified"
    assert offer([handoff.pk]) == 0
    assert not Packet.objects.get(handoff=handoff).frozen_at


def test_the_longest_waiting_goes_first(work, cast):
    Rep.objects.update(takes_leads=False)
    first = work.queued()
    work.hands.advance(HOUR)
    work.queued()
    Rep.objects.update(takes_leads=True)
    assert route_waiting(limit=1) == 1
    assert work.fresh(first).state == HandoffState.OFFERED


def test_each_lead_of_a_batch_has_its_own_owner(work, team):
    fill(work, 9)
    route_waiting()
    for handoff in Handoff.objects.select_related("lead"):
        assert handoff.lead.owner_id == handoff.owner_id
    assert Lead.objects.filter(owner=None).count() == 0


def test_the_queue_clock_tells_the_manager_when_nobody_can_take_a_lead(work, cast):
    from handoff.sweep import sweep

    cast.rep.rep.delete()
    handoff = work.queued()
    work.hands.advance(HOUR)
    assert sweep() == 1
    told = Outbox.objects.filter(handoff_id=handoff.pk).values_list("recipient__email", "channel")
    assert set(told) == {(cast.manager.email, "inapp"), (cast.manager.email, "mail")}


def test_leads_are_never_handed_to_somebody_inactive(work, make, cast):
    cast.rep.is_active = False
    lead = make.lead()
    with pytest.raises(Invalid):
        hand_out({lead.pk: cast.rep}, at=MONDAY)
    lead.refresh_from_db()
    assert lead.owner is None
