"""Nobody inactive keeps a clock, and who is away hands over or is waited for, as the policy says."""

from datetime import timedelta

import pytest

from handoff.absence import away_until
from handoff.actions import accept_handoff, log_attempt
from handoff.actions.leaving import tend_absent
from handoff.models import HandoffEvent, Leave, SlaPolicy, SlaTarget, SlaTimer
from handoff.moves import OPEN_CLOCKS
from handoff.routing import route_waiting
from handoff.states import ClockKind
from handoff.sweep import sweep
from leads.choices import Outcome, Stage
from leads.models import Case
from leads.notify.outbox import deliver
from tests.handoff.conftest import HOUR, MONDAY

DAY = timedelta(days=1)


@pytest.fixture
def leave(work, cast):
    def take(start, end):
        return Leave.objects.create(rep=cast.rep.rep, starts_at=start, ends_at=end)

    return take


def clocks_of_absent():
    return SlaTimer.objects.filter(state__in=OPEN_CLOCKS, owner__is_active=False).count()


def test_nobody_inactive_keeps_a_clock(work, cast):
    offered, accepted, worked, mqo = work.offered(), work.offered(), work.offered(), work.offered(kind="mqo")
    for handoff in (accepted, worked):
        accept_handoff(handoff, actor=cast.rep)
    log_attempt(worked, actor=cast.rep, channel="call", result="reached")
    assert tend_absent() == 0
    cast.rep.is_active = False
    cast.rep.save(update_fields=["is_active"])
    assert clocks_of_absent() == 4
    assert tend_absent() == 3
    assert (clocks_of_absent(), tend_absent()) == (0, 0)
    assert [work.fresh(one).state for one in (offered, accepted, worked, mqo)] == ["queued", "queued", "contacted", "queued"]
    back = work.fresh(accepted)
    assert (back.queue_reason, back.owner, back.answered_at, back.moves) == (f"{cast.rep} is switched off", None, None, 0)
    assert (back.lead.stage, back.lead.owner) == (Stage.MQL, None)
    assert Case.objects.get(lead=back.lead).outcome == Outcome.UNKNOWN
    assert work.timer(accepted, ClockKind.OFFER).state == "running"
    # Somebody else is asked, and the follow-up that went on is theirs.
    work.rep(cast.other_rep)
    assert route_waiting() == 3
    followup = work.timer(mqo, ClockKind.MQO_FOLLOWUP)
    assert (followup.owner, followup.started_at, followup.state) == (cast.other_rep, MONDAY, "running")


def test_who_is_away_hands_over_what_is_due_before_they_are_back(work, cast, leave):
    offered, accepted = work.offered(), work.offered()
    accept_handoff(accepted, actor=cast.rep)
    work.hands.advance(HOUR)
    short = leave(MONDAY, MONDAY + 2 * HOUR)
    assert tend_absent() == 0  # back before anything is due
    short.ends_at = MONDAY + 6 * HOUR
    short.save()
    assert tend_absent() == 1
    assert (work.fresh(offered).state, work.fresh(accepted).state) == ("queued", "accepted")
    assert work.fresh(offered).queue_reason == f"{cast.rep} is away"
    assert route_waiting() == 0  # nobody else is there
    leave(MONDAY + 6 * HOUR, MONDAY + 2 * DAY)
    assert away_until(MONDAY + HOUR) == {cast.rep.pk: MONDAY + 2 * DAY}
    assert tend_absent() == 1
    assert work.fresh(accepted).state == "queued"


def test_a_policy_that_waits_puts_on_hold_what_may_be_and_hands_over_the_rest(work, cast, leave):
    SlaPolicy.objects.update(on_leave="pause")
    offered, accepted = work.offered(), work.offered()
    accept_handoff(accepted, actor=cast.rep)
    work.hands.advance(HOUR)
    back = MONDAY + 2 * DAY
    leave(MONDAY + HOUR, back)
    assert tend_absent() == 2
    timer = work.timer(accepted, ClockKind.FIRST_CONTACT)
    assert (timer.state, timer.pause_reason, timer.paused_until) == ("paused", "On leave", back)
    event = HandoffEvent.objects.filter(handoff=accepted, verb="pause").get()
    assert (event.actor, event.detail["reason"]) == (None, "On leave")
    assert work.fresh(offered).state == "queued"  # an answer may not be on hold
    assert tend_absent() == 0
    # Longer than it may be on hold: somebody else has it.
    work.hands.move_to(back)
    sweep()
    deliver()
    leave(back, back + 30 * DAY)
    assert SlaTarget.objects.get(kind=ClockKind.FIRST_CONTACT).pause_cap_us == 40 * 3_600_000_000
    assert tend_absent() == 1
    assert work.fresh(accepted).state == "queued"
