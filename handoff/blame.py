"""Where the time of a hand-off went, and whose it was: fair blame.

A hand-off waits for somebody at every moment between the submission and the first attempt: for the portal, for a place with a rep, for
the rep, for marketing. `gaps` is one pure function from what was stored to these waits; they sum exactly to the whole, and what lies
outside the working hours a clock ran on, or was on hold, is nobody's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db.models import F, Max, OuterRef, Subquery

from handoff.businesstime import ELAPSED, Calendar, between
from handoff.models import Handoff, HandoffEvent, SlaEvent, SlaTimer
from handoff.policybook import PolicyBook
from handoff.states import ClockKind, HandoffState
from leads.models import Submission


class Whose(StrEnum):
    """Who had the time."""

    SYSTEM = "system"
    QUEUE = "queue"
    REP = "rep"
    MARKETING = "marketing"
    OFF_HOURS = "off"
    PAUSED = "paused"
    WORK = "work"


WORDS = {
    Whose.SYSTEM: "The portal", Whose.QUEUE: "Waiting for a rep", Whose.REP: "The rep", Whose.MARKETING: "Marketing",
    Whose.OFF_HOURS: "Out of hours", Whose.PAUSED: "On hold", Whose.WORK: "Being worked",
}  # fmt: skip
S, K = HandoffState, ClockKind
# Whom a hand-off waits for in each state, for what, and the clock that says in whose hours.
WAITS = {
    S.QUEUED: (Whose.QUEUE, "for a rep", K.OFFER),
    S.OFFERED: (Whose.REP, "for the answer", K.ACCEPT),
    S.ACCEPTED: (Whose.REP, "for the first attempt", K.FIRST_CONTACT),
    S.REJECTED: (Whose.MARKETING, "for the review", K.REVIEW),
}
DISPUTED = (Whose.MARKETING, "for the dispute to be settled", K.DISPUTE)


@dataclass(frozen=True, slots=True)
class Move:
    """A moment from which somebody else, or something else, is waited for."""

    at: datetime
    state: str
    owner_id: int | None
    verb: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """A clock as far as it says whose hours count: when it ran, and when it was on hold."""

    kind: str
    started_at: datetime
    calendar: Calendar
    holds: tuple[tuple[datetime, datetime | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Course:
    """All that was stored about the time of one hand-off. `moves` begin with the opening and are in order."""

    submitted_at: datetime | None
    qualified_at: datetime | None
    moves: tuple[Move, ...]
    clocks: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Gap:
    """Time between two moments that was somebody's. `took` is how much of [start, end) was theirs; the rest is in a gap beside it."""

    start: datetime
    end: datetime
    whose: Whose
    what: str
    took: timedelta
    owner_id: int | None = None


def gaps(course: Course, now: datetime) -> list[Gap]:
    """The waits of a hand-off in order, none empty; together they take exactly from the first moment to the last.

    The last moment is when nobody is waited for any more (worked, closed, reviewed), and `now` while somebody is.
    """
    found: list[Gap] = []
    opened = course.moves[0].at
    qualified = min(course.qualified_at or opened, opened)
    submitted = min(course.submitted_at or qualified, qualified)
    found += _plain(submitted, qualified, Whose.SYSTEM, "to qualify")
    found += _plain(qualified, opened, Whose.SYSTEM, "to open the hand-off")
    # Where the time goes on after the last of these, nobody is waited for.
    waited = [number for number, move in enumerate(course.moves) if _wait(move) is not None]
    last = waited[-1] if waited else -1
    for number, move in enumerate(course.moves[: last + 1]):
        end = course.moves[number + 1].at if number + 1 < len(course.moves) else max(now, move.at)
        wait = _wait(move)
        if wait is None:
            found += _plain(move.at, end, Whose.WORK, "in work")
            continue
        whose, what, kind = wait
        found += _split(move, end, whose, what, _clock(course.clocks, kind, move.at))
    return found


def whole(found: Sequence[Gap]) -> timedelta:
    return sum((gap.took for gap in found), timedelta(0))


def shares(found: Iterable[Gap]) -> dict[Whose, timedelta]:
    """How much of the whole was whose, those with none left out, in the order of `Whose`."""
    totals: dict[Whose, timedelta] = defaultdict(timedelta)
    for gap in found:
        totals[gap.whose] += gap.took
    return {whose: totals[whose] for whose in Whose if whose in totals}


def _wait(move: Move) -> tuple[Whose, str, ClockKind] | None:
    """Whom is waited for after a move; None when nobody is. A verdict ends the wait for one, but a dispute waits to be settled."""
    if move.verb in ("agree", "settle"):
        return None
    if move.verb == "dispute":
        return DISPUTED
    return WAITS.get(HandoffState(move.state))


def _plain(start: datetime, end: datetime, whose: Whose, what: str) -> Iterator[Gap]:
    if end > start:
        yield Gap(start, end, whose, what, end - start)


def _clock(clocks: Sequence[Span], kind: str, at: datetime) -> Span | None:
    """The clock of this kind that had begun last, else any of its hand-off that keeps hours."""
    begun = [span for span in clocks if span.kind == kind and span.started_at <= at]
    fitting = begun or [span for span in clocks if span.kind == kind] or [span for span in clocks if span.calendar != ELAPSED]
    return max(fitting, key=lambda span: span.started_at) if fitting else None


def _split(move: Move, end: datetime, whose: Whose, what: str, clock: Span | None) -> Iterator[Gap]:
    """One wait as the part that was in hours, the part on hold, and the rest, which was out of hours."""
    if end <= move.at:
        return
    calendar = clock.calendar if clock else ELAPSED
    held = open_held = timedelta(0)
    for since, until in clock.holds if clock else ():
        start, stop = max(since, move.at), min(until or end, end)
        if stop > start:
            held += stop - start
            open_held += between(calendar, start, stop)
    theirs = between(calendar, move.at, end) - open_held
    for part, took in ((whose, theirs), (Whose.PAUSED, held), (Whose.OFF_HOURS, end - move.at - theirs - held)):
        if took:
            yield Gap(move.at, end, part, what, took, move.owner_id)


# What the verbs leave as they found it; the time goes on as it was.
QUIET = ("see", "nudge", "interest", "join", "pause", "resume", "replan")


def courses(handoffs: Sequence[Handoff] | Iterable[int], book: PolicyBook) -> dict[int, Course]:
    """What was stored about many hand-offs: four queries, and two for each calendar their clocks ran on."""
    ids = [one if isinstance(one, int) else one.pk for one in handoffs]
    earlier = Submission.objects.filter(lead=OuterRef("lead"), received_at__lte=OuterRef("since")).order_by()
    facts = (
        Handoff.objects.filter(pk__in=ids)
        .annotate(since=F("qualification__at"))
        .annotate(submitted=Subquery(earlier.values("lead").annotate(last=Max("received_at")).values("last")))
        .values_list("pk", "opened_at", "since", "submitted")
    )
    events = HandoffEvent.objects.filter(handoff__in=ids).exclude(verb__in=QUIET).order_by("at", "pk")
    moves: dict[int, list[Move]] = defaultdict(list)
    for pk, at, verb, target, detail in events.values_list("handoff", "at", "verb", "target", "detail"):
        moves[pk].append(_move(moves[pk], at, verb, target, detail))
    clocks = _clocks(ids, book)
    found = {}
    for pk, opened, since, submitted in facts:
        mine = moves[pk]
        if not mine or mine[0].verb != "open":
            mine.insert(0, Move(opened, HandoffState.QUEUED, None, "open"))
        found[pk] = Course(submitted, since, tuple(mine), clocks.get(pk, ()))
    return found


def _move(before: Sequence[Move], at: datetime, verb: str, target: str, detail: Any) -> Move:
    to = detail.get("to") if isinstance(detail, dict) else None
    owner = to if isinstance(to, int) else before[-1].owner_id if before and target != HandoffState.QUEUED else None
    return Move(at, target, owner, verb)


def _clocks(ids: Sequence[int], book: PolicyBook) -> dict[int, tuple[Span, ...]]:
    timers = (
        SlaTimer.objects.filter(handoff__in=ids).order_by("pk").values_list("pk", "handoff", "kind", "started_at", "calendar")
    )
    halts = SlaEvent.objects.filter(handoff_id__in=ids, step__in=("pause", "resume", "met", "cancel")).order_by("fired_at", "pk")
    holds: dict[int, list[tuple[datetime, datetime | None]]] = defaultdict(list)
    for timer_id, step, fired_at, due_at in halts.values_list("timer_id", "step", "fired_at", "due_at"):
        at = due_at if step == "resume" else fired_at  # one that ended by itself ended at its limit, whenever that was noticed
        if step == "pause":
            holds[timer_id].append((at, None))
        elif holds[timer_id] and holds[timer_id][-1][1] is None:
            holds[timer_id][-1] = holds[timer_id][-1][0], at
    found: dict[int, list[Span]] = defaultdict(list)
    for pk, handoff_id, kind, started_at, calendar_id in timers:
        found[handoff_id].append(Span(kind, started_at, book.calendar(calendar_id), tuple(holds.get(pk, ()))))
    return {pk: tuple(spans) for pk, spans in found.items()}
