"""Drawing sample leads: real ones, half of them open and half decided, from all heights of the score.

The same data, version and number give the same draw. Scores are cut into bands of equal width, from which rows are taken in
turn, so that the few with high scores are there beside the many with low ones.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from scoring.evaluate_numpy import Scores, evaluate
from scoring.snapshot.reader import Cases, Snapshot, counted_bit
from scoring.snapshot.segment import Array
from scoring.spec import Spec

BANDS = 5
LONGEST_TURN = 64  # rows of a band that are looked at, so that those taken already can be passed over


@dataclass(frozen=True, slots=True)
class Drawn:
    """A lead, or with `case` a past decision about it."""

    lead: int
    case: int | None


def draw(spec: Spec, snapshot: Snapshot, count: int, salt: int, without: Iterable[int] = ()) -> list[Drawn]:
    """At most `count` rows of leads not in `without`, in an order that says nothing of their scores. Raises `NotInSnapshot`."""
    taken = set(without)
    decided = count // 2
    found: list[Drawn] = []
    for turn, wanted in ((_cases(spec, snapshot, salt), decided), (_open(spec, snapshot, salt), count - decided)):
        here = 0
        for one in turn:
            if here == wanted:
                break
            if one.lead not in taken:
                taken.add(one.lead)
                found.append(one)
                here += 1
    order = _mixed(np.array([one.lead for one in found], np.uint64), salt + 1)
    return [found[place] for place in np.argsort(order, kind="stable")]


def _open(spec: Spec, snapshot: Snapshot, salt: int) -> list[Drawn]:
    totals, leads = [], []
    for segment in snapshot.open:
        sums, rows = _judged(evaluate(spec, segment), np.ones(len(segment), bool))
        totals.append(sums)
        leads.append(segment.leads[rows].astype(np.int64))
    return [Drawn(int(lead), None) for lead in _in_turn(np.concatenate(totals), np.concatenate(leads), salt)]


def _cases(spec: Spec, snapshot: Snapshot, salt: int) -> list[Drawn]:
    """The cases that stand for their leads and have an end that counts."""
    totals, leads, cases = [], [], []
    for some in snapshot.cases:
        sums, rows = _judged(evaluate(spec, some.segment), _stands(some))
        totals.append(sums)
        leads.append(some.segment.leads[rows].astype(np.int64))
        cases.append(some.segment.ids[rows].astype(np.int64))
    if not totals:
        return []
    ids, by_lead = np.concatenate(cases), np.concatenate(leads)
    lead_of = dict(zip(ids.tolist(), by_lead.tolist(), strict=True))
    return [Drawn(lead_of[case], case) for case in _in_turn(np.concatenate(totals), ids, salt)]


def _stands(some: Cases) -> Array:
    found: Array = (some.counted & counted_bit("accepted")) != 0
    return found


def _judged(scores: Scores, which: Array) -> tuple[Array, Array]:
    """The sums of the rows in scope, and which rows these are."""
    rows = np.flatnonzero(which & scores.in_scope)
    return (scores.fit[rows].astype(np.int64) + scores.engagement[rows]), rows


def _in_turn(totals: Array, ids: Array, salt: int) -> list[int]:
    """Ids band by band in turn, the highest first; within a band in an order that hangs on the salt alone."""
    if not len(ids):
        return []
    low, high = int(totals.min()), int(totals.max())
    band = (totals - low) * BANDS // (high - low + 1)
    mixed = _mixed(ids.astype(np.uint64), salt)
    piles = []
    for number in reversed(range(BANDS)):
        rows = np.flatnonzero(band == number)
        if len(rows) > LONGEST_TURN:
            rows = rows[np.argpartition(mixed[rows], LONGEST_TURN)[:LONGEST_TURN]]
        piles.append(ids[rows[np.argsort(mixed[rows], kind="stable")]].tolist())
    longest = max(map(len, piles))
    return [pile[turn] for turn in range(longest) for pile in piles if turn < len(pile)]


def _mixed(ids: Array, salt: int) -> Array:
    """Each id as another number that looks like chance: the finisher of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014)."""
    with np.errstate(over="ignore"):
        found = ids + np.uint64(salt % 2**32) * np.uint64(0x9E3779B97F4A7C15)
        found = (found ^ (found >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        found = (found ^ (found >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Array = found ^ (found >> np.uint64(31))
    return mixed
