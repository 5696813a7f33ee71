"""Whom scoring tells what: signers that a version waits for them, everybody what changed when one comes into force."""

from collections.abc import Sequence
from datetime import datetime

from leads.models import Outbox, User
from leads.notify import notices
from leads.notify.messages import INAPP, Message, enqueue
from leads.notify.registry import Kind, Rendered, register
from leads.roles import BY_LABEL
from scoring.compiler import stored_spec
from scoring.difference import differences
from scoring.models import Activation, ModelVersion
from scoring.signoff import Verdict, needed, role_on, sides_of
from scoring.vocabulary import load_wording

IN_FORCE = "scoring.in_force"
PROPOSED = "scoring.proposed"
OBJECTED = "scoring.objected"
VOIDED = "scoring.voided"
MOST_LINES = 12


def concerned() -> list[User]:
    """Everybody who works with the portal."""
    rows = User.objects.filter(is_active=True, groups__name__in=list(BY_LABEL))
    return list(rows.distinct().order_by("pk"))


def tell_in_force(activation: Activation) -> None:
    """Tell everybody in plain words what a version changed, in the transaction that put it into force."""
    version, before = activation.version, activation.from_version
    title = f"{version.model.name} {version.label} is in force"
    lines = [f"Why: {activation.reason}", *_changes(version, before), _effect(activation)]
    url = f"/criteria/versions/{version.pk}/"
    notices.tell(
        concerned(), kind=IN_FORCE, subject_id=version.pk, title=title, lines=lines, url=url, by=activation.by, at=activation.at
    )


def _changes(version: ModelVersion, before: ModelVersion | None) -> list[str]:
    if before is None:
        return ["It is the first version: leads are scored by it from now on."]
    old, new = (stored_spec(one.pk, one.spec_hash) for one in (before, version))
    found = [f"{one.words}." for one in differences(old, new, load_wording())]
    if not found:
        return [f"It means the same as {before.label}."]
    more = len(found) - MOST_LINES
    return found if more <= 0 else [*found[:MOST_LINES], f"And {more} more changes."]


def _effect(activation: Activation) -> str:
    entered, left = activation.counts.get("entered", 0), activation.counts.get("left", 0)
    newly = "1 lead newly qualifies" if entered == 1 else f"{entered:,} leads newly qualify"
    said = f"{newly}, {left:,} no longer {'does' if left == 1 else 'do'}"
    if not entered:
        return f"{said}."
    match activation.wave:
        case Activation.Wave.NOW:
            return f"{said}. Those who do are handed over now."
        case Activation.Wave.SPREAD:
            return f"{said}. Those who do are handed over bit by bit, within what reps can take."
    return f"{said}. Nobody is handed over by this alone."


def tell_signers(version: ModelVersion, *, actor: User | None, at: datetime) -> None:
    """Tell those whose signature a proposed version needs."""
    seats, people = needed(version.model.signers), concerned()
    User.read_grants(people)
    signers = [
        user
        for user in people
        if user.has_perm("scoring.sign_version")
        and any(seats[side, role_on(user, side)] for side in sides_of(user))
        and (actor is None or user.pk != actor.pk)
    ]
    who = str(actor) if actor else "The portal"
    text = f"{who} proposed it: {version.reason}"
    _send(
        PROPOSED,
        version,
        [user.pk for user in signers],
        f"{version.model.name} {version.label} waits for your signature",
        text,
        at,
    )


def tell_proposer(version: ModelVersion, *, actor: User, note: str, at: datetime) -> None:
    """Tell who proposed a version, and who signed it, that somebody asked for a change."""
    people = set(version.signatures.filter(verdict="agree").values_list("user_id", flat=True))
    people |= set(version.events.filter(verb="proposed", actor__isnull=False).values_list("actor_id", flat=True))
    title = f"{actor} asked for a change of {version.model.name} {version.label}"
    _send(OBJECTED, version, sorted(people - {actor.pk}), title, note, at)


def tell_voided(version: ModelVersion, draft: ModelVersion, *, actor: User | None, at: datetime) -> None:
    """Tell who signed a version that was taken back that their signature holds no more; it is edited as `draft`."""
    people = set(version.signatures.filter(verdict=Verdict.AGREE).values_list("user_id", flat=True))
    title = f"Your signature under {version.model.name} {version.label} is void"
    text = f"{actor or 'The portal'} took it back to edit it as {draft.label}. You are asked again once that is proposed."
    _send(VOIDED, draft, sorted(people - {actor.pk if actor else None}), title, text, at)


def close_requests(version: ModelVersion, *, at: datetime, of: User | None = None) -> None:
    """Mark what asks for signatures of a version as seen, as it asks for nothing any more; of one person or of everybody."""
    rows = Outbox.objects.filter(kind=PROPOSED, channel=INAPP, seen_at=None, payload__version=version.pk)
    (rows if of is None else rows.filter(recipient=of)).update(seen_at=at)


def _send(kind: str, version: ModelVersion, user_ids: Sequence[int], title: str, text: str, at: datetime) -> None:
    payload = {"version": version.pk, "title": title, "text": text[:500]}
    stamp = int(at.timestamp() * 1000)
    enqueue(
        [
            Message(key=f"{kind}:{version.pk}:{stamp}:{pk}", kind=kind, channel=INAPP, payload=payload, recipient_id=pk)
            for pk in user_ids
        ],
        at=at,
    )


def _rendered(rows: Sequence[Outbox]) -> Rendered:
    payload = rows[0].payload
    return Rendered(payload["title"], payload["title"], payload["text"], f"/criteria/versions/{payload['version']}/")


def _is_open(row: Outbox) -> bool:
    """Whether the version still waits, and its reader has not spoken on it yet."""
    waiting = ModelVersion.objects.filter(pk=row.payload["version"], status=ModelVersion.Status.PROPOSED)
    return waiting.exclude(signatures__user_id=row.recipient_id or 0).exists()


def register_kinds() -> None:
    """Make the outbox know this app's messages; called once, when the app is ready."""
    register(PROPOSED, Kind("Signature asked for", _rendered, _is_open))
    register(OBJECTED, Kind("Change asked for", _rendered))
    register(VOIDED, Kind("Signature void", _rendered))
