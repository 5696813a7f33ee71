"""Background tasks for django-q2. Every task may run twice and carries at most an id; our own rows hold the truth."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from datetime import timedelta
from typing import ParamSpec, TypeVar

from django.db import connection, transaction
from django_q.models import Schedule

from handoff.housekeeping import purge_hourly
from handoff.sweep import sweep
from leads import clock, heartbeats
from leads.models import Heartbeat
from leads.notify.outbox import deliver

P = ParamSpec("P")
R = TypeVar("R")
BACKSTOP = "backstop"
BEAT = "beat"
BACKSTOP_LIMIT = 58


def task(limit: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Stamp the process as alive and busy for at most `limit` seconds at the start, and as free at the end."""

    def wrap(work: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(work)
        def stamped(*args: P.args, **kwargs: P.kwargs) -> R:
            _stamp(busy_for=limit)
            try:
                return work(*args, **kwargs)
            finally:
                _stamp(busy_for=0)

        return stamped

    return wrap


def _stamp(*, busy_for: int, name: str = "") -> None:
    now = clock.now()
    Heartbeat.objects.update_or_create(
        name=name or f"{heartbeats.TASKS}{os.getpid()}", host=heartbeats.host(),
        defaults={"at": now, "busy_until": now + timedelta(seconds=busy_for) if busy_for else None, "pgid": os.getpgid(0)},
    )  # fmt: skip


@task(BACKSTOP_LIMIT)
def backstop() -> int:
    """Once a minute, whatever became of the loops: fire what is due and deliver what waits. Once an hour, tidy up."""
    done = sweep() + deliver()
    _stamp(busy_for=0, name=BACKSTOP)
    purge_hourly()
    return done


@task(10)
def beat() -> None:
    """Nothing but a stamp of its own: the next beat is only asked for when this one has come."""
    _stamp(busy_for=0, name=BEAT)


@transaction.atomic
def ensure_schedule() -> None:
    """The one Schedule row, made by code; whatever somebody changed in it is set right."""
    with connection.cursor() as cursor:  # one after the other, when several hosts start at once
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('accord.schedule'))")
    values = {
        "func": "handoff.tasks.backstop",
        "schedule_type": Schedule.MINUTES,
        "minutes": 1,
        "repeats": -1,
        "args": None,
        "kwargs": None,
    }
    if not Schedule.objects.filter(name=BACKSTOP, **values).exists():
        Schedule.objects.filter(name=BACKSTOP).delete()
        Schedule.objects.create(name=BACKSTOP, **values)
