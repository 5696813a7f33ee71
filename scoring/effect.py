"""What one version does on the data of today beside another: for those who sign it and for who compares any two."""

from dataclasses import dataclass
from typing import Any

from scoring.columns import NotInSnapshot
from scoring.compiler import stored_spec
from scoring.models import ModelVersion
from scoring.preview import drafts
from scoring.preview.asking import preview
from scoring.preview.result import Preview
from scoring.slots import slots
from scoring.snapshot.files import Damaged
from scoring.snapshot.keeping import built_at_once
from scoring.snapshot.reader import Snapshot, current_snapshot
from scoring.spec import Spec


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
