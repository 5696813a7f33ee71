"""The way of a draft to both sides' agreement: proposed with its effect, signed or objected to, taken back to be edited."""

from datetime import datetime

from django.db import IntegrityError, transaction

from leads import clock
from leads.actions.authority import demand
from leads.errors import Conflict, Invalid, NotAllowed
from leads.jobs import ask_stop
from leads.models import Job, User
from leads.roles import Side
from scoring.actions.drafting import EDIT
from scoring.actions.versions import copy_opinions, new_version, write_content
from scoring.compiler import compile_version
from scoring.contradictions import refuse_pointless_spec
from scoring.models import Activation, Criterion, ModelVersion, PreviewReport, ScoringModel, SignOff, VersionEvent
from scoring.notices import close_requests, tell_proposer, tell_signers, tell_voided
from scoring.signoff import Verdict, role_on, sides_of, standing
from scoring.spec import Spec
from scoring.vocabulary import stored_registry

Status, Verb = ModelVersion.Status, VersionEvent.Verb
SIGN = "scoring.sign_version"
ON_ITS_WAY = (Activation.Step.PLANNED, Activation.Step.PREPARING)


def note_event(version: ModelVersion, verb: str, actor: User | None, at: datetime, note: str = "") -> None:
    """A line in a version's history, in the caller's transaction."""
    VersionEvent.objects.create(version=version, verb=verb, actor=actor, at=at, note=note)


def lock_model(version: ModelVersion) -> ScoringModel:
    """Whatever becomes of a model's versions happens one after the other. Needs a transaction."""
    return ScoringModel.objects.select_for_update(no_key=True).get(pk=version.model_id)


def freeze(version: ModelVersion, spec: Spec, *, status: str, reason: str) -> None:
    """Fix a draft's content for good; from now on the database refuses to change it."""
    hashes, rows = {one.key: one.hash for one in spec.criteria}, list(version.criteria.all())
    for row in rows:
        row.content_hash = hashes[row.key]
    Criterion.objects.bulk_update(rows, ["content_hash"])
    ModelVersion.objects.filter(pk=version.pk).update(status=status, spec=spec.as_json(), spec_hash=spec.hash, reason=reason)


def checked_reason(reason: str, why: str) -> str:
    """The reason without blanks around it; refuses an empty one with `why`."""
    if not reason.strip():
        raise Invalid(why, code="missing", field="reason", value=reason, expected="a reason")
    return reason.strip()


def propose_version(
    version: ModelVersion, *, actor: User | None, rev: int, reason: str, at: datetime | None = None
) -> PreviewReport:
    """Lay a draft before both sides exactly as it was seen at `rev`: its content is frozen, its effect on the data stored.

    Raises Invalid naming what is wrong with the draft, Conflict when it was changed meanwhile or another is proposed.
    """
    from scoring.effect import report_on  # numpy is loaded by who measures, not by every process that starts

    demand(actor, EDIT, to="propose a version")
    reason = checked_reason(reason, "Say why this version is better. Both sides read it before they sign.")
    at = at or clock.now()
    seen = ModelVersion.objects.filter(pk=version.pk, status=Status.DRAFT, rev=rev).select_related("model").first()
    effect = report_on(compile_version(seen), version.model_id) if seen else None  # before any lock: it reads every lead
    try:
        with transaction.atomic():
            lock_model(version)
            seen = ModelVersion.objects.select_for_update(no_key=True).filter(pk=version.pk, status=Status.DRAFT, rev=rev).first()
            if seen is None or effect is None:
                raise Conflict("The draft was changed or proposed meanwhile. Look at it again first.", code="stale")
            spec = compile_version(seen)
            refuse_pointless_spec(spec)
            freeze(seen, spec, status=Status.PROPOSED, reason=reason)
            report = PreviewReport.objects.create(version=seen, generation=effect.generation, as_of=at, result=effect.as_json())
            note_event(seen, Verb.PROPOSED, actor, at, reason)
            seen.refresh_from_db()
            tell_signers(seen, actor=actor, at=at)
    except IntegrityError as error:
        raise Conflict("Another version of this model is proposed already.", code="proposed_exists") from error
    version.refresh_from_db()
    return report


def give_verdict(
    version: ModelVersion,
    *,
    actor: User,
    verdict: str,
    spec_hash: str,
    note: str = "",
    side: str | None = None,
    at: datetime | None = None,
) -> SignOff:
    """Sign a proposed version for one's side, or ask for a change (`verdict` "object", which needs a note).

    `spec_hash` names the content the person saw. Who holds roles of both sides says for which `side`; nobody speaks for both.
    A later verdict of the same person takes the place of the earlier one.
    """
    demand(actor, SIGN, to="sign a version")
    chosen = _side(actor, side)
    if verdict not in Verdict.values:
        raise Invalid(f"There is no verdict “{verdict}”.", code="not_a_choice", field="verdict", value=verdict)
    if verdict == Verdict.OBJECT and not note.strip():
        raise Invalid("Say what should change.", code="missing", field="note", value=note, expected="what should change")
    at = at or clock.now()
    with transaction.atomic():
        lock_model(version)
        seen = ModelVersion.objects.filter(pk=version.pk, status=Status.PROPOSED, spec_hash=spec_hash).first()
        if seen is None or not spec_hash:
            raise Conflict(f"{version.label} is no longer what you saw. Look at it again first.", code="stale")
        before = SignOff.objects.filter(version=seen, user=actor).first()
        if before is not None and before.side != chosen:
            raise NotAllowed(f"You spoke for {before.get_side_display().lower()} on {seen.label}; nobody speaks for both sides.")
        signature, _ = SignOff.objects.update_or_create(
            version=seen,
            user=actor,
            defaults={
                "side": chosen,
                "role": role_on(actor, chosen),
                "verdict": verdict,
                "subject_hash": seen.spec_hash,
                "report": seen.reports.order_by("-pk").first(),
                "note": note.strip(),
                "at": at,
            },
        )
        note_event(seen, Verb.SIGNED if verdict == Verdict.AGREE else Verb.OBJECTED, actor, at, note.strip())
        is_complete = standing(seen.model.signers, seen.signatures.select_related("user"), seen.spec_hash).is_complete
        close_requests(seen, at=at, of=None if is_complete else actor)
        if verdict == Verdict.OBJECT:
            tell_proposer(seen, actor=actor, note=note.strip(), at=at)
    return signature


def _side(actor: User, side: str | None) -> Side:
    mine = sides_of(actor)
    if not mine:
        raise NotAllowed("You speak for neither marketing nor sales.")
    if side is None and len(mine) > 1:
        raise Invalid("Say for which side you sign.", code="missing", field="side", expected="marketing or sales")
    if side is not None and side not in mine:
        raise NotAllowed("You do not speak for that side.")
    return Side(side) if side is not None else mine[0]


def stop_activations(version: ModelVersion) -> None:
    """Whatever is on its way for this version ends, in the caller's transaction."""
    for one in Activation.objects.filter(version=version, step__in=ON_ITS_WAY).select_related("job"):
        if one.job is not None and one.job.state in (Job.State.QUEUED, Job.State.RUNNING):
            ask_stop(one.job)
    Activation.objects.filter(version=version, step__in=ON_ITS_WAY).update(step=Activation.Step.CANCELLED)
    ModelVersion.objects.filter(pk=version.pk).update(effective_at=None)


def take_back(version: ModelVersion, *, actor: User | None, at: datetime | None = None) -> ModelVersion:
    """Withdraw a proposed version into a new draft of the same content, to be edited; its signatures are void by that.

    Its reason, evidence, views, open comments and blind round go along. Raises Conflict when it is not proposed any more.
    """
    demand(actor, EDIT, to="take a version back")
    at = at or clock.now()
    with transaction.atomic():
        model = lock_model(version)
        rows = ModelVersion.objects.filter(pk=version.pk, status=Status.PROPOSED)
        if not rows.update(status=Status.WITHDRAWN, kept_since=None, trial_since=None):
            raise Conflict(f"{version.label} is not proposed any more.", code="stale")
        version.refresh_from_db()
        assert version.spec is not None
        draft = new_version(model, actor, at, version)
        write_content(draft, version.spec, stored_registry())
        copy_opinions(version, draft)
        draft.reason, draft.blind_from = version.reason, version.blind_from
        draft.save(update_fields=["reason", "blind_from"])
        for one in version.evidence.all():
            one.pk, one.version, one._state.adding = None, draft, True
            one.save()
        stop_activations(version)
        note_event(version, Verb.TAKEN_BACK, actor, at)
        close_requests(version, at=at)
        tell_voided(version, draft, actor=actor, at=at)
    return draft
