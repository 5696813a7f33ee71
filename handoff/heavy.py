"""What a policy's step does to the hand-off itself: carried out as work, under the hand-off's own locks.

The outbox marks the row done in the same transaction, so each step happens exactly once. A step that has become pointless,
because somebody answered or the clock moved on meanwhile, does nothing.
"""

from __future__ import annotations

from handoff.actions.assigning import expire_held, take_back
from handoff.actions.holding import tell_resumed
from handoff.ladder import PAUSE_CAP
from handoff.models import SlaTimer
from handoff.moves import Held, hold
from handoff.states import transition
from leads.errors import NotFound
from leads.models import Outbox


def do_step(row: Outbox) -> None:
    """Reassign, recycle or resume, as the row says."""
    action = row.payload["action"]
    try:
        held = hold(row.handoff_id or 0, actor=None, settle=action != PAUSE_CAP)
    except NotFound:
        return
    if action == PAUSE_CAP:  # the hold has ended with the lock taken
        tell_resumed(held)
        return
    timer = next((one for one in held.timers if one.pk == row.timer_id and one.epoch == row.epoch), None)
    if timer is None:
        return
    if timer.state != SlaTimer.State.RUNNING:
        return
    if action == "reassign" and _may_move_again(held):
        _take_back(held)
    else:
        _recycle(held)


def _may_move_again(held: Held) -> bool:
    policy = held.handoff.policy
    return policy is not None and held.handoff.moves < policy.reassign_cap


def _take_back(held: Held) -> None:
    move = transition("return", held.handoff.state)
    if move is not None:
        take_back(held, move, "Not answered in time, looking for another rep")


def _recycle(held: Held) -> None:
    move = transition("expire", held.handoff.state)
    if move is not None:
        expire_held(held, move, "Nobody answered in time")
