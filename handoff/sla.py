"""The clocks of a hand-off: every change of one is a new epoch with an event, and its plan is worked out once, here.

All functions work inside the caller's transaction on clocks the caller has locked (order: lead, hand-off, its clocks by id).
An act reads the database clock after its locks and first lets `settle` record what had come due by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from handoff.businesstime import add, between
from handoff.ladder import BREACH, PAUSE_CAP, Firing, Ladder, advance, due_at, from_us, plan, to_us
from handoff.models import SlaEvent, SlaTimer
from handoff.policybook import PolicyBook
from leads.errors import Invalid

if TYPE_CHECKING:
    from leads.models import User

State = SlaTimer.State
MICROSECOND = timedelta(microseconds=1)
TIMER_FIELDS = (
    "state", "epoch", "consumed_us", "running_since", "due_at", "plan", "next_fire_at", "met_at", "pause_reason", "target", "target_us",
    "calendar", "owner",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Start:
    """One clock to start: which promise, from when, whose."""

    handoff_id: int
    ladder: Ladder
    at: datetime
    owner_id: int | None
    calendar_id: int | None


def start(starts: Sequence[Start], book: PolicyBook) -> list[SlaTimer]:
    """Start clocks with their whole plan; two statements for any number of them."""
    timers = []
    for item in starts:
        calendar, target = book.calendar(item.calendar_id), item.ladder.duration_us
        entries = plan(calendar, item.ladder.rungs, target_us=target, consumed_us=0, running_since=item.at)
        timers.append(
            SlaTimer(
                handoff_id=item.handoff_id, kind=item.ladder.kind, target_id=item.ladder.target_id, calendar_id=item.calendar_id,
                owner_id=item.owner_id, target_us=target, started_at=item.at, running_since=item.at,
                due_at=due_at(calendar, target_us=target, consumed_us=0, running_since=item.at),
                plan=entries, next_fire_at=from_us(entries[0][0]) if entries else None,
            )
        )  # fmt: skip
    SlaTimer.objects.bulk_create(timers, batch_size=2000)
    SlaEvent.objects.bulk_create(
        [_event(timer, "start", due=timer.started_at, at=timer.started_at, outcome="recorded") for timer in timers], batch_size=5000
    )
    return timers


def settle(timers: Iterable[SlaTimer], now: datetime, book: PolicyBook) -> None:
    """Before a person's deed counts: record on its clocks what had come due. A breach is kept, and nobody is told of it."""
    due = [timer for timer in timers if timer.next_fire_at is not None and timer.next_fire_at <= now]
    if not due:
        return
    ladders = book.ladders_of(timer.target_id for timer in due)
    events = []
    for timer in due:
        firings, rest = advance(timer.plan, ladders.get(timer.target_id), now, by_person=True)
        events += [_fired(timer, firing, now) for firing in firings]
        arm(timer, rest)
        timer.save(update_fields=["plan", "next_fire_at"])
    SlaEvent.objects.bulk_create(events, ignore_conflicts=True)


def meet(timer: SlaTimer, *, at: datetime, now: datetime, book: PolicyBook, actor: User | None) -> bool:
    """The promise is done as of `at`, which may lie before `now`; True when that withdraws a breach already recorded."""
    at = max(at, timer.started_at)
    _consume(timer, at, book)
    _to(timer, State.MET)
    timer.met_at = at
    timer.save(update_fields=TIMER_FIELDS)
    events = [_event(timer, "met", due=timer.due_at, at=now, outcome="recorded", actor=actor)]
    withdrawn = at <= timer.due_at and is_breached(timer, book)
    if withdrawn:
        events.append(_event(timer, _breach_code(timer, book), due=timer.due_at, at=now, outcome="withdrawn", actor=actor))
    SlaEvent.objects.bulk_create(events)
    return withdrawn


def cancel(timer: SlaTimer, *, now: datetime, book: PolicyBook, actor: User | None) -> None:
    """The promise no longer applies: what was recorded stays, nothing more is fired."""
    _consume(timer, now, book)
    _to(timer, State.CANCELLED)
    timer.save(update_fields=TIMER_FIELDS)
    _event(timer, "cancel", due=now, at=now, outcome="recorded", actor=actor).save(force_insert=True)


def pause(timer: SlaTimer, *, now: datetime, book: PolicyBook, actor: User | None, reason: str) -> None:
    """Stop the clock, with a reason, for at most the target's cap of working time; no pause undoes a breach."""
    if not reason.strip():
        raise Invalid("A pause needs a reason.", code="reason_needed", field="reason", value=reason, expected="some words")
    ladder = book.ladders_of([timer.target_id])[timer.target_id]
    if not ladder.pause_cap_us:
        raise Invalid("This promise cannot be paused.", code="no_pause", field="clock", value=timer.kind, expected="a clock with a pause")
    _consume(timer, now, book)
    _to(timer, State.PAUSED)
    timer.pause_reason = reason.strip()[:120]
    end = add(book.calendar(timer.calendar_id), now, timedelta(microseconds=ladder.pause_cap_us))
    arm(timer, [(to_us(end), PAUSE_CAP)])
    timer.save(update_fields=TIMER_FIELDS)
    _event(timer, "pause", due=now, at=now, outcome="recorded", actor=actor).save(force_insert=True)


def resume(timer: SlaTimer, *, now: datetime, book: PolicyBook, actor: User | None) -> None:
    """Go on with the time that was left; steps already fired never come again."""
    _run(timer, since=now, now=now, book=book, actor=actor, step="resume")


def restart(timer: SlaTimer, *, now: datetime, book: PolicyBook, actor: User | None) -> None:
    """Take back the end of a clock: it goes on as if it had never ended."""
    ended = timer.met_at or now
    if timer.state == State.CANCELLED:
        stamp = SlaEvent.objects.filter(timer_id=timer.pk, epoch=timer.epoch, step="cancel").values_list("fired_at", flat=True).first()
        ended = stamp or now
    _run(timer, since=ended, now=now, book=book, actor=actor, step="undo")


def replan(timer: SlaTimer, *, ladder: Ladder, calendar_id: int | None, now: datetime, book: PolicyBook, actor: User | None) -> None:
    """Carry a running clock over to another version of its policy or calendar: time used stays used, nothing fired is unfired."""
    _consume(timer, now, book)
    timer.target_id, timer.target_us, timer.calendar_id = ladder.target_id, ladder.duration_us, calendar_id
    _run(timer, since=now, now=now, book=book, actor=actor, step="replan")


def is_breached(timer: SlaTimer, book: PolicyBook) -> bool:
    """Whether the breach of this clock was noticed, by the sweep or by an act, and not withdrawn."""
    outcomes = set(SlaEvent.objects.filter(timer_id=timer.pk, step=_breach_code(timer, book)).values_list("outcome", flat=True))
    return bool(outcomes) and SlaEvent.Outcome.WITHDRAWN not in outcomes


def arm(timer: SlaTimer, entries: Sequence[tuple[int, str]]) -> None:
    """Give a clock its plan; `next_fire_at` always follows from it."""
    timer.plan = [list(entry) for entry in entries]
    timer.next_fire_at = from_us(entries[0][0]) if entries else None


def _run(timer: SlaTimer, *, since: datetime, now: datetime, book: PolicyBook, actor: User | None, step: str) -> None:
    calendar = book.calendar(timer.calendar_id)
    ladder = book.ladders_of([timer.target_id])[timer.target_id]
    done = set(SlaEvent.objects.filter(timer_id=timer.pk).values_list("step", flat=True))
    _to(timer, State.RUNNING)
    timer.running_since, timer.met_at, timer.pause_reason = since, None, ""
    timer.due_at = due_at(calendar, target_us=timer.target_us, consumed_us=timer.consumed_us, running_since=since)
    arm(timer, plan(calendar, ladder.rungs, target_us=timer.target_us, consumed_us=timer.consumed_us, running_since=since, done=done))
    timer.save(update_fields=TIMER_FIELDS)
    _event(timer, step, due=now, at=now, outcome="recorded", actor=actor).save(force_insert=True)


def _consume(timer: SlaTimer, until: datetime, book: PolicyBook) -> None:
    """Add the time since the clock last started to what it has used."""
    if timer.running_since is not None:
        timer.consumed_us += between(book.calendar(timer.calendar_id), timer.running_since, until) // MICROSECOND


def _to(timer: SlaTimer, state: str) -> None:
    timer.state, timer.running_since = state, None
    timer.epoch += 1
    arm(timer, [])


def _breach_code(timer: SlaTimer, book: PolicyBook) -> str:
    ladder = book.ladders_of([timer.target_id])[timer.target_id]
    return next((rung.code for rung in ladder.rungs if rung.action == BREACH), BREACH)


def _fired(timer: SlaTimer, firing: Firing, now: datetime) -> SlaEvent:
    return _event(timer, firing.code, due=firing.due_at, at=now, outcome=firing.outcome)


def _event(
    timer: SlaTimer, step: str, *, due: datetime, at: datetime, outcome: str, actor: User | None = None
) -> SlaEvent:  # fmt: skip
    return SlaEvent(
        timer_id=timer.pk, handoff_id=timer.handoff_id, epoch=timer.epoch, step=step, due_at=due, fired_at=at, outcome=outcome,
        actor_id=actor.pk if actor else None,
    )  # fmt: skip
