"""Who is responsible for a lead now."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID, uuid4

from django.db import connection, transaction

from leads import clock
from leads.errors import Conflict, Invalid, NotAllowed
from leads.models import Lead, LeadEvent, User

_HAND_OUT = """
UPDATE leads_lead l SET owner_id = v.owner_id, updated_at = %s
FROM unnest(%s::bigint[], %s::bigint[]) AS v(id, owner_id) WHERE l.id = v.id
"""


def set_owner(
    which: Lead | Sequence[int],
    user: User | None,
    *,
    actor: User | None,
    at: datetime | None = None,
    reason: str = "",
    act_id: UUID | None = None,
) -> list[int]:
    """Make `user` (None: nobody) responsible for a lead, or for all with these ids; returns the ids of those that changed.

    A `Lead` is brought up to date; it raises Conflict when its owner is no longer the one seen. Managers and marketing may
    hand leads to anybody active; a rep may take a lead that has no owner and give their own back.
    """
    if user is not None and not user.is_active:
        raise Invalid(
            f"{user} is no longer active and cannot be given a lead.",
            code="inactive_owner",
            field="lead.owner",
            value=user.email,
            expected="an active person",
        )
    at = at or clock.now()
    with transaction.atomic():
        if isinstance(which, Lead):
            owners = _take_over_one(which, user, actor, at)
        else:
            rows = Lead.objects.select_for_update(no_key=True).filter(pk__in=list(which)).order_by("pk")
            owners = {pk: owner for pk, owner in rows.values_list("pk", "owner_id") if owner != (user.pk if user else None)}
            for owner in set(owners.values()):
                _authorise(actor, owner, user)
            if owners:
                Lead.objects.filter(pk__in=list(owners)).update(owner=user, updated_at=at)
        _record(owners, user, actor, at, reason, act_id or uuid4())
    return list(owners)


def hand_out(owners: Mapping[int, User], *, at: datetime, reason: str = "", act_id: UUID | None = None) -> list[int]:
    """The portal makes each lead's user responsible for it, for any number of leads and users in three statements.

    Nobody inactive is given a lead. Returns the ids of the leads that changed.
    """
    inactive = next((user for user in owners.values() if not user.is_active), None)
    if inactive is not None:
        raise Invalid(
            f"{inactive} is no longer active and cannot be given a lead.",
            code="inactive_owner",
            field="lead.owner",
            value=inactive.email,
            expected="an active person",
        )
    with transaction.atomic():
        rows = Lead.objects.select_for_update(no_key=True).filter(pk__in=list(owners)).order_by("pk")
        before = {pk: owner for pk, owner in rows.values_list("pk", "owner_id") if owner != owners[pk].pk}
        with connection.cursor() as cursor:
            cursor.execute(_HAND_OUT, [at, list(before), [owners[pk].pk for pk in before]])
        act = act_id or uuid4()
        LeadEvent.objects.bulk_create(
            LeadEvent(
                lead_id=pk,
                kind=LeadEvent.Kind.OWNER,
                at=at,
                act_id=act,
                changes={"lead.owner": [owner, owners[pk].pk]},
                reason=reason[:200],
            )
            for pk, owner in before.items()
        )
    return list(before)


def _take_over_one(lead: Lead, user: User | None, actor: User | None, at: datetime) -> dict[int, int | None]:
    seen = lead.owner_id
    if seen == (user.pk if user else None):
        return {}
    _authorise(actor, seen, user)
    if Lead.objects.filter(pk=lead.pk, owner_id=seen).update(owner=user, updated_at=at) != 1:
        raise Conflict("The lead has another owner by now.")
    lead.owner, lead.updated_at = user, at
    return {lead.pk: seen}


def _authorise(actor: User | None, owner_id: int | None, user: User | None) -> None:
    if actor is None:
        return
    if actor.is_active:
        if any(actor.has_perm(name) for name in ("leads.change_lead", "leads.see_team_leads", "leads.see_all_leads")):
            return
        gives_back = owner_id == actor.pk and user is None
        takes = owner_id is None and user is not None and user.pk == actor.pk
        if (gives_back or takes) and actor.has_perm("leads.record_outcome"):
            return
    raise NotAllowed("You may not change who is responsible for this lead.")


def _record(
    owners: dict[int, int | None], user: User | None, actor: User | None, at: datetime, reason: str, act_id: UUID
) -> None:
    LeadEvent.objects.bulk_create(
        LeadEvent(
            lead_id=pk,
            kind=LeadEvent.Kind.OWNER,
            actor=actor,
            at=at,
            act_id=act_id,
            changes={"lead.owner": [owner, user.pk if user else None]},
            reason=reason[:200],
        )
        for pk, owner in owners.items()
    )
