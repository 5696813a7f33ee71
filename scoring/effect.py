"""What one version does on the data of today beside another: for those who sign it and for who compares any two."""

from dataclasses import dataclass
from typing import Any

from django.db.models import F

from leads import clock
from scoring.columns import NotInSnapshot
from scoring.compiler import Live, stored_spec
from scoring.evaluate_numpy import evaluate
from scoring.models import FLAG_MQL, LeadScore, ModelVersion, Qualification
from scoring.preview import drafts
from scoring.preview.asking import preview
from scoring.preview.result import Preview
from scoring.reference_scores import judged
from scoring.slots import slots
from scoring.snapshot.files import Damaged
from scoring.snapshot.keeping import built_at_once
from scoring.snapshot.reader import Snapshot, current_snapshot
from scoring.spec import Spec

MOST_LOOKED_AT = 2000  # leads, one by one, while a page waits


@dataclass(frozen=True, slots=True)
class Effect:
    """A preview, or why there is none."""

    preview: Preview | None
    why_not: str = ""

    @property
    def generation(self) -> int | None:
        return self.preview.basis.generation if self.preview else None

    def as_json(self) -> dict[str, Any]:
        """As a `PreviewReport` stores it."""
        return self.preview.as_json() if self.preview else {"why_not": self.why_not}


def newest_snapshot() -> Snapshot | None:
    """The data brought up to date where that takes a moment only, else as it stands; None while there is none to be read."""
    try:
        return built_at_once() or current_snapshot()
    except Damaged:
        return None


def effect_of(new: Spec, old: Spec | None) -> Effect:
    """What `new` does beside `old` (None: nothing was in force)."""
    snapshot = newest_snapshot()
    if snapshot is None:
        return Effect(None, "The figures are still being gathered; they are there in some minutes.")
    try:
        return Effect(preview(new, old, snapshot=snapshot, capacity=slots.capacity(), reasons=drafts.reasons()))
    except NotInSnapshot as missing:
        return Effect(None, f"The figures do not hold {', '.join(missing.fields)}, which the version asks for.")


def report_on(spec: Spec, model_id: int) -> Effect:
    """What signers of a version see: its effect beside the version in force, on the data of this moment."""
    rows = ModelVersion.objects.filter(model_id=model_id, status=ModelVersion.Status.ACTIVE)
    active = rows.values_list("pk", "spec_hash").first()
    return effect_of(spec, stored_spec(*active) if active else None)


@dataclass(frozen=True, slots=True)
class Newcomers:
    """Leads that would get a qualification by a version coming into force now; at most so many where not `is_exact`."""

    count: int
    is_exact: bool


def newcomers(version: ModelVersion) -> Newcomers | None:
    """Who would newly be handed over by this version, by what is stored and known now; None while nothing can be said."""
    snapshot = newest_snapshot()
    if snapshot is None:
        return None
    spec = stored_spec(version.pk, version.spec_hash)
    try:
        ids = {lead for one in snapshot.open for lead in one.leads[evaluate(spec, one).mql].tolist()}
    except NotInSnapshot:
        return None
    active = version.model.active_version_id
    ids -= set(
        LeadScore.objects.filter(version_id=active)
        .alias(met=F("flags").bitand(FLAG_MQL))
        .exclude(met=0)
        .values_list("lead_id", flat=True)
    )
    ids -= set(
        Qualification.objects.filter(model_id=version.model_id, kind="mql", closed_at=None).values_list("lead_id", flat=True)
    )
    if len(ids) > MOST_LOOKED_AT:
        return Newcomers(len(ids), False)
    live = Live(version.pk, version.model_id, version.no, spec, True)
    found = judged(live, sorted(ids), clock.now())
    return Newcomers(sum(one.score is not None and bool(one.score.flags & FLAG_MQL) for one in found.values()), True)
