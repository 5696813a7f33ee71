"""A lead that a person enters by hand: the same path as every other way in."""

from collections.abc import Mapping
from datetime import datetime

from leads.actions.authority import demand
from leads.errors import Invalid
from leads.intake.batch import take_in
from leads.intake.incoming import Incoming
from leads.models import Lead, User


def create_lead(
    values: Mapping[str, object],
    *,
    actor: User | None,
    source: str = "",
    campaign_id: int | None = None,
    at: datetime | None = None,
) -> Lead:
    """The lead made of `values` (by registry key), or the one there was of the same person, brought up to date.

    Raises Invalid naming the first field that cannot be understood; only the raw entry is kept then.
    """
    demand(actor, "leads.add_lead", "leads.change_lead", to="enter leads")
    item = Incoming(values=values, source=source or "Entered by hand", campaign_id=campaign_id, raw=dict(values))
    (taken,) = take_in([item], actor=actor, channel="manual", at=at)
    if taken.lead_id is None:
        first = taken.problems[0]
        raise Invalid(first.message, code=first.code, field=first.field, value=first.value)
    return Lead.objects.get(pk=taken.lead_id)
