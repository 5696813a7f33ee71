"""The clocks of a hand-off: every change of one is a new epoch with an event, and its plan is worked out once, here.

`Clocks` gathers what an act does to clocks and writes it in a few statements, for one hand-off or for ten thousand. The caller
has locked the clocks (order: lead, hand-off, its clocks by id) and read the database clock after that; `settle` then records
what had come due before the act counts, so a verdict hangs on times and never on the order of commits.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import connection
from django.utils import timezone

from handoff.businesstime import MICROSECOND, add, between
from handoff.ladder import BREACH, PAUSE_CAP, Ladder, Plan, advance, due_at, from_us, plan, to_us
from handoff.models import SlaEvent, SlaTimer
from handoff.policybook import PolicyBook
from leads.errors import Invalid
from leads.templatetags.dates import moment_words

if TYPE_CHECKING:
    from leads.models import User

State = SlaTimer.State
Outcome = SlaEvent.Outcome

_WRITE = """
UPDATE handoff_slatimer t SET state = v.state, epoch = v.epoch, consumed_us = v.consumed_us, running_since = v.running_since,
    due_at = v.due_at, plan = v.plan, next_fire_at = v.next_fire_at, met_at = v.met_at, pause_reason = v.pause_reason,
    target_id = v.target_id, target_us = v.target_us, calendar_id = v.calendar_id, owner_id = v.owner_id,
    paused_until = v.paused_until
FROM jsonb_to_recordset(%s::jsonb) AS v(id bigint, state text, epoch int, consumed_us bigint, running_since timestamptz,
    due_at timestamptz, plan jsonb, next_fire_at timestamptz, met_at timestamptz, pause_reason text, target_id bigint,
    target_us bigint, calendar_id bigint, owner_id bigint, paused_until timestamptz)
WHERE t.id = v.id
"""
_WRITTEN = (
    "id", "state", "epoch", "consumed_us", "running_since", "due_at", "plan", "next_fire_at", "met_at", "pause_reason", "target_id",
    "target_us", "calendar_id", "owner_id", "paused_until",
)  # fmt: skip


@dataclass(slots=True)
class Clocks:
    """What one act does to clocks. Nothing is written before `flush`."""

    book: PolicyBook
    now: datetime
    actor: User | None = None
    started: list[SlaTimer] = field(default_factory=list)
    changed: dict[int, SlaTimer] = field(default_factory=dict)
    events: list[tuple[SlaTimer, SlaEvent]] = field(default_factory=list)
    _steps: dict[int, set[str]] = field(default_factory=dict)

    def start(self, handoff_id: int, ladder: Ladder, *, at: datetime, owner_id: int | None, calendar_id: int | None) -> SlaTimer:
        """Start a clock with its whole plan."""
        calendar, target = self.book.calendar(calendar_id), ladder.duration_us
        timer = SlaTimer(
            handoff_id=handoff_id, kind=ladder.kind, target_id=ladder.target_id, calendar_id=calendar_id, owner_id=owner_id,
            target_us=target, started_at=at, running_since=at,
            due_at=due_at(calendar, target_us=target, consumed_us=0, running_since=at),
        )  # fmt: skip
        arm(timer, plan(calendar, ladder.rungs, target_us=target, consumed_us=0, running_since=at))
        self.started.append(timer)
        self._note(timer, "start", due=at)
        return timer

    def wake(self, timers: Iterable[SlaTimer]) -> list[SlaTimer]:
        """Let clocks whose hold is over go on since the moment it was to end, whoever comes by first; returns them."""
        woken = [timer for timer in timers if timer.paused_until is not None and timer.paused_until <= self.now]
        for timer in woken:
            until = timer.paused_until
            assert until is not None
            self._note(timer, PAUSE_CAP, due=until, by_rule=True)
            self._end_hold(timer, at=until, by_rule=True)
        return woken

    def settle(self, timers: Iterable[SlaTimer]) -> None:
        """Record what had come due by now. A breach is kept and nobody is told of it: the act itself is the news.

        A clock on hold has nothing that could come due: `wake` ends holds, before this.
        """
        running = (timer for timer in timers if timer.state == State.RUNNING)
        due = [timer for timer in running if timer.next_fire_at is not None and timer.next_fire_at < self.now]
        if not due:
            return
        ladders = self.book.ladders_of(timer.target_id for timer in due)
        for timer in due:
            firings, rest = advance(timer.plan, ladders.get(timer.target_id), self.now, by_person=True)
            for firing in firings:
                self._note(timer, firing.code, due=firing.due_at, outcome=firing.outcome)
            arm(timer, rest)
            self.changed[timer.pk] = timer

    def meet(self, timer: SlaTimer, *, at: datetime | None = None) -> bool:
        """The promise is kept as of `at` (now, or earlier); True when that withdraws a breach already recorded."""
        at = max(at or self.now, timer.started_at)
        self._stop(timer, State.MET, at)
        timer.met_at = at
        self._note(timer, "met", due=timer.due_at)
        withdrawn = at <= timer.due_at <= self.now and self._has_breached(timer)
        if withdrawn:
            self._note(timer, self._breach_code(timer), due=timer.due_at, outcome=Outcome.WITHDRAWN)
        return withdrawn

    def cancel(self, timer: SlaTimer) -> None:
        """The promise no longer applies: what was recorded stays, nothing more is fired."""
        self._stop(timer, State.CANCELLED, self.now)
        self._note(timer, "cancel", due=self.now)

    def pause(self, timer: SlaTimer, *, reason: str, until: datetime | None = None) -> None:
        """Stop the clock, with a reason, until then or for as long as it may be; no pause undoes a breach.

        The cap is for all holds of a clock together, in its own time. `due_at` becomes when it is due at the latest.
        """
        if not reason.strip():
            raise Invalid("A pause needs a reason.", code="reason_needed", field="reason", value=reason, expected="some words")
        limit = self.hold_limit(timer)
        if limit is None:
            raise Invalid(
                "This promise cannot be paused now.",
                code="no_pause",
                field="clock",
                value=timer.kind,
                expected="a running clock with a pause",
            )
        until = until or limit
        if not self.now < until <= limit:
            raise Invalid(
                f"This promise may be on hold until {moment_words(timezone.localtime(limit))} at most.",
                code="hold_too_long", field="until", value=until.isoformat(), expected="a time from now to then",
            )  # fmt: skip
        self._stop(timer, State.PAUSED, self.now)
        self._hold(timer, until=until, reason=reason.strip()[:120])
        self._note(timer, "pause", due=self.now)

    def hold_limit(self, timer: SlaTimer) -> datetime | None:
        """Until when a clock may be put on hold now; None when it does not run, may not pause or was on hold for all it may."""
        cap = self._ladder(timer).pause_cap_us
        if not cap or timer.state != State.RUNNING:
            return None
        calendar = self.book.calendar(timer.calendar_id)
        for since, until in holds_of(timer.pk):
            if until is not None:
                cap -= between(calendar, since, until) // MICROSECOND
        return add(calendar, self.now, timedelta(microseconds=cap)) if cap > 0 else None

    def resume(self, timer: SlaTimer) -> None:
        """Go on with the time that was left; steps already fired never come again."""
        self._end_hold(timer, at=self.now)

    def restart(self, timer: SlaTimer) -> None:
        """Take back the end of a clock: it goes on as if it had never ended."""
        ended = timer.met_at
        if ended is None:
            ended = (
                SlaEvent.objects.filter(timer_id=timer.pk, epoch=timer.epoch, step="cancel")
                .values_list("fired_at", flat=True)
                .first()
            )
        timer.epoch += 1
        self._run(timer, since=ended or self.now, step="undo")

    def replan(self, timer: SlaTimer, *, ladder: Ladder, calendar_id: int | None) -> None:
        """Carry a clock over to another version of its policy or calendar: time used stays used, nothing fired is unfired.

        A promise missed already stays missed, and a clock on hold stays on hold until when it was to be.
        """
        until, reason, missed = timer.paused_until, timer.pause_reason, timer.due_at < self.now
        self._stop(timer, State.PAUSED, self.now)
        timer.target_id, timer.target_us, timer.calendar_id = ladder.target_id, ladder.duration_us, calendar_id
        if until is None:
            self._run(timer, since=self.now, step="replan", missed=missed)
            return
        self._hold(timer, until=until, reason=reason)
        self._note(timer, "replan", due=self.now)

    def give(self, timer: SlaTimer, owner_id: int | None) -> None:
        """The promise goes on and is somebody else's now."""
        if timer.owner_id != owner_id:
            timer.owner_id = owner_id
            self.changed[timer.pk] = timer

    def read_steps(self, timers: Iterable[SlaTimer]) -> None:
        """Read at once which steps these clocks have behind them; without it each is asked for its own."""
        self._steps.update({timer.pk: set() for timer in timers})
        for timer_id, step in SlaEvent.objects.filter(timer_id__in=self._steps).values_list("timer_id", "step"):
            self._steps[timer_id].add(step)

    def flush(self) -> None:
        """Write everything gathered, in a few statements."""
        write(list(self.changed.values()))  # first: a clock of a kind may only start when the one before has ended
        SlaTimer.objects.bulk_create(self.started, batch_size=2000)
        for timer, event in self.events:
            event.timer_id = timer.pk
        SlaEvent.objects.bulk_create([event for _, event in self.events], batch_size=5000, ignore_conflicts=True)
        self.started, self.changed, self.events = [], {}, []

    def _end_hold(self, timer: SlaTimer, *, at: datetime, by_rule: bool = False) -> None:
        self._stop(timer, State.PAUSED, at)
        self._run(timer, since=at, step="resume", by_rule=by_rule)

    def _hold(self, timer: SlaTimer, *, until: datetime, reason: str) -> None:
        timer.paused_until, timer.pause_reason = until, reason
        if timer.consumed_us < timer.target_us:
            times = {"target_us": timer.target_us, "consumed_us": timer.consumed_us}
            timer.due_at = due_at(self.book.calendar(timer.calendar_id), running_since=until, **times)
        arm(timer, [(to_us(until), PAUSE_CAP)])

    def _run(self, timer: SlaTimer, *, since: datetime, step: str, missed: bool = False, by_rule: bool = False) -> None:
        calendar = self.book.calendar(timer.calendar_id)
        if timer.pk in self._steps:
            done = set(self._steps[timer.pk])
        else:
            done = set(SlaEvent.objects.filter(timer_id=timer.pk).values_list("step", flat=True))
        done |= {event.step for other, event in self.events if other is timer}
        timer.state, timer.running_since, timer.met_at, timer.pause_reason = State.RUNNING, since, None, ""
        times = {"target_us": timer.target_us, "consumed_us": timer.consumed_us}
        # A promise already missed stays missed since when it was: its time used up says by how much, not when.
        if not missed and (timer.consumed_us < timer.target_us or timer.due_at >= since):
            timer.due_at = due_at(calendar, running_since=since, **times)
        arm(timer, plan(calendar, self._ladder(timer).rungs, running_since=since, done=done, **times))
        self.changed[timer.pk] = timer
        self._note(timer, step, due=since if step == "resume" else self.now, by_rule=by_rule)

    def _stop(self, timer: SlaTimer, state: str, until: datetime) -> None:
        """Add the time since the clock last started to what it has used, and begin a new epoch."""
        if timer.running_since is not None:
            timer.consumed_us += between(self.book.calendar(timer.calendar_id), timer.running_since, until) // MICROSECOND
        timer.state, timer.running_since, timer.paused_until = state, None, None
        timer.epoch += 1
        arm(timer, [])
        self.changed[timer.pk] = timer

    def _ladder(self, timer: SlaTimer) -> Ladder:
        return self.book.ladders_of([timer.target_id])[timer.target_id]

    def _breach_code(self, timer: SlaTimer) -> str:
        return next((rung.code for rung in self._ladder(timer).rungs if rung.action == BREACH), BREACH)

    def _has_breached(self, timer: SlaTimer) -> bool:
        code = self._breach_code(timer)
        noted = any(other is timer and event.step == code for other, event in self.events)
        return noted or SlaEvent.objects.filter(timer_id=timer.pk, step=code).exclude(outcome=Outcome.SKIPPED).exists()

    def _note(self, timer: SlaTimer, step: str, *, due: datetime, outcome: str = Outcome.RECORDED, by_rule: bool = False) -> None:
        event = SlaEvent(
            handoff_id=timer.handoff_id, epoch=timer.epoch, step=step, due_at=due, fired_at=self.now, outcome=outcome,
            actor_id=self.actor.pk if self.actor and not by_rule else None,
        )  # fmt: skip
        self.events.append((timer, event))


def arm(timer: SlaTimer, entries: Plan) -> None:
    """Give a clock its plan; `next_fire_at` always follows from it."""
    timer.plan = [list(entry) for entry in entries]
    timer.next_fire_at = from_us(entries[0][0]) if entries else None


def write(timers: list[SlaTimer]) -> None:
    """Store changed clocks in one statement."""
    if not timers:
        return
    rows = [{name: getattr(timer, name) for name in _WRITTEN} for timer in timers]
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, [json.dumps(rows, default=datetime.isoformat)])


def verdict(timer: SlaTimer, now: datetime) -> bool | None:
    """Whether the promise was kept; None while it still may be. Done at exactly the due time is kept."""
    if timer.met_at is not None:
        return timer.met_at <= timer.due_at
    if timer.state == State.RUNNING and now >= timer.due_at:
        return False
    return None


def holds_of(timer_id: int) -> list[tuple[datetime, datetime | None]]:
    """When a clock was on hold, each time from and until when, in order; None of one that goes on. One query."""
    holds: list[tuple[datetime, datetime | None]] = []
    halts = SlaEvent.objects.filter(timer_id=timer_id, step__in=("pause", "resume")).order_by("epoch")
    for step, at in halts.values_list("step", "due_at"):
        if step == "pause":
            holds.append((at, None))
        elif holds and holds[-1][1] is None:
            holds[-1] = holds[-1][0], at
    return holds
