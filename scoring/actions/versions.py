"""Models and their versions: begun, drafted from what is there, withdrawn."""

from collections.abc import Mapping
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
from scoring.compiler import version_data
from scoring.exchange import read_document
from scoring.matching import refuse_asked_twice
from scoring.models import (
    CriterionComment,
    CriterionExample,
    CriterionGroup,
    CriterionView,
    Gate,
    ModelVersion,
    ScoringModel,
    VersionEvent,
)
from scoring.reading import At
from scoring.registry import Registry
from scoring.spec_reader import read_criterion, read_gate, read_group
from scoring.starters import starter
from scoring.vocabulary import load_registry

Status = ModelVersion.Status


def create_model(
    name: str,
    *,
    actor: User | None,
    start: str = "fit_engagement",
    signers: Mapping[str, Any] | None = None,
    at: datetime | None = None,
) -> ModelVersion:
    """Begin a model with a first draft made from a starter; answers the draft. `signers` as in `ScoringModel`."""
    demand(actor, EDIT, to="begin a scoring model")
    name = name.strip()
    key = slugify(name)[:40]
    if not key:
        raise Invalid("A model needs a name.", code="missing", field="name", value=name, expected="a name with letters or digits")
    content = starter(start).content
    try:
        with transaction.atomic():
            position = ScoringModel.objects.count()
            model = ScoringModel.objects.create(key=key, name=name[:80], position=position, signers=dict(signers or {}))
            version = new_version(model, actor, at)
            write_content(version, content)
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

    Raises Conflict when there is a draft already, or a version is proposed: that one is taken back to be edited.
    """
    demand(actor, EDIT, to="begin a draft")
    with transaction.atomic():
        ScoringModel.objects.select_for_update(no_key=True).get(pk=model.pk)
        if model.versions.filter(status=Status.DRAFT).exists():
            raise Conflict(f"There is a draft of {model.name} already.", code="draft_exists")
        proposed = model.versions.filter(status=Status.PROPOSED).first()
        if proposed is not None:
            raise Conflict(f"{proposed.label} is proposed. Take it back to edit it.", code="proposed_exists")
        copied = source or (None if start else model.versions.filter(status=Status.ACTIVE).first())
        if copied is not None and copied.model_id != model.pk:
            raise Invalid("A draft copies a version of its own model.", code="other_model", field="source", value=copied.pk)
        content = starter(start or "fit_engagement").content if copied is None else copied.spec or version_data(copied)
        version = new_version(model, actor, at, copied)
        write_content(version, content)
        if copied is not None:
            copy_opinions(copied, version)
    return version


def import_draft(model: ScoringModel, content: bytes, *, actor: User | None, at: datetime | None = None) -> ModelVersion:
    """A new draft with the content of an exported version, of this model or of another one's.

    Raises Invalid naming what this installation does not have, Conflict as `create_draft` does.
    """
    demand(actor, EDIT, to="read in a version")
    spec = read_document(content)
    refuse_asked_twice(one.as_json() for one in spec.criteria)
    refuse_asked_twice(gate.as_json() for gate in spec.gates)
    with transaction.atomic():
        draft = create_draft(model, actor=actor, start="empty", at=at)
        write_content(draft, spec.as_json())
    return draft


def new_version(model: ScoringModel, actor: User | None, at: datetime | None, copied: ModelVersion | None = None) -> ModelVersion:
    """An empty draft with the next number."""
    last = model.versions.aggregate(last=Max("no"))["last"] or 0
    return ModelVersion.objects.create(
        model=model, no=last + 1, created_at=at or clock.now(), created_by=actor, copied_from=copied
    )


def write_content(version: ModelVersion, content: dict[str, Any], registry: Registry | None = None) -> None:
    """The rows of a draft from the JSON of a spec. A part that is no longer valid (its field was retired) is left out."""
    registry = registry or load_registry()
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


def copy_opinions(source: ModelVersion, version: ModelVersion) -> None:
    """Carry over what both sides think of the criteria that are in both versions: views, open comments, examples."""
    rows = {row.key: row.pk for row in version.criteria.all()}
    threads: dict[int, int] = {}
    unresolved = CriterionComment.objects.filter(resolved_at=None).exclude(reply_to__resolved_at__isnull=False)
    for opinions in (CriterionView.objects.all(), unresolved, CriterionExample.objects.all()):
        for one in (
            opinions.filter(criterion__version=source, criterion__removed=False).select_related("criterion").order_by("pk")
        ):
            if one.criterion.key not in rows:
                continue
            before = one.pk
            one.criterion_id, one.pk, one._state.adding = rows[one.criterion.key], None, True
            if isinstance(one, CriterionComment):
                one.reply_to_id = threads.get(one.reply_to_id or 0)
            one.save()
            if isinstance(one, CriterionComment):
                threads[before] = one.pk


def withdraw_draft(version: ModelVersion, *, actor: User | None, rev: int) -> None:
    """Put a draft aside for good; it stays readable, and another can be begun as a copy of it."""
    demand(actor, EDIT, to="withdraw a draft")
    with transaction.atomic():
        if not ModelVersion.objects.filter(pk=version.pk, status=Status.DRAFT, rev=rev).update(status=Status.WITHDRAWN):
            raise Conflict("The draft was changed meanwhile. Look at it again first.", code="stale")
        VersionEvent.objects.create(version=version, verb=VersionEvent.Verb.WITHDRAWN, actor=actor, at=clock.now())
    version.status = Status.WITHDRAWN
