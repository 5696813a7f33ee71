"""What the versions in force say of very many leads at one moment, read from columns and as it is stored: with what bars a lead
beside a version's own gates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np

from leads.choices import OUTCOME_STAGES, Stage
from scoring.closed_leads import NO_DAY, STAGES, ClosedLeads, closed_leads
from scoring.columns import NEVER
from scoring.compiler import Live
from scoring.due_days import due_days
from scoring.evaluate_numpy import NO_TIER, Scores, evaluate
from scoring.holds import DECIDED, DISQUALIFIED, HOLD_WORDS, IN_REVIEW, NURTURE, UNREACHABLE
from scoring.models import FLAG_GATED, FLAG_MQL
from scoring.operators import day_of
from scoring.snapshot.building import refresh
from scoring.snapshot.mark import Mark
from scoring.snapshot.merging import due_of
from scoring.snapshot.reader import Snapshot
from scoring.snapshot.segment import Array, Segment

HOLDS = tuple(HOLD_WORDS)  # stored in place of a gate
_HELD_AS = {
    DISQUALIFIED: (Stage.DISQUALIFIED,),
    IN_REVIEW: (Stage.REJECTED,),
    NURTURE: (Stage.RECYCLED,),
    DECIDED: OUTCOME_STAGES,
}


@dataclass(frozen=True, eq=False, slots=True)
class Said:
    """What is stored by one version, an entry a lead in the order of `Columns.ids`; out of scope nothing is.

    `gate` is a position in `gates`, -1: none; `tier` -1: none. `due` is the first UTC day on which time alone may change it.
    """

    gates: tuple[str, ...]
    in_scope: Array
    fit: Array
    engagement: Array
    tier: Array
    flags: Array
    gate: Array
    due: Array

    def rows(self, chosen: Array) -> list[Array]:
        """The columns of these leads as they are stored, in their order."""
        return [one[chosen] for one in self.stored]

    @property
    def stored(self) -> list[Array]:
        """The columns as they are stored, in their order."""
        return [self.fit, self.engagement, self.tier, self.flags, self.gate]


def gates_of(live: Live) -> tuple[str, ...]:
    """All that may be stored as what bars a lead by this version."""
    return (*(gate.key for gate in live.spec.gates), *HOLDS)


class Columns:
    """Leads, open and closed, as of one moment. `ids` are those that are known, in order; `mark`: all committed then is in."""

    def __init__(self, snapshot: Snapshot, closed: ClosedLeads, wanted: Array | None) -> None:
        self.snapshot, self.closed = snapshot, closed
        self.parts: tuple[Segment, ...] = (*snapshot.open, closed.leads)
        # of these an event counts by now that did not when they were read
        self.unknown: list[int] = np.unique(np.concatenate([due_of(part, snapshot.as_of) for part in self.parts])).tolist()
        self._rows = [_rows(part, wanted, self.unknown) for part in self.parts]
        found = np.concatenate([part.ids[rows] for part, rows in zip(self.parts, self._rows, strict=True)])
        order = np.argsort(found, kind="stable")
        ids = found[order]
        twice = np.flatnonzero(ids[1:] == ids[:-1])  # opened or closed while these were read
        if len(twice):
            kept = np.ones(len(ids), bool)
            kept[twice] = kept[twice + 1] = False
            order, ids = order[kept], ids[kept]
        self.ids = ids
        self._order = order

    @property
    def as_of(self) -> datetime:
        return self.snapshot.as_of

    @property
    def mark(self) -> Mark:
        return self.closed.mark  # the earlier one

    def said_by(self, live: Live, *, with_due: bool = True) -> Said:
        """What one version says. Raises `NotInSnapshot`."""
        scores = [evaluate(live.spec, part) for part in self.parts]
        due = np.full(len(self.ids), NEVER, np.int32)
        if with_due:
            due = self._gathered(
                [due_days(live.spec, *one) for one in zip(self.parts, (s.in_scope for s in scores), strict=True)]
            )
        said = Said(
            gates_of(live),
            self._gathered([one.in_scope for one in scores]),
            self._gathered([one.fit for one in scores]),
            self._gathered([one.engagement for one in scores]),
            self._gathered([one.tier for one in scores]).astype(np.int16),
            self._gathered([one.flags for one in scores]).astype(np.int16),
            self._gathered([one.gate for one in scores]).astype(np.int16),
            due,
        )
        self._hold(said, live, len(live.spec.gates))
        return said

    def _gathered(self, columns: Sequence[Array]) -> Array:
        found: Array = np.concatenate([column[rows] for column, rows in zip(columns, self._rows, strict=True)])[self._order]
        return found

    def _hold(self, said: Said, live: Live, first: int) -> None:
        """As `hold_of` does: who meets the version and is barred all the same."""
        place, standing = self._standings
        meets = (said.flags[place] & FLAG_MQL) != 0
        place, standing = place[meets], standing[meets]
        today = day_of(self.as_of)
        for hold, stages in _HELD_AS.items():
            held = (standing["reachable"] != 0) & np.isin(standing["stage"], [STAGES.index(str(stage)) for stage in stages])
            if hold == NURTURE:
                held &= (standing["back"] > today) & (said.engagement[place] <= 0)
                back = np.where(standing["back"] == NO_DAY, NEVER, standing["back"]).astype(np.int32)
                said.due[place[held]] = np.minimum(said.due[place[held]], back[held])
            elif hold == DECIDED:
                held &= ~self._again(live, self.ids[place])
            said.flags[place[held]] = 0
            said.gate[place[held]] = first + HOLDS.index(hold)
        gone = place[standing["reachable"] == 0]
        said.flags[gone], said.tier[gone] = FLAG_GATED, NO_TIER
        said.gate[gone] = first + HOLDS.index(UNREACHABLE)

    @cached_property
    def _standings(self) -> tuple[Array, Array]:
        """Places among `ids` of leads that may be held back, and where they stand."""
        standings = self.closed.standings
        if not len(self.ids):
            return np.empty(0, np.int64), standings[:0]
        lead = standings["lead"].astype(np.int64)
        place = np.minimum(np.searchsorted(self.ids, lead), len(self.ids) - 1)
        there = self.ids[place] == lead
        return place[there], standings[there]

    def _again(self, live: Live, lead_ids: Array) -> Array:
        """Which of these closed leads meet the version by what they did since they are closed."""
        since: Scores = evaluate(live.spec, self.closed.since)
        rows = np.minimum(np.searchsorted(self.closed.since.ids, lead_ids), max(len(self.closed.since) - 1, 0))
        if not len(self.closed.since):
            return np.zeros(len(lead_ids), bool)
        found: Array = since.mql[rows] & (since.engagement[rows] > 0) & (self.closed.since.ids[rows] == lead_ids)
        return found


def _rows(part: Segment, wanted: Array | None, unknown: list[int]) -> Array:
    """The rows of a segment that hold, of these leads only."""
    if wanted is None:
        rows = np.arange(len(part)) if part.stale is None else np.flatnonzero(~part.stale)
    else:
        rows = np.minimum(np.searchsorted(part.ids, wanted), max(len(part) - 1, 0))
        rows = rows[part.ids[rows] == wanted] if len(part) else rows[:0]
        rows = rows if part.stale is None else rows[~part.stale[rows]]
    return rows[~np.isin(part.ids[rows], unknown)] if unknown else rows


def read_columns(wanted: Sequence[int] | None = None) -> Columns:
    """The snapshot and the closed leads brought up to date; of all leads or of these."""
    while True:
        closed, snapshot = closed_leads(), refresh()
        if day_of(closed.as_of) == day_of(snapshot.as_of):
            return Columns(snapshot, closed, None if wanted is None else np.array(sorted(wanted), np.int64))
