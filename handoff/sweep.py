"""Fires what is due on the clocks: any number of sweeps at once, nothing twice, nothing lost, one bad clock stops nobody.

A batch is one transaction: rows locked (those another sweep holds are left to it), events, messages and the advanced plan
commit together. An event that is there already is counted and not fired again.
"""

from __future__ import annotations

import json
import logging
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import Error, InterfaceError, OperationalError, connection, transaction

from handoff import notices
from handoff.audience import People
from handoff.ladder import ACTS, PAUSE_CAP, Firing, Plan, Rung, advance
from handoff.models import SlaTimer
from handoff.policybook import PolicyBook
from leads import clock
from leads.heartbeats import note_incident
from leads.models import Incident, Outbox
from leads.notify.messages import Message, enqueue

logger = logging.getLogger("accord.sweep")

BATCH = 500
BUDGET_S = 3.0
PARK_MINUTES = 60

# Instants come as the microseconds since 1970 that plans are made of.
_EVENTS = """
INSERT INTO handoff_slaevent (timer_id, handoff_id, epoch, step, due_at, fired_at, outcome)
SELECT v.timer, v.handoff, v.epoch, v.step, timestamptz 'epoch' + v.due_us * interval '1 microsecond', %s, v.outcome
FROM jsonb_to_recordset(%s::jsonb) AS v(timer bigint, handoff bigint, epoch int, step text, due_us bigint, outcome text)
ON CONFLICT DO NOTHING RETURNING timer_id, step
"""
_ADVANCE = """
UPDATE handoff_slatimer t SET plan = v.plan, fails = 0, last_error = '',
       next_fire_at = timestamptz 'epoch' + (v.plan -> 0 ->> 0)::bigint * interval '1 microsecond'
FROM jsonb_to_recordset(%s::jsonb) AS v(id bigint, plan jsonb) WHERE t.id = v.id
"""


class Due(NamedTuple):
    """A clock that is due, as far as a sweep reads it."""

    pk: int
    handoff_id: int
    target_id: int
    kind: str
    epoch: int
    due_at: datetime
    plan: list[list[Any]]
    fails: int


def sweep(now: datetime | None = None) -> int:
    """Fire what is due as of the database's clock (or `now`), for three seconds at most; returns the number of clocks advanced.

    Policies and people are read once for all its batches. Whoever has more to fire calls again, after a sign of life.
    """
    started, total = time.monotonic(), 0
    book, people = PolicyBook(now or clock.now()), People()
    at = book.at
    while True:
        swept = sweep_batch(at, book, people)
        total += swept
        if swept < BATCH or time.monotonic() - started >= BUDGET_S:
            return total
        at = now or clock.now()


@transaction.atomic
def sweep_batch(now: datetime, book: PolicyBook | None = None, people: People | None = None) -> int:
    """One batch of at most 500 clocks. On an exception clock by clock: the bad one is parked, the others fire."""
    rows = SlaTimer.objects.select_for_update(no_key=True, skip_locked=True).filter(next_fire_at__lte=now)
    timers = [Due(*row) for row in rows.order_by("next_fire_at", "id").values_list(*Due._fields)[:BATCH]]
    if not timers:
        return 0
    book, people = book or PolicyBook(now), people or People()
    try:
        with transaction.atomic():
            _fire(timers, now, book, people)
    except (OperationalError, InterfaceError):  # the database, not a clock
        raise
    except Exception:
        logger.exception("a batch of %s clocks failed, going on one by one", len(timers))
        for timer in timers:
            _fire_or_park(timer, now, book, people)
    return len(timers)


def next_due() -> datetime | None:
    """When the next clock fires: how long a sweep may sleep."""
    return (
        SlaTimer.objects.filter(next_fire_at__isnull=False)
        .order_by("next_fire_at", "id")
        .values_list("next_fire_at", flat=True)
        .first()
    )


def _fire_or_park(timer: Due, now: datetime, book: PolicyBook, people: People) -> None:
    try:
        with transaction.atomic():
            _fire([timer], now, book, people)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        fails = timer.fails + 1
        wait = timedelta(minutes=min(2**fails, PARK_MINUTES))
        words = str(error) if isinstance(error, Error) else f"{type(error).__name__}: {error}"
        SlaTimer.objects.filter(pk=timer.pk).update(fails=fails, last_error=words[:500], next_fire_at=now + wait)
        logger.warning("clock %s parked for %s: %s", timer.pk, wait, words)


def _fire(timers: Sequence[Due], now: datetime, book: PolicyBook, people: People) -> None:
    ladders = book.ladders_of(timer.target_id for timer in timers)
    firings: list[tuple[Due, Firing]] = []
    plans: list[Plan] = []
    for timer in timers:
        due, rest = advance(timer.plan, ladders.get(timer.target_id), now)
        firings += [(timer, firing) for firing in due]
        plans.append(rest)
    written = _write_events(firings, now)
    prevented = len(firings) - len(written)
    if prevented:
        logger.error("%s steps had fired before and were prevented", prevented)
        note_incident(Incident.Kind.PREVENTED, "sweeper", number=prevented)
    fired: dict[int, list[Firing]] = defaultdict(list)
    for timer, firing in firings:
        if firing.outcome == "fired" and (timer.pk, firing.code) in written:
            fired[timer.pk].append(firing)
    enqueue(_messages([timer for timer in timers if timer.pk in fired], fired, now, book, people), at=now)
    rows = [{"id": timer.pk, "plan": plan} for timer, plan in zip(timers, plans, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(_ADVANCE, [json.dumps(rows)])


def _write_events(firings: Sequence[tuple[Due, Firing]], now: datetime) -> set[tuple[int, str]]:
    """Store what came due; answers (clock, step) of those that were not there before."""
    if not firings:
        return set()
    rows = [
        {
            "timer": timer.pk, "handoff": timer.handoff_id, "epoch": timer.epoch, "step": firing.code,
            "due_us": firing.due_us, "outcome": firing.outcome,
        }
        for timer, firing in firings
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS, [now, json.dumps(rows)])
        return set(cursor.fetchall())


def _messages(
    timers: Sequence[Due], fired: dict[int, list[Firing]], now: datetime, book: PolicyBook, people: People
) -> list[Message]:
    if not timers:
        return []
    matters = notices.matters({timer.handoff_id for timer in timers})
    owners = {matter.owner_id for matter in matters.values() if matter.owner_id}
    people.read(owners)
    book.read_reps(owners)
    ladders, addresses = book.ladders_of(timer.target_id for timer in timers), notices.Addresses(people, book, now)
    messages: list[Message] = []
    for timer in timers:
        ladder, rungs = ladders.get(timer.target_id), list[Rung]()
        for firing in fired[timer.pk]:
            rung = ladder.rung(firing.code) if ladder else None
            if rung is None or rung.action in ACTS:
                messages.append(_work(timer, firing.code, rung.action if rung else PAUSE_CAP))
            if rung is not None:
                rungs.append(rung)
        messages += notices.step_messages(matters[timer.handoff_id], timer, rungs, addresses=addresses)
    return notices.spaced(messages, at=now)


def _work(timer: Due, code: str, action: str) -> Message:
    return Message(
        key=f"{timer.pk}:{timer.epoch}:{code}:{Outbox.Channel.WORK.value}:0", kind=notices.WORK, channel=Outbox.Channel.WORK.value,
        payload={"action": action, "step": code}, handoff_id=timer.handoff_id, timer_id=timer.pk, epoch=timer.epoch,
    )  # fmt: skip
