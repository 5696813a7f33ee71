"""What a person sees of a hand-off's clock: one function makes every pill, bar and countdown of the portal."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from handoff.businesstime import ELAPSED, Calendar, between, is_open, next_close, next_open
from handoff.models import SlaEvent, SlaTimer
from handoff.policybook import PolicyBook
from handoff.states import OWNER_CLOCKS, ClockKind, HandoffState, state_words
from leads.clockface import ClockFace, state_of

if TYPE_CHECKING:
    from django.db.models import QuerySet

# The promises of sales, a place in the queue included.
SALES_CLOCKS = OWNER_CLOCKS | {ClockKind.OFFER}
# Marketing's, once a rep has rejected.
REVIEW_CLOCKS = frozenset({ClockKind.REVIEW, ClockKind.DISPUTE})
OPEN_CLOCKS = (SlaTimer.State.RUNNING, SlaTimer.State.PAUSED)
# Where no clock runs a pill says more than the state's name, or less.
DONE_WORDS = {
    HandoffState.QUEUED: "Waiting",
    HandoffState.OFFERED: "No clock",
}


class InState(Protocol):
    """A hand-off, or as much of one as its clock asks for."""

    @property
    def pk(self) -> int: ...

    @property
    def state(self) -> str: ...

    @property
    def reached_at(self) -> datetime | None: ...

    @property
    def closed_as(self) -> str: ...


class Running(Protocol):
    """A timer, or as much of one as its face asks for."""

    @property
    def state(self) -> str: ...

    @property
    def due_at(self) -> datetime: ...

    @property
    def target_us(self) -> int: ...

    @property
    def consumed_us(self) -> int: ...

    @property
    def paused_until(self) -> datetime | None: ...


class OpenClock(NamedTuple):
    """An open timer of a hand-off, without the rest of its row: a board reads thousands of them."""

    handoff_id: int
    due_at: datetime
    pk: int
    state: str
    target_us: int
    consumed_us: int
    calendar_id: int | None
    paused_until: datetime | None
    target__pause_cap_us: int | None


def standing_face(handoff: InState) -> ClockFace:
    """The face of a hand-off without a running clock; nobody reached yet is no success."""
    state, reached = HandoffState(handoff.state), handoff.reached_at is not None
    word = DONE_WORDS.get(state) or state_words(state, reached=reached, closed_as=handoff.closed_as)
    return ClockFace("tried" if state == HandoffState.CONTACTED and not reached else "done", word=word)


def clock_of(handoff: InState, timer: Running | None, now: datetime, calendar: Calendar = ELAPSED) -> ClockFace:
    """The face of a hand-off's clock at `now`, in the time of `calendar`: the one the timer runs on.

    Without a running clock the face says where the hand-off stands. Outside opening hours a clock that is not overdue stands
    still and says when it goes on; an overdue one stays overdue and stands still.
    """
    if timer is None or timer.state not in OPEN_CLOCKS:
        return standing_face(handoff)
    total = timer.target_us // 1_000_000
    if timer.state == SlaTimer.State.PAUSED:
        left = (timer.target_us - timer.consumed_us) // 1_000_000
        return ClockFace("paused", due_at=timer.due_at, left=left, total=total, word="On hold", held_until=timer.paused_until)
    due = timer.due_at
    late = now > due
    left = -int(between(calendar, due, now).total_seconds()) if late else int(between(calendar, now, due).total_seconds())
    if late:
        # Overdue by less than a second is overdue.
        left = min(left, -1)
        if is_open(calendar, now):
            return ClockFace("overdue", due_at=due, left=left, total=total, runs_until=next_close(calendar, now))
        opens = next_open(calendar, now)
        return ClockFace("overdue", due_at=due, left=left, total=total, runs_until=now, resumes_at=opens)
    if not is_open(calendar, now):
        return ClockFace("paused", due_at=due, left=left, total=total, resumes_at=next_open(calendar, now), word="Resumes")
    today = timezone.localtime(due).date() == timezone.localtime(now).date()
    return ClockFace(state_of(left, due_today=today), due_at=due, left=left, total=total, runs_until=next_close(calendar, now))


def open_clocks(handoff_ids: Iterable[int], kinds: Collection[str] = SALES_CLOCKS) -> dict[int, OpenClock]:
    """The clock that speaks for each hand-off: of those that run the first due, else one on hold; none where none is open. One query."""
    clocks: dict[int, OpenClock] = {}
    rows = SlaTimer.objects.filter(handoff_id__in=list(handoff_ids), state__in=OPEN_CLOCKS, kind__in=kinds)
    for clock in map(OpenClock._make, rows.values_list(*OpenClock._fields)):
        clocks[clock.handoff_id] = min(clocks.get(clock.handoff_id, clock), clock, key=_speaks)
    return clocks


def _speaks(clock: OpenClock) -> tuple[bool, datetime, int]:
    return clock.state != SlaTimer.State.RUNNING, clock.due_at, clock.pk


def faces_of(handoffs: Sequence[InState], now: datetime, book: PolicyBook | None = None) -> dict[int, ClockFace]:
    """The faces of many hand-offs: a query for their timers and two for each calendar they run on."""
    book = book or PolicyBook(now)
    clocks = open_clocks(handoff.pk for handoff in handoffs)
    faces = {}
    for handoff in handoffs:
        clock = clocks.get(handoff.pk)
        calendar = book.calendar(clock.calendar_id) if clock else ELAPSED
        face = clock_of(handoff, clock, now, calendar)
        may_hold = clock is not None and clock.state == SlaTimer.State.RUNNING and bool(clock.target__pause_cap_us)
        faces[handoff.pk] = replace(face, may_hold=True) if may_hold else face
    return faces


def review_faces(handoffs: Iterable[InState], now: datetime) -> dict[int, ClockFace]:
    """The faces of what marketing owes on rejections: a verdict, or the end of a dispute; those it owes nothing on are left out."""
    waiting, book = {handoff.pk: handoff for handoff in handoffs}, PolicyBook(now)
    clocks = open_clocks(waiting, REVIEW_CLOCKS)
    return {pk: clock_of(waiting[pk], clock, now, book.calendar(clock.calendar_id)) for pk, clock in clocks.items()}


def is_overdue(now: datetime) -> Exists:
    """Whether a hand-off's face at `now` is overdue, as a condition on hand-offs: what lists count must be what they show."""
    late = SlaTimer.objects.filter(handoff=OuterRef("pk"), kind__in=SALES_CLOCKS, state=SlaTimer.State.RUNNING, due_at__lt=now)
    return Exists(late)


def answer_promises(now: datetime) -> QuerySet[SlaTimer]:
    """The promises to answer that are decided at `now`, with `KEPT` telling which were kept.

    Broken are also those that are overdue with the person still, and those overdue when they went to somebody else.
    """
    ended = SlaEvent.objects.filter(handoff_id=OuterRef("handoff_id"), timer_id=OuterRef("pk"), step="cancel")
    return SlaTimer.objects.filter(
        Q(state=SlaTimer.State.MET)
        | Q(state=SlaTimer.State.RUNNING, due_at__lt=now)
        | Q(Exists(ended.filter(fired_at__gt=OuterRef("due_at"))), state=SlaTimer.State.CANCELLED),
        kind=ClockKind.ACCEPT,
    )


KEPT = Q(met_at__lte=F("due_at"))
