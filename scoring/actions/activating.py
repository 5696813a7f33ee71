"""Putting an agreed version into force, and returning to one that was in force before."""

from datetime import datetime

from django.db import transaction

from leads import clock
from leads.actions.authority import demand
from leads.errors import Conflict, Invalid, NotAllowed
from leads.models import User
from scoring.actions.signing import checked_reason, freeze, lock_model, note_event
from scoring.actions.versions import copy_opinions, new_version, write_content
from scoring.compiler import compile_version
from scoring.models import Activation, ModelVersion, ScoringModel, VersionEvent
from scoring.signoff import Role, needed, role_on, sides_of, standing
from scoring.vocabulary import stored_registry
from scoring.waiting import SCORED, SCORING

Status, Verb = ModelVersion.Status, VersionEvent.Verb
ACTIVATE = "scoring.activate_version"


def activate_version(
    version: ModelVersion,
    *,
    actor: User | None,
    rev: int,
    reason: str,
    wave: str = Activation.Wave.NOW,
    at: datetime | None = None,
) -> Activation:
    """Put a version into force exactly as it was seen at `rev`: every lead is judged by it from now on.

    It must be proposed and signed as its model asks; where a model asks for no signatures, a draft goes into force directly.
    Leads are scored by the worker, in the order of their ids; those who enter get qualifications, released as `wave` says.
    Raises Invalid naming what is wrong, Conflict when it was changed or put into force meanwhile or a signature is missing.
    """
    demand(actor, ACTIVATE, to="put a version into force")
    reason = checked_reason(reason, "Say why this version comes into force.")
    _check_wave(wave)
    at = at or clock.now()
    with transaction.atomic():
        model = lock_model(version)
        seen = ModelVersion.objects.select_for_update(no_key=True).filter(pk=version.pk, rev=rev).first()
        if seen is None or seen.status not in (Status.DRAFT, Status.PROPOSED):
            raise Conflict("It was changed or put into force meanwhile. Look at it again first.", code="stale")
        _demand_signatures(model, seen)
        if seen.status == Status.DRAFT:
            freeze(seen, compile_version(seen), status=Status.PROPOSED, reason=reason)
        activation = _swap(model, seen, actor=actor, reason=reason, wave=wave, at=at)
    version.refresh_from_db()
    return activation


def return_to(
    version: ModelVersion, *, actor: User | None, reason: str, wave: str = Activation.Wave.NONE, at: datetime | None = None
) -> Activation:
    """Make a new version of the content of one that was in force before, and put it into force: its content was signed.

    One leader of either side may do so. Raises Conflict when it is in force, or another version is proposed.
    """
    demand(actor, ACTIVATE, to="return to an earlier version")
    if actor is not None and not any(role_on(actor, side) == Role.LEADER for side in sides_of(actor)):
        raise NotAllowed("A leader of marketing or sales returns to an earlier version.")
    reason = checked_reason(reason, "Say why you return to it. Both sides read it.")
    _check_wave(wave)
    at = at or clock.now()
    with transaction.atomic():
        model = lock_model(version)
        old = ModelVersion.objects.get(pk=version.pk)
        if old.status != Status.RETIRED or old.spec is None:
            raise Conflict(f"{old.label} was not in force before, or is again.", code="stale")
        if model.versions.filter(status=Status.PROPOSED).exists():
            raise Conflict("Another version is proposed. Take it back first.", code="proposed_exists")
        again = new_version(model, actor, at, old)
        write_content(again, old.spec, stored_registry())
        copy_opinions(old, again)
        ModelVersion.objects.filter(pk=again.pk).update(
            status=Status.PROPOSED, spec=old.spec, spec_hash=old.spec_hash, reason=reason
        )
        again.refresh_from_db()
        note_event(again, Verb.RETURNED, actor, at, f"{old.label}: {reason}")
        return _swap(model, again, actor=actor, reason=reason, wave=wave, at=at)


def _check_wave(wave: str) -> None:
    if wave not in Activation.Wave.values:
        raise Invalid(
            f"There is no wave “{wave}”.", code="not_a_choice", field="wave", value=wave, expected="now, spread or none"
        )


def _demand_signatures(model: ScoringModel, version: ModelVersion) -> None:
    if version.status == Status.DRAFT:
        if any(needed(model.signers).values()):
            raise Conflict("A draft is proposed and signed by both sides before it comes into force.", code="unsigned")
        return
    where = standing(model.signers, version.signatures.select_related("user"), version.spec_hash)
    if not where.is_complete:
        raise Conflict(f"{version.label} cannot come into force yet: {where.why_not()}.", code="unsigned")


def _swap(model: ScoringModel, version: ModelVersion, *, actor: User | None, reason: str, wave: str, at: datetime) -> Activation:
    """The change of what is in force, inside the caller's transaction, which holds the model's lock."""
    before = model.versions.filter(status=Status.ACTIVE).first()
    if before is not None:
        ModelVersion.objects.filter(pk=before.pk).update(status=Status.RETIRED)
    ModelVersion.objects.filter(pk=version.pk).update(status=Status.ACTIVE, effective_at=at, activated_at=at)
    ScoringModel.objects.filter(pk=model.pk).update(active_version=version)
    note_event(version, Verb.ACTIVATED, actor, at, reason)
    return Activation.objects.create(
        version=version,
        from_version=before,
        by=actor,
        reason=reason,
        wave=wave,
        step=SCORING,
        at=at,
        counts={"replaces": _replaced(model, before), "cursor": 0, "scored": 0, "entered": 0},
    )


def _replaced(model: ScoringModel, before: ModelVersion | None) -> list[int]:
    """The versions by which leads may still be scored, newest first: the last one, and those an unfinished change left over."""
    if before is None:
        return []
    unfinished = Activation.objects.select_for_update().filter(version__model=model, step=SCORING)
    older = [version for activation in unfinished.order_by("-pk") for version in activation.counts.get("replaces", [])]
    unfinished.update(step=SCORED)
    return [before.pk, *older]
