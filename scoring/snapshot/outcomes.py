"""What became of cases: the only part of a decided segment that may still change."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scoring.lift import LABELLED
from scoring.snapshot.merging import places_of
from scoring.snapshot.reader import GOALS, OUTCOMES, Cases, counted_bit
from scoring.snapshot.reading import AT_ONCE, read_outcomes
from scoring.snapshot.segment import DATED, Array, Segment


@dataclass(eq=False, slots=True)
class Decided:
    """A decided segment while it is brought up to date; arrays as in `Cases`. `sealed` ones get no more rows."""

    segment: Segment
    sealed: bool
    outcome: Array
    reason: Array
    counted: Array

    def cases(self) -> Cases:
        return Cases(self.segment, self.outcome, self.reason, self.counted)


def with_outcomes(segment: Segment, sealed: bool, sent: Array | None = None) -> Decided:
    """A new segment with what became of its cases, among others in `sent` (None: read now); which of them stand for their leads
    is not worked out yet.
    """
    count = len(segment)
    made = Decided(segment, sealed, np.full(count, -1, np.int8), np.zeros(count, np.int32), np.zeros(count, np.uint8))
    if count:
        _take(made, read_outcomes(range(int(segment.ids[0]), int(segment.ids[-1]) + 1), OUTCOMES) if sent is None else sent)
    return made


def carried_over(old: Decided, segment: Segment) -> Decided:
    """What became of the cases of `old` in a segment that has some of them, and others not known yet."""
    made = Decided(
        segment,
        old.sealed,
        *(np.zeros(len(segment), kind) for kind in (np.int8, np.int32, np.uint8)),
    )
    made.outcome[:] = -1
    place = np.searchsorted(segment.ids, old.segment.ids)
    there = np.isin(old.segment.ids, segment.ids)
    for name in ("outcome", "reason", "counted"):
        getattr(made, name)[place[there]] = getattr(old, name)[there]
    return made


def update_outcomes(one: Decided, case_ids: Sequence[int] | Array) -> None:
    """Read again what became of these of its cases."""
    wanted = one.segment.ids[np.unique(places_of(one.segment.ids, case_ids))]
    for first in range(0, len(wanted), AT_ONCE):
        _take(one, read_outcomes(wanted[first : first + AT_ONCE].tolist(), OUTCOMES))


def _take(one: Decided, sent: Array) -> None:
    if not len(one.segment):
        return
    place = np.searchsorted(one.segment.ids, sent["id"].astype(np.int64))
    place[place == len(one.segment.ids)] = 0
    there = one.segment.ids[place] == sent["id"]
    mine, place = sent[there], place[there]
    if np.array_equal(one.outcome[place], mine["outcome"]) and np.array_equal(one.reason[place], mine["reason"]):
        return
    if not one.outcome.flags.writeable:
        one.outcome, one.reason = one.outcome.copy(), one.reason.copy()
    one.outcome[place], one.reason[place] = mine["outcome"], mine["reason"]


def update_counted(all_cases: Sequence[Decided], leads: Array | None = None) -> None:
    """Work out which cases stand for their leads, for these leads (None: all)."""
    if leads is not None and not len(leads):
        return
    picked = [
        np.arange(len(one.segment)) if leads is None else np.flatnonzero(np.isin(one.segment.leads, leads)) for one in all_cases
    ]
    if not any(map(len, picked)):
        return
    owner = np.repeat(np.arange(len(all_cases)), [len(rows) for rows in picked])
    place = np.concatenate(picked)

    def gathered(name: str) -> Array:
        return np.concatenate([_array(one, name)[rows] for one, rows in zip(all_cases, picked, strict=True)])

    outcome, lead, dated = gathered("outcome"), gathered("leads"), (gathered("flags") & DATED) != 0
    order = np.lexsort((gathered("ids"), gathered("decided"), lead))
    bits = np.zeros(len(place), np.uint8)
    for goal in GOALS:
        is_labelled = np.isin(outcome, [OUTCOMES.index(str(name)) for name in LABELLED[goal]])
        for rows, only_dated in ((order, False), (order[dated[order]], True)):
            labelled = _last_of_each(lead, rows[is_labelled[rows]])
            others = _last_of_each(lead, rows[~np.isin(lead[rows], lead[labelled])])
            bits[labelled] |= np.uint8(counted_bit(goal, dated=only_dated))
            bits[others] |= np.uint8(counted_bit(goal, labelled=False, dated=only_dated))
    for number, one in enumerate(all_cases):
        mine = owner == number
        if not np.array_equal(one.counted[place[mine]], bits[mine]):
            one.counted = one.counted.copy()
            one.counted[place[mine]] = bits[mine]


def _last_of_each(lead: Array, rows: Array) -> Array:
    """Of these rows, in the order of their leads, the last of each lead."""
    found: Array = rows[np.append(lead[rows][1:] != lead[rows][:-1], True)[: len(rows)]]
    return found


def _array(one: Decided, name: str) -> Array:
    found: Array = getattr(one, name) if name == "outcome" else getattr(one.segment, name)
    return found
