"""Putting promises on hold: with a reason, within the policy's limit, and going on by itself, by whoever comes by first."""

from datetime import date, timedelta

import pytest

from handoff.actions import accept_handoff, log_attempt, nudge, pause_handoff, reassign, resume_handoff
from handoff.blame import Whose, courses, gaps, shares
from handoff.clocks import faces_of
from handoff.models import HandoffEvent, SlaEvent, SlaTarget, SlaTimer
from handoff.moves import hold
from handoff.policybook import PolicyBook
from handoff.sla import verdict
from handoff.states import ClockKind
from handoff.sweep import sweep
from leads.errors import Conflict, Invalid, NotAllowed
from leads.models import Outbox
from leads.notify.outbox import deliver
from tests.handoff.conftest import HOUR, MONDAY

DAY = timedelta(days=1)
HOUR_US = 3_600_000_000


@pytest.fixture
def accepted(work, cast):
    """Accepted on Monday, 10:00: the first attempt is due Tuesday, 10:00, and may be on hold for 40 working hours."""
    handoff = work.offered()
    accept_handoff(handoff, actor=cast.rep)
    return work.fresh(handoff)


def contact(work, handoff):
    return work.timer(handoff, ClockKind.FIRST_CONTACT)


def verbs(handoff):
    return list(HandoffEvent.objects.filter(handoff=handoff).order_by("at", "pk").values_list("verb", "actor__email"))


def test_a_hold_until_a_day_and_back_in_working_time(work, cast, accepted):
    work.hands.advance(HOUR)
    pause_handoff(accepted, actor=cast.rep, reason="Call me on the 12th", until=date(2026, 6, 12))
    timer = contact(work, accepted)
    friday = MONDAY + 4 * DAY - HOUR  # 09:00, when hours begin
    assert (timer.state, timer.consumed_us, timer.paused_until) == ("paused", HOUR_US, friday)
    assert timer.due_at == friday + 7 * HOUR  # at the latest
    assert work.fresh(accepted).due_at == timer.due_at
    face = faces_of([accepted], MONDAY + 2 * DAY)[accepted.pk]
    assert (face.state, face.held_until, face.left) == ("paused", friday, 7 * 3600)
    with pytest.raises(Conflict, match="on hold until 12 Jun"):
        nudge(accepted, actor=cast.manager)
    work.hands.move_to(MONDAY + DAY)  # an attempt made while on hold would be in time: nothing is due before
    assert sweep() == 0
    resume_handoff(accepted, actor=cast.manager)
    timer.refresh_from_db()
    assert (timer.state, timer.paused_until, timer.due_at) == ("running", None, MONDAY + DAY + 7 * HOUR)
    with pytest.raises(Conflict, match="not on hold any more"):
        resume_handoff(accepted, actor=cast.rep)
    assert verbs(accepted)[-2:] == [("pause", cast.rep.email), ("resume", cast.manager.email)]
    # The hold is nobody's time: from Monday 11:00 to Tuesday 10:00.
    work.hands.advance(HOUR)
    course = courses([accepted.pk], PolicyBook(MONDAY))[accepted.pk]
    parts = shares(gaps(course, MONDAY + DAY + HOUR))
    assert (parts[Whose.PAUSED], parts[Whose.REP]) == (23 * HOUR, 2 * HOUR)
    assert sum(parts.values(), timedelta(0)) == DAY + HOUR


def test_a_hold_has_a_reason_a_limit_in_all_and_people_who_may(work, cast, accepted):
    for actor, reason, until, refused, words in (
        (cast.rep, " ", None, Invalid, "Say why"),
        (cast.rep, "Later", date(2026, 6, 8), Invalid, "must lie ahead"),
        (cast.rep, "Later", date(2026, 6, 16), Invalid, "until 15 Jun, 10:00"),
        (cast.marketer, "Later", None, NotAllowed, "may not"),
        (cast.other_rep, "Later", None, NotAllowed, "somebody else"),
    ):
        with pytest.raises(refused, match=words):
            pause_handoff(accepted, actor=actor, reason=reason, until=until)
    pause_handoff(accepted, actor=cast.rep, reason="Waits for papers")
    with pytest.raises(Invalid, match="can be put on hold"):
        pause_handoff(accepted, actor=cast.rep, reason="Twice")
    work.hands.move_to(MONDAY + 3 * DAY)  # 24 of 40 hours are used
    resume_handoff(accepted, actor=cast.rep)
    with pytest.raises(Invalid, match="until 15 Jun, 10:00"):
        pause_handoff(accepted, actor=cast.rep, reason="More papers", until=date(2026, 6, 16))
    pause_handoff(accepted, actor=cast.rep, reason="More papers")
    assert contact(work, accepted).paused_until == MONDAY + 7 * DAY
    offered = work.offered()
    with pytest.raises(Invalid, match="can be put on hold"):  # the policy lets no answer wait
        pause_handoff(offered, actor=cast.rep, reason="Later")


def test_a_hold_that_is_over_ended_at_its_limit_whoever_comes_by(work, cast, accepted, steps):
    pause_handoff(accepted, actor=cast.rep, reason="Call me on Tuesday", until=date(2026, 6, 9))
    tuesday = MONDAY + DAY - HOUR
    # The worker was away until after the breach: the breach is fired, not lost.
    work.hands.move_to(tuesday + 9 * HOUR)
    assert sweep() == 1
    assert contact(work, accepted).state == "paused"
    deliver()
    timer = contact(work, accepted)
    assert (timer.state, timer.running_since, timer.due_at) == ("running", tuesday, tuesday + 8 * HOUR)
    assert timer.next_fire_at < MONDAY + DAY + 8 * HOUR
    assert ("breach", "fired") not in steps(timer)
    sweep()
    assert ("breach", "fired") in steps(timer)
    resumed = SlaEvent.objects.get(timer_id=timer.pk, step="resume")
    assert (resumed.due_at, resumed.actor_id) == (tuesday, None)
    assert verbs(accepted)[-1] == ("resume", None)
    told = Outbox.objects.filter(kind="handoff.resumed", channel="inapp")
    assert [(row.recipient_id, row.handoff_id) for row in told] == [(cast.rep.pk, accepted.pk)]


def test_a_person_who_comes_before_the_worker_finds_the_hold_ended_and_the_breach_noted(work, cast, accepted, steps):
    pause_handoff(accepted, actor=cast.rep, reason="Call me on Tuesday", until=date(2026, 6, 9))
    work.hands.move_to(MONDAY + DAY + 8 * HOUR)
    log_attempt(accepted, actor=cast.rep, channel="call", result="reached")
    timer = contact(work, accepted)
    assert (timer.state, verdict(timer, timer.met_at)) == ("met", False)
    assert ("breach", "recorded") in steps(timer)
    assert sweep() == 0


def test_a_promise_kept_while_on_hold_is_kept_and_a_locked_act_leaves_the_hold_alone(work, cast, accepted):
    pause_handoff(accepted, actor=cast.rep, reason="Call me on Friday", until=date(2026, 6, 12))
    work.hands.move_to(MONDAY + 2 * DAY)  # past the old due time, not past the end of the hold
    held = hold(accepted.pk, actor=cast.rep)
    assert (held.woken, [timer.state for timer in held.timers]) == ([], ["paused"])
    log_attempt(accepted, actor=cast.rep, channel="call", result="reached")
    timer = contact(work, accepted)
    assert (timer.state, timer.consumed_us, timer.paused_until) == ("met", 0, None)
    assert verdict(timer, timer.met_at) is True


def test_a_breach_stays_one_and_a_follow_up_goes_on_with_the_next_rep(work, cast, accepted):
    SlaTarget.objects.filter(kind=ClockKind.MQO_FOLLOWUP).update(pause_cap_us=8 * HOUR_US)
    mqo = work.offered(kind="mqo")
    followup = work.timer(mqo, ClockKind.MQO_FOLLOWUP)
    pause_handoff(mqo, actor=cast.rep, reason="Asked for Tuesday")
    assert SlaTimer.objects.get(pk=followup.pk).paused_until == MONDAY + 8 * HOUR
    work.rep(cast.other_rep)
    reassign(mqo, actor=cast.manager, to=cast.other_rep, reason="Knows them")
    followup.refresh_from_db()
    assert (followup.state, followup.owner) == ("paused", cast.other_rep)
    work.hands.move_to(MONDAY + 3 * DAY)
    sweep()
    pause_handoff(accepted, actor=cast.rep, reason="Too late")
    timer = contact(work, accepted)
    assert timer.due_at == MONDAY + DAY
    assert log_attempt(accepted, actor=cast.rep, channel="call", result="reached")
    timer.refresh_from_db()
    assert verdict(timer, timer.met_at) is False
