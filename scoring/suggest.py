"""Points that past outcomes suggest: for the criteria of a draft, and for criteria nobody thought of yet. Never applied by themselves.

Fitted on the older 70 % of labelled leads, tried on the newest 30 %; where decisions have no dates, parted by their ids. What
the data does not carry is refused, with the rule.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from scoring.column_cache import ColumnCache
from scoring.evaluate_numpy import evaluate
from scoring.lift import Z95
from scoring.preview.population import Part, population_of
from scoring.preview.result import Goal
from scoring.regression import auc, fit, patterns
from scoring.snapshot.reader import Snapshot
from scoring.snapshot.segment import DATED, HAS_ACTIVITY, Array
from scoring.spec import ALWAYS, Criterion, Spec

HELD_BACK = 0.3
LEAST_LABELLED = 200
LEAST_OF_EITHER = 40
LEAST_A_CRITERION = 10  # leads with the rarer label, for each criterion
_ENDS = {"won": ("were lost or rejected", "were won"), "accepted": ("were rejected", "were accepted")}
LEAST_HITS = 30
CAUTION = "Outcomes exist only for leads the earlier model let through. Caps, decay and counts are not part of this."


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What past outcomes say a criterion should be worth. `points` is None where `refusal` says why.

    `low` and `high`: the points at the ends of the 95 % interval. `hits` of `rows` labelled leads it was fitted on.
    """

    key: str
    label: str
    current: int
    points: int | None
    low: int | None
    high: int | None
    coefficient: float
    error: float
    hits: int
    rows: int
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Suggestions:
    """All of them. `refusal` says why there are none at all; the two AUCs are over the rows held back."""

    goal: Goal
    rows: int
    positive: int
    held_back: int
    dated: bool
    auc_current: float | None
    auc_suggested: float | None
    criteria: tuple[Suggestion, ...]
    refusal: str = ""
    caution: str = CAUTION


@dataclass(frozen=True, eq=False, slots=True)
class Evidence:
    """Labelled leads as rows: `hits` (one bool array a criterion), `labels`, which rows are held back, and for which the history
    is there.
    """

    hits: list[Array]
    labels: Array
    held_back: Array
    dated: bool
    history: Array

    def training(self) -> tuple[list[Array], Array, Array]:
        """`hits`, `labels` and `history` of the rows that are not held back."""
        kept = ~self.held_back
        return [column[kept] for column in self.hits], self.labels[kept], self.history[kept]


def evidence_of(
    spec: Spec, snapshot: Snapshot, goal: Goal, cache: ColumnCache, only: Callable[[Array], Array] | None = None
) -> Evidence:
    """The hits of a spec's criteria on labelled leads; `only` picks among case ids. Whom the spec judges does not matter."""
    open_to_all = Spec(spec.model, ALWAYS, spec.fit, spec.engagement, spec.groups, spec.criteria, (), spec.decision)
    parts = [part for part in population_of(snapshot, goal, "all", cache).cases if len(part.segment)]
    rows = [_labelled(part, only) for part in parts]
    scores = [evaluate(open_to_all, part.segment, cache=cache) for part in parts]
    hits = [
        _joined([one.hits(criterion.key)[some] for one, some in zip(scores, rows, strict=True)], bool)
        for criterion in spec.criteria
    ]

    def gathered(pick: Callable[[Part], Array | None]) -> Array:
        return _joined([_of(pick(part))[some] for part, some in zip(parts, rows, strict=True)], np.int64)

    labels = gathered(lambda part: part.positive).astype(bool)
    ids, decided = gathered(lambda part: part.segment.ids), gathered(lambda part: part.segment.decided)
    flags = gathered(lambda part: part.segment.flags)
    dated = bool(((flags & DATED) != 0).mean() > 0.5) if len(labels) else False
    return Evidence(hits, labels, _newest(decided, ids) if dated else _by_id(ids), dated, (flags & HAS_ACTIVITY) != 0)


def _of(array: Array | None) -> Array:
    assert array is not None
    return array


def _joined(arrays: Sequence[Array], kind: type) -> Array:
    return np.concatenate(arrays).astype(kind, copy=False) if arrays else np.empty(0, kind)


def _labelled(part: Part, only: Callable[[Array], Array] | None) -> Array:
    picked = _of(part.labelled)
    return np.flatnonzero(picked if only is None else picked & only(part.segment.ids))


def _newest(decided: Array, ids: Array) -> Array:
    held = np.zeros(len(ids), bool)
    order = np.lexsort((ids, decided))
    held[order[len(ids) - round(len(ids) * HELD_BACK) :]] = True
    return held


def _by_id(ids: Array) -> Array:
    """A fixed part of all ids, spread evenly: the fractional part of their multiples of the golden ratio."""
    found: Array = (ids * 0.6180339887498949) % 1.0 < HELD_BACK
    return found


def suggest(
    spec: Spec,
    snapshot: Snapshot,
    *,
    cache: ColumnCache,
    goal: Goal = "won",
    largest: int | None = None,
    only: Callable[[Array], Array] | None = None,
) -> Suggestions:
    """Points for the criteria of a spec. `largest` is what the strongest gets; by default the most points of the spec now.

    Leads that came without their history tell nothing of criteria that ask events: they are not counted for these, and one more
    column, whether the history is there, takes up how such leads end otherwise.
    """
    evidence = evidence_of(spec, snapshot, goal, cache, only)
    columns, labels, history = evidence.training()
    rows, positive = len(labels), int(labels.sum())
    rarer = min(positive, rows - positive)
    held = evidence.held_back
    base = (goal, len(evidence.labels), int(evidence.labels.sum()), int(held.sum()), evidence.dated)
    current = auc(_points_of(spec.criteria, evidence.hits, held), evidence.labels[held])
    refusal = _refuse_all(len(evidence.labels), rarer, _ENDS[goal][rarer == positive], len(spec.criteria))
    if refusal:
        return Suggestions(*base, current, None, (), refusal)
    asked = [history if criterion.asks_events else np.ones(rows, bool) for criterion in spec.criteria]
    refused = [_refuse_one(column[some], labels[some]) for column, some in zip(columns, asked, strict=True)]
    usable = [number for number, why in enumerate(refused) if not why]
    beside = [history] if any(spec.criteria[number].asks_events for number in usable) and not history.all() else []
    found = fit(*patterns([*(columns[number] & asked[number] for number in usable), *beside], labels))
    if not found.converged:
        return Suggestions(*base, current, None, (), "The fit did not settle: the criteria say too nearly the same.")
    told = len(usable)
    coefficients, errors = (dict(zip(usable, some[:told].tolist(), strict=True)) for some in (found.coefficients, found.errors))
    certain = [number for number in usable if abs(coefficients[number]) > Z95 * errors[number]]
    most = largest or max((abs(one.points) for one in spec.criteria), default=0) or 20
    scale = most / max((abs(coefficients[number]) for number in certain), default=1.0)
    made = []
    for number, criterion in enumerate(spec.criteria):
        size, error = coefficients.get(number, 0.0), errors.get(number, 0.0)
        why = refused[number] or ("" if number in certain else "Its interval holds 0: it may as well say nothing.")
        low, high = (round((size + sign * Z95 * error) * scale) if number in usable else None for sign in (-1, 1))
        made.append(
            Suggestion(
                key=criterion.key,
                label=criterion.label,
                current=criterion.points,
                points=None if why else round(size * scale),
                low=low,
                high=high,
                coefficient=size,
                error=error,
                hits=int((columns[number] & asked[number]).sum()),
                rows=int(asked[number].sum()),
                refusal=why,
            )
        )
    worth = [one.points or 0 for one in made]
    suggested = auc(_sum(worth, evidence.hits, held), evidence.labels[held])
    return Suggestions(*base, current, suggested, tuple(made))


def _points_of(criteria: Sequence[Criterion], hits: list[Array], rows: Array) -> Array:
    return _sum([one.points for one in criteria], hits, rows)


def _sum(points: Sequence[int], hits: list[Array], rows: Array) -> Array:
    count = int(rows.sum())
    return reduce(lambda total, pair: total + pair[1][rows] * pair[0], zip(points, hits, strict=True), np.zeros(count, np.int64))


def _refuse_all(rows: int, rarer: int, ended: str, criteria: int) -> str:
    if rows < LEAST_LABELLED:
        return f"{rows} leads have an outcome that counts; below {LEAST_LABELLED} nothing is suggested."
    if rarer < LEAST_OF_EITHER:
        return f"Only {rarer} of the leads it learns from {ended}; below {LEAST_OF_EITHER} nothing is suggested."
    if rarer < LEAST_A_CRITERION * criteria:
        needed = LEAST_A_CRITERION * criteria
        return (
            f"Only {rarer} of the leads it learns from {ended}; {criteria} criteria need {needed}, {LEAST_A_CRITERION} for each."
        )
    return ""


def _refuse_one(column: Array, labels: Array) -> str:
    hits = int(column.sum())
    if hits < LEAST_HITS:
        return f"It hit {hits} of the leads it is judged by; below {LEAST_HITS} nothing is said."
    if len(column) - hits < LEAST_HITS:
        return f"It missed only {len(column) - hits} leads; below {LEAST_HITS} there is nothing to compare with."
    good = int((column & labels).sum())
    if good in (0, hits):
        return f"All {hits} leads it hit ended {'well' if good else 'badly'}: was it known before the decision?"
    return ""
