"""Once an hour what nobody needs any more goes, and nothing else."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_q.models import Task

from handoff import housekeeping
from handoff.housekeeping import purge, purge_hourly
from handoff.tasks import backstop
from leads.models import Heartbeat, Outbox
from tests.handoff.conftest import HOUR, MONDAY

DAY = timedelta(days=1)

pytestmark = pytest.mark.django_db


def message(key, days, state="sent"):
    is_open = state in ("pending", "leased")
    return Outbox.objects.create(
        key=key, kind="test", channel="mail", lane="mail", due_at=MONDAY - days * DAY, created_at=MONDAY - days * DAY, state=state,
        next_attempt_at=MONDAY if is_open else None,
    )  # fmt: skip


def left():
    return set(Outbox.objects.values_list("key", flat=True))


def test_delivered_messages_go_after_ninety_days_and_the_others_stay():
    for state in Outbox.State.values:
        message(f"old {state}", 91, state)
        message(f"new {state}", 89, state)
    assert purge(MONDAY) == 2
    assert left() == {f"new {state}" for state in Outbox.State.values} | {"old pending", "old leased", "old dead"}


def test_ended_sessions_dead_processes_and_old_failures_go():
    for key, at in (("ended", MONDAY - HOUR), ("open", MONDAY + HOUR)):
        Session.objects.create(session_key=key, session_data="", expire_date=at)
    for name, age in (("q2:1", 2 * DAY), ("q2:2", HOUR), ("pipeline", 9 * DAY)):
        Heartbeat.objects.create(name=name, host="here", at=MONDAY - age)
    for key, age in (("old", 31 * DAY), ("new", 29 * DAY)):
        Task.objects.create(id=key, name=key, func="x", started=MONDAY - age, stopped=MONDAY - age, success=False)
    assert purge(MONDAY) == 3
    assert list(Session.objects.values_list("pk", flat=True)) == ["open"]
    assert set(Heartbeat.objects.values_list("name", flat=True)) == {"q2:2", "pipeline"}
    assert list(Task.objects.values_list("pk", flat=True)) == ["new"]


def test_many_rows_go_batch_by_batch(monkeypatch):
    monkeypatch.setattr(housekeeping, "BATCH", 10)
    for number in range(25):
        message(f"old {number}", 100)
        Session.objects.create(session_key=str(number), session_data="", expire_date=MONDAY - DAY)
    message("new", 1)
    with CaptureQueriesContext(connection) as asked:
        assert purge(MONDAY) == 50
    assert len([query for query in asked if query["sql"].startswith("DELETE")]) == 6
    assert left() == {"new"}


def test_nothing_new_is_looked_through_once_all_that_is_old_is_gone(monkeypatch):
    monkeypatch.setattr(housekeeping, "BATCH", 10)
    for number in range(50):
        message(f"new {number}", 1)
    with CaptureQueriesContext(connection) as asked:
        assert purge(MONDAY) == 0
    assert len([query for query in asked if "leads_outbox" in query["sql"]]) == 1


def test_out_of_time_the_rest_is_left_to_the_next_hour(monkeypatch):
    message("old", 100)
    monkeypatch.setattr(housekeeping, "BUDGET_S", 0.0)
    assert purge(MONDAY) == 0
    assert left() == {"old"}


def test_it_is_done_once_an_hour_by_the_backstop(freeze):
    hands = freeze(MONDAY)
    message("a", 100)
    backstop()
    assert left() == set()
    message("b", 100)
    hands.advance(HOUR - timedelta(seconds=1))
    backstop()
    assert left() == {"b"}
    hands.advance(timedelta(seconds=1))
    backstop()
    assert left() == set()


def test_the_hour_is_one_for_all_hosts():
    message("a", 100)
    assert (purge_hourly(MONDAY), purge_hourly(MONDAY)) == (1, 0)
