"""What a version does to the data of today against another one: who enters, who leaves, what became of those of the past."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from leads.choices import Outcome
from leads.models import Lead
from scoring.columns import NotInSnapshot
from scoring.compiler import stored_spec
from scoring.evaluate_numpy import evaluate
from scoring.models import ModelVersion
from scoring.snapshot import files
from scoring.snapshot.building import refresh
from scoring.snapshot.reader import OUTCOMES, Snapshot, current_snapshot
from scoring.snapshot.segment import Array, Segment
from scoring.spec import Spec

BUILT_AT_ONCE = 20_000  # leads; with more, somebody would wait for the first snapshot
SHOWN = 50
DECIDED = (Outcome.WON, Outcome.LOST, Outcome.REJECTED)


@dataclass(frozen=True, slots=True)
class Effect:
    """Open leads by whether they qualify before and after, and decided cases likewise by outcome.

    `enter` and `leave` are up to 50 lead ids, those with the highest score first. Without a snapshot, or where it does not
    hold what a version asks for, `why_not` says so and all figures are 0.
    """

    generation: int | None = None
    leads: int = 0
    before: int = 0
    after: int = 0
    entering: int = 0
    leaving: int = 0
    enter: list[int] = field(default_factory=list)
    leave: list[int] = field(default_factory=list)
    outcomes: dict[str, dict[str, int]] = field(default_factory=dict)
    why_not: str = ""

    @property
    def result(self) -> dict[str, Any]:
        """As a `PreviewReport` stores it."""
        names = ("leads", "before", "after", "entering", "leaving", "enter", "leave", "outcomes", "why_not")
        return {name: getattr(self, name) for name in names}


def usable_snapshot() -> Snapshot | None:
    """The snapshot brought up to date; built first where that takes a moment only, else None when there is none.

    While another process refreshes it, the one that is there.
    """
    try:
        held = current_snapshot()
    except files.Damaged:
        held = None
    if held is None and Lead.objects.order_by().values("pk")[: BUILT_AT_ONCE + 1].count() > BUILT_AT_ONCE:
        return None
    try:
        return refresh(wait=held is None)
    except files.Busy:
        return held


def effect_of(new: Spec, old: Spec | None) -> Effect:
    """What `new` would change against `old` (None: nothing is in force)."""
    snapshot = usable_snapshot()
    if snapshot is None:
        return Effect(why_not="The figures are still being gathered. They are there in some minutes.")
    try:
        return _measured(snapshot, new, old)
    except NotInSnapshot as missing:
        return Effect(why_not=f"The figures do not hold {', '.join(missing.fields)}, which a version asks for.")


def _measured(snapshot: Snapshot, new: Spec, old: Spec | None) -> Effect:
    leads = snapshot.leads
    after, strength = _qualifying(leads, new)
    before, worth = _qualifying(leads, old) if old else (np.zeros(len(leads), bool), strength)
    enter, leave = after & ~before, before & ~after
    outcomes = {outcome.value: {"before": 0, "after": 0, "all": 0} for outcome in DECIDED}
    for some in snapshot.cases:
        then = _qualifying(some.segment, new)[0]
        now = _qualifying(some.segment, old)[0] if old else np.zeros(len(some.segment), bool)
        for outcome in DECIDED:
            mine = some.outcome == OUTCOMES.index(outcome.value)
            counted = outcomes[outcome.value]
            counted["all"] += int(mine.sum())
            counted["before"] += int((mine & now).sum())
            counted["after"] += int((mine & then).sum())
    return Effect(
        generation=snapshot.number,
        leads=len(leads),
        before=int(before.sum()),
        after=int(after.sum()),
        entering=int(enter.sum()),
        leaving=int(leave.sum()),
        enter=_first(leads, enter, strength),
        leave=_first(leads, leave, worth),
        outcomes=outcomes,
    )


def _qualifying(segment: Segment, spec: Spec) -> tuple[Array, Array]:
    """Who is an MQL, of those who can be reached, and the total of every row."""
    scores = evaluate(spec, segment)
    met = scores.mql
    reachable = segment.columns.get("lead.contactable")
    if segment.is_open and reachable is not None:
        met = met & (reachable != 0)
    return met, scores.fit.astype(np.int64) + scores.engagement


def _first(segment: Segment, chosen: Array, strength: Array) -> list[int]:
    rows = np.flatnonzero(chosen)
    order = np.lexsort((segment.leads[rows], -strength[rows]))[:SHOWN]
    found: list[int] = segment.leads[rows[order]].tolist()
    return found


def report_on(spec: Spec, model_id: int) -> Effect:
    """What signers of a version see: its effect against the version in force, on the data of this moment."""
    rows = ModelVersion.objects.filter(model_id=model_id, status=ModelVersion.Status.ACTIVE)
    active = rows.values_list("pk", "spec_hash").first()
    return effect_of(spec, stored_spec(*active) if active else None)


def leads_of(ids: Iterable[int], user: Any) -> list[Lead]:
    """These leads as far as the person may see them, in this order."""
    wanted = list(ids)
    rows = Lead.objects.visible_to(user).filter(pk__in=wanted).select_related("company").in_bulk()
    return [rows[pk] for pk in wanted if pk in rows]
