"""What the sign-off card of a version shows: who signed and when, who is missing, what is not agreed, what this person may do."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from leads.models import User
from leads.roles import Side
from scoring.effect_words import Summary, summary
from scoring.models import Activation, CriterionView, Evidence, ModelVersion, SignOff, VersionEvent
from scoring.signoff import Role, Standing, Verdict, needed, role_on, sides_of, standing

Status = ModelVersion.Status


@dataclass(slots=True)
class SigningCard:
    version: ModelVersion
    where: Standing[SignOff]
    may_edit: bool
    may_activate: bool
    sides: list[Side]
    mine: SignOff | None
    leads_a_side: bool
    unsigned: bool
    evidence: list[Evidence]
    effect: Summary | None
    voided: list[SignOff] = field(default_factory=list)
    taken_back: VersionEvent | None = None
    disagreed: list[tuple[str, str]] = field(default_factory=list)

    @property
    def status(self) -> str:
        return self.version.status

    @property
    def waves(self) -> list[tuple[str, str]]:
        return list(Activation.Wave.choices)

    @property
    def can_sign(self) -> bool:
        return self.status == Status.PROPOSED and bool(self.sides)

    @property
    def can_activate(self) -> bool:
        ready = self.status == Status.PROPOSED and self.where.is_complete
        return self.may_activate and (ready or (self.status == Status.DRAFT and self.unsigned))

    @property
    def kinds(self) -> list[tuple[str, str]]:
        return list(Evidence.Kind.choices)


def signing_card(version: ModelVersion, user: User) -> SigningCard:
    """The card of one version for one person; a fixed number of queries."""
    model = version.model
    verdicts = list(version.signatures.select_related("user").order_by("at", "pk"))
    report = version.reports.order_by("-pk").first() if version.status != Status.DRAFT else None
    may_sign = user.has_perm("scoring.sign_version")
    card = SigningCard(
        version=version,
        where=standing(model.signers, verdicts, version.spec_hash),
        may_edit=user.has_perm("scoring.edit_draft"),
        may_activate=user.has_perm("scoring.activate_version"),
        sides=sides_of(user) if may_sign else [],
        mine=next((one for one in verdicts if one.user_id == user.pk), None),
        leads_a_side=any(role_on(user, side) == Role.LEADER for side in sides_of(user)),
        unsigned=not any(needed(model.signers).values()),
        evidence=list(version.evidence.select_related("reason", "added_by")),
        effect=summary(report.result) if report else None,
    )
    if version.status == Status.PROPOSED:
        card.disagreed = disagreements(version)
    source = version.copied_from
    if version.status == Status.DRAFT and source is not None and source.status == Status.WITHDRAWN:
        card.voided = list(source.signatures.filter(verdict=Verdict.AGREE).select_related("user").order_by("at"))
        events = source.events.filter(verb=VersionEvent.Verb.TAKEN_BACK).select_related("actor")
        card.taken_back = events.first()
    return card


def disagreements(version: ModelVersion) -> list[tuple[str, str]]:
    """The criteria whose content a side has not agreed to, and whose word is missing; empty when nobody noted any view."""
    views: dict[int, dict[str, CriterionView]] = {}
    for view in CriterionView.objects.filter(criterion__version=version):
        views.setdefault(view.criterion_id, {})[view.side] = view
    if not views:
        return []
    found = []
    for criterion in version.criteria.all():
        held = views.get(criterion.pk, {})
        missing = [side.label.lower() for side in Side if not _agrees(held.get(side), criterion.content_hash)]
        if missing:
            found.append((criterion.label, " and ".join(missing)))
    return found


def _agrees(view: CriterionView | None, content_hash: str) -> bool:
    return view is not None and view.agreed_hash == content_hash


def names(verdicts: Sequence[SignOff]) -> str:
    """`Hanna Lindqvist and Jonas Weber`."""
    said = [str(one.user) for one in verdicts]
    return f"{', '.join(said[:-1])} and {said[-1]}" if len(said) > 1 else "".join(said)
