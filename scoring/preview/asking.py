"""The way into a preview: two specs and a question in, everything about the draft out."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from scoring.column_cache import ColumnCache, column_cache
from scoring.columns import NotInSnapshot
from scoring.lift import Rate
from scoring.preview.counting import effect_of, judge
from scoring.preview.criteria import Reason, figures_of
from scoring.preview.flips import flips_of
from scoring.preview.population import population_of
from scoring.preview.result import Basis, CasesIn, Goal, Points, Preview, Question
from scoring.snapshot.reader import Snapshot
from scoring.snapshot.segment import DATED, HAS_ACTIVITY
from scoring.spec import Spec


def preview(
    draft: Spec,
    live: Spec | None,
    *,
    snapshot: Snapshot,
    goal: Goal = "won",
    capacity: int | None = None,
    points: Points = "agreed",
    cases: CasesIn = "all",
    reasons: Mapping[int, Reason] | None = None,
    cache: ColumnCache | None = None,
) -> Preview:
    """What the draft would have done, beside the version in force.

    `points` only says whose points the draft was given (see `with_points`). Without a `live` that can be read there are no flips.
    Raises `NotInSnapshot` when the draft asks for what the snapshot does not hold.
    """
    kept = column_cache() if cache is None else cache
    population = population_of(snapshot, goal, cases, kept)
    tag = f"{snapshot.number} {goal} {cases}"
    after = judge(draft, population, kept)
    before = None
    if live is not None:
        try:
            before = judge(live, population, kept)
        except NotInSnapshot:  # in force since before a field was made personal: it is scored, but cannot be compared
            live = None
    told = reasons or {}
    return Preview(
        question=Question(goal, points, cases, capacity),
        basis=_basis(snapshot, population.leads),
        first_week=population.first_week,
        base=Rate(None, population.labelled, population.positive),
        draft=effect_of(draft, after, population, before, kept, tag),
        live=effect_of(live, before, population, before, kept, tag) if live is not None and before is not None else None,
        flips=flips_of(draft, live, after, before, told) if live is not None and before is not None else None,
        criteria=figures_of(draft, after, told),
    )


def with_points(spec: Spec, wanted: Mapping[str, int]) -> Spec:
    """The spec with these points by criterion key, as one side would have them."""
    criteria = tuple(replace(one, points=wanted.get(one.key, one.points)) for one in spec.criteria)
    return Spec(spec.model, spec.scope, spec.fit, spec.engagement, spec.groups, criteria, spec.gates, spec.decision)


def _basis(snapshot: Snapshot, leads: int) -> Basis:
    flags = [some.segment.flags for some in snapshot.cases if some.segment.flags is not None]
    undated, without = (sum(int(np.count_nonzero((one & bit) == 0)) for one in flags) for bit in (DATED, HAS_ACTIVITY))
    return Basis(
        snapshot.number,
        snapshot.as_of,
        snapshot.built_at,
        len(snapshot.leads),
        snapshot.case_count,
        undated,
        without,
        leads,
    )
