"""Which rows count, and as what: one case for each lead, its label for the goal, and the weeks of past decisions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from leads.choices import Outcome
from scoring.column_cache import ColumnCache
from scoring.lift import POSITIVE
from scoring.operators import date_of
from scoring.preview.result import CasesIn, Goal
from scoring.snapshot.reader import OUTCOMES, Cases, Snapshot, counted_bit
from scoring.snapshot.segment import DATED, Array, Segment

WEEKS = 26
GROUPS = (*OUTCOMES, "earlier", "left_out", "open", "gated", "outside", "stale")
EARLIER, LEFT_OUT, OPEN, GATED, OUTSIDE, STALE = range(len(OUTCOMES), len(GROUPS))
WON = OUTCOMES.index(Outcome.WON)
REJECTED = OUTCOMES.index(Outcome.REJECTED)


@dataclass(frozen=True, eq=False, slots=True)
class Part:
    """A segment's rows. `group`: uint8, place in `GROUPS`. `counted`: stand for their leads. `labelled`, `positive`: for the goal.

    `recent` are the rows of dated decisions in the last `WEEKS` whole weeks, `pair` which of the population's pairs of lead and
    week each is. For open leads these are None.
    """

    segment: Segment
    group: Array
    counted: Array | None = None
    labelled: Array | None = None
    positive: Array | None = None
    reason: Array | None = None
    recent: Array | None = None
    pair: Array | None = None

    @property
    def is_open(self) -> bool:
        return self.segment.is_open


@dataclass(frozen=True, eq=False, slots=True)
class Population:
    """All rows of a generation, as they count for a goal. `week_of_pair`: for each pair of a lead and a week, which week."""

    parts: tuple[Part, ...]
    week_of_pair: Array
    first_week: date
    leads: int
    labelled: int
    positive: int

    @property
    def nbytes(self) -> int:
        arrays = [array for part in self.parts for array in (part.group, part.counted, part.labelled, part.positive, part.recent)]
        return sum(array.nbytes for array in arrays if array is not None)

    @property
    def cases(self) -> tuple[Part, ...]:
        return tuple(part for part in self.parts if not part.is_open)

    @property
    def open(self) -> tuple[Part, ...]:
        return tuple(part for part in self.parts if part.is_open)


def population_of(snapshot: Snapshot, goal: Goal, cases: CasesIn, cache: ColumnCache) -> Population:
    """The population of a generation; kept until the next one."""
    key = (f"generation {snapshot.folder} {snapshot.number}", snapshot.open[0].as_of_day, f"population {goal} {cases}")
    return cache.get(key, lambda: _counted(snapshot, goal, dated=cases == "dated"))


def week_of(day: int) -> int:
    """The number of a UTC day's week; weeks begin on Mondays."""
    return (day + 3) // 7


def _counted(snapshot: Snapshot, goal: Goal, *, dated: bool) -> Population:
    today = snapshot.open[0].as_of_day
    assert today is not None
    first = week_of(today) - WEEKS
    parts, week_of_pair = _with_pairs([_of_cases(some, goal, first, dated=dated) for some in snapshot.cases])
    leads, labelled, positive = (
        sum(int(np.count_nonzero(getattr(part, name))) for part in parts) for name in ("counted", "labelled", "positive")
    )
    parts += [Part(one, _of_open(one)) for one in snapshot.open]
    return Population(tuple(parts), week_of_pair, date_of(first * 7 - 3), leads, labelled, positive)


def _of_open(segment: Segment) -> Array:
    group = np.full(len(segment), OPEN, np.uint8)
    if segment.stale is not None:
        group[segment.stale] = STALE
    return group


def _codes(names: Sequence[str]) -> list[int]:
    return [OUTCOMES.index(str(name)) for name in names]


def _of_cases(some: Cases, goal: Goal, first: int, *, dated: bool) -> Part:
    flags = some.segment.flags
    assert flags is not None
    is_dated = (flags & DATED) != 0
    labelled = (some.counted & counted_bit(goal, dated=dated)) != 0
    counted = labelled | ((some.counted & counted_bit(goal, labelled=False, dated=dated)) != 0)
    group = np.where(counted, np.maximum(some.outcome, 0), EARLIER).astype(np.uint8)
    if dated:
        group[~is_dated] = LEFT_OUT
    positive = labelled & np.isin(some.outcome, _codes(POSITIVE[goal]))
    week = (some.segment.days() + 3) // 7 - first
    recent = np.flatnonzero(is_dated & (week >= 0) & (week < WEEKS))
    return Part(
        some.segment, group, counted, labelled, positive, some.reason, recent, week[recent]
    )  # pairs are made of weeks below


def _with_pairs(parts: list[Part]) -> tuple[list[Part], Array]:
    """The parts with their weeks made into pairs of lead and week, and the week of each pair."""
    keys = [part.segment.leads[_rows(part.recent)].astype(np.int64) * WEEKS + _rows(part.pair) for part in parts]
    pairs, which = np.unique(np.concatenate([np.empty(0, np.int64), *keys]), return_inverse=True)
    ends = np.cumsum([len(key) for key in keys])
    made = [
        replace(part, pair=which[end - len(key) : end].astype(np.int32)) for part, key, end in zip(parts, keys, ends, strict=True)
    ]
    return made, (pairs % WEEKS).astype(np.int8)


def _rows(array: Array | None) -> Array:
    assert array is not None
    return array
