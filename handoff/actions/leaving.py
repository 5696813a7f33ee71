"""What becomes of promises whose rep cannot keep them: who is switched off keeps no clock, who is away hands over or is waited for.

The policy of the hand-off says which. A promise due only after they are back stays with them; one that may not be on hold for
so long goes to somebody else. What was worked already stays with its rep, for a manager to decide.
"""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import InterfaceError, OperationalError, transaction

from handoff.absence import away_until
from handoff.actions.assigning import take_back
from handoff.models import Handoff, SlaPolicy, SlaTimer
from handoff.moves import Held, go, hold, is_firing
from handoff.states import OWNER_CLOCKS, HandoffState, transition
from leads import clock
from leads.errors import AccordError

logger = logging.getLogger("accord.pipeline")

WAITING = (HandoffState.OFFERED, HandoffState.ACCEPTED)
AWAY = "On leave"
BATCH = 200


def tend_absent() -> int:
    """Take what waits for people who are inactive or away in hand, each in a transaction of its own; returns how many were."""
    now = clock.now()
    away = away_until(now)
    done = 0
    for pk in _left_waiting(now, away)[:BATCH]:
        try:
            done += _tend(pk)
        except (OperationalError, InterfaceError):  # the database, not a hand-off
            raise
        except AccordError as refused:
            logger.warning("hand-off %s stays with somebody absent: %s", pk, refused.message)
    return done


def _left_waiting(now: datetime, away: dict[int, datetime]) -> list[int]:
    """Hand-offs that wait for somebody inactive, or for somebody away with a promise that runs out before they are back."""
    nobody = Handoff.objects.filter(state__in=WAITING, owner__is_active=False)
    left = dict.fromkeys(nobody.order_by("due_at", "pk").values_list("pk", flat=True))
    running = SlaTimer.objects.filter(
        state=SlaTimer.State.RUNNING, kind__in=OWNER_CLOCKS, handoff__state__in=WAITING, handoff__owner__in=list(away)
    )
    for pk, owner_id, due_at in running.order_by("due_at", "pk").values_list("handoff", "handoff__owner", "due_at"):
        if due_at <= away[owner_id]:
            left[pk] = None
    return list(left)


@transaction.atomic
def _tend(pk: int) -> bool:
    """Under lock, as things are now; False when there is nothing to do any more."""
    held = hold(pk, actor=None, settle=False)
    handoff, owner = held.handoff, held.handoff.owner
    if handoff.state not in WAITING or owner is None:
        return False
    if any(is_firing(timer, held.now) for timer in held.timers):
        return False
    back = away_until(held.now, [owner.pk]).get(owner.pk)
    if owner.is_active and back is None:
        return False
    if owner.is_active and back is not None and _waits(held, back):
        return True
    move = transition("return", handoff.state)
    assert move is not None  # the table: what waits for a rep can go back
    take_back(held, move, f"{owner} is {'away' if owner.is_active else 'switched off'}", let_pass=False)
    return True


def _waits(held: Held, back: datetime) -> bool:
    """Put the promises on hold until the rep is back, if the policy wants that and each of them may be for so long."""
    policy = held.handoff.policy
    if policy is None or policy.on_leave != SlaPolicy.OnLeave.PAUSE:
        return False
    running = [timer for timer in held.timers if timer.kind in OWNER_CLOCKS and timer.state == SlaTimer.State.RUNNING]
    limits = [held.clocks.hold_limit(timer) for timer in running]
    if not running or any(limit is None or limit < back for limit in limits):
        return False
    for timer in running:
        held.clocks.pause(timer, reason=AWAY, until=back)
    move = transition("pause", held.handoff.state)
    assert move is not None  # the table: what waits for a rep can be on hold
    go(held, move, detail={"reason": AWAY, "until": back.isoformat()})
    return True
