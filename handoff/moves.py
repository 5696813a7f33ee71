"""How a hand-off moves: locks in one order, the database clock after them, then state, clocks and event in one transaction.

Every verb in `handoff/actions/` is `hold`, `allow`, its own doing, `go`. Losing a race is `Conflict`, told in words.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import F
from django.utils import timezone

from handoff import broadcasts
from handoff.models import Handoff, HandoffEvent, SlaEvent, SlaTimer
from handoff.policybook import PolicyBook
from handoff.sla import Clocks
from handoff.states import ANSWER, ASSIGN, DONE, OWNER_CLOCKS, TRANSITIONS, WORK, ClockKind, HandoffState, Transition, transition
from leads import clock
from leads.errors import Conflict, NotAllowed, NotFound
from leads.models import Lead
from leads.notify import bell

if TYPE_CHECKING:
    from leads.models import User

OPEN_CLOCKS = (SlaTimer.State.RUNNING, SlaTimer.State.PAUSED)


@dataclass(slots=True)
class Held:
    """A hand-off under lock with its lead and open clocks, as of `now`. `act_id` groups the events of the act.

    `withdrawn` are clocks whose breach the act undid, `woken` those whose hold had ended by itself when it began.
    """

    handoff: Handoff
    lead: Lead
    timers: list[SlaTimer]
    clocks: Clocks
    now: datetime
    actor: User | None
    act_id: uuid.UUID
    withdrawn: list[SlaTimer] = field(default_factory=list)
    woken: list[SlaTimer] = field(default_factory=list)

    @property
    def book(self) -> PolicyBook:
        return self.clocks.book


def hold(handoff: Handoff | int, *, actor: User | None, at: datetime | None = None, settle: bool = True) -> Held:
    """Lock lead, hand-off and open clocks in that order, then read the clock, end holds that are over and settle what had come due.

    Without `settle` what had come due is left to the sweep, which tells people of it.
    """
    pk = handoff if isinstance(handoff, int) else handoff.pk
    lead_id = Handoff.objects.filter(pk=pk).values_list("lead_id", flat=True).first()
    if lead_id is None:
        raise NotFound("There is no such hand-off.")
    lead = Lead.objects.select_for_update(no_key=True).get(pk=lead_id)
    fresh = Handoff.objects.select_for_update(no_key=True, of=("self",)).select_related("owner", "qualification").get(pk=pk)
    fresh.lead = lead
    timers = list(SlaTimer.objects.select_for_update(no_key=True).filter(handoff_id=pk, state__in=OPEN_CLOCKS).order_by("pk"))
    now = at or clock.now()
    clocks = Clocks(PolicyBook(now), now, actor)
    held = Held(fresh, lead, timers, clocks, now, actor, uuid.uuid4())
    _wake(held)
    if settle:
        clocks.settle(timers)
    return held


def _wake(held: Held) -> None:
    """Holds that are over end when they were to: stored at once, with an event of the portal's, whatever the act comes to."""
    handoff, over = held.handoff, [timer.paused_until for timer in held.timers if timer.paused_until is not None]
    held.woken = held.clocks.wake(held.timers)
    if not held.woken:
        return
    held.clocks.flush()
    handoff.due_at = next_due(held.timers)
    Handoff.objects.filter(pk=handoff.pk).update(due_at=handoff.due_at, version=F("version") + 1)
    handoff.version += 1
    HandoffEvent.objects.create(
        handoff=handoff, verb="resume", source=handoff.state, target=handoff.state, at=min(over), act_id=held.act_id,
        detail={"limit": True},
    )  # fmt: skip


def allow(held: Held, verb: str, *, seen: Handoff | int | None = None) -> Transition:
    """The legal move, or why not: `NotAllowed` for who may never, `Conflict` for who came too late."""
    handoff, actor = held.handoff, held.actor
    move = transition(verb, handoff.state)
    permission = move.permission if move else next((m.permission for m in _moves(verb)), "")
    if actor is None and permission == ANSWER:
        raise NotAllowed("Only a person can do this.")
    if actor is not None and permission and not (actor.is_active and actor.has_perm(permission)):
        raise NotAllowed("You may not do this with hand-offs.")
    if move is None:
        raise Conflict(what_happened(handoff))
    if actor is not None and not _is_theirs(handoff, actor, move):
        had = isinstance(seen, Handoff) and seen.owner_id == actor.pk
        if had:
            raise Conflict(what_happened(handoff))
        raise NotAllowed("This hand-off is with somebody else.")
    return move


def _moves(verb: str) -> list[Transition]:
    return [move for move in TRANSITIONS if move.verb == verb]


def _is_theirs(handoff: Handoff, actor: User, move: Transition) -> bool:
    """An answer is the owner's alone; work also the managers' of the owner's team; the rest is for who may see the hand-off."""
    if handoff.owner_id == actor.pk or actor.is_superuser:
        return True
    if move.permission == ANSWER:
        return False
    if move.permission == WORK and not actor.has_perm(ASSIGN):
        return False
    return Handoff.objects.visible_to(actor).filter(pk=handoff.pk).exists()


def what_happened(handoff: Handoff) -> str:
    """What came before whoever is too late, in a sentence."""
    event = (
        HandoffEvent.objects.filter(handoff=handoff)
        .exclude(verb__in=("attempt", "interest", "see", "nudge", "pause", "resume", "replan"))
        .select_related("actor")
        .order_by("-at", "-pk")
        .first()
    )
    if event is None:
        return f"This hand-off is now: {handoff.standing}."
    who = str(event.actor) if event.actor else "The portal"
    at = timezone.localtime(event.at)
    to = f" to {handoff.owner}" if event.verb in ("reassign", "offer") and handoff.owner else ""
    return f"{who} {DONE.get(event.verb, event.verb)} this hand-off{to} at {at:%H:%M} ({at.tzname()})."


def go(
    held: Held, move: Transition, *, detail: dict[str, Any] | None = None, met_at: datetime | None = None, **changes: Any
) -> HandoffEvent:
    """Make the move: one conditional UPDATE, the clocks' part, one event. `changes` are columns of the hand-off."""
    handoff = held.handoff
    source, target = handoff.state, HandoffState(move.target or handoff.state)
    for name, value in changes.items():
        setattr(handoff, name, value)
    handoff.state = target
    turn_clocks(held, move, met_at=met_at)
    changes["due_at"] = handoff.due_at
    won = Handoff.objects.filter(pk=handoff.pk, state=source, version=handoff.version).update(
        state=target, version=F("version") + 1, **changes
    )
    if won != 1:
        raise Conflict(what_happened(handoff))
    handoff.version += 1
    if held.actor is not None:
        bell.mark_seen(held.actor, at=held.now, about=handoff.pk)
        bell.mark_acted(held.actor, handoff.pk, at=held.now)
    event = HandoffEvent.objects.create(
        handoff=handoff,
        verb=move.verb,
        source=source,
        target=target,
        actor=held.actor,
        at=held.now,
        act_id=held.act_id,
        detail=detail or {},
    )
    broadcasts.tell([event])
    return event


def turn_clocks(held: Held, move: Transition, *, met_at: datetime | None = None) -> None:
    """Meet, cancel and start the clocks this move speaks of; `due_at` follows, and `withdrawn` names breaches that were none."""
    for timer in held.timers:
        if timer.kind in move.meets:
            if held.clocks.meet(timer, at=met_at):
                held.withdrawn.append(timer)
        elif timer.kind in move.cancels:
            held.clocks.cancel(timer)
    for kind in move.starts:
        start_clock(held, kind)
    held.timers = [timer for timer in held.timers if timer.state in OPEN_CLOCKS]
    for timer in held.timers:
        if timer.kind in OWNER_CLOCKS and timer.pk is not None:
            held.clocks.give(timer, held.handoff.owner_id)
    held.handoff.due_at = next_due(held.timers)
    held.clocks.flush()


def reopen_clocks(held: Held, ended_at: datetime) -> None:
    """Restart the clocks that the act of `ended_at`, which is taken back, had met or cancelled; an offer is never taken back."""
    ended = SlaEvent.objects.filter(handoff_id=held.handoff.pk, fired_at=ended_at, step__in=("met", "cancel")).values(
        "timer_id", "epoch"
    )
    stamps = {row["timer_id"]: row["epoch"] for row in ended}
    for timer in (
        SlaTimer.objects.select_for_update(no_key=True)
        .filter(pk__in=stamps)
        .exclude(state__in=OPEN_CLOCKS)
        .exclude(kind=ClockKind.OFFER)
        .order_by("pk")
    ):
        if timer.epoch == stamps[timer.pk]:
            held.clocks.restart(timer)
            held.timers.append(timer)


def start_clock(held: Held, kind: ClockKind) -> None:
    """Start one of the hand-off's clocks if its policy promises anything; an MQO's follow-up runs once and for MQOs only."""
    handoff = held.handoff
    ladder = held.book.ladder(handoff.policy_id, kind)
    if ladder is None:
        return
    if kind == ClockKind.MQO_FOLLOWUP and (
        not handoff.is_mqo or SlaTimer.objects.filter(handoff=handoff, kind=ClockKind.MQO_FOLLOWUP).exists()
    ):
        return
    owner_id = handoff.owner_id if kind in OWNER_CLOCKS else None
    calendar_id = held.book.calendar_id_for(ladder, owner_id, handoff.policy_id)
    held.timers.append(held.clocks.start(handoff.pk, ladder, at=held.now, owner_id=owner_id, calendar_id=calendar_id))


def is_firing(timer: SlaTimer, now: datetime) -> bool:
    """Whether a step of the clock is due that nobody fired yet: the sweep tells of it first."""
    return timer.next_fire_at is not None and timer.next_fire_at <= now


def next_due(timers: list[SlaTimer]) -> datetime | None:
    """The next promise due of whoever has the hand-off."""
    return min((timer.due_at for timer in timers if timer.kind in OWNER_CLOCKS and timer.state in OPEN_CLOCKS), default=None)
