"""Noting that whoever has a hand-off opened it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction

from handoff.models import Handoff, HandoffEvent
from leads import clock
from leads.notify import bell

if TYPE_CHECKING:
    from leads.models import User


@transaction.atomic
def mark_seen(handoff: Handoff, *, actor: User, at: datetime | None = None) -> bool:
    """Record once when the rep it is with first opened it; True when this was that time. Changes no state and no clock.

    Whoever opens it has seen what the bell told them about it.
    """
    bell.mark_seen(actor, at=at or clock.now(), about=handoff.pk)
    if handoff.owner_id != actor.pk or handoff.seen_at is not None:
        return False
    now = at or clock.now()
    if not Handoff.objects.filter(pk=handoff.pk, owner=actor, seen_at=None).update(seen_at=now):
        return False
    handoff.seen_at = now
    HandoffEvent.objects.create(handoff=handoff, verb="see", source=handoff.state, target=handoff.state, actor=actor, at=now)
    return True
