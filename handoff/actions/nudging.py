"""Asking whoever has a hand-off to get on with it, by name and not too often."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from handoff import notices
from handoff.models import Handoff, HandoffEvent
from handoff.moves import allow, go, hold
from handoff.states import ClockKind, HandoffState
from leads.errors import Conflict
from leads.notify.messages import enqueue
from leads.templatetags.dates import moment_words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leads.models import User

# One nudge of a hand-off in so long, whoever gives it.
COOL_DOWN = timedelta(minutes=30)


@transaction.atomic
def nudge(handoff: Handoff | int, *, actor: User, at: datetime | None = None) -> Handoff:
    """Tell the rep that `actor` asks for the answer or the first attempt: in the portal at once, by mail in their hours.

    No state and no clock changes. `Conflict` when somebody asked in the last half hour, or when it has moved on.
    """
    held = hold(handoff, actor=actor, at=at)
    move = allow(held, "nudge", seen=handoff)
    fresh, rep = held.handoff, held.handoff.owner
    assert rep is not None  # the table: only what a rep has can be nudged
    last = latest_nudges([fresh.pk], held.now).get(fresh.pk)
    if last is not None:
        again = timezone.localtime(last.at + COOL_DOWN)
        raise Conflict(f"{last.actor} nudged {rep} already. The next time is from {again:%H:%M} ({again.tzname()}) on.")
    if not rep.is_active:
        raise Conflict(f"{rep} is switched off and would never read it. Reassign the hand-off.")
    resting = [timer.paused_until for timer in held.timers if timer.paused_until is not None]
    if resting:
        raise Conflict(f"It is on hold until {moment_words(timezone.localtime(min(resting)))}.")
    asked = ClockKind.ACCEPT if fresh.state == HandoffState.OFFERED else ClockKind.FIRST_CONTACT
    event = go(held, move, detail={"to": rep.pk})
    payload = notices.facts(fresh, actor=str(actor), clock=asked.value)
    key = f"nudged:{fresh.pk}:{event.pk}"
    enqueue(
        list(notices.tell([rep], key=key, kind=notices.NUDGED, payload=payload, book=held.book, at=held.now, handoff=fresh)),
        at=held.now,
    )
    return fresh


def latest_nudges(handoff_ids: Iterable[int], now: datetime) -> dict[int, HandoffEvent]:
    """The nudges that forbid another one at `now`, by hand-off; one query."""
    recent = HandoffEvent.objects.filter(handoff__in=list(handoff_ids), verb="nudge", at__gt=now - COOL_DOWN)
    return {event.handoff_id: event for event in recent.select_related("actor").order_by("at", "pk")}
