"""Putting an agreed version into force, now or at a time, and returning to one that was in force before.

The verbs here ask for it; `scoring.activation` prepares it as a job, whose last step puts it into force by `put_into_force`.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from leads import clock
from leads.actions.authority import demand
from leads.errors import Conflict, Invalid, NotAllowed
from leads.jobs import enqueue, resume
from leads.models import Job, User
from scoring.actions.reviewing import usual_review
from scoring.actions.signing import ON_ITS_WAY, checked_reason, freeze, lock_model, note_event, stop_activations
from scoring.actions.versions import copy_opinions, new_version, write_content
from scoring.compiler import compile_version
from scoring.entering import counted
from scoring.models import Activation, ModelVersion, ScoringModel, VersionEvent
from scoring.notices import tell_in_force
from scoring.signoff import Role, needed, role_on, sides_of, standing
from scoring.vocabulary import stored_registry
from scoring.waiting import oldest_open_transaction

Status, Verb, Step = ModelVersion.Status, VersionEvent.Verb, Activation.Step
ACTIVATE = "scoring.activate_version"
FURTHEST = timedelta(days=90)
KIND, TRIAL = "activation", "trial"


def activate_version(
    version: ModelVersion,
    *,
    actor: User | None,
    rev: int,
    reason: str,
    wave: str = Activation.Wave.NOW,
    effective_at: datetime | None = None,
    at: datetime | None = None,
) -> Activation:
    """Ask for a version to come into force exactly as it was seen at `rev`, at once or at `effective_at`.

    It must be proposed and signed as its model asks; where a model asks for no signatures, a draft comes into force directly.
    The worker prepares it; until it is in force the version before stays so. Those who enter get qualifications, released as
    `wave` says. Raises Invalid naming what is wrong, Conflict when it was changed meanwhile, is on its way already or a
    signature is missing.
    """
    demand(actor, ACTIVATE, to="put a version into force")
    reason = checked_reason(reason, "Say why this version comes into force.")
    _check_wave(wave)
    at = at or clock.now()
    if effective_at is not None and effective_at > at + FURTHEST:
        raise Invalid(
            f"A version is planned at most {FURTHEST.days} days ahead, as its effect is measured on the data of now.",
            code="too_far",
            field="at",
            value=effective_at.isoformat(),
            expected=f"a time until {timezone.localtime(at + FURTHEST):%-d %B %Y}",
        )
    with transaction.atomic():
        model = lock_model(version)
        seen = ModelVersion.objects.select_for_update(no_key=True).filter(pk=version.pk, rev=rev).first()
        if seen is None or seen.status not in (Status.DRAFT, Status.PROPOSED):
            raise Conflict(_what_happened(version), code="stale")
        _demand_signatures(model, seen)
        if seen.status == Status.DRAFT:
            freeze(seen, compile_version(seen), status=Status.PROPOSED, reason=reason)
        activation = _ask(seen, actor=actor, reason=reason, wave=wave, at=at, effective_at=effective_at)
    version.refresh_from_db()
    return activation


def _what_happened(version: ModelVersion) -> str:
    """Why a version is no longer what somebody saw: who did what with it, and when."""
    last = version.events.filter(verb__in=(Verb.TAKEN_BACK, Verb.ACTIVATED)).select_related("actor").last()
    now = ModelVersion.objects.get(pk=version.pk)
    if last is None or now.status in (Status.DRAFT, Status.PROPOSED):
        return f"{now.label} was changed meanwhile. Look at it again first."
    at = f"{timezone.localtime(last.at):%d %b, %H:%M}".lstrip("0")
    return f"{last.actor or 'The portal'} {last.get_verb_display()} on {at}, so {now.label} cannot be put into force."


def return_to(
    version: ModelVersion, *, actor: User | None, reason: str, wave: str = Activation.Wave.NONE, at: datetime | None = None
) -> Activation:
    """Make a new version of the content of one that was in force before, and ask for it to come into force: it was signed.

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
        return _ask(again, actor=actor, reason=reason, wave=wave, at=at, signed_as=old.no)


def call_off(activation: Activation, *, actor: User | None) -> None:
    """Stop a version on its way into force; it stays proposed, with its signatures. Raises Conflict when it is too late."""
    demand(actor, ACTIVATE, to="call off what comes into force")
    with transaction.atomic():
        lock_model(activation.version)
        held = Activation.objects.select_for_update().filter(pk=activation.pk, step__in=ON_ITS_WAY).first()
        if held is None:
            raise Conflict("It is in force already, or was called off.", code="too_late")
        stop_activations(held.version)
    activation.refresh_from_db()


def go_on(activation: Activation, *, actor: User | None) -> None:
    """Try again what stopped on its way into force. Raises Conflict when it did not stop, or cannot go on."""
    demand(actor, ACTIVATE, to="put a version into force")
    with transaction.atomic():
        lock_model(activation.version)
        held = Activation.objects.select_for_update(of=("self",)).select_related("job").filter(pk=activation.pk).get()
        if held.step != Step.FAILED or held.job is None:
            raise Conflict("It did not stop.", code="not_stopped")
        if ModelVersion.objects.get(pk=held.version_id).status != Status.PROPOSED:
            raise Conflict(_what_happened(held.version), code="stale")
        resume(held.job)
    activation.refresh_from_db()


def begin_due(now: datetime) -> int:
    """Let what was planned for a time that has come begin; answers how many. One query where nothing is due."""
    due = Activation.objects.filter(step=Step.PLANNED, version__effective_at__lte=now)
    begun = 0
    for pk in list(due.values_list("pk", flat=True)):
        with transaction.atomic():
            one = Activation.objects.select_for_update(skip_locked=True).filter(pk=pk, step=Step.PLANNED).first()
            if one is not None:
                _begin(one)
                begun += 1
    return begun


def _ask(
    version: ModelVersion,
    *,
    actor: User | None,
    reason: str,
    wave: str,
    at: datetime,
    effective_at: datetime | None = None,
    signed_as: int | None = None,
) -> Activation:
    if Activation.objects.filter(version=version, step__in=ON_ITS_WAY).exists():
        raise Conflict(f"{version.label} is on its way into force already.", code="under_way")
    later = effective_at is not None and effective_at > at
    ModelVersion.objects.filter(pk=version.pk).update(effective_at=effective_at if later else at, trial_since=None)
    activation = Activation.objects.create(
        version=version,
        from_version=ModelVersion.objects.filter(model_id=version.model_id, status=Status.ACTIVE).first(),
        by=actor,
        reason=reason,
        wave=wave,
        step=Step.PLANNED if later else Step.PREPARING,
        at=at,
        counts={"signed_as": signed_as} if signed_as else {},
    )
    if not later:
        _begin(activation)
    return activation


def _begin(activation: Activation) -> None:
    payload = {"version": activation.version_id, "activation": activation.pk}
    activation.job = enqueue(KIND, actor=activation.by, payload=payload)
    activation.step = Step.PREPARING
    activation.counts |= {"begun": clock.now().isoformat(), "mark": oldest_open_transaction()}
    activation.save(update_fields=["job", "step", "counts"])


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


# --- The moment itself --------------------------------------------------------------------------------------------------


def put_into_force(pk: int, *, generation: int) -> Activation:
    """Change what is in force, in the caller's transaction, which holds the locks of the model and of scoring.

    The version's scores are there and up to date. Raises Conflict when it was called off, or an objection came in since.
    """
    # After all that was looked at under the versions before, also by a clock that was set back or stands still.
    last = Activation.objects.filter(step__in=(Step.SETTLING, Step.SETTLED)).aggregate(last=Max("at"))["last"]
    at = max(clock.now(), last + timedelta(microseconds=2)) if last else clock.now()
    activation = Activation.objects.select_for_update(of=("self",)).select_related("version__model", "by").get(pk=pk)
    version = activation.version
    if activation.step != Step.PREPARING or version.status != Status.PROPOSED:
        raise Conflict(f"{version.label} was called off.", code="called_off")
    if not activation.counts.get("signed_as"):
        _demand_signatures(version.model, version)
    before = ModelVersion.objects.filter(model_id=version.model_id, status=Status.ACTIVE).first()
    if before is not None:
        ModelVersion.objects.filter(pk=before.pk).update(status=Status.RETIRED)
    ModelVersion.objects.filter(pk=version.pk).update(status=Status.ACTIVE, activated_at=at, kept_since=None, trial_since=None)
    review = usual_review(version.model, before, at)
    ScoringModel.objects.filter(pk=version.model_id).update(active_version=version, next_review_on=review)
    Activation.objects.filter(version__model_id=version.model_id, step=Step.SETTLING).update(step=Step.SETTLED)
    activation.at, activation.step, activation.from_version, activation.generation = at, Step.SETTLING, before, generation
    old = before.pk if before else None
    activation.counts |= {"replaces": [old] if old else [], "cursor": 0} | counted(activation)
    activation.save()
    note_event(version, Verb.ACTIVATED, activation.by, at, activation.reason)
    tell_in_force(activation)
    return activation


# --- Trial --------------------------------------------------------------------------------------------------------------


def begin_trial(version: ModelVersion, *, actor: User | None, at: datetime | None = None) -> Job:
    """Let a proposed version run silently beside the one in force: it scores every lead, and nothing comes of it.

    Raises Conflict when it is not proposed, runs already or is on its way into force.
    """
    demand(actor, "scoring.edit_draft", to="try a version out")
    at = at or clock.now()
    with transaction.atomic():
        lock_model(version)
        if Activation.objects.filter(version=version, step__in=ON_ITS_WAY).exists():
            raise Conflict(f"{version.label} is on its way into force already.", code="under_way")
        rows = ModelVersion.objects.filter(pk=version.pk, status=Status.PROPOSED, trial_since=None)
        if not rows.update(trial_since=at):
            raise Conflict(f"{version.label} is not proposed, or runs on trial already.", code="stale")
        note_event(version, Verb.TRIED, actor, at)
        job = enqueue(TRIAL, actor=actor, payload={"version": version.pk})
    version.refresh_from_db()
    return job


def end_trial(version: ModelVersion, *, actor: User | None, at: datetime | None = None) -> None:
    """Stop keeping a proposed version's scores up to date. Raises Conflict when it does not run on trial."""
    demand(actor, "scoring.edit_draft", to="end a trial")
    with transaction.atomic():
        lock_model(version)
        rows = ModelVersion.objects.filter(pk=version.pk, status=Status.PROPOSED, trial_since__isnull=False)
        if not rows.update(trial_since=None, kept_since=None):
            raise Conflict(f"{version.label} does not run on trial.", code="stale")
        note_event(version, Verb.TRIAL_ENDED, actor, at or clock.now())
    version.refresh_from_db()
