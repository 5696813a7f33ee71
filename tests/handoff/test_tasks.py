"""The safety net once a minute, the marks it leaves, and what a new portal starts with."""

from datetime import date, timedelta

import pytest
from django_q.models import Schedule

from handoff.businesstime import add
from handoff.defaults import install_defaults
from handoff.models import SlaPolicy, SlaStep, SlaTarget, WorkCalendar
from handoff.pipeline import run_once
from handoff.policybook import PolicyBook
from handoff.states import ClockKind, HandoffState
from handoff.tasks import backstop, beat, ensure_schedule, task
from leads.errors import Invalid
from leads.models import Heartbeat, Outbox, Reason
from tests.handoff.conftest import HOUR, MONDAY


def test_the_backstop_fires_delivers_and_says_so(work):
    handoff = work.offered()
    work.hands.move_to(MONDAY + 2 * HOUR)
    assert backstop() >= 1
    assert Outbox.objects.filter(handoff_id=handoff.pk, kind="handoff.step").count() == 1
    assert Heartbeat.objects.get(name="backstop").at == MONDAY + 2 * HOUR
    assert Heartbeat.objects.get(name__startswith="q2:").busy_until is None


def test_a_task_is_busy_while_it_runs_and_free_afterwards_even_when_it_fails(db, freeze):
    freeze(MONDAY)

    @task(10)
    def failing():
        assert Heartbeat.objects.get().busy_until == MONDAY + timedelta(seconds=10)
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError):
        failing()
    assert Heartbeat.objects.get().busy_until is None
    beat()
    assert Heartbeat.objects.filter(name__startswith="q2:").count() == 1
    assert Heartbeat.objects.get(name="beat").at == MONDAY


def test_there_is_one_schedule_whatever_became_of_it(db):
    ensure_schedule()
    Schedule.objects.filter(name="backstop").update(args="oops", minutes=7)
    ensure_schedule()
    ensure_schedule()
    row = Schedule.objects.get()
    assert (row.func, row.minutes, row.args, row.repeats) == ("handoff.tasks.backstop", 1, None, -1)


def test_one_round_of_the_pipeline_hands_a_qualified_lead_over(work, cast):
    from handoff.models import Handoff

    qualification = work.qualification()
    assert run_once() >= 2
    handoff = Handoff.objects.get(qualification=qualification)
    assert (handoff.state, handoff.owner) == (HandoffState.OFFERED, cast.rep)


# What a new portal starts with


def test_the_defaults_are_the_agreed_promises(defaults):
    policy = SlaPolicy.objects.get()
    promised = {target.kind: (target.clock, target.duration_us // 3_600_000_000) for target in policy.targets.all()}
    assert promised[ClockKind.ACCEPT] == ("business", 4)
    assert promised[ClockKind.FIRST_CONTACT] == ("business", 8)
    assert promised[ClockKind.MQO_FOLLOWUP] == ("elapsed", 48)
    assert set(promised) == set(ClockKind)
    for target in policy.targets.all():
        assert target.steps.filter(action="breach", percent=100).count() == 1


def test_installing_again_changes_nothing(defaults):
    SlaTarget.objects.filter(kind=ClockKind.ACCEPT).update(duration_us=1)
    Reason.objects.filter(code="too_small").update(label="Too tiny")
    before = (SlaStep.objects.count(), Reason.objects.count(), WorkCalendar.objects.count())
    install_defaults()
    assert (SlaStep.objects.count(), Reason.objects.count(), WorkCalendar.objects.count()) == before
    assert Reason.objects.get(code="too_small").label == "Too tiny"
    assert SlaTarget.objects.get(kind=ClockKind.ACCEPT).duration_us == 1


def test_the_reasons_are_a_tree_that_names_the_facts_it_speaks_of(defaults):
    from leads.facts import CORE_FIELDS

    known = {field.key for field in CORE_FIELDS}
    offered = Reason.objects.filter(for_reject=True)
    assert 8 <= offered.count() <= 12
    assert Reason.objects.get(code="too_small").parent.code == "wrong_fit"
    assert Reason.objects.get(code="other").needs_words
    for reason in Reason.objects.all():
        assert set(reason.field_keys) <= known


# Policies and calendars


def test_the_newest_version_in_force_counts(defaults):
    newer = SlaPolicy.objects.create(key="standard", version=2, name="Standard", effective_from=MONDAY)
    assert PolicyBook(MONDAY).choose({}).policy == newer
    assert PolicyBook(MONDAY - HOUR).choose({}).policy.version == 1


def test_a_rep_with_own_hours_has_own_deadlines(work, cast):
    evenings = WorkCalendar.objects.create(
        key="evenings",
        name="Evenings",
        zone="America/New_York",
        weekly={"0": [[600, 1080]], "1": [[600, 1080]]},
        effective_from=MONDAY - HOUR,
    )
    evenings.days.create(date=date(2026, 6, 9), intervals=[])
    cast.rep.rep.calendar_key = "evenings"
    cast.rep.rep.save()
    timer = work.timer(work.offered(), ClockKind.ACCEPT)
    assert timer.calendar == evenings
    assert timer.due_at == MONDAY + 10 * HOUR  # 18:00 in Berlin is noon in New York: opened at 10:00 there, four hours on


def test_a_calendar_that_does_not_exist_is_said(defaults):
    with pytest.raises(Invalid) as refused:
        PolicyBook(MONDAY).current_id("nowhere")
    assert refused.value.code == "no_calendar"
    assert add(PolicyBook(MONDAY).calendar(None), MONDAY, 48 * HOUR) == MONDAY + 48 * HOUR
