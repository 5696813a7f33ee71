"""What history says of each criterion: whom it hits, how they ended, and what rejections say of its facts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scoring.lift import Rate
from scoring.preview.counting import Judged
from scoring.preview.population import REJECTED
from scoring.preview.result import CriterionFigures, ReasonSaid
from scoring.snapshot.segment import Array
from scoring.spec import Criterion, EventClause, Spec


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason for rejecting: its words and the facts it speaks of."""

    label: str
    fields: frozenset[str] = frozenset()


def figures_of(spec: Spec, judged: Sequence[Judged], reasons: Mapping[int, Reason]) -> tuple[CriterionFigures, ...]:
    """The figures of every criterion, in the spec's order, over the leads in scope.

    Where a criterion counts events, cases that came without their history are left out: nobody knows what they did.
    """
    rejected = [one.part.counted & (one.part.group == REJECTED) for one in judged if one.part.counted is not None]
    return tuple(_figures(one, judged, rejected, reasons) for one in spec.criteria)


def _figures(
    criterion: Criterion, judged: Sequence[Judged], rejected: Sequence[Array], reasons: Mapping[int, Reason]
) -> CriterionFigures:
    counts = np.zeros(4, np.int64)
    spoken = {number: reason for number, reason in reasons.items() if reason.fields & _fields(criterion)}
    said = {number: [0, 0] for number in spoken}
    open_hits = 0
    for place, one in enumerate(judged):
        hits = one.scores.hits(criterion.key)
        part = one.part
        if part.is_open:
            open_hits += int(np.count_nonzero(hits))
            continue
        assert part.labelled is not None
        assert part.positive is not None
        assert part.reason is not None
        asked = one.scores.in_scope
        known = part.segment.has_activity() if criterion.asks_events else None
        if known is not None:
            asked, hits = asked & known, hits & known
        for at, picked in enumerate((hits & part.labelled, hits & part.positive, asked & part.labelled, asked & part.positive)):
            counts[at] += np.count_nonzero(picked)
        for number, found in said.items():
            with_reason = rejected[place] & (part.reason == number)
            found[0] += int(np.count_nonzero(with_reason))
            found[1] += int(np.count_nonzero(with_reason & hits))
    hit, good, base, base_good = map(int, counts)
    told = tuple(ReasonSaid(spoken[number].label, rows, hits) for number, (rows, hits) in said.items() if rows)
    return CriterionFigures(
        criterion.key, open_hits, Rate(criterion.key, hit, good), Rate(None, base, base_good),
        tuple(sorted(told, key=lambda one: (-one.hits, one.label))),
    )  # fmt: skip


def _fields(criterion: Criterion) -> frozenset[str]:
    if criterion.when is None:
        return frozenset()
    return frozenset(clause.field for clause in criterion.when.clauses() if not isinstance(clause, EventClause))
