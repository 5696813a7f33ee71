"""Where the time of many hand-offs went: each stage, each of those it was with, each team, rep or source, by median and 90th percentile."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from handoff.blame import WORDS, Course, Gap, Whose, courses, gaps, shares, whole
from handoff.models import Handoff
from handoff.policybook import PolicyBook
from handoff.states import HandoffState
from leads.models import TeamMember, User

if TYPE_CHECKING:
    from collections.abc import Iterable

# Hand-offs are read one by one: so many of a period, the newest.
MOST = 3000
PERIODS = ((7, "7 days"), (30, "30 days"), (90, "90 days"))
GROUPS = (("rep", "Rep"), ("team", "Team"), ("source", "Source"))
STAGES = ("Submission to qualified", "Qualified to offered", "Offered to answered", "Answered to first attempt")


def percentile(values: Iterable[float], fraction: float) -> float | None:
    """The continuous percentile, between neighbours in proportion, as the database's `percentile_cont`; None of nothing."""
    ordered = sorted(values)
    if not ordered:
        return None
    place = fraction * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


@dataclass(frozen=True, slots=True)
class Part:
    """One of those who had the time of a hand-off, as a piece of its bar; `x` and `width` in percent."""

    whose: Whose
    took: timedelta
    x: float
    width: float

    @property
    def words(self) -> str:
        return WORDS[self.whose]

    @property
    def seconds(self) -> int:
        return int(self.took.total_seconds())

    @property
    def share(self) -> float:
        return self.width / 100


@dataclass(frozen=True, slots=True)
class Spent:
    """Where the time of one hand-off went: the pieces of its bar, and every wait with whose it was."""

    parts: list[Part]
    gaps: list[tuple[Gap, str, str]]
    seconds: int


def spent_on(handoff: Handoff, now: datetime) -> Spent:
    """For the packet: the bar and the table behind it, with the names of the reps who had it."""
    found = gaps(courses([handoff.pk], PolicyBook(now))[handoff.pk], now)
    names = User.objects.in_bulk({gap.owner_id for gap in found if gap.owner_id})
    told = [
        (gap, str(names[gap.owner_id]) if gap.whose == Whose.REP and gap.owner_id in names else WORDS[gap.whose], gap.what)
        for gap in found
    ]
    return Spent(bar_of(shares(found)), told, int(whole(found).total_seconds()))


def bar_of(totals: dict[Whose, timedelta]) -> list[Part]:
    every = sum((took.total_seconds() for took in totals.values()), 0.0)
    parts, x = [], 0.0
    for whose, took in totals.items():
        width = 100 * took.total_seconds() / every if every else 0.0
        parts.append(Part(whose, took, round(x, 2), round(width, 2)))
        x += width
    return parts


@dataclass(frozen=True, slots=True)
class Line:
    """Lengths of time in seconds as a report shows them: how many, the median, the 90th percentile."""

    name: str
    values: tuple[float, ...]

    @property
    def count(self) -> int:
        return len(self.values)

    @property
    def median(self) -> float | None:
        return percentile(self.values, 0.5)

    @property
    def ninetieth(self) -> float | None:
        return percentile(self.values, 0.9)


class Report:
    """The hand-offs `user` may see that were opened in the last `days`, by one of `GROUPS`; a fixed number of queries."""

    def __init__(self, user: User, now: datetime, *, days: int = 30, by: str = "rep") -> None:
        self.user, self.now, self.days, self.by = user, now, days, by
        since = now - timedelta(days=days)
        seen = Handoff.objects.visible_to(user).filter(opened_at__gt=since)
        rows = seen.order_by("-opened_at", "-pk").values_list("pk", "owner", "lead__first_source", "answered_at", "contacted_at")
        self.rows = list(rows[: MOST + 1])
        self.is_cut = len(self.rows) > MOST
        self.rows = self.rows[:MOST]
        self.courses = courses([row[0] for row in self.rows], PolicyBook(now))
        self.gaps = {pk: gaps(course, now) for pk, course in self.courses.items()}

    @cached_property
    def stages(self) -> list[Line]:
        """By the clock on the wall, of the hand-offs that got through each."""
        found: dict[str, list[float]] = {name: [] for name in STAGES}
        for pk, _, _, answered, contacted in self.rows:
            course = self.courses[pk]
            moments = (course.submitted_at, course.qualified_at, _first_offer(course), answered, contacted)
            for name, start, end in zip(STAGES, moments, moments[1:], strict=False):
                if start is not None and end is not None:
                    found[name].append(max(0.0, (end - start).total_seconds()))
        return [Line(name, tuple(values)) for name, values in found.items()]

    @cached_property
    def total(self) -> dict[Whose, timedelta]:
        return shares(gap for found in self.gaps.values() for gap in found)

    @property
    def bar(self) -> list[Part]:
        return bar_of(self.total)

    @cached_property
    def whose(self) -> list[tuple[Part, Line]]:
        """Whose the time was: the share of all of it, and how long in the hand-offs that had any."""
        each: dict[Whose, list[float]] = defaultdict(list)
        for found in self.gaps.values():
            for whose, took in shares(found).items():
                each[whose].append(took.total_seconds())
        return [(part, Line(part.words, tuple(each[part.whose]))) for part in self.bar]

    @cached_property
    def groups(self) -> list[tuple[Line, Line, Line]]:
        """Of each group the time that was a rep's, that was spent in the queue, and the whole; the largest group first.

        By rep or team, time is of whose it was when it passed: who got a hand-off late does not answer for who had it before.
        """
        rep: dict[str, list[float]] = defaultdict(list)
        queue: dict[str, list[float]] = defaultdict(list)
        every: dict[str, list[float]] = defaultdict(list)
        for pk, owner, source, _, _ in self.rows:
            group = self._group(owner, source)
            theirs: dict[str, timedelta] = defaultdict(timedelta)
            for gap in self.gaps[pk]:
                if gap.whose == Whose.REP:
                    theirs[self._group(gap.owner_id, source)] += gap.took
            for name, took in theirs.items():
                rep[name].append(took.total_seconds())
            queue[group].append(shares(self.gaps[pk]).get(Whose.QUEUE, timedelta(0)).total_seconds())
            every[group].append(whole(self.gaps[pk]).total_seconds())
        names = sorted(rep.keys() | every.keys(), key=lambda name: (-len(rep[name]), name))
        return [(Line(name, tuple(rep[name])), Line(name, tuple(queue[name])), Line(name, tuple(every[name]))) for name in names]

    def _group(self, owner: int | None, source: str) -> str:
        return (source if self.by == "source" else self._names.get(owner or 0, "")) or self._none

    @cached_property
    def _names(self) -> dict[int, str]:
        """The name of each rep's group: their own, or the team's that was made first."""
        if self.by == "team":
            return dict(TeamMember.objects.order_by("-team_id").values_list("user", "team__name"))
        owners = {row[1] for row in self.rows} | {gap.owner_id for found in self.gaps.values() for gap in found}
        return {user.pk: str(user) for user in User.objects.filter(pk__in=[pk for pk in owners if pk is not None])}

    @property
    def _none(self) -> str:
        return {"rep": "Nobody yet", "source": "No source", "team": "No team"}[self.by]

    def table(self) -> Iterator[Sequence[object]]:
        """The report as rows of a file; lengths in seconds."""
        yield "What", "Which", "Hand-offs", "Median, s", "90th percentile, s"
        for line in self.stages:
            yield "Stage", line.name, line.count, _whole(line.median), _whole(line.ninetieth)
        for _, line in self.whose:
            yield "Whose", line.name, line.count, _whole(line.median), _whole(line.ninetieth)
        for rep, queue, every in self.groups:
            for what, line in (("the rep's", rep), ("in the queue", queue), ("in all", every)):
                yield f"{dict(GROUPS)[self.by]}, {what}", line.name, line.count, _whole(line.median), _whole(line.ninetieth)


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)


def _first_offer(course: Course) -> datetime | None:
    return next((move.at for move in course.moves if move.state == HandoffState.OFFERED), None)
