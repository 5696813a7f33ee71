"""Criteria that past outcomes suggest, from the facts and activities there are: at most twenty that together say the most.

Only what is known before the decision is looked at, as nothing else is in the snapshot. Each is a plain question somebody can
read; both sides decide whether it makes sense.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from leads.choices import FieldType
from scoring.column_cache import ColumnCache
from scoring.forms import make_key
from scoring.lift import wilson
from scoring.preview.population import Part, population_of
from scoring.preview.result import Goal
from scoring.registry import Field, Registry
from scoring.regression import Floats, fit
from scoring.snapshot.dictionaries import KINDS
from scoring.snapshot.reader import Snapshot
from scoring.snapshot.segment import CODED, Array
from scoring.spec import ALWAYS, Criterion, Decision, Limits, Spec
from scoring.spec_reader import read_spec
from scoring.suggest import LEAST_HITS, Suggestions, evidence_of, suggest
from scoring.wording import Wording

MOST = 20
MOST_VALUES = 15
LOOKED_AT = 50_000  # rows are enough to choose by
WINDOW_DAYS = 180
_SURE = 6.63  # the score test's 1 % point with one degree of freedom
_DECISION = {"kind": "total", "tiers": ["B", "A"], "edges": [50], "mql_from": "A"}

Only = Callable[[Array], Array]


def discover(
    snapshot: Snapshot,
    registry: Registry,
    *,
    cache: ColumnCache,
    goal: Goal = "won",
    most: int = MOST,
    largest: int = 30,
    only: Only | None = None,
) -> tuple[tuple[Criterion, ...], Suggestions]:
    """Up to `most` criteria with suggested points; `only` picks among case ids.

    The suggestions say why there are none where the data does not carry any.
    """
    spec = _spec(_candidates(snapshot, registry, goal, cache, only), registry)
    chosen: list[str] = []
    if spec.criteria:
        columns, labels, history = evidence_of(spec, snapshot, goal, cache, only).training()
        if len(labels):
            places = _forward([*columns, history], labels, most, given=not history.all())
            chosen = [spec.criteria[place].key for place in places]
    picked = [one.as_json() for key in chosen for one in spec.criteria if one.key == key]
    while True:
        found = suggest(_spec(picked, registry), snapshot, cache=cache, goal=goal, largest=largest, only=only)
        if found.refusal:
            return (), found
        unsure = [one for one in found.criteria if not one.points]
        if not unsure:
            points = {one.key: one.points for one in found.criteria}
            return _spec([one | {"points": points[one["key"]]} for one in picked], registry).criteria, found
        # one after the other: of two that say the same, the one left says it
        weakest = min(unsure, key=lambda one: abs(one.coefficient) / one.error if one.error else 0.0)
        picked = [one for one in picked if one["key"] != weakest.key]


def _spec(criteria: list[dict[str, Any]], registry: Registry) -> Spec:
    if not criteria:
        return Spec("discovered", ALWAYS, Limits(), Limits(), (), (), (), Decision("total", ("B", "A"), 1, edges=(50,)))
    return read_spec({"format": 1, "evaluator": 1, "model": "discovered", "criteria": criteria, "decision": _DECISION}, registry)


# --- Candidates ---------------------------------------------------------------------------------------------------------


def _candidates(
    snapshot: Snapshot, registry: Registry, goal: Goal, cache: ColumnCache, only: Only | None
) -> list[dict[str, Any]]:
    parts = [
        part for part in population_of(snapshot, goal, "all", cache).cases if part.labelled is not None and len(part.segment)
    ]
    rows = [np.flatnonzero(_picked(part, only)) for part in parts]
    wording = Wording(registry)
    found: list[dict[str, Any]] = []
    labels = (
        np.concatenate([_array(part.positive)[some] for part, some in zip(parts, rows, strict=True)])
        if parts
        else np.empty(0, bool)
    )
    for key, kind in snapshot.open[0].fields.items():
        field = registry.fields.get(key)
        if field is None or not field.active or not len(labels):
            continue
        values = np.concatenate([part.segment.columns[key][some] for part, some in zip(parts, rows, strict=True)])
        for clause in _clauses(field, kind, values, labels, snapshot):
            found.append({"dimension": "fit", "shape": "test", "when": {"all": [clause]}})
    for kind_of_event in snapshot.dictionaries[KINDS].values:
        if kind_of_event in registry.kinds:
            event = {"kinds": [kind_of_event]}
            found.append({"dimension": "engagement", "shape": "tally", "event": event, "days": WINDOW_DAYS})
    return _named(found, registry, wording)


def _picked(part: Part, only: Only | None) -> Array:
    labelled = _array(part.labelled)
    return labelled if only is None else labelled & only(part.segment.ids)


def _array(array: Array | None) -> Array:
    assert array is not None
    return array


def _named(found: list[dict[str, Any]], registry: Registry, wording: Wording) -> list[dict[str, Any]]:
    """With the question itself as the label."""
    plain = [one | {"key": f"c{number}", "label": f"c{number}", "points": 1} for number, one in enumerate(found)]
    keys: list[str] = []
    for one, criterion in zip(plain, _spec(plain, registry).criteria, strict=True):
        one["label"] = wording.criterion(criterion)[:120]
        keys.append(make_key(one["label"], keys))
        one["key"] = keys[-1]
    return plain


def _clauses(field: Field, kind: FieldType, values: Array, labels: Array, snapshot: Snapshot) -> Iterator[dict[str, Any]]:
    """Questions about a field that enough rows answer either way."""
    if kind in CODED:
        yield from _of_codes(field, kind, values, labels, snapshot)
    elif kind == FieldType.BOOLEAN:
        yield from ({"field": field.key, "op": "is", "value": flag} for flag in (True, False) if _tells(values == int(flag)))
        if _tells(values < 0):
            yield {"field": field.key, "op": "unknown"}
    elif kind == FieldType.NUMBER:
        known = values[~np.isnan(values)]
        if _tells(np.isnan(values)):
            yield {"field": field.key, "op": "unknown"}
        if len(known):
            for low in np.unique(np.quantile(known, np.arange(1, 10) / 10, method="lower")).tolist():
                if _tells(values >= low):
                    yield {"field": field.key, "op": "between", "low": low}
            least = float(known.min())
            if _tells(values == least):
                yield {"field": field.key, "op": "between", "low": least, "high": least}


def _tells(hits: Array) -> bool:
    count = int(np.count_nonzero(hits))
    return LEAST_HITS <= count <= len(hits) - LEAST_HITS


def _of_codes(field: Field, kind: FieldType, codes: Array, labels: Array, snapshot: Snapshot) -> Iterator[dict[str, Any]]:
    dictionary = snapshot.dictionaries[field.key]
    op = "has_any" if kind == FieldType.MULTI else "in"
    if _tells(codes < 0):
        yield {"field": field.key, "op": "unknown"}
    size = len(dictionary) + 1
    counts = np.bincount(codes.astype(np.int64) + 1, minlength=size)[1:]
    positive = np.bincount(codes[labels].astype(np.int64) + 1, minlength=size)[1:]
    base = float(labels.mean())
    better: list[str] = []
    worse: list[str] = []
    for code in np.argsort(-counts, kind="stable")[:MOST_VALUES].tolist():
        value = dictionary.values[code]
        if value is None or not LEAST_HITS <= counts[code] <= len(codes) - LEAST_HITS:
            continue
        wanted = list(value) if isinstance(value, tuple) else [value.strip()]
        if not wanted:
            continue
        yield {"field": field.key, "op": op, "values": wanted}
        low, high = wilson(int(positive[code]), int(counts[code]))
        if kind != FieldType.MULTI and (low > base or high < base):
            (better if low > base else worse).append(wanted[0])
    yield from ({"field": field.key, "op": "in", "values": some} for some in (better, worse) if len(some) > 1)


# --- Choosing -----------------------------------------------------------------------------------------------------------


def _forward(columns: list[Array], labels: Array, most: int, *, given: bool) -> list[int]:
    """Choose column after column, each time the one that says most beyond those chosen (Rao's score test).

    The last column is never chosen; `given` says that what it tells is known already.
    """
    if len(labels) > LOOKED_AT:
        some = np.linspace(0, len(labels) - 1, LOOKED_AT).astype(np.int64)
        columns, labels = [column[some] for column in columns], labels[some]
    every = np.stack(columns, axis=1).astype(np.float64)
    target = labels.astype(np.float64)
    last = every.shape[1] - 1
    chosen: list[int] = []
    while len(chosen) < most:
        gains = _gains(every, target, [*chosen, last] if given else chosen)
        gains[last] = 0.0
        best = int(np.argmax(gains))
        if gains[best] < _SURE:
            break
        chosen.append(best)
    return chosen


def _gains(every: Floats, target: Floats, chosen: list[int]) -> Floats:
    """The score statistic of each column beside those chosen; 0 for these and for what they say already."""
    design = np.hstack([np.ones((len(target), 1)), every[:, chosen]])
    found = fit(every[:, chosen], np.ones(len(target)), target)
    expected = 1 / (1 + np.exp(-np.clip(design @ np.append(found.intercept, found.coefficients), -35, 35)))
    weights = expected * (1 - expected)
    weighted = design * weights[:, None]
    cross = weighted.T @ every
    own = (every * every * weights[:, None]).sum(axis=0)
    left = own - (cross * np.linalg.solve(weighted.T @ design + np.eye(design.shape[1]) * 1e-9, cross)).sum(axis=0)
    gains: Floats = np.where(
        left > 1e-6 * np.maximum(own, 1), (every.T @ (target - expected)) ** 2 / np.maximum(left, 1e-12), 0.0
    )
    gains[chosen] = 0.0
    return gains
