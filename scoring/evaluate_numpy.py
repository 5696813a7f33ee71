"""The columns evaluator: fit, engagement, gate, tier and flags of all rows of a segment at once.

It means exactly what the reference evaluator means and shares with it the parser, the folding and the decay table, not the
steps from counts to tiers: a property test holds both together. Whole numbers only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from scoring.column_cache import ColumnCache
from scoring.columns import NotInSnapshot, column_of
from scoring.decay import FULL
from scoring.lowering import CountTest, FieldColumn, FieldTest, Lowered, LoweredCriterion, Test, lower
from scoring.models.score import FLAG_GATED, FLAG_MQL, FLAG_MQO
from scoring.snapshot.segment import Array, Segment
from scoring.spec import DIMENSIONS, Criterion, Decision, Spec

NO_GATE = -1
NO_TIER = -1
_INT32 = 2**31 - 1


@dataclass(frozen=True, eq=False, slots=True)
class Scores:
    """A spec's results, one entry a row. Out of scope all figures are 0, no gate, no tier.

    `fit`, `engagement`: int32, int64 where sums can be larger. `gate`: int16, position in the spec's gates of the first that
    matches, or `NO_GATE`. `tier`: int8, from the lowest, 0, or `NO_TIER`. `flags`: uint8 as in `LeadScore`.
    """

    in_scope: Array
    fit: Array
    engagement: Array
    gate: Array
    tier: Array
    flags: Array
    _rows: "_Reading"

    @property
    def mql(self) -> Array:
        found: Array = (self.flags & FLAG_MQL) != 0
        return found

    @property
    def mqo(self) -> Array:
        found: Array = (self.flags & FLAG_MQO) != 0
        return found

    def hits(self, key: str) -> Array:
        """Whether the criterion pays: its test is true, or it counts at least `freq_min` events. Raises KeyError."""
        return self._rows.hits(self._criterion(key)) & self.in_scope

    def points(self, key: str) -> Array:
        """The criterion's points with its own decay and cap, before any group's. Raises KeyError."""
        points = self._rows.points(self._criterion(key))
        points[~self.in_scope] = 0
        return points

    def _criterion(self, key: str) -> LoweredCriterion:
        for one in self._rows.lowered.criteria:
            if one.criterion.key == key:
                return one
        raise KeyError(key)


def evaluate(spec: Spec, segment: Segment, day: int | None = None, cache: ColumnCache | None = None) -> Scores:
    """What the spec says of every row of the segment.

    Cases are as of their decision. Open leads are as of the segment's moment, or as of another UTC `day`: a later one with the
    events known now, an earlier one, at its end, with the events known by then but the facts of now. Raises `NotInSnapshot`
    when the spec asks for fields that are not there, ValueError for a day given for cases.
    """
    reading = _Reading(lower(spec), segment, day, cache)
    missing = reading.missing()
    if missing:
        raise NotInSnapshot(missing)
    return reading.scores()


def _band(values: Array, edges: Sequence[int]) -> Array:
    """The number of edges at or below each value."""
    return reduce(lambda found, edge: found + (values >= edge), edges, np.zeros(len(values), np.int8))


def _faded(points: int, weight: Array) -> Array:
    """`points` times thousandths, rounded half away from zero (int64): negative points mirror positive ones."""
    size: Array = (abs(points) * weight + FULL // 2) // FULL
    return size if points >= 0 else -size


class _Reading:
    """A lowered spec over one segment on one day."""

    __slots__ = ("cache", "day", "lowered", "segment")

    def __init__(self, lowered: Lowered, segment: Segment, day: int | None, cache: ColumnCache | None) -> None:
        self.lowered = lowered
        self.segment = segment
        self.day = day
        self.cache = cache

    def missing(self) -> list[str]:
        asked = {column.field for column in self.lowered.columns() if isinstance(column, FieldColumn)}
        return sorted(asked - set(self.segment.columns))

    def test(self, test: Test) -> Array:
        """A bool for each row; perhaps a cached one, not to be written to."""
        if isinstance(test, FieldTest):
            found = self._column(test.column)
            if test.takes == "yes":
                return found
            return ~found if test.takes == "no" else self._column(test.known) & ~found
        if isinstance(test, CountTest):
            return self._counted(test)
        if not test.parts:
            return np.full(len(self.segment), test.mode == "all")
        join = np.logical_and if test.mode == "all" else np.logical_or
        return reduce(join, map(self.test, test.parts))

    def _column(self, column: FieldColumn) -> Array:
        return column_of(column, self.segment, self.day, self.cache)

    def _counted(self, test: CountTest) -> Array:
        counts = column_of(test.column, self.segment, self.day, self.cache)
        found = counts >= (test.at_least or 0)
        if test.at_most is not None:
            found &= counts <= test.at_most
        known = self.segment.has_activity()
        return found if known is None else found & known

    def hits(self, one: LoweredCriterion) -> Array:
        if one.test is not None:
            return self.test(one.test)
        assert one.count is not None
        return column_of(one.count, self.segment, self.day, self.cache) >= one.criterion.freq_min

    def points(self, one: LoweredCriterion) -> Array:
        """A new array of whole numbers (int32 or int64)."""
        criterion, hits = one.criterion, self.hits(one)
        if criterion.award == "once" or one.count is None:
            points = hits * np.int32(criterion.points)
        else:
            points = self._each(one) * hits
        if criterion.cap is not None:
            np.clip(points, -criterion.cap, criterion.cap, out=points)
        return points

    def _each(self, one: LoweredCriterion) -> Array:
        criterion = one.criterion
        if one.decayed is not None:
            summed = column_of(one.decayed, self.segment, self.day, self.cache)
            return _faded(criterion.points, summed)
        assert one.count is not None
        counts = column_of(one.count, self.segment, self.day, self.cache)
        most = int(counts.max(initial=0))
        paid: Array = counts.astype(np.int32 if abs(criterion.points) * most <= _INT32 else np.int64)
        if criterion.freq_max is not None:
            np.minimum(paid, criterion.freq_max, out=paid)
        paid *= criterion.points
        return paid

    def scores(self) -> Scores:
        spec = self.lowered.spec
        scope = self.test(self.lowered.scope)
        fit, engagement = self._dimensions()
        gate = np.full(len(self.segment), NO_GATE, np.int16)
        for place in reversed(range(len(self.lowered.gates))):
            gate[self.test(self.lowered.gates[place])] = place
        outside = ~scope
        for array, nothing in ((fit, 0), (engagement, 0), (gate, NO_GATE)):
            array[outside] = nothing
        gated = gate != NO_GATE
        tier = self.tier(spec.decision, fit, engagement)
        tier[gated | outside] = NO_TIER
        mql = tier >= spec.decision.mql_from
        flags = (mql * np.uint8(FLAG_MQL)) | (gated * np.uint8(FLAG_GATED))
        if spec.decision.mqo_tiers:
            mqo = mql & np.isin(tier, sorted(spec.decision.mqo_tiers))
            if self.lowered.mqo is not None:
                mqo &= self.test(self.lowered.mqo)
            flags |= mqo * np.uint8(FLAG_MQO)
        return Scores(scope, fit, engagement, gate, tier, flags, self)

    def tier(self, decision: Decision, fit: Array, engagement: Array) -> Array:
        """The tier of these sums (int8); an edge belongs to the band above it."""
        if decision.kind == "total":
            return _band(fit.astype(np.int64) + engagement, decision.edges)
        grid = np.array(decision.grid, np.int8)
        found: Array = grid[_band(fit, decision.fit_edges), _band(engagement, decision.engagement_edges)]
        return found

    def _dimensions(self) -> tuple[Array, Array]:
        spec = self.lowered.spec
        wide = np.int32 if self._largest_sum() <= _INT32 else np.int64
        sums: dict[str, Array] = {}

        def add(key: str, points: Array) -> None:
            held = sums.get(key)
            if held is None:
                sums[key] = points.astype(wide)
            else:
                held += points

        for one in self.lowered.criteria:
            add(_place(one.criterion), self.points(one))
        nothing = np.zeros(len(self.segment), wide)
        for group in spec.groups:
            add(group.dimension, _held(sums.get(f"group {group.key}", nothing), group.floor, group.cap))
        fit, engagement = (_held(sums.get(one, nothing), spec.limits(one).floor, spec.limits(one).ceiling) for one in DIMENSIONS)
        return fit.copy() if fit is nothing else fit, engagement.copy() if engagement is nothing else engagement

    def _largest_sum(self) -> int:
        """No sum of points of a row is larger."""
        total = 0
        for one in self.lowered.criteria:
            times = 1
            if one.count is not None and one.criterion.award == "each":
                times = int(column_of(one.count, self.segment, self.day, self.cache).max(initial=0))
            total += abs(one.criterion.points) * times
        # floors and caps can lift a group or a dimension above its points
        total += sum(abs(bound or 0) for group in self.lowered.spec.groups for bound in (group.cap, group.floor))
        return total + sum(
            abs(bound or 0)
            for one in DIMENSIONS
            for bound in (self.lowered.spec.limits(one).floor, self.lowered.spec.limits(one).ceiling)
        )


def _place(criterion: Criterion) -> str:
    """Where a criterion's points are summed: its group, or the dimension."""
    return criterion.dimension if criterion.group is None else f"group {criterion.group}"


def _held(values: Array, low: int | None, high: int | None) -> Array:
    """The values within these bounds; the upper one is applied first, as the lower one wins."""
    if high is not None:
        values = np.minimum(values, high)
    if low is not None:
        values = np.maximum(values, low)
    return values
