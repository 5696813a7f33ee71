"""The columns evaluator: fit, engagement, gate, tier and flags of all rows of a segment at once.

It means exactly what the reference evaluator means and shares with it the parser, the folding and the decay table, not the
steps from counts to tiers: a property test holds both together. Whole numbers only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np

from scoring.column_cache import ColumnCache, column_cache
from scoring.columns import NotInSnapshot, column_of
from scoring.decay import FULL
from scoring.lowering import Column, CountTest, FieldColumn, FieldTest, Lowered, LoweredCriterion, Test, lower
from scoring.models.score import FLAG_GATED, FLAG_MQL, FLAG_MQO
from scoring.snapshot.segment import Array, Segment
from scoring.spec import DIMENSIONS, Criterion, Decision, Spec

NO_GATE = -1
NO_TIER = -1


@dataclass(frozen=True, eq=False, slots=True)
class Sums:
    """What a spec's conditions and points give, one entry a row, before anything is decided. Nobody writes to it.

    `fit`, `engagement`: whole numbers, in the smallest signed type that also holds their sum. `gate`: int16, position in the
    spec's gates of the first that matches, or `NO_GATE`. `mqo`: where the condition for an MQO holds, None where there is none.
    Out of scope all figures are 0 and there is no gate. Stale rows of a segment are out of scope.
    """

    in_scope: Array
    fit: Array
    engagement: Array
    gate: Array
    mqo: Array | None

    def without(self, stale: Array) -> "Sums":
        """With these rows out of scope; only their fit and engagement stay as they were."""
        gate = self.gate if (self.gate == NO_GATE).all() else np.where(stale, np.int16(NO_GATE), self.gate)
        return replace(self, in_scope=self.in_scope & ~stale, gate=gate)

    @property
    def nbytes(self) -> int:
        arrays = (self.in_scope, self.fit, self.engagement, self.gate, self.mqo)
        return sum(array.nbytes for array in arrays if array is not None)


@dataclass(frozen=True, eq=False, slots=True)
class Scores:
    """A spec's results, one entry a row; see `Sums` for its parts.

    `tier`: int8, from the lowest, 0, or `NO_TIER` for rows that are barred or out of scope. `flags`: uint8 as in `LeadScore`.
    """

    sums: Sums
    tier: Array
    flags: Array
    _rows: "_Reading"

    @property
    def in_scope(self) -> Array:
        return self.sums.in_scope

    @property
    def fit(self) -> Array:
        return self.sums.fit

    @property
    def engagement(self) -> Array:
        return self.sums.engagement

    @property
    def gate(self) -> Array:
        return self.sums.gate

    @property
    def fingerprint(self) -> str:
        """Equal ones over the same rows have equal sums, whatever is decided."""
        return self._rows.lowered.sums_fingerprint

    @property
    def mql(self) -> Array:
        found: Array = (self.flags & FLAG_MQL) != 0
        return found

    @property
    def mqo(self) -> Array:
        found: Array = (self.flags & FLAG_MQO) != 0
        return found

    def hits(self, key: str, among: Array | None = None) -> Array:
        """Whether the criterion pays: its test is true, or it counts at least `freq_min` events. Raises KeyError.

        Of rows in scope or, of those, only `among` these (bool).
        """
        return self._rows.hits(self._criterion(key)) & (self.in_scope if among is None else among)

    def points(self, key: str, rows: Array | None = None) -> Array:
        """The criterion's points with its own decay and cap, before any group's; of these rows only. Raises KeyError."""
        one = self._criterion(key)
        reading = self._rows if rows is None else replace(self._rows, rows=rows)
        points = reading.points(one, reading.bound(one))
        points[~(self.in_scope if rows is None else self.in_scope[rows])] = 0
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

    Sums are kept like columns: with other tiers or thresholds nothing is added up again.
    """
    reading = _Reading(lower(spec), segment, day, cache)
    missing = reading.missing()
    if missing:
        raise NotInSnapshot(missing)
    at = segment.as_of_day if day is None else day
    kept = column_cache() if cache is None else cache
    sums = kept.get((segment.key, at, reading.lowered.sums_fingerprint), reading.sums)
    if segment.stale is not None:
        sums = sums.without(segment.stale)
    return Scores(sums, *decide(spec.decision, sums), reading)


def decide(decision: Decision, sums: Sums) -> tuple[Array, Array]:
    """Tier and flags of these sums."""
    gated = sums.gate != NO_GATE
    tier = _tier(decision, sums.fit, sums.engagement)
    tier[gated | ~sums.in_scope] = NO_TIER
    mql = tier >= decision.mql_from
    flags = mql * np.uint8(FLAG_MQL)
    flags |= gated * np.uint8(FLAG_GATED)
    if decision.mqo_tiers:
        mqo = mql & np.isin(tier, sorted(decision.mqo_tiers))
        if sums.mqo is not None:
            mqo &= sums.mqo
        flags |= mqo * np.uint8(FLAG_MQO)
    return tier, flags


def _tier(decision: Decision, fit: Array, engagement: Array) -> Array:
    """The tier of these sums (int8); an edge belongs to the band above it."""
    if decision.kind == "total":
        return band(fit + engagement, decision.edges)
    grid = np.array(decision.grid, np.int8)
    cell = band(fit, decision.fit_edges) * np.int8(grid.shape[1]) + band(engagement, decision.engagement_edges)
    found: Array = grid.ravel()[cell]
    return found


def band(values: Array, edges: Sequence[int]) -> Array:
    """The number of edges at or below each value."""
    return reduce(lambda found, edge: found + (values >= edge), edges, np.zeros(len(values), np.int8))


def _faded(points: int, weight: Array) -> Array:
    """`points` times thousandths, rounded half away from zero (int64): negative points mirror positive ones."""
    size: Array = (abs(points) * weight + FULL // 2) // FULL
    return size if points >= 0 else -size


@dataclass(frozen=True, eq=False, slots=True)
class _Reading:
    """A lowered spec over a segment on a day, all of it or some of its `rows`."""

    lowered: Lowered
    segment: Segment
    day: int | None
    cache: ColumnCache | None
    rows: Array | None = None

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
            return np.full(len(self.segment) if self.rows is None else len(self.rows), test.mode == "all")
        join = np.logical_and if test.mode == "all" else np.logical_or
        return reduce(join, map(self.test, test.parts))

    def _column(self, column: Column) -> Array:
        whole = column_of(column, self.segment, self.day, self.cache)
        return whole if self.rows is None else whole[self.rows]

    def _counted(self, test: CountTest) -> Array:
        counts = self._column(test.column)
        found: Array = counts >= (test.at_least or 0)
        if test.at_most is not None:
            found &= counts <= test.at_most
        known = self.segment.has_activity()
        if known is None:
            return found
        return found & (known if self.rows is None else known[self.rows])

    def hits(self, one: LoweredCriterion) -> Array:
        if one.test is not None:
            return self.test(one.test)
        assert one.count is not None
        found: Array = self._column(one.count) >= one.criterion.freq_min
        return found

    def bound(self, one: LoweredCriterion) -> int:
        """No row has more points of this criterion, either way."""
        times = 1
        if one.count is not None and one.criterion.award == "each":
            times = int(self._column(one.count).max(initial=0))
        return abs(one.criterion.points) * times

    def points(self, one: LoweredCriterion, bound: int) -> Array:
        """A new array of whole numbers that can hold `bound`."""
        criterion, hits = one.criterion, self.hits(one)
        kind = _holding(max(bound, self.bound(one)))
        points: Array
        if criterion.award == "once" or one.count is None:
            points = hits.view(np.int8) * kind.type(criterion.points)
        else:
            points = self._each(one, kind)
            points *= hits
        if criterion.cap is not None:
            cap = min(criterion.cap, int(np.iinfo(kind).max))
            np.clip(points, -cap, cap, out=points)
        return points

    def _each(self, one: LoweredCriterion, kind: "np.dtype[Any]") -> Array:
        criterion = one.criterion
        if one.decayed is not None:
            return _faded(criterion.points, self._column(one.decayed)).astype(kind)
        assert one.count is not None
        counts = self._column(one.count)
        paid: Array = counts.astype(kind)
        if criterion.freq_max is not None:
            np.minimum(paid, criterion.freq_max, out=paid)
        paid *= kind.type(criterion.points)
        return paid

    def sums(self) -> Sums:
        """Everything that is added up or asked, for `decide`."""
        scope = self.test(self.lowered.scope)
        fit, engagement = self._dimensions()
        gate = np.full(len(scope), NO_GATE, np.int16)
        for place in reversed(range(len(self.lowered.gates))):
            gate[self.test(self.lowered.gates[place])] = place
        if not scope.all():
            outside = ~scope
            for array, nothing in ((fit, 0), (engagement, 0), (gate, NO_GATE)):
                array[outside] = nothing
        return Sums(scope, fit, engagement, gate, self.test(self.lowered.mqo) if self.lowered.mqo is not None else None)

    def _dimensions(self) -> tuple[Array, Array]:
        spec = self.lowered.spec
        bound = self._largest_sum()
        kind = _holding(bound)
        sums: dict[str, Array] = {}

        def add(key: str, points: Array) -> None:
            held = sums.get(key)
            if held is None:
                sums[key] = points
            else:
                held += points

        for one in self.lowered.criteria:
            add(_place(one.criterion), self.points(one, bound))
        nothing = np.zeros(len(self.segment), kind)
        for group in spec.groups:
            add(group.dimension, _held(sums.pop(f"group {group.key}", nothing.copy()), group.floor, group.cap))
        fit, engagement = (
            _held(sums.get(one, nothing.copy()), spec.limits(one).floor, spec.limits(one).ceiling) for one in DIMENSIONS
        )
        return fit, engagement

    def _largest_sum(self) -> int:
        """No sum of points of a row is larger, not even of both dimensions."""
        spec = self.lowered.spec
        total = sum(map(self.bound, self.lowered.criteria))
        # floors and caps can lift a group or a dimension above its points
        total += sum(abs(bound or 0) for group in spec.groups for bound in (group.cap, group.floor))
        limits = map(spec.limits, DIMENSIONS)
        return total + sum(abs(bound or 0) for one in limits for bound in (one.floor, one.ceiling))


def _holding(bound: int) -> "np.dtype[Any]":
    """The smallest signed type, of two bytes or more, that holds whole numbers up to `bound`, either way."""
    return next(np.dtype(kind) for kind in (np.int16, np.int32, np.int64) if bound <= np.iinfo(kind).max)


def _place(criterion: Criterion) -> str:
    """Where a criterion's points are summed: its group, or the dimension."""
    return criterion.dimension if criterion.group is None else f"group {criterion.group}"


def _held(values: Array, low: int | None, high: int | None) -> Array:
    """The values held in place within these bounds; the upper one is applied first, as the lower one wins."""
    if high is not None:
        np.minimum(values, high, out=values)
    if low is not None:
        np.maximum(values, low, out=values)
    return values
