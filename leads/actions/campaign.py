"""Change a campaign: its name is a fact of the leads that came by it, so what is derived from them catches up."""

from collections.abc import Collection

from django.db import transaction

from leads.actions.authority import demand
from leads.hooks import nudge_facts_changed
from leads.models import Campaign, Lead, User
from leads.revisions import touch_revisions


@transaction.atomic
def save_campaign(campaign: Campaign, changed: Collection[str] = (), *, actor: User) -> Campaign:
    """Store a new campaign, or only the `changed` columns of one there is; with another name its leads' facts count as changed."""
    demand(actor, "leads.change_campaign", "leads.add_campaign", to="change campaigns")
    if campaign._state.adding:
        campaign.save()
    elif changed:
        campaign.save(update_fields=[*changed])
        if "name" in changed:
            lead_ids = list(Lead.objects.filter(first_campaign=campaign).values_list("pk", flat=True))
            touch_revisions(lead_ids)
            nudge_facts_changed(lead_ids)
    return campaign
