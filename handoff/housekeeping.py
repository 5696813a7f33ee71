"""What nobody needs any more goes, once an hour, some rows at a time: no table grows for ever and no statement holds it for long."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django_q.models import Task

from leads import clock
from leads.importing.retention import forget_files
from leads.models import Heartbeat, Incident, Outbox
from scoring.activation import drop_old_scores

EVERY = timedelta(hours=1)
BATCH = 1000
FILES = 50
BUDGET_S = 10.0
MESSAGES_KEPT = timedelta(days=90)
FAILURES_KEPT = timedelta(days=30)
INCIDENTS_KEPT = timedelta(days=30)
HEARTBEATS_KEPT = timedelta(days=1)
TURN = "housekeeping"
DELIVERED = (Outbox.State.SENT, Outbox.State.DROPPED)


def purge_hourly(now: datetime | None = None) -> int:
    """Purge when the last time was an hour ago, on whichever host asks first; returns how many rows went."""
    at = now or clock.now()
    last, is_first = Heartbeat.objects.get_or_create(name=TURN, host="", defaults={"at": at})
    if not is_first and not Heartbeat.objects.filter(pk=last.pk, at__lte=at - EVERY).update(at=at):
        return 0
    return purge(at)


def purge(now: datetime) -> int:
    """Delete what is old; returns how many rows and files. Stops after ten seconds: the next hour goes on.

    Sessions go when they have ended, signs of life of a process after a day, failures of background tasks, incidents of the
    worker and the files of imports that are over after 30 days, messages sent or dropped after 90. The scores by a version go a week after it was replaced.
    """
    ends, gone = time.monotonic() + BUDGET_S, 0
    old: tuple[QuerySet[Any], ...] = (
        Session.objects.filter(expire_date__lt=now),
        Heartbeat.objects.filter(name__startswith="q2:", at__lt=now - HEARTBEATS_KEPT),
        Task.objects.filter(stopped__lt=now - FAILURES_KEPT),
        Incident.objects.filter(at__lt=now - INCIDENTS_KEPT),
    )
    for rows in old:
        while time.monotonic() < ends:
            deleted = _delete_some(rows)
            gone += deleted
            if deleted < BATCH:
                break
    while time.monotonic() < ends:
        files = forget_files(now, FILES)
        gone += files
        if files < FILES:
            break
    gone += drop_old_scores(now)
    return gone + _purge_messages(now - MESSAGES_KEPT, ends)


def _delete_some(rows: QuerySet[Any]) -> int:
    ids = list(rows.order_by().values_list("pk", flat=True)[:BATCH])
    return rows.model._default_manager.filter(pk__in=ids).delete()[0] if ids else 0


def _purge_messages(before: datetime, ends: float) -> int:
    """Messages lie in the order of their making: read from the oldest on, and no further than the first that are all to stay."""
    gone, after = 0, 0
    while time.monotonic() < ends:
        rows = list(Outbox.objects.filter(pk__gt=after).order_by("pk").values_list("pk", "state", "created_at")[:BATCH])
        if not any(created_at < before for _, _, created_at in rows):
            break
        after = rows[-1][0]
        old = [pk for pk, state, created_at in rows if created_at < before and state in DELIVERED]
        gone += Outbox.objects.filter(pk__in=old, state__in=DELIVERED).delete()[0]
    return gone
