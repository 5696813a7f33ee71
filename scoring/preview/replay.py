"""Replaying the last weeks: how many leads a version would have had enter each week, had it been in force.

Each week is looked at as of its end. Open leads have the facts of now and the activities known by then; leads decided since have
the facts of their decision and stand among the open ones up to the week it fell in. A lead enters in a week when it meets the
version at its end and did not a week before.
"""

from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from scoring.column_cache import ColumnCache
from scoring.evaluate_numpy import evaluate
from scoring.operators import date_of
from scoring.preview.counting import CONTACTABLE
from scoring.preview.population import week_of
from scoring.snapshot.reader import Cases, Snapshot
from scoring.snapshot.segment import DATED, Array, Events, Segment, narrow
from scoring.spec import Spec

REPLAYED = 13
CAME = "lead.created_at"
_CACHE_MB = 48  # its own, so that a replay pushes nothing out that the next edit needs


@dataclass(frozen=True, eq=False, slots=True)
class _Part:
    """Rows to replay: a segment, from when each lead was there and until when it was open (UTC days), and who may not enter."""

    segment: Segment
    came: Array | None
    until: Array | None
    barred: Array | None


class Replay:
    """The last `REPLAYED` whole weeks over all leads of a generation; asks one week at a time, so that a page can show how far it is."""

    def __init__(self, snapshot: Snapshot) -> None:
        today = snapshot.open[0].as_of_day
        assert today is not None
        self.first = week_of(today) - REPLAYED
        self._cache = ColumnCache(_CACHE_MB * 2**20)
        self._parts = [_open(one) for one in snapshot.open]
        self._parts += [part for some in snapshot.cases if (part := _decided(some, _monday(self.first), snapshot)) is not None]
        self._met: dict[tuple[str, int], list[Array]] = {}

    @property
    def first_week(self) -> date:
        """The Monday of the oldest week."""
        return date_of(_monday(self.first))

    def entries(self, spec: Spec, place: int) -> int:
        """Distinct leads that enter by `spec` in the week at `place`, 0 the oldest. Raises `NotInSnapshot`."""
        before, after = (self._meeting(spec, self.first + place + step) for step in (-1, 0))
        entered = [part.segment.leads[now & ~then] for part, then, now in zip(self._parts, before, after, strict=True)]
        return len(np.unique(np.concatenate(entered)))

    def _meeting(self, spec: Spec, week: int) -> list[Array]:
        """For each part which rows meet the spec at the end of a week; the last two weeks of each spec are kept."""
        key = (spec.hash, week)
        if key not in self._met:
            self._met = {kept: rows for kept, rows in self._met.items() if kept[0] != spec.hash or kept[1] == week - 1}
            self._met[key] = [self._meets(spec, part, _monday(week) + 6, week) for part in self._parts]
        return self._met[key]

    def _meets(self, spec: Spec, part: _Part, day: int, week: int) -> Array:
        met = evaluate(spec, part.segment, day, self._cache).mql
        if part.came is not None:
            met = met & (part.came <= day)
        if part.until is not None:
            met = met & (week_of_days(part.until) >= week)
        return met if part.barred is None else met & ~part.barred


def _monday(week: int) -> int:
    return week * 7 - 3


def week_of_days(days: Array) -> Array:
    """`week_of` for many UTC day numbers."""
    found: Array = (days + 3) // 7
    return found


def _came(segment: Segment) -> Array | None:
    """When each lead came in; who has no such day was always there."""
    return segment.columns.get(CAME)  # UNKNOWN_DAY lies before all days


def _open(segment: Segment) -> _Part:
    contactable = segment.columns.get(CONTACTABLE)
    return _Part(segment, _came(segment), None, None if contactable is None else contactable == 0)


def _decided(some: Cases, since: int, snapshot: Snapshot) -> _Part | None:
    """Dated cases decided on or after the UTC day `since` as if they were still open, their events on their own days."""
    segment, base = some.segment, snapshot.open[0]
    assert segment.flags is not None
    days = segment.days()
    rows = np.flatnonzero(((segment.flags & DATED) != 0) & (days >= since))
    if not len(rows):
        return None
    opened = replace(
        segment,
        key=f"replayed {segment.key} {snapshot.number}",
        as_of=base.as_of,
        base_day=base.base_day,
        ids=segment.ids[rows],
        leads=segment.leads[rows],
        columns={key: column[rows] for key, column in segment.columns.items()},
        events=_on_their_days(segment.events, rows, days, base.base_day, len(segment)),
        decided=None,
        flags=segment.flags[rows],
    )
    return _Part(opened, _came(opened), days[rows], None)


def _on_their_days(events: Events, rows: Array, days: Array, base_day: int, size: int) -> Events:
    """The events of these rows with their ages counted from `base_day` rather than from each row's day."""
    place = np.full(size, -1, np.int64)
    place[rows] = np.arange(len(rows))
    kinds = len(events.start) - 1
    kept = np.flatnonzero(place[events.row] >= 0)
    kind = np.repeat(np.arange(kinds), np.diff(events.start))[kept]
    age = events.age[kept].astype(np.int64) + (base_day - days[events.row[kept]].astype(np.int64))
    order = np.lexsort((age, kind))
    kept, kind, age = kept[order], kind[order], age[order]
    start = np.searchsorted(kind, np.arange(kinds + 1)).astype(np.int64)
    row = place[events.row[kept]].astype(np.int32)
    return Events(start, row, narrow(age), events.lag[kept], events.asset[kept], events.campaign[kept])
