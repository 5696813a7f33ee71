"""What a person sees of a hand-off's clock: one function makes every pill, bar and countdown of the portal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.utils import timezone

from handoff.businesstime import ELAPSED, Calendar, between, is_open, next_close, next_open
from handoff.models import Handoff, SlaTimer
from handoff.policybook import PolicyBook
from handoff.states import OWNER_CLOCKS, HandoffState
from leads.clockface import ClockFace, state_of

OPEN_CLOCKS = (SlaTimer.State.RUNNING, SlaTimer.State.PAUSED)
DONE_WORDS = {
    HandoffState.QUEUED: "Waiting",
    HandoffState.OFFERED: "No clock",
    HandoffState.ACCEPTED: "Accepted",
    HandoffState.CONTACTED: "Contacted",
    HandoffState.CONVERTED: "Converted",
    HandoffState.REJECTED: "Rejected",
    HandoffState.RECYCLED: "Recycled",
    HandoffState.CLOSED: "Closed",
}


def clock_of(handoff: Handoff, timer: SlaTimer | None, now: datetime, calendar: Calendar = ELAPSED) -> ClockFace:
    """The face of a hand-off's clock at `now`, in the time of `calendar`: the one the timer runs on.

    Without a running clock the face says where the hand-off stands. Outside opening hours a clock that is not overdue stands
    still and says when it goes on; an overdue one stays overdue and stands still.
    """
    if timer is None or timer.state not in OPEN_CLOCKS:
        return ClockFace("done", word=DONE_WORDS[HandoffState(handoff.state)])
    total = timer.target_us // 1_000_000
    if timer.state == SlaTimer.State.PAUSED:
        left = (timer.target_us - timer.consumed_us) // 1_000_000
        return ClockFace("paused", due_at=timer.due_at, left=left, total=total, word="On hold")
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


def owner_timers(handoff_ids: Iterable[int]) -> dict[int, SlaTimer]:
    """The next promise due of whoever has each hand-off; none where nothing runs. One query."""
    timers: dict[int, list[SlaTimer]] = defaultdict(list)
    rows = SlaTimer.objects.filter(handoff_id__in=list(handoff_ids), state__in=OPEN_CLOCKS, kind__in=OWNER_CLOCKS).defer("plan")
    for timer in rows:
        timers[timer.handoff_id].append(timer)
    return {handoff_id: min(found, key=lambda timer: (timer.due_at, timer.pk)) for handoff_id, found in timers.items()}


def faces_of(handoffs: Sequence[Handoff], now: datetime, book: PolicyBook | None = None) -> dict[int, ClockFace]:
    """The faces of many hand-offs: a query for their timers and two for each calendar they run on."""
    book = book or PolicyBook(now)
    timers = owner_timers(handoff.pk for handoff in handoffs)
    faces = {}
    for handoff in handoffs:
        timer = timers.get(handoff.pk)
        calendar = book.calendar(timer.calendar_id) if timer else ELAPSED
        faces[handoff.pk] = clock_of(handoff, timer, now, calendar)
    return faces
