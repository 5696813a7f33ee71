"""Hand-offs of people who turn out to be one, and of people who are erased."""

from django.db import transaction

from handoff.actions import accept_handoff, log_attempt
from handoff.forgetting import follow_merged, forget_erased
from handoff.models import Attempt, Handoff, Packet
from handoff.routing import weekly_capacity
from handoff.states import HandoffState
from leads.models import Outbox
from scoring.slots import slots


def test_of_two_open_hand_offs_the_kept_leads_goes_on(work, cast):
    kept, gone = accept_handoff(work.offered(), actor=cast.rep), work.offered()
    with transaction.atomic():
        follow_merged(kept.lead, gone.lead, cast.marketing_ops)
    handoffs = list(Handoff.objects.filter(lead=kept.lead).order_by("nth"))
    assert [(one.pk, one.nth, one.state) for one in handoffs] == [
        (kept.pk, 1, HandoffState.ACCEPTED),
        (gone.pk, 2, HandoffState.CLOSED),
    ]
    assert not gone.timers.filter(state="running").exists()
    assert kept.timers.filter(state="running").exists()


def test_an_open_hand_off_follows_its_person(work, make, cast):
    gone, kept = work.offered(), make.lead()
    follow_merged(kept, gone.lead, cast.marketing_ops)
    assert Handoff.objects.get(lead=kept).state == HandoffState.OFFERED


def test_an_erased_person_leaves_no_words_behind(work, cast):
    handoff = accept_handoff(work.offered(), actor=cast.rep)
    log_attempt(handoff, actor=cast.rep, channel="call", result="reached", note="Ivy is on leave")
    forget_erased(handoff.lead, cast.admin)
    fresh = work.fresh(handoff)
    assert (fresh.state, fresh.closed_as, fresh.headline, fresh.note) == (HandoffState.CLOSED, "withdrawn", "", "")
    assert not Packet.objects.exists()
    assert Attempt.objects.get().note == ""
    assert not Outbox.objects.filter(handoff_id=handoff.pk).exists()


def test_the_capacity_of_the_team_counts_who_takes_leads(work, cast):
    work.rep(cast.other_rep, weekly_capacity=10, takes_leads=False)
    assert weekly_capacity() == slots.weekly_capacity() == 15
    cast.rep.rep.delete()
    assert weekly_capacity() is None
