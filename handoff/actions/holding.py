"""Putting a promise on hold, because the person asked for it, and going on: with a reason and for no longer than the policy allows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from handoff import notices
from handoff.audience import People
from handoff.businesstime import next_open
from handoff.models import Handoff, SlaTimer
from handoff.moves import Held, allow, go, hold
from handoff.sla import Clocks
from handoff.states import OWNER_CLOCKS
from leads.errors import Conflict, Invalid
from leads.notify.messages import enqueue
from leads.templatetags.dates import moment_words

if TYPE_CHECKING:
    from leads.models import User


@dataclass(frozen=True, slots=True)
class MayHold:
    """What could be put on hold now: until when at most, and the promises that would run on."""

    limit: datetime
    runs_on: tuple[SlaTimer, ...] = ()


def may_hold(timers: Iterable[SlaTimer], clocks: Clocks) -> MayHold | None:
    """Of the open clocks of a hand-off; None when none of its owner's may be put on hold now."""
    own = [timer for timer in timers if timer.kind in OWNER_CLOCKS and timer.state == SlaTimer.State.RUNNING]
    limits = {timer.pk: clocks.hold_limit(timer) for timer in own}
    allowed = [limit for limit in limits.values() if limit is not None]
    if not allowed:
        return None
    return MayHold(min(allowed), tuple(timer for timer in own if limits[timer.pk] is None))


@transaction.atomic
def pause_handoff(
    handoff: Handoff | int, *, actor: User, reason: str, until: date | None = None, at: datetime | None = None
) -> Handoff:
    """Stop the owner's clocks that may be stopped, with a reason such as "Call me on the 12th".

    They go on by themselves when hours begin on the day `until`, where the actor is; without one when the policy's limit is
    reached. Invalid without a reason, for a day that is no later day or beyond the limit, or when no clock may be put on hold.
    """
    held = hold(handoff, actor=actor, at=at)
    move = allow(held, "pause", seen=handoff)
    words = reason.replace("\x00", "").strip()[:120]
    if not words:
        raise Invalid("Say why it is put on hold.", code="reason_needed", field="reason", value=reason, expected="a few words")
    what = may_hold(held.timers, held.clocks)
    if what is None:
        raise Invalid(
            "No promise of this hand-off can be put on hold now.", code="no_pause", field="reason", value=words,
            expected="a running clock that may be on hold",
        )  # fmt: skip
    if until is not None:
        _check_day(until, what, actor, held.now)
    for timer in held.timers:
        if timer.kind in OWNER_CLOCKS and timer not in what.runs_on and timer.state == SlaTimer.State.RUNNING:
            held.clocks.pause(timer, reason=words, until=_begin_of(until, timer, held, actor) if until else what.limit)
    ends = min(timer.paused_until for timer in held.timers if timer.paused_until is not None)
    go(held, move, detail={"reason": words, "until": ends.isoformat()})
    return held.handoff


@transaction.atomic
def resume_handoff(handoff: Handoff | int, *, actor: User, at: datetime | None = None) -> Handoff:
    """End a hold now: its clocks go on with the time they had left. Conflict when nothing is on hold any more."""
    held = hold(handoff, actor=actor, at=at)
    move = allow(held, "resume", seen=handoff)
    resting = [timer for timer in held.timers if timer.kind in OWNER_CLOCKS and timer.state == SlaTimer.State.PAUSED]
    if not resting:
        raise Conflict("This hand-off is not on hold any more.")
    for timer in resting:
        held.clocks.resume(timer)
    go(held, move)
    return held.handoff


def tell_resumed(held: Held) -> None:
    """Tell whoever has a hand-off that its hold ended by itself; nothing when a person ended it before."""
    woken = [timer for timer in held.woken if timer.state == SlaTimer.State.RUNNING]
    if not woken:
        return
    first = min(woken, key=lambda timer: timer.due_at)
    payload = notices.facts(held.handoff, clock=first.kind, promised=first.due_at.isoformat())
    told = notices.tell(
        People().of(("owner",), held.handoff.owner_id), key=f"resumed:{first.pk}:{first.epoch}", kind=notices.RESUMED,
        payload=payload, book=held.book, at=held.now, handoff=held.handoff,
    )  # fmt: skip
    enqueue(told, at=held.now)


def last_day(limit: datetime, actor: User) -> date:
    """The last day on which something put on hold now may go on."""
    return limit.astimezone(actor.zone).date()


def _check_day(until: date, what: MayHold, actor: User, now: datetime) -> None:
    if until <= now.astimezone(actor.zone).date():
        raise Invalid("The day must lie ahead.", code="in_past", field="until", value=until.isoformat(), expected="a day to come")
    if until > last_day(what.limit, actor):
        at = timezone.localtime(what.limit, actor.zone)
        raise Invalid(
            f"It may be on hold until {moment_words(at)} at most.",
            code="hold_too_long", field="until", value=until.isoformat(), expected=f"{at:%Y-%m-%d} at the latest",
        )  # fmt: skip


def _begin_of(day: date, timer: SlaTimer, held: Held, actor: User) -> datetime:
    """When hours begin on that day; for a clock without hours when the day does."""
    begins = datetime.combine(day, time(), tzinfo=actor.zone)
    return next_open(held.book.calendar(timer.calendar_id), begins)
