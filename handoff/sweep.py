"""Fires what is due on the clocks: any number of sweeps at once, nothing twice, nothing lost, one bad clock stops nobody.

A batch is one transaction: rows locked (those another sweep holds are left to it), events, messages and the advanced plan
commit together. An event that is there already is counted and not fired again.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import Error, InterfaceError, OperationalError, connection, transaction

from handoff import notices
from handoff.ladder import ACTS, PAUSE_CAP, Firing, Plan, Rung, advance, from_us
from handoff.models import Handoff, SlaTimer
from handoff.policybook import PolicyBook
from leads import clock
from leads.models import Outbox
from leads.notify.messages import Message, enqueue

logger = logging.getLogger("accord.sweep")

BATCH = 500
PARK_MINUTES = 60

_EVENTS = """
INSERT INTO handoff_slaevent (timer_id, handoff_id, epoch, step, due_at, fired_at, outcome)
SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::text[])
ON CONFLICT DO NOTHING RETURNING timer_id, step
"""
_ADVANCE = """
UPDATE handoff_slatimer t SET plan = v.plan, next_fire_at = v.next_fire_at, fails = 0, last_error = ''
FROM jsonb_to_recordset(%s::jsonb) AS v(id bigint, plan jsonb, next_fire_at timestamptz) WHERE t.id = v.id
"""


def sweep(now: datetime | None = None) -> int:
    """Fire everything due as of the database's clock (or `now`); returns the number of clocks advanced."""
    total = 0
    while True:
        swept = sweep_batch(now or clock.now())
        total += swept
        if swept < BATCH:
            return total


@transaction.atomic
def sweep_batch(now: datetime) -> int:
    """One batch of at most 500 clocks. On an exception clock by clock: the bad one is parked, the others fire."""
    due = SlaTimer.objects.select_for_update(no_key=True, skip_locked=True).filter(next_fire_at__lte=now)
    timers = list(due.order_by("next_fire_at", "id")[:BATCH])
    if not timers:
        return 0
    book = PolicyBook(now)
    try:
        with transaction.atomic():
            _fire(timers, now, book)
    except (OperationalError, InterfaceError):  # the database, not a clock
        raise
    except Exception:
        logger.exception("a batch of %s clocks failed, going on one by one", len(timers))
        for timer in timers:
            _fire_or_park(timer, now, book)
    return len(timers)


def next_due() -> datetime | None:
    """When the next clock fires: how long a sweep may sleep."""
    return (
        SlaTimer.objects.filter(next_fire_at__isnull=False)
        .order_by("next_fire_at", "id")
        .values_list("next_fire_at", flat=True)
        .first()
    )


def _fire_or_park(timer: SlaTimer, now: datetime, book: PolicyBook) -> None:
    try:
        with transaction.atomic():
            _fire([timer], now, book)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        fails = timer.fails + 1
        wait = timedelta(minutes=min(2**fails, PARK_MINUTES))
        words = str(error) if isinstance(error, Error) else f"{type(error).__name__}: {error}"
        SlaTimer.objects.filter(pk=timer.pk).update(fails=fails, last_error=words[:500], next_fire_at=now + wait)
        logger.warning("clock %s parked for %s: %s", timer.pk, wait, words)


def _fire(timers: Sequence[SlaTimer], now: datetime, book: PolicyBook) -> None:
    ladders = book.ladders_of(timer.target_id for timer in timers)
    firings: list[tuple[SlaTimer, Firing]] = []
    plans: list[Plan] = []
    for timer in timers:  # the clocks themselves stay as read: a batch that fails is done again one by one
        due, rest = advance(timer.plan, ladders.get(timer.target_id), now)
        firings += [(timer, firing) for firing in due]
        plans.append(rest)
    written = _write_events(firings, now)
    prevented = len(firings) - len(written)
    if prevented:
        logger.error("%s steps had fired before and were prevented", prevented)
    fired: dict[int, list[Firing]] = defaultdict(list)
    for timer, firing in firings:
        if firing.outcome == "fired" and (timer.pk, firing.code) in written:
            fired[timer.pk].append(firing)
    enqueue(_messages([timer for timer in timers if timer.pk in fired], fired, now, book), at=now)
    with connection.cursor() as cursor:
        rows = [
            {"id": timer.pk, "plan": plan, "next_fire_at": from_us(plan[0][0]).isoformat() if plan else None}
            for timer, plan in zip(timers, plans, strict=True)
        ]
        cursor.execute(_ADVANCE, [json.dumps(rows)])


def _write_events(firings: Sequence[tuple[SlaTimer, Firing]], now: datetime) -> set[tuple[int, str]]:
    """Store what came due; answers (clock, step) of those that were not there before."""
    if not firings:
        return set()
    rows = [(t.pk, t.handoff_id, t.epoch, f.code, f.due_at, now, f.outcome) for t, f in firings]
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS, [list(column) for column in zip(*rows, strict=True)])
        return set(cursor.fetchall())


def _messages(timers: Sequence[SlaTimer], fired: dict[int, list[Firing]], now: datetime, book: PolicyBook) -> list[Message]:
    if not timers:
        return []
    handoffs = Handoff.objects.select_related("lead__company", "owner").in_bulk({timer.handoff_id for timer in timers})
    people = notices.People()
    people.read(handoff.owner_id for handoff in handoffs.values() if handoff.owner_id)
    book.read_reps(handoff.owner_id for handoff in handoffs.values() if handoff.owner_id)
    messages: list[Message] = []
    for timer in timers:
        ladder, rungs = book.ladders_of([timer.target_id]).get(timer.target_id), list[Rung]()
        for firing in fired[timer.pk]:
            rung = ladder.rung(firing.code) if ladder else None
            if rung is None or rung.action in ACTS:
                messages.append(_work(timer, firing.code, rung.action if rung else PAUSE_CAP))
            if rung is not None:
                rungs.append(rung)
        messages += notices.step_messages(handoffs[timer.handoff_id], timer, rungs, people=people, book=book, at=now)
    return messages


def _work(timer: SlaTimer, code: str, action: str) -> Message:
    return Message(
        key=f"{timer.pk}:{timer.epoch}:{code}:{Outbox.Channel.WORK}:0", kind=notices.WORK, channel=Outbox.Channel.WORK,
        payload={"action": action, "step": code}, handoff_id=timer.handoff_id, timer_id=timer.pk, epoch=timer.epoch,
    )  # fmt: skip
