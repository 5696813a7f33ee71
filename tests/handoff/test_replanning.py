"""Carrying running clocks over to the newest version of their policy: told before, done in batches, nothing unfired."""

from datetime import date

import pytest

from handoff.actions import accept_handoff, pause_handoff
from handoff.actions.replanning import behind_counts, preview_replan, replan_policy
from handoff.actions.revising import revise_policy
from handoff.models import Handoff, HandoffEvent, SlaPolicy, SlaTarget, SlaTimer
from handoff.states import ClockKind
from handoff.sweep import sweep
from leads.errors import NotAllowed
from tests.handoff.conftest import HOUR, MONDAY

HOUR_US = 3_600_000_000


def revised(**targets):
    """The next version of the only policy, with other lengths in hours; None takes the promise away."""
    from leads import clock

    newest = SlaPolicy.objects.order_by("-version")[0]
    policy, _ = revise_policy(newest, at=clock.now())
    for kind, hours in targets.items():
        found = SlaTarget.objects.filter(policy=policy, kind=kind)
        found.delete() if hours is None else found.update(duration_us=int(hours * HOUR_US))
    return policy


def told(one):
    return one.handoffs, one.clocks, one.overdue, one.cancelled, one.left


def test_running_clocks_keep_theirs_until_they_are_re_planned_as_the_preview_says(work, cast, client_of, steps):
    first, second, held, late = (work.offered() for _ in range(4))
    for handoff in (held, late):
        accept_handoff(handoff, actor=cast.rep)
    pause_handoff(held, actor=cast.rep, reason="Call me on Friday", until=date(2026, 6, 12))
    work.hands.advance(2.5 * HOUR)
    Handoff.objects.filter(pk=late.pk).update(headline="Late")
    policy = revised(accept=2, first_contact=16)
    assert work.timer(first, ClockKind.ACCEPT).due_at == MONDAY + 4 * HOUR  # they keep theirs
    now = MONDAY + 2.5 * HOUR
    sweep()  # reminders of half the time
    assert behind_counts(now) == {"standard": 4}
    assert told(preview_replan("standard", now=now)) == (4, 4, 2, 0, 0)
    with pytest.raises(NotAllowed):
        replan_policy("standard", actor=cast.manager)
    page = client_of(cast.admin).get("/policies/standard/replan/").content.decode()
    assert '<span class="p-badge p-danger">2</span>' in page
    assert told(replan_policy("standard", actor=cast.admin)) == (4, 4, 2, 0, 0)
    assert told(preview_replan("standard", now=now)) == (0, 0, 0, 0, 0)
    timer = work.timer(first, ClockKind.ACCEPT)
    assert (timer.target.policy, timer.target_us, timer.consumed_us) == (policy, 2 * HOUR_US, 2.5 * HOUR_US)
    assert timer.due_at <= now
    contact = work.timer(late, ClockKind.FIRST_CONTACT)
    assert (contact.consumed_us, contact.due_at) == (2.5 * HOUR_US, work.fresh(late).due_at)
    resting = work.timer(held, ClockKind.FIRST_CONTACT)
    assert (resting.state, resting.pause_reason, resting.target_us) == ("paused", "Call me on Friday", 16 * HOUR_US)
    assert resting.paused_until == MONDAY + 95 * HOUR
    assert set(Handoff.objects.values_list("policy__version", flat=True)) == {2}
    event = HandoffEvent.objects.filter(verb="replan", handoff=second).get()
    assert (event.actor, event.detail["did"]) == (cast.admin, "policy Standard v2")
    work.hands.advance(HOUR / 3600)
    sweep()
    fired = [step for step, outcome in steps(timer) if outcome == "fired"]
    assert fired == ["remind-half", "breach"]  # the first reminder once, the breach once


def test_what_was_missed_stays_missed_what_is_not_promised_ends_and_what_fires_goes_first(work, cast, steps):
    handoff = work.offered()
    work.hands.move_to(MONDAY + 4.1 * HOUR)
    revised(accept=40)
    assert told(preview_replan("standard", now=MONDAY + 4.1 * HOUR)) == (0, 0, 0, 0, 1)
    assert told(replan_policy("standard", actor=cast.admin)) == (0, 0, 0, 0, 1)  # its breach is about to be told
    sweep()
    assert told(replan_policy("standard", actor=cast.admin)) == (1, 1, 0, 0, 0)
    timer = work.timer(handoff, ClockKind.ACCEPT)
    assert timer.due_at == MONDAY + 4 * HOUR
    assert steps(timer).count(("breach", "fired")) == 1
    assert "breach" not in [code for _, code in timer.plan]
    revised(accept=None)
    assert told(replan_policy("standard", actor=cast.admin)) == (1, 0, 0, 1, 0)
    assert (work.timer(handoff, ClockKind.ACCEPT).state, work.fresh(handoff).due_at) == ("cancelled", None)


def test_it_stops_goes_on_and_asks_the_database_no_more_for_many(work, cast, monkeypatch, django_assert_max_num_queries):
    for _ in range(12):
        work.offered()
    revised(accept=6)
    monkeypatch.setattr("handoff.actions.replanning.BATCH", 5)
    assert told(replan_policy("standard", actor=cast.admin, budget_s=0)) == (5, 5, 0, 0, 7)
    assert told(replan_policy("standard", actor=cast.admin)) == (7, 7, 0, 0, 0)
    assert set(SlaTimer.objects.filter(kind=ClockKind.ACCEPT).values_list("target_us", flat=True)) == {6 * HOUR_US}
    monkeypatch.setattr("handoff.actions.replanning.BATCH", 500)
    revised(accept=5)
    with django_assert_max_num_queries(34):
        assert told(replan_policy("standard", actor=cast.admin)) == (12, 12, 0, 0, 0)
