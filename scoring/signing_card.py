"""What the sign-off card of a version shows: who signed and when, who is missing, what is not agreed, what this person may do."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import Prefetch, Subquery
from django.http import HttpRequest

from leads.errors import Invalid
from leads.models import User
from leads.pages import reader
from leads.roles import Side
from scoring.actions.signing import ON_ITS_WAY
from scoring.compiler import compile_version
from scoring.difference import Difference, differences
from scoring.effect_words import Summary, summary
from scoring.models import Activation, CriterionView, Evidence, ModelVersion, SignOff, VersionEvent
from scoring.signoff import Role, Standing, Verdict, needed, role_on, sides_of, standing
from scoring.slots import slots
from scoring.vocabulary import load_wording

if TYPE_CHECKING:
    from scoring.newcomers import Newcomers

Status = ModelVersion.Status
SHOWN_CHANGES = 8


@dataclass(frozen=True, slots=True)
class TrialFigures:
    """A trial run beside the version in force, on the scores as they are now."""

    since: datetime
    is_kept: bool
    both: int
    only_trial: int
    only_active: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What a version changes of the one in force, in words: the first few, and the others behind a fold."""

    against: ModelVersion
    first: list[Difference]
    others: list[Difference]


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
    activation: Activation | None = None
    trial: TrialFigures | None = None
    capacity: int | None = None
    changes: "Changes | None" = None
    newcomers: "Newcomers | None" = None
    disagreed: list[tuple[str, str]] = field(default_factory=list)

    @property
    def status(self) -> str:
        return self.version.status

    @property
    def is_void(self) -> bool:
        """Whether what was signed holds no more, as the version was taken back."""
        return self.status == Status.WITHDRAWN

    @property
    def waves(self) -> list[tuple[str, str]]:
        return list(Activation.Wave.choices)

    @property
    def can_sign(self) -> bool:
        return self.status == Status.PROPOSED and bool(self.sides)

    @property
    def on_its_way(self) -> bool:
        return self.activation is not None and self.activation.step in ON_ITS_WAY

    @property
    def stopped(self) -> bool:
        return self.activation is not None and self.activation.step == Activation.Step.FAILED and self.status == Status.PROPOSED

    @property
    def can_activate(self) -> bool:
        if self.on_its_way or self.stopped:
            return False
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
        where=standing(model.signers, verdicts, version.spec_hash, is_open=version.status == Status.PROPOSED),
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
        card.activation = version.activations.select_related("job", "by").order_by("-pk").first()
        card.trial = trial_figures(version)
    if card.can_activate or card.can_sign:
        _foresee(card)
    if version.status == Status.WITHDRAWN:
        card.taken_back = _taken_back(version)
    source = version.copied_from
    if version.status == Status.DRAFT and source is not None and source.status == Status.WITHDRAWN:
        card.voided = list(source.signatures.filter(verdict=Verdict.AGREE).select_related("user").order_by("at"))
        card.taken_back = _taken_back(source)
    return card


def _foresee(card: SigningCard) -> None:
    """What the person about to press the button has to know; nothing of a draft that cannot be read, which says so itself."""
    from scoring.newcomers import newcomers  # numpy is loaded by who measures, not by every process that starts

    try:
        card.changes, card.newcomers = changes_of(card.version), newcomers(card.version)
    except Invalid:
        return
    card.capacity = slots.capacity() if card.can_activate else None


def changes_of(version: ModelVersion) -> Changes | None:
    """What a version changes of what is in force; None where nothing is in force. Raises Invalid for a draft that cannot be read."""
    active = version.model.active_version
    if active is None:
        return None
    old, new = (compile_version(one) for one in (active, version))
    found = differences(old, new, load_wording())
    return Changes(active, found[:SHOWN_CHANGES], found[SHOWN_CHANGES:])


def _taken_back(version: ModelVersion) -> VersionEvent | None:
    return version.events.filter(verb=VersionEvent.Verb.TAKEN_BACK).select_related("actor").first()


def signing_stamp(version: ModelVersion) -> str:
    """Another one whenever anything of a proposed version's card is: a verdict, a step into force, a trial. One query."""
    last = version.activations.order_by("-pk")
    event, activation, step, job = ModelVersion.objects.filter(pk=version.pk).values_list(
        Subquery(version.events.order_by("-pk").values("pk")[:1]),
        Subquery(last.values("pk")[:1]),
        Subquery(last.values("step")[:1]),
        Subquery(last.values("job_id")[:1]),
    )[0]
    parts = (version.status, event, activation, step, job, version.kept_since is not None)
    return "-".join("" if part is None else str(part) for part in parts)


_TRIAL = """
SELECT count(*) FILTER (WHERE a.met AND t.met), count(*) FILTER (WHERE t.met AND a.met IS NOT TRUE),
       count(*) FILTER (WHERE a.met AND t.met IS NOT TRUE)
FROM (SELECT lead_id, true AS met FROM scoring_leadscore WHERE version_id = %s AND flags & 1 = 1) t
FULL JOIN (SELECT lead_id, true AS met FROM scoring_leadscore WHERE version_id = %s AND flags & 1 = 1) a USING (lead_id)
"""


def trial_figures(version: ModelVersion) -> TrialFigures | None:
    """Who qualifies by the version on trial and by the one in force; None without a trial."""
    if version.trial_since is None:
        return None
    counts = (0, 0, 0)
    if version.kept_since is not None:
        with connection.cursor() as cursor:
            cursor.execute(_TRIAL, [version.pk, version.model.active_version_id])
            counts = cursor.fetchone()
    return TrialFigures(version.trial_since, version.kept_since is not None, *counts)


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


def home_card(request: HttpRequest) -> dict[str, Any] | None:
    """Proposed versions that lack a signature this person can give, and that they have not spoken on; None without any."""
    user = reader(request)
    sides = sides_of(user) if user.has_perm("scoring.sign_version") else []
    if not sides:
        return None
    proposals = VersionEvent.objects.filter(verb=VersionEvent.Verb.PROPOSED).select_related("actor").order_by("-at", "-pk")
    proposed = ModelVersion.objects.filter(status=Status.PROPOSED).select_related("model").order_by("model__name", "pk")
    rows = []
    for version in proposed.prefetch_related("signatures__user", Prefetch("events", proposals, to_attr="proposals")):
        verdicts = list(version.signatures.all())
        if any(one.user_id == user.pk for one in verdicts):
            continue
        open_seats = standing(version.model.signers, verdicts, version.spec_hash).open_seats
        if any(seat.side in sides and seat.role == role_on(user, seat.side) for seat in open_seats):
            rows.append({"version": version, "proposal": next(iter(version.proposals), None)})
    return {"rows": rows} if rows else None
