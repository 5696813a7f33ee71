"""Who enters and who leaves: cases as of their decision and open leads as they are, that two versions judge otherwise."""

from collections.abc import Mapping, Sequence

import numpy as np

from scoring.evaluate_numpy import NO_GATE, NO_TIER
from scoring.preview.because import why_flipped
from scoring.preview.counting import Judged
from scoring.preview.criteria import Reason
from scoring.preview.population import GROUPS, OPEN
from scoring.preview.result import FlipLine, FlipRow, Flips, FlipSide
from scoring.snapshot.segment import Array
from scoring.spec import Criterion, Spec

SHOWN = 50
_WIDE = 1 << 40  # beyond any id


def flips_of(draft: Spec, live: Spec, after: Sequence[Judged], before: Sequence[Judged], reasons: Mapping[int, Reason]) -> Flips:
    """Those who flip, of each lead the case that stands for it and what it is now while it is open."""
    writer = _Writer(draft, live, after, before, reasons)
    return Flips(writer.side(after, before, -1), writer.side(before, after, 1))


class _Writer:
    """Picks and words flips between two versions over the same rows."""

    def __init__(
        self, draft: Spec, live: Spec, after: Sequence[Judged], before: Sequence[Judged], reasons: Mapping[int, Reason]
    ) -> None:
        self.draft, self.live = draft, live
        self.after, self.before = after, before
        self.reasons = reasons
        self.changed = _differing(draft, live)

    def side(self, inside: Sequence[Judged], outside: Sequence[Judged], sign: int) -> FlipSide:
        """Those who meet the one and not the other; `sign` makes the largest change the smallest number."""
        outcomes = np.zeros(len(GROUPS), np.int64)
        reasons: dict[int, int] = {}
        candidates: list[tuple[int, int, int]] = []
        for place, (one, other) in enumerate(zip(inside, outside, strict=True)):
            flipped = one.mql & ~other.mql
            if one.part.counted is not None:
                flipped &= one.part.counted
            rows = np.flatnonzero(flipped)
            outcomes += np.bincount(one.part.group[rows], minlength=len(GROUPS))
            if one.part.reason is not None:
                numbers, counts = np.unique(one.part.reason[rows], return_counts=True)
                for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
                    if number:
                        reasons[number] = reasons.get(number, 0) + count
            candidates += self._first(place, rows, sign)
        candidates.sort()
        shown = [(place, row) for _, place, row in candidates[:SHOWN]]
        named = sorted(((self._reason(number), count) for number, count in reasons.items()), key=lambda one: (-one[1], one[0]))
        counted = [(GROUPS[code], int(outcomes[code])) for code in np.argsort(-outcomes, kind="stable") if outcomes[code]]
        return FlipSide(int(outcomes.sum()), tuple(counted), tuple(named), tuple(self._rows(shown, enters=sign < 0)))

    def _first(self, place: int, rows: Array, sign: int) -> list[tuple[int, int, int]]:
        """The first of a part's rows as (order, part, row): the largest change first, then the smallest id."""
        if not len(rows):
            return []
        sums = [one[place].scores.sums for one in (self.after, self.before)]
        totals = [(one.fit[rows] + one.engagement[rows]).astype(np.int64) for one in sums]
        order = sign * (totals[0] - totals[1]) * _WIDE + self.after[place].part.segment.ids[rows]
        picked = np.argpartition(order, SHOWN)[:SHOWN] if len(rows) > SHOWN else np.arange(len(rows))
        return [(int(order[at]), place, int(rows[at])) for at in picked]

    def _reason(self, number: int) -> str:
        found = self.reasons.get(number)
        return found.label if found else ""

    def _rows(self, shown: Sequence[tuple[int, int]], *, enters: bool) -> list[FlipRow]:
        lines = self._lines(shown)
        found = []
        for (place, row), some in zip(shown, lines, strict=True):
            after, before = self.after[place], self.before[place]
            part = after.part
            was, now = ((int(one.scores.fit[row]), int(one.scores.engagement[row])) for one in (before, after))
            totals = [sum(was), sum(now)]
            gates = (_gate(self.live, before, row), _gate(self.draft, after, row))
            judged = (bool(before.scores.in_scope[row]), bool(after.scores.in_scope[row]))
            rest = totals[1] - totals[0] - sum(line.after - line.before for line in some)
            if rest:
                some.append(FlipLine("", "Limits of groups and sums", 0, rest))
            found.append(
                FlipRow(
                    kind="open" if part.is_open else "case",
                    id=int(part.segment.ids[row]),
                    lead=int(part.segment.leads[row]),
                    outcome=GROUPS[OPEN] if part.is_open else GROUPS[int(part.group[row])],
                    reason=self._reason(int(part.reason[row])) if part.reason is not None else "",
                    before=totals[0],
                    after=totals[1],
                    tier_before=_tier(self.live, before, row),
                    tier_after=_tier(self.draft, after, row),
                    gate_before=gates[0],
                    gate_after=gates[1],
                    lines=tuple(some),
                    because=why_flipped(
                        self.draft.decision, self.live.decision, was, now, some, enters=enters, gates=gates, judged=judged
                    ),
                )
            )
        return found

    def _lines(self, shown: Sequence[tuple[int, int]]) -> list[list[FlipLine]]:
        """For each of these rows the criteria that give it other points, the largest difference first."""
        found: list[list[FlipLine]] = [[] for _ in shown]
        for place in {place for place, _ in shown}:
            at = [number for number, (one, _) in enumerate(shown) if one == place]
            rows = np.array([shown[number][1] for number in at])
            for key, label, old, new in self.changed:
                before, after = (
                    np.zeros(len(rows), np.int64) if one is None else side[place].scores.points(key, rows)
                    for one, side in ((old, self.before), (new, self.after))
                )
                for number, was, is_now in zip(at, before.tolist(), after.tolist(), strict=True):
                    if was != is_now:
                        found[number].append(FlipLine(key, label, was, is_now))
        return [sorted(lines, key=lambda line: -abs(line.after - line.before)) for lines in found]


def _differing(draft: Spec, live: Spec) -> list[tuple[str, str, Criterion | None, Criterion | None]]:
    """The criteria of either spec that may give other points: key, label, as it is in force, as it is in the draft."""
    old, new = ({one.key: one for one in spec.criteria} for spec in (live, draft))
    keys = list(dict.fromkeys([*new, *old]))
    same_scope = draft.scope == live.scope
    found = []
    for key in keys:
        before, after = old.get(key), new.get(key)
        named = after or before
        assert named is not None
        if not (same_scope and before and after and _points_part(before) == _points_part(after)):
            found.append((key, named.label, before, after))
    return found


def _points_part(one: Criterion) -> tuple[object, ...]:
    return (one.points, one.when, one.event, one.days, one.award, one.freq_min, one.freq_max, one.half_life, one.cap)


def _tier(spec: Spec, one: Judged, row: int) -> str | None:
    tier = int(one.scores.tier[row])
    return None if tier == NO_TIER else spec.decision.tiers[tier]


def _gate(spec: Spec, one: Judged, row: int) -> str | None:
    gate = int(one.scores.gate[row])
    return None if gate == NO_GATE else spec.gates[gate].label
