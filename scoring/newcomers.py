"""What would come of the open leads were a version to come into force now: who newly meets it, who of them is held, and why."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import F

from leads import clock
from scoring.column_cache import column_cache
from scoring.columns import NotInSnapshot
from scoring.compiler import Live, compile_version, stored_spec
from scoring.effect import newest_snapshot
from scoring.holds import HOLD_WORDS
from scoring.models import FLAG_MQL, LeadScore, ModelVersion, Qualification
from scoring.preview.counting import judge_open
from scoring.reference_scores import Judged, judged
from scoring.slots import slots
from scoring.snapshot.reader import Snapshot
from scoring.spec import Spec

MOST_LOOKED_AT = 2000  # leads, one by one, while a page waits
WAITING = "Waiting to be handed over already, or handed over and not decided yet"
CHANGED = "Changed since the figures were gathered, and no longer newly meet it"


@dataclass(frozen=True, slots=True)
class Newcomers:
    """Open leads as of now, from those that meet a version to those handed over with it; every step says how many and why.

    `coming` meet it and not the version in force; less `held`, plus `freed`, they are `count`: so many get a qualification (at
    most so many where not `is_exact`). `joining` of them lead to no hand-off of their own. `met` and `leaving` None: nothing is
    in force, or it asks for what the figures do not hold.
    """

    meet: int
    met: int | None
    leaving: int | None
    coming: int
    held: tuple[tuple[str, int], ...]
    freed: int
    count: int
    joining: tuple[tuple[str, int], ...]
    is_exact: bool

    @property
    def both(self) -> int:
        return self.meet - self.coming

    @property
    def handed_over(self) -> int:
        """Hand-offs there would be, were all of them handed over."""
        return self.count - sum(number for _, number in self.joining)


def newcomers(version: ModelVersion) -> Newcomers | None:
    """Who would newly be handed over by this version, by what is stored and known now; None while nothing can be said.

    Raises Invalid for a draft that cannot be read.
    """
    snapshot = newest_snapshot()
    if snapshot is None:
        return None
    spec = compile_version(version)
    active = version.model.active_version
    meet = _meeting(spec, snapshot)
    if meet is None:
        return None
    met = _meeting(stored_spec(active.pk, active.spec_hash), snapshot) if active else None
    coming = meet - met if met is not None else meet
    marked = _marked(active.pk) if active else set()
    waiting = set(
        Qualification.objects.filter(model_id=version.model_id, kind="mql", closed_at=None).values_list("lead_id", flat=True)
    )
    asked = meet - marked - waiting
    is_exact = len(asked) <= MOST_LOOKED_AT
    live = Live(version.pk, version.model_id, version.no, spec, True)
    found = judged(live, sorted(asked), clock.now()) if is_exact else None
    enter = {lead for lead, one in found.items() if _qualifies(one)} if found is not None else asked
    held = Counter(_why_held(lead, waiting, found) for lead in coming - enter)
    return Newcomers(
        meet=len(meet),
        met=None if met is None else len(met),
        leaving=None if met is None else len(met - meet),
        coming=len(coming),
        held=tuple(sorted(held.items(), key=lambda one: (-one[1], one[0]))),
        freed=len(enter - coming),
        count=len(enter),
        joining=tuple(slots.joining(enter)) if is_exact else (),
        is_exact=is_exact,
    )


def _meeting(spec: Spec, snapshot: Snapshot) -> set[int] | None:
    """The open leads that meet a spec, as its preview counts them; None when the figures do not hold what it asks."""
    try:
        return {lead for some in judge_open(spec, snapshot, column_cache()) for lead in some.tolist()}
    except NotInSnapshot:
        return None


def _marked(version_id: int) -> set[int]:
    rows = LeadScore.objects.filter(version_id=version_id).alias(met=F("flags").bitand(FLAG_MQL)).exclude(met=0)
    return set(rows.values_list("lead_id", flat=True))


def _qualifies(one: Judged) -> bool:
    return one.score is not None and bool(one.score.flags & FLAG_MQL)


def _why_held(lead: int, waiting: Collection[int], found: dict[int, Judged] | None) -> str:
    if lead in waiting:
        return WAITING
    one = found.get(lead) if found is not None else None
    hold = one.score.gate if one is not None and one.score is not None else None
    return HOLD_WORDS.get(hold or "", CHANGED)
