"""What history says of each criterion: whom it hits, how they ended, and what rejections say of its facts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

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
    every = [_Asked.of(one) for one in judged if not one.part.is_open]
    known = [one.of_known_history() for one in every] if any(one.asks_events for one in spec.criteria) else every
    return tuple(_figures(one, judged, known if one.asks_events else every, reasons) for one in spec.criteria)


@dataclass(frozen=True, eq=False, slots=True)
class _Asked:
    """Cases that a criterion is asked of: which rows (bool), which of them are labelled and which good, and how many are. All
    that were rejected.
    """

    judged: Judged
    asked: Array
    labelled: Array
    positive: Array
    rejected: Array
    rows: int
    good: int

    @classmethod
    def of(cls, judged: Judged, known: Array | None = None) -> Self:
        """Of all cases in scope, or of those that are `known`."""
        part = judged.part
        assert part.labelled is not None
        assert part.positive is not None
        assert part.counted is not None
        asked = judged.scores.in_scope if known is None else judged.scores.in_scope & known
        labelled, positive = asked & part.labelled, asked & part.positive
        rejected = part.counted & (part.group == REJECTED)
        return cls(judged, asked, labelled, positive, rejected, int(np.count_nonzero(labelled)), int(np.count_nonzero(positive)))

    def of_known_history(self) -> Self:
        known = self.judged.part.segment.has_activity()
        return self if known is None else self.of(self.judged, known)


def _figures(
    criterion: Criterion, judged: Sequence[Judged], asked: Sequence[_Asked], reasons: Mapping[int, Reason]
) -> CriterionFigures:
    hit = good = 0
    spoken = {number: reason for number, reason in reasons.items() if reason.fields & _fields(criterion)}
    said = {number: [0, 0] for number in spoken}
    for one in asked:
        hits = one.judged.scores.hits(criterion.key, one.labelled)
        hit += int(np.count_nonzero(hits))
        good += int(np.count_nonzero(hits & one.positive))
        for number, found in said.items():
            assert one.judged.part.reason is not None
            with_reason = one.rejected & (one.judged.part.reason == number)
            found[0] += int(np.count_nonzero(with_reason))
            found[1] += int(np.count_nonzero(one.judged.scores.hits(criterion.key, with_reason & one.asked)))
    open_hits = sum(int(np.count_nonzero(one.scores.hits(criterion.key))) for one in judged if one.part.is_open)
    base, base_good = sum(one.rows for one in asked), sum(one.good for one in asked)
    told = tuple(ReasonSaid(spoken[number].label, rows, hits) for number, (rows, hits) in said.items() if rows)
    return CriterionFigures(
        criterion.key, open_hits, Rate(criterion.key, hit, good), Rate(None, base, base_good),
        tuple(sorted(told, key=lambda one: (-one.hits, one.label))),
    )  # fmt: skip


def _fields(criterion: Criterion) -> frozenset[str]:
    if criterion.when is None:
        return frozenset()
    return frozenset(clause.field for clause in criterion.when.clauses() if not isinstance(clause, EventClause))
