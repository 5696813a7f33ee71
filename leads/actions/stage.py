"""Moving leads through the funnel: the one place where a stage changes by decision."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID, uuid4

from django.db import transaction

from leads import clock
from leads.actions.authority import demand
from leads.choices import SCORED_OPEN, Stage
from leads.errors import Conflict, Invalid
from leads.events import Happened, write_history
from leads.hooks import nudge_facts_changed
from leads.models import Lead, LeadEvent, User
from leads.revisions import touch_revisions
from leads.stages import MARKETING, MOVE, REACHABLE_ONLY, sources_of


def change_stage(
    which: Lead | Sequence[int],
    to: Stage | str,
    *,
    actor: User | None,
    reason: str = "",
    at: datetime | None = None,
    return_on: date | None = None,
    engagement_from: datetime | None = None,
    act_id: UUID | None = None,
) -> list[int]:
    """Move a lead from the stage it was seen in, or all leads with these ids that may move; returns the ids of those moved.

    A `Lead` is brought up to date; it raises Conflict when it has left that stage meanwhile, Invalid when there is no
    such move. Of ids those are left as they are from whose stage there is none, or that cannot be reached where the stage asks
    for it. `return_on` and `engagement_from` go with recycling: when the lead comes back, from when its engagement counts.
    """
    target = Stage(to)
    at = at or clock.now()
    if isinstance(which, Lead):
        return _move_one(which, target, actor, reason, at, return_on, engagement_from, act_id)
    return _move_many(which, target, actor, reason, at, return_on, engagement_from, act_id)


def _move_one(
    lead: Lead,
    target: Stage,
    actor: User | None,
    reason: str,
    at: datetime,
    return_on: date | None,
    engagement_from: datetime | None,
    act_id: UUID | None,
) -> list[int]:
    source = Stage(lead.stage)
    move = MOVE.get((source, target))
    if move is None:
        raise Invalid(
            f"A lead in stage {source.label} cannot become {target.label}.",
            code="no_such_move",
            field="stage",
            value=target.value,
            expected="a stage that follows",
        )
    demand(actor, *move.permissions, to=f"move a lead from {source.label} to {target.label}")
    if target in REACHABLE_ONLY and not lead.contactable:
        raise Invalid(
            f"There is no usable way to reach this lead, so it cannot become {target.label}.",
            code="not_contactable",
            field="lead.email",
            expected="a usable e-mail address or phone number",
        )
    written = _written(target, reason, at, return_on, engagement_from)
    with transaction.atomic():
        if Lead.objects.filter(pk=lead.pk, stage=source).update(**written) != 1:
            raise Conflict(f"The lead is no longer in stage {source.label}.")
        _record({lead.pk: source}, target, actor, reason, at, engagement_from, act_id)
    for name, value in written.items():
        setattr(lead, name, value)
    return [lead.pk]


def _move_many(
    ids: Sequence[int],
    target: Stage,
    actor: User | None,
    reason: str,
    at: datetime,
    return_on: date | None,
    engagement_from: datetime | None,
    act_id: UUID | None,
) -> list[int]:
    with transaction.atomic():
        found = Lead.objects.select_for_update(no_key=True).filter(pk__in=list(ids), stage__in=sources_of(target)).order_by("pk")
        if target in REACHABLE_ONLY:
            found = found.filter(contactable=True)
        sources = {pk: Stage(stage) for pk, stage in found.values_list("pk", "stage")}
        for source in set(sources.values()):
            demand(actor, *MOVE[source, target].permissions, to=f"move leads from {source.label} to {target.label}")
        if sources:
            Lead.objects.filter(pk__in=list(sources)).update(**_written(target, reason, at, return_on, engagement_from))
            _record(sources, target, actor, reason, at, engagement_from, act_id)
    return list(sources)


def undo_recycling(
    lead: Lead, *, actor: User, engagement_from: datetime | None, reason: str, at: datetime, act_id: UUID | None = None
) -> None:
    """A lead recycled by mistake is rejected again, and its engagement counts from when it did before.

    Conflict when it has left that stage meanwhile.
    """
    demand(actor, *MARKETING, to="take a recycling back")
    written = {**_written(Stage.REJECTED, reason, at, None, None), "engagement_from": engagement_from}
    with transaction.atomic():
        if Lead.objects.filter(pk=lead.pk, stage=Stage.RECYCLED).update(**written) != 1:
            raise Conflict(f"The lead is no longer in stage {Stage.RECYCLED.label}.")
        _record({lead.pk: Stage.RECYCLED}, Stage.REJECTED, actor, reason, at, at, act_id)
    for name, value in written.items():
        setattr(lead, name, value)


def _written(
    target: Stage, reason: str, at: datetime, return_on: date | None, engagement_from: datetime | None
) -> dict[str, object]:
    written: dict[str, object] = {
        "stage": target,
        "stage_since": at,
        "stage_reason": reason[:200],
        "updated_at": at,
        "return_on": return_on if target == Stage.RECYCLED else None,
    }
    if engagement_from is not None:
        written["engagement_from"] = engagement_from
    return written


def _record(
    sources: dict[int, Stage],
    target: Stage,
    actor: User | None,
    reason: str,
    at: datetime,
    engagement_from: datetime | None,
    act_id: UUID | None,
) -> None:
    write_history(
        (
            Happened(pk, LeadEvent.Kind.STAGE, {"lead.stage": [source.value, target.value]}, reason)
            for pk, source in sources.items()
        ),
        actor=actor,
        at=at,
        act_id=act_id or uuid4(),
    )
    # Whether a lead is judged, and from when its engagement counts, are facts to whoever scores it.
    touched = [
        pk for pk, source in sources.items() if engagement_from is not None or (source in SCORED_OPEN) != (target in SCORED_OPEN)
    ]
    touch_revisions(touched)
    nudge_facts_changed(touched)
