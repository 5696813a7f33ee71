"""The figures of one version over a population.

What depends on thresholds is counted from sums that are kept; rows are not read again for another threshold. The histograms
hang on the sums alone and are kept with them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from scoring.column_cache import ColumnCache
from scoring.evaluate_numpy import NO_GATE, Scores, Sums, band, evaluate
from scoring.lift import Rate
from scoring.models.score import FLAG_GATED, FLAG_MQL, FLAG_MQO
from scoring.preview.population import GATED, GROUPS, OPEN, OUTSIDE, STALE, WEEKS, WON, Part, Population
from scoring.preview.result import Cell, Effect, Histogram, OutcomeCount, Precision
from scoring.snapshot.reader import OUTCOMES, Snapshot
from scoring.snapshot.segment import Array, Segment
from scoring.spec import Decision, Spec

_GROUPS, _FLAGS = 16, 8  # a byte holds a group and all flags
FURTHEST = 1000  # points shown one by one, either way
MOST_PAIRS = 500_000  # cells of a table that is counted in the time of reading the rows
CONTACTABLE = "lead.contactable"


@dataclass(frozen=True, eq=False, slots=True)
class Judged:
    """A part of the population with what a version says of it. `mql`: bool; `flags` as in `LeadScore`, with open leads that
    nobody can reach barred.
    """

    part: Part
    scores: Scores
    mql: Array
    flags: Array

    @property
    def nbytes(self) -> int:
        return self.scores.tier.nbytes + self.mql.nbytes + self.flags.nbytes


def judge(spec: Spec, population: Population, cache: ColumnCache) -> list[Judged]:
    """The version's word on every row. Raises `NotInSnapshot`."""
    found = []
    for part in population.parts:
        scores = evaluate(spec, part.segment, cache=cache)
        flags, cut_off = scores.flags, _unreachable(part)
        if cut_off is not None:
            flags = np.where(cut_off, np.uint8(FLAG_GATED), flags)
        found.append(Judged(part, scores, (flags & FLAG_MQL) != 0, flags))
    return found


def judge_open(spec: Spec, snapshot: Snapshot, cache: ColumnCache) -> list[Array]:
    """The ids of the open leads that meet the version, segment by segment, as `judge` has them. Raises `NotInSnapshot`."""
    found = []
    for segment in snapshot.open:
        met, cut_off = evaluate(spec, segment, cache=cache).mql, _cut_off(segment)
        found.append(segment.leads[met if cut_off is None else met & ~cut_off])
    return found


def _unreachable(part: Part) -> Array | None:
    """Open leads that the portal itself keeps from qualifying; None where there are none."""
    return _cut_off(part.segment) if part.is_open else None


def _cut_off(segment: Segment) -> Array | None:
    column = segment.columns.get(CONTACTABLE)
    if column is None:
        return None
    found: Array = column == 0
    return found if found.any() else None


def effect_of(
    spec: Spec, judged: Sequence[Judged], population: Population, live: Sequence[Judged] | None, cache: ColumnCache, tag: str
) -> Effect:
    """The figures of a version; `live` is what the one in force says of the same rows, `tag` names the population."""
    outcomes = _outcomes(judged)
    labelled = _rate([(one.part.labelled, one.part.positive, one.mql) for one in judged if not one.part.is_open])
    counted = sum(int(np.count_nonzero(one.mql & one.part.counted)) for one in judged if one.part.counted is not None)
    won = next(one for one in outcomes if one.outcome == OUTCOMES[WON])
    still = [place for place, one in enumerate(judged) if one.part.is_open]
    opening = [judged[place].mql if live is None else judged[place].mql & ~live[place].mql for place in still]
    fit, engagement, total = _histograms(judged, cache, tag)
    return Effect(
        weeks=_weeks(judged, population),
        opening=sum(int(np.count_nonzero(some)) for some in opening),
        open_mql=sum(int(np.count_nonzero(judged[place].mql)) for place in still),
        outcomes=outcomes,
        precision=Precision(labelled, counted - labelled.rows),
        recall=Rate(None, won.rows, won.mql),
        fit=fit,
        engagement=engagement,
        total=total,
        grid=_grid(spec.decision, judged) if spec.decision.kind == "grid" else (),
    )


def _rate(some: Sequence[tuple[Array | None, Array | None, Array]]) -> Rate:
    rows = positive = 0
    for labelled, good, picked in some:
        assert labelled is not None
        assert good is not None
        rows += int(np.count_nonzero(labelled & picked))
        positive += int(np.count_nonzero(good & picked))
    return Rate(None, rows, positive)


def _outcomes(judged: Sequence[Judged]) -> tuple[OutcomeCount, ...]:
    """All outcomes of leads behind cases, in the order of the funnel, then those of open leads."""
    counts = np.zeros((_FLAGS, _GROUPS), np.int64)
    for one in judged:
        counts += _bytes_counted(one.flags * np.uint8(_GROUPS) + one.part.group)[: _FLAGS * _GROUPS].reshape(_FLAGS, _GROUPS)
    with_flag = [
        counts[[place for place in range(_FLAGS) if place & flag]].sum(axis=0) for flag in (FLAG_MQL, FLAG_MQO, FLAG_GATED)
    ]
    rows = [counts.sum(axis=0), *with_flag]
    return tuple(OutcomeCount(GROUPS[code], *(int(line[code]) for line in rows)) for code in (*range(len(OUTCOMES)), OPEN))


def _bytes_counted(some: Array) -> Array:
    """How often each of 256 bytes is there: two rows at a time, as counting is slow by the row."""
    pairs = len(some) // 2 * 2
    counts = np.bincount(some[:pairs].view(np.uint16), minlength=2**16).reshape(256, 256)
    return counts.sum(axis=0) + counts.sum(axis=1) + np.bincount(some[pairs:], minlength=256)  # type: ignore[no-any-return]


def _weeks(judged: Sequence[Judged], population: Population) -> tuple[int, ...]:
    """Distinct leads with a decision that week whose facts then made an MQL."""
    met = np.zeros(len(population.week_of_pair), bool)
    for one in judged:
        if one.part.recent is not None and one.part.pair is not None:
            met[one.part.pair[one.mql[one.part.recent]]] = True
    return tuple(np.bincount(population.week_of_pair[met], minlength=WEEKS).tolist())


def _grid(decision: Decision, judged: Sequence[Judged]) -> tuple[Cell, ...]:
    columns = len(decision.engagement_edges) + 1
    size = (len(decision.fit_edges) + 1) * columns
    counts = np.zeros((3, size), np.int64)
    for one in judged:
        sums = one.scores.sums
        cell = band(sums.fit, decision.fit_edges) * np.int8(columns) + band(sums.engagement, decision.engagement_edges)
        inside = sums.in_scope & (sums.gate == NO_GATE)
        if one.part.is_open:
            counts[2] += np.bincount(cell[inside], minlength=size)
        else:
            assert one.part.labelled is not None
            assert one.part.positive is not None
            counts[0] += np.bincount(cell[inside & one.part.labelled], minlength=size)
            counts[1] += np.bincount(cell[inside & one.part.positive], minlength=size)
    return tuple(
        Cell(place // columns, place % columns, Rate(None, int(rows), int(good)), int(still))
        for place, (rows, good, still) in enumerate(counts.T)
    )


@dataclass(frozen=True, eq=False, slots=True)
class _Points:
    """Counts by group (first axis) and point from `low`."""

    low: int
    counts: Array

    @property
    def nbytes(self) -> int:
        return self.counts.nbytes


@dataclass(frozen=True, eq=False, slots=True)
class _Spread:
    fit: _Points
    engagement: _Points
    total: _Points

    @property
    def nbytes(self) -> int:
        return self.fit.nbytes + self.engagement.nbytes + self.total.nbytes


def _histograms(judged: Sequence[Judged], cache: ColumnCache, tag: str) -> list[Histogram]:
    spreads = []
    for one in judged:
        key = (one.part.segment.key, one.part.segment.as_of_day, f"spread {tag} {one.scores.fingerprint}")
        spreads.append(cache.get(key, partial(_spread, one)))
    return [_joined([getattr(spread, name) for spread in spreads]) for name in ("fit", "engagement", "total")]


def _spread(one: Judged) -> _Spread:
    sums = one.scores.sums
    group = _group_of(one, sums)
    at_once = _spread_at_once(sums, group)
    return at_once or _Spread(
        _points(sums.fit, group), _points(sums.engagement, group), _points(sums.fit + sums.engagement, group)
    )


def _spread_at_once(sums: Sums, group: Array) -> _Spread | None:
    """All three counted in one pass over the rows, by pairs of fit and engagement; None where these would be too many."""
    if not len(group):
        return None
    (first, last), (low, high) = ((int(one.min()), int(one.max())) for one in (sums.fit, sums.engagement))
    wide, high_too = last - first + 1, high - low + 1
    ends = (first, last, low, high, first + low, last + high)
    if len(GROUPS) * wide * high_too > MOST_PAIRS or max(map(abs, ends)) > FURTHEST:
        return None
    place = group.astype(np.int64)  # what is counted by, so that no copy of another size is made
    place *= wide
    place += sums.fit
    place -= first
    place *= high_too
    place += sums.engagement
    place -= low
    pairs = np.bincount(place, minlength=len(GROUPS) * wide * high_too).reshape(len(GROUPS), wide, high_too)
    total = np.zeros((len(GROUPS), wide + high_too - 1), np.int64)
    for fit in range(wide):
        total[:, fit : fit + high_too] += pairs[:, fit]
    return _Spread(_Points(first, pairs.sum(axis=2)), _Points(low, pairs.sum(axis=1)), _Points(first + low, total))


def _group_of(one: Judged, sums: Sums) -> Array:
    """Each row's group with the gated ones and those out of scope apart."""
    group = one.part.group.copy()
    group[sums.gate != NO_GATE] = GATED
    cut_off = _unreachable(one.part)
    if cut_off is not None:
        group[cut_off] = GATED
    group[~sums.in_scope] = OUTSIDE
    if one.part.segment.stale is not None:
        group[one.part.segment.stale] = STALE
    return group


def _points(values: Array, group: Array) -> _Points:
    if not len(values):
        return _Points(0, np.zeros((len(GROUPS), 1), np.int64))
    low, high = (min(max(int(end), -FURTHEST), FURTHEST) for end in (values.min(), values.max()))
    width = high - low + 1
    place = np.multiply(group, np.int16(width), dtype=np.int16)  # points and groups are few enough for two bytes
    place += np.clip(values, low, high).astype(np.int16, copy=False)
    place -= np.int16(low)
    return _Points(low, np.bincount(place, minlength=len(GROUPS) * width).reshape(len(GROUPS), width))


def _joined(some: Sequence[_Points]) -> Histogram:
    low = min(one.low for one in some)
    high = max(one.low + one.counts.shape[1] for one in some)
    counts = np.zeros((len(GROUPS), high - low), np.int64)
    for one in some:
        first = one.low - low
        counts[:, first : first + one.counts.shape[1]] += one.counts
    counts[STALE] = 0
    held = np.flatnonzero(counts.any(axis=0))
    if len(held):  # the ends may have been those of stale rows
        low, counts = low + int(held[0]), counts[:, held[0] : held[-1] + 1]
    return Histogram(low, {name: tuple(line.tolist()) for name, line in zip(GROUPS, counts, strict=True) if line.any()})
