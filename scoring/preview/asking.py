"""The way into a preview: two specs and a question in, everything about the draft out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from scoring.column_cache import ColumnCache, Small, column_cache
from scoring.columns import NotInSnapshot
from scoring.lift import Rate
from scoring.preview.counting import Judged, effect_of, judge
from scoring.preview.criteria import Reason, figures_of
from scoring.preview.flips import flips_of
from scoring.preview.population import Population, population_of
from scoring.preview.result import Basis, CasesIn, Effect, Goal, Points, Preview, Question
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
    told = reasons or {}
    after = judge(draft, population, kept)
    before = _standing(live, population, kept, tag) if live is not None else None
    judged = before.judged if before else None
    figures = kept.get(
        (f"generation {snapshot.folder} {snapshot.number}", snapshot.open[0].as_of_day, _figures_key(after, tag, told)),
        lambda: Small(figures_of(draft, after, told)),
    )
    found = Preview(
        question=Question(goal, points, cases, capacity),
        basis=_basis(snapshot, population.leads),
        first_week=population.first_week,
        base=Rate(None, population.labelled, population.positive),
        draft=effect_of(draft, after, population, judged, kept, tag),
        live=before.effect if before else None,
        flips=flips_of(draft, live, after, before.judged, told) if live is not None and before is not None else None,
        criteria=figures.value,
    )
    snapshot.let_go()
    return found


@dataclass(frozen=True, eq=False, slots=True)
class _Standing:
    """What the version in force says: the same for every edit of a draft."""

    judged: list[Judged]
    effect: Effect

    @property
    def nbytes(self) -> int:
        return sum(one.nbytes for one in self.judged)


def _standing(live: Spec, population: Population, cache: ColumnCache, tag: str) -> _Standing | None:
    """None when it asks for what the snapshot does not hold: a field was made personal since. It is scored, but not compared."""
    segment = population.open[0].segment

    def made() -> _Standing:
        judged = judge(live, population, cache)
        return _Standing(judged, effect_of(live, judged, population, judged, cache, tag))

    try:
        return cache.get((segment.key, segment.as_of_day, f"in force {tag} {live.hash}"), made)
    except NotInSnapshot:
        return None


def _figures_key(judged: list[Judged], tag: str, reasons: Mapping[int, Reason]) -> str:
    said = sorted((number, reason.label, *sorted(reason.fields)) for number, reason in reasons.items())
    return f"figures {tag} {judged[-1].scores.fingerprint} {said}"


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
        snapshot.open_count,
        snapshot.case_count,
        undated,
        without,
        leads,
    )
