"""The sweep: what is due fires once, late or not, and one bad clock stops nobody."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from handoff.actions import accept_handoff
from handoff.models import Handoff, SlaEvent, SlaStep, SlaTarget, SlaTimer
from handoff.policybook import PolicyBook
from handoff.sla import Clocks, verdict
from handoff.states import ClockKind, HandoffState
from handoff.sweep import next_due, sweep, sweep_batch
from leads.errors import Invalid
from leads.models import Outbox, User
from leads.notify.outbox import deliver
from tests.handoff.conftest import HOUR, MONDAY


@pytest.fixture
def handoff(work):
    return work.offered()


@pytest.fixture
def timer(work, handoff):
    return work.timer(handoff, ClockKind.ACCEPT)


def told(timer, channel="inapp"):
    return list(
        Outbox.objects.filter(timer_id=timer.pk, channel=channel)
        .order_by("pk")
        .values_list("payload__action", "recipient__full_name")
    )


def test_before_its_time_nothing_fires(work, timer):
    work.hands.move_to(timer.next_fire_at - timedelta(microseconds=1))
    assert sweep() == 0
    assert not SlaEvent.objects.filter(outcome="fired").exists()


def test_a_reminder_fires_at_its_time_once(work, timer, steps):
    assert timer.next_fire_at == next_due() == MONDAY + 2 * HOUR
    work.hands.move_to(timer.next_fire_at)
    assert (sweep(), sweep()) == (1, 0)
    assert steps(timer) == [("start", "recorded"), ("remind-half", "fired")]
    assert told(timer) == [("remind", "Rita Rep")]
    timer.refresh_from_db()
    assert [code for _, code in timer.plan] == ["remind-last", "breach", "reassign"]


def test_a_breach_tells_the_rep_and_the_manager(work, timer):
    for at in (2 * HOUR, 3.4 * HOUR, 4 * HOUR):
        work.hands.move_to(MONDAY + at)
        sweep()
    assert told(timer) == [("remind", "Rita Rep"), ("remind", "Rita Rep"), ("breach", "Rita Rep"), ("breach", "Mona Manager")]
    event = SlaEvent.objects.get(timer_id=timer.pk, step="breach")
    assert (event.due_at, event.fired_at, event.outcome) == (timer.due_at, MONDAY + 4 * HOUR, "fired")


def test_after_an_outage_the_last_step_fires_and_the_breach_is_kept(work, timer, steps):
    work.hands.move_to(MONDAY + 30 * HOUR)
    assert sweep() == 1
    assert steps(timer)[1:] == [
        ("remind-half", "skipped"),
        ("remind-last", "skipped"),
        ("breach", "fired"),
        ("reassign", "fired"),
    ]
    assert [action for action, _ in told(timer)] == ["breach", "breach"]
    assert Outbox.objects.filter(timer_id=timer.pk, channel="work").count() == 1


def test_with_all_steps_done_a_clock_runs_on_unarmed_and_can_be_met_late(work, cast, handoff, timer):
    SlaStep.objects.filter(action="reassign").delete()
    Handoff.objects.update()
    SlaTimer.objects.filter(pk=timer.pk).update(plan=[entry for entry in timer.plan if entry[1] != "reassign"])
    work.hands.move_to(MONDAY + 30 * HOUR)
    sweep()
    timer.refresh_from_db()
    assert (timer.state, timer.plan, timer.next_fire_at) == ("running", [], None)
    accept_handoff(handoff, actor=cast.rep)
    timer.refresh_from_db()
    assert timer.state == "met"
    assert verdict(timer, MONDAY) is False


def test_an_event_that_is_there_already_is_not_fired_again(work, timer):
    SlaEvent.objects.create(
        timer_id=timer.pk,
        handoff_id=timer.handoff_id,
        epoch=timer.epoch,
        step="remind-half",
        due_at=MONDAY,
        fired_at=MONDAY,
        outcome="fired",
    )
    work.hands.move_to(timer.next_fire_at)
    assert sweep() == 1
    assert told(timer) == []
    assert SlaEvent.objects.filter(timer_id=timer.pk, step="remind-half").count() == 1


def test_a_bad_clock_is_parked_and_the_others_fire(work, timer, steps):
    others = [work.timer(work.offered(), ClockKind.ACCEPT) for _ in range(3)]
    SlaTimer.objects.filter(pk=timer.pk).update(plan=[[timer.plan[0][0], "nonsense"]])
    work.hands.move_to(MONDAY + 2 * HOUR)
    assert sweep() == 4
    for other in others:
        assert ("remind-half", "fired") in steps(other)
    timer.refresh_from_db()
    assert (timer.fails, timer.next_fire_at) == (1, MONDAY + 2 * HOUR + timedelta(minutes=2))
    assert "nonsense" in timer.last_error
    for _ in range(7):
        work.hands.move_to(timer.next_fire_at)
        sweep()
        timer.refresh_from_db()
    assert timer.fails == 8
    assert timer.next_fire_at - MONDAY > HOUR


def test_a_parked_clock_fires_what_it_missed_once_it_is_well(work, timer, steps):
    good = timer.plan
    SlaTimer.objects.filter(pk=timer.pk).update(plan=[[good[0][0], "nonsense"], *good[1:]])
    work.hands.move_to(MONDAY + 2 * HOUR)
    sweep()
    SlaTimer.objects.filter(pk=timer.pk).update(plan=good)
    work.hands.advance(timedelta(minutes=2))
    sweep()
    timer.refresh_from_db()
    assert (timer.fails, timer.last_error) == (0, "")
    assert steps(timer)[-1] == ("remind-half", "fired")


def test_a_broken_message_does_not_lose_the_others_events(work, timer, steps, monkeypatch):
    from handoff import notices

    other = work.timer(work.offered(), ClockKind.ACCEPT)
    real = notices.step_messages

    def fragile(handoff, clock, *args, **kwargs):
        if clock.pk == timer.pk:
            raise RuntimeError("no words")
        return real(handoff, clock, *args, **kwargs)

    monkeypatch.setattr(notices, "step_messages", fragile)
    work.hands.move_to(MONDAY + 2 * HOUR)
    sweep()
    assert ("remind-half", "fired") in steps(other)
    assert steps(timer) == [("start", "recorded")]
    assert SlaTimer.objects.get(pk=timer.pk).fails == 1


def test_mail_waits_for_working_hours_and_the_portal_does_not(work, cast, timer):
    work.hands.move_to(MONDAY + 12 * HOUR)  # 22:00
    sweep()
    rows = {row.channel: row for row in Outbox.objects.filter(timer_id=timer.pk, recipient=cast.rep)}
    assert rows["inapp"].state == "sent"
    assert rows["mail"].due_at == MONDAY + 23 * HOUR  # Tuesday 09:00


@pytest.mark.parametrize(("wants", "waits"), [(True, False), (False, True)])
def test_urgent_mail_comes_at_any_hour_to_who_wants_it(work, cast, wants, waits):
    cast.rep.mail_urgent_any_time = wants
    cast.rep.save()
    handoff = work.offered(kind="mqo")
    SlaTimer.objects.filter(handoff=handoff, kind=ClockKind.ACCEPT).delete()
    follow_up = work.timer(handoff, ClockKind.MQO_FOLLOWUP)
    work.hands.move_to(MONDAY + 44 * HOUR)  # 06:00 in Berlin
    sweep()
    row = Outbox.objects.get(timer_id=follow_up.pk, recipient=cast.rep, channel="mail", payload__action="remind")
    assert (row.due_at > MONDAY + 44 * HOUR) is waits


def test_who_switched_reminders_off_gets_none_by_mail_but_hears_of_the_breach(work, cast, timer):
    cast.rep.mail_reminders = False
    cast.rep.save()
    work.hands.move_to(MONDAY + 3.4 * HOUR)
    sweep()
    assert told(timer, "mail") == []
    work.hands.move_to(MONDAY + 4 * HOUR)
    sweep()
    assert ("breach", "Rita Rep") in told(timer, "mail")


def test_mails_on_one_lead_to_one_person_keep_their_distance_but_for_a_breach(work, cast):
    SlaTarget.objects.filter(kind=ClockKind.ACCEPT).update(duration_us=1_800_000_000)
    timer = work.timer(work.offered(), ClockKind.ACCEPT)  # the offer is told at 10:01, the last reminder comes at 10:25:30
    minute = timedelta(minutes=1)
    work.hands.move_to(MONDAY + 25.5 * minute)
    sweep()
    work.hands.move_to(timer.due_at)
    sweep()
    mails = Outbox.objects.filter(channel="mail", recipient=cast.rep).order_by("pk")
    assert list(mails.values_list("kind", "payload__action", "due_at")) == [
        ("handoff.offered", None, MONDAY + minute),
        ("handoff.step", "remind", MONDAY + 31 * minute),
        ("handoff.step", "breach", MONDAY + 31 * minute),
    ]


def test_nobody_inactive_is_told(work, cast, timer):
    User.objects.filter(pk=cast.manager.pk).update(is_active=False)
    work.hands.move_to(MONDAY + 4 * HOUR)
    sweep()
    assert "Mona Manager" not in {name for _, name in told(timer)}


def test_breach_and_escalation_together_are_one_message_a_person(work, cast, timer):
    cast.manager.groups.clear()
    SlaStep.objects.create(
        target=timer.target, code="tell-again", after_us=1, action="escalate", audience=["owner"], channels=["inapp"]
    )
    plan = sorted([*timer.plan, [timer.plan[2][0] + 1, "tell-again"]])
    SlaTimer.objects.filter(pk=timer.pk).update(plan=plan)
    work.hands.move_to(MONDAY + 4.5 * HOUR)
    sweep()
    assert SlaEvent.objects.filter(timer_id=timer.pk, outcome="fired").count() == 2
    assert [action for action, name in told(timer) if name == "Rita Rep"] == ["breach"]


# What a policy does to the hand-off


def late(work, at):
    work.hands.move_to(MONDAY + at)
    sweep()
    deliver()


def test_an_unanswered_offer_goes_to_somebody_else(work, cast, handoff):
    from handoff.routing import route_waiting

    late(work, 24 * HOUR)  # four working hours past due
    fresh = work.fresh(handoff)
    assert (fresh.state, fresh.owner, fresh.moves, fresh.epoch) == (HandoffState.QUEUED, None, 1, 2)
    assert fresh.lead.owner is None
    assert work.timer(handoff, ClockKind.ACCEPT).state == "cancelled"
    assert work.timer(handoff, ClockKind.OFFER).state == "running"
    assert route_waiting() == 0
    work.rep(cast.other_rep)
    assert route_waiting() == 1
    assert work.fresh(handoff).owner == cast.other_rep
    assert Outbox.objects.filter(kind="handoff.moved", recipient=cast.rep).count() == 1


def test_after_enough_moves_it_is_recycled(work, cast, handoff):
    Handoff.objects.filter(pk=handoff.pk).update(moves=2)
    late(work, 24 * HOUR)
    fresh = work.fresh(handoff)
    assert (fresh.state, fresh.lead.stage, fresh.lead.owner) == (HandoffState.RECYCLED, "recycled", None)
    assert fresh.qualification.closed_as == "answered"
    assert fresh.lead.cases.get().outcome == "closed_unworked"


def test_a_policys_step_that_comes_too_late_does_nothing(work, cast, handoff):
    work.hands.move_to(MONDAY + 24 * HOUR)
    sweep()
    accept_handoff(handoff, actor=cast.rep)
    deliver()
    assert work.fresh(handoff).state == HandoffState.ACCEPTED
    assert Outbox.objects.get(kind="handoff.work").state == "sent"


def test_a_reminder_whose_lead_was_accepted_is_not_sent(work, cast, handoff, timer):
    work.hands.move_to(MONDAY + 3.4 * HOUR)
    sweep()
    accept_handoff(handoff, actor=cast.rep)
    work.hands.advance(timedelta(minutes=2))
    deliver()
    assert Outbox.objects.get(timer_id=timer.pk, channel="mail").state == "dropped"


# Pause, resume, replan


def clocks(work, actor=None):
    from leads import clock

    return Clocks(PolicyBook(clock.now()), clock.now(), actor)


@pytest.fixture
def contact(work, cast, handoff):
    """A first-contact clock started on Friday, 15:00 in Berlin."""
    work.hands.move_to(MONDAY + 101 * HOUR)
    Handoff.objects.filter(pk=handoff.pk).update(offered_at=MONDAY)
    SlaTimer.objects.filter(handoff=handoff).delete()
    accept_handoff(handoff, actor=cast.rep)
    return work.timer(handoff, ClockKind.FIRST_CONTACT)


def test_a_paused_clock_goes_on_with_the_working_time_it_had_left(work, contact):
    work.hands.advance(HOUR)  # Friday 16:00
    act = clocks(work)
    act.pause(contact, reason="Call me on Monday")
    act.flush()
    contact.refresh_from_db()
    assert (contact.state, contact.consumed_us, contact.running_since) == ("paused", 3_600_000_000, None)
    assert len(contact.plan) == 1
    work.hands.move_to(MONDAY + timedelta(days=7, hours=1))  # Monday 11:00
    act = clocks(work)
    act.resume(contact)
    act.flush()
    contact.refresh_from_db()
    assert contact.due_at == MONDAY + timedelta(days=8)  # Tuesday 10:00
    assert (contact.state, contact.epoch) == ("running", 3)


def test_a_pause_ends_by_itself_at_its_cap(work, contact):
    act = clocks(work)
    act.pause(contact, reason="Waiting for papers")
    act.flush()
    contact.refresh_from_db()
    work.hands.move_to(contact.next_fire_at)
    assert sweep() == 1
    deliver()
    contact.refresh_from_db()
    assert (contact.state, contact.pause_reason) == ("running", "")


@pytest.mark.parametrize(("kind", "reason"), [(ClockKind.FIRST_CONTACT, " "), (ClockKind.ACCEPT, "a reason")])
def test_a_pause_needs_a_reason_and_a_clock_that_may_pause(work, handoff, contact, kind, reason):
    timer = contact if kind == ClockKind.FIRST_CONTACT else work.timer(work.offered(), ClockKind.ACCEPT)
    with pytest.raises(Invalid):
        clocks(work).pause(timer, reason=reason)
    assert SlaTimer.objects.get(pk=timer.pk).state == "running"


def test_no_pause_undoes_a_breach_and_nothing_fired_comes_again(work, contact, steps):
    work.hands.move_to(contact.due_at)
    sweep()
    act = clocks(work)
    contact.refresh_from_db()
    act.pause(contact, reason="Too late")
    act.resume(contact)
    act.flush()
    contact.refresh_from_db()
    assert "breach" not in [code for _, code in contact.plan]
    assert ("breach", "fired") in steps(contact)
    assert verdict(contact, contact.due_at) is False


def test_a_clock_planned_anew_keeps_the_time_it_used(work, contact):
    from dataclasses import replace

    work.hands.advance(HOUR)
    act = clocks(work)
    ladder = act.book.ladders_of([contact.target_id])[contact.target_id]
    act.replan(contact, ladder=replace(ladder, duration_us=2 * 3_600_000_000), calendar_id=contact.calendar_id)
    act.flush()
    contact.refresh_from_db()
    assert (contact.consumed_us, contact.target_us) == (3_600_000_000, 7_200_000_000)
    assert contact.due_at == MONDAY + 103 * HOUR  # one hour left: Friday 17:00


@pytest.fixture
def crowd(work, handoff, timer, monkeypatch):
    """A thousand clocks more, due at the same instant, and a sweep that has the time for them on a busy machine too."""
    monkeypatch.setattr("handoff.sweep.BUDGET_S", 60)
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO handoff_handoff (lead_id, qualification_id, nth, is_mqo, state, version, epoch, owner_id, policy_id, policy_why, score, headline,
                   queue_reason, routing, opened_at, closed_as, note, moves, attempts_made)
               SELECT lead_id, NULL, n + 1, false, 'closed', 1, 1, owner_id, policy_id, '', 0, '', '', '{}', opened_at, '', '', 0, 0
               FROM handoff_handoff, generate_series(1, 1000) n WHERE id = %s""",
            [handoff.pk],
        )
        cursor.execute(
            """INSERT INTO handoff_slatimer (handoff_id, kind, target_id, calendar_id, owner_id, state, epoch, target_us, consumed_us, started_at,
                   running_since, due_at, plan, next_fire_at, pause_reason, fails, last_error)
               SELECT h.id, t.kind, t.target_id, t.calendar_id, t.owner_id, t.state, 1, t.target_us, 0, t.started_at, t.running_since, t.due_at,
                   t.plan, t.next_fire_at, '', 0, ''
               FROM handoff_slatimer t, handoff_handoff h WHERE t.id = %s AND h.state = 'closed'""",
            [timer.pk],
        )
    work.hands.move_to(timer.next_fire_at)
    return [pk for pk in SlaTimer.objects.order_by("pk").values_list("pk", flat=True) if pk != timer.pk]


def test_a_thousand_clocks_are_swept_in_batches_with_few_statements(crowd, django_assert_max_num_queries):
    with django_assert_max_num_queries(25):
        assert sweep_batch(MONDAY + 2 * HOUR) == 500
    assert sweep() == 501
    assert SlaEvent.objects.filter(step="remind-half", outcome="fired").count() == 1001


def test_what_one_sweep_knows_of_policies_and_people_it_reads_once(crowd):
    SlaStep.objects.filter(code="remind-half").update(audience=["owner", "manager"], channels=["inapp", "mail"])
    with CaptureQueriesContext(connection) as captured:
        assert sweep() == 1001
    statements = [query["sql"] for query in captured]
    for table in ("handoff_slastep", "handoff_slatarget", "handoff_calendarday", "leads_teammember"):
        assert sum(f'FROM "{table}"' in statement for statement in statements) == 1, table
    assert sum('FROM "handoff_handoff"' in statement for statement in statements) == 3
    assert Outbox.objects.filter(kind="handoff.step").count() == 4 * 1001


def test_a_sweep_pauses_for_a_sign_of_life_and_goes_on(crowd, monkeypatch):
    monkeypatch.setattr("handoff.sweep.BUDGET_S", 0)
    assert [sweep(), sweep(), sweep(), sweep()] == [500, 500, 1, 0]


def test_one_bad_clock_among_a_thousand_is_parked_alone(crowd, timer):
    SlaTimer.objects.filter(pk=crowd[7]).update(plan=[[timer.plan[0][0], "nonsense"]])
    assert sweep() == 1001
    assert list(SlaTimer.objects.filter(fails=1).values_list("pk", flat=True)) == [crowd[7]]
    fired = SlaEvent.objects.filter(step="remind-half", outcome="fired")
    assert (fired.count(), fired.filter(timer_id=crowd[7]).count()) == (1000, 0)
    assert Outbox.objects.filter(kind="handoff.step").count() == 1000
