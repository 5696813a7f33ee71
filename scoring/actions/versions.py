"""Models and their versions: begun, drafted from what is there, withdrawn, put into force."""

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.text import slugify

from leads import clock
from leads.actions.authority import demand
from leads.errors import Conflict, Invalid
from leads.models import User
from scoring.actions.criteria import criterion_row
from scoring.actions.drafting import EDIT
from scoring.compiler import compile_version
from scoring.models import Activation, Criterion, CriterionGroup, Gate, ModelVersion, ScoringModel
from scoring.reading import At
from scoring.spec_reader import read_criterion, read_gate, read_group
from scoring.starters import starter
from scoring.vocabulary import load_registry
from scoring.waiting import SCORED, SCORING

Status = ModelVersion.Status
ACTIVATE = "scoring.activate_version"


def create_model(name: str, *, actor: User | None, start: str = "fit_engagement", at: datetime | None = None) -> ModelVersion:
    """Begin a model with a first draft made from a starter; answers the draft."""
    demand(actor, EDIT, to="begin a scoring model")
    name = name.strip()
    key = slugify(name)[:40]
    if not key:
        raise Invalid("A model needs a name.", code="missing", field="name", value=name, expected="a name with letters or digits")
    content = starter(start).content
    try:
        with transaction.atomic():
            position = ScoringModel.objects.count()
            model = ScoringModel.objects.create(key=key, name=name[:80], position=position)
            version = _new_version(model, actor, at)
            _write_content(version, content)
            return version
    except IntegrityError as error:
        raise Invalid(
            f"There is a model called “{name}” already.", code="double", field="name", value=name, expected="another name"
        ) from error


def create_draft(
    model: ScoringModel,
    *,
    actor: User | None,
    start: str | None = None,
    source: ModelVersion | None = None,
    at: datetime | None = None,
) -> ModelVersion:
    """A new draft: a copy of `source`, else of a starter, else of the version in force. One draft a model at a time.

    Raises Conflict when there is a draft already.
    """
    demand(actor, EDIT, to="begin a draft")
    with transaction.atomic():
        ScoringModel.objects.select_for_update(no_key=True).get(pk=model.pk)
        if model.versions.filter(status=Status.DRAFT).exists():
            raise Conflict(f"There is a draft of {model.name} already.", code="draft_exists")
        copied = source or (None if start else model.versions.filter(status=Status.ACTIVE).first())
        if copied is not None and copied.model_id != model.pk:
            raise Invalid("A draft copies a version of its own model.", code="other_model", field="source", value=copied.pk)
        content = copied.spec if copied is not None and copied.spec else starter(start or "fit_engagement").content
        version = _new_version(model, actor, at, copied)
        _write_content(version, content)
    return version


def _new_version(
    model: ScoringModel, actor: User | None, at: datetime | None, copied: ModelVersion | None = None
) -> ModelVersion:
    last = model.versions.aggregate(last=Max("no"))["last"] or 0
    return ModelVersion.objects.create(
        model=model, no=last + 1, created_at=at or clock.now(), created_by=actor, copied_from=copied
    )


def _write_content(version: ModelVersion, content: dict[str, Any]) -> None:
    """The rows of a draft from the JSON of a spec. A part that is no longer valid (its field was retired) is left out."""
    registry = load_registry()
    groups = {}
    for number, data in enumerate(content.get("groups", [])):
        group = read_group(At("Group", ""), data)
        groups[group.key] = group
        CriterionGroup.objects.create(version=version, position=number, **group.as_json())
    for number, data in enumerate(content.get("criteria", [])):
        try:
            one = read_criterion(At("Criterion", ""), data, registry, groups)
        except Invalid:
            continue
        criterion_row(version, one, number).save()
    for number, data in enumerate(content.get("gates", [])):
        try:
            gate = read_gate(At("Gate", ""), data, registry)
        except Invalid:
            continue
        Gate.objects.create(version=version, key=gate.key, label=gate.label, condition=gate.when.as_json(), position=number)
    scope = content.get("scope")
    version.scope = scope if scope and scope != {"all": []} else None
    version.dimensions = content.get("dimensions", {})
    version.decision = content["decision"]
    version.save(update_fields=["scope", "dimensions", "decision"])


def withdraw_draft(version: ModelVersion, *, actor: User | None, rev: int) -> None:
    """Put a draft aside for good; it stays readable and another can be begun."""
    demand(actor, EDIT, to="withdraw a draft")
    if not ModelVersion.objects.filter(pk=version.pk, status=Status.DRAFT, rev=rev).update(status=Status.WITHDRAWN):
        raise Conflict("The draft was changed meanwhile. Look at it again first.", code="stale")
    version.status = Status.WITHDRAWN


def activate_version(
    version: ModelVersion,
    *,
    actor: User | None,
    rev: int,
    reason: str,
    wave: str = Activation.Wave.NOW,
    at: datetime | None = None,
) -> Activation:
    """Put a draft into force exactly as it was seen at `rev`: its content is frozen and every lead will be judged by it.

    Leads are scored by the worker, in the order of their ids; those who enter get qualifications, released as `wave` says.
    Raises Invalid naming what is wrong with the draft, Conflict when it was changed or put into force meanwhile.
    """
    demand(actor, ACTIVATE, to="put a version into force")
    if not reason.strip():
        raise Invalid("Say why this version comes into force.", code="missing", field="reason", value=reason, expected="a reason")
    if wave not in Activation.Wave.values:
        raise Invalid(
            f"There is no wave “{wave}”.", code="not_a_choice", field="wave", value=wave, expected="now, spread or none"
        )
    at = at or clock.now()
    with transaction.atomic():
        model = ScoringModel.objects.select_for_update(no_key=True).get(pk=version.model_id)
        seen = ModelVersion.objects.select_for_update(no_key=True).filter(pk=version.pk, status=Status.DRAFT, rev=rev).first()
        if seen is None:
            raise Conflict("The draft was changed or put into force meanwhile. Look at it again first.", code="stale")
        spec = compile_version(seen)
        for row in seen.criteria.all():
            Criterion.objects.filter(pk=row.pk).update(content_hash=next(one.hash for one in spec.criteria if one.key == row.key))
        before = model.versions.filter(status=Status.ACTIVE).first()
        if before is not None:
            ModelVersion.objects.filter(pk=before.pk).update(status=Status.RETIRED)
        ModelVersion.objects.filter(pk=seen.pk).update(
            status=Status.ACTIVE,
            spec=spec.as_json(),
            spec_hash=spec.hash,
            reason=reason.strip(),
            effective_at=at,
            activated_at=at,
        )
        ScoringModel.objects.filter(pk=model.pk).update(active_version=seen)
        activation = Activation.objects.create(
            version=seen,
            from_version=before,
            by=actor,
            reason=reason.strip(),
            wave=wave,
            step=SCORING,
            at=at,
            counts={"replaces": _replaced(model, before), "cursor": 0, "scored": 0, "entered": 0},
        )
    version.refresh_from_db()
    return activation


def _replaced(model: ScoringModel, before: ModelVersion | None) -> list[int]:
    """The versions by which leads may still be scored, newest first: the last one, and those an unfinished change left over."""
    if before is None:
        return []
    unfinished = Activation.objects.select_for_update().filter(version__model=model, step=SCORING)
    older = [version for activation in unfinished.order_by("-pk") for version in activation.counts.get("replaces", [])]
    unfinished.update(step=SCORED)
    return [before.pk, *older]
