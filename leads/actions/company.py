"""Change a company: its folded texts follow, and what is derived from its leads catches up."""

from collections.abc import Collection

from django.db import transaction

from leads import clock
from leads.actions.authority import demand
from leads.hooks import nudge_facts_changed
from leads.intake.companies import name_key
from leads.lib.folding import fold
from leads.models import Company, Lead, User
from leads.revisions import touch_revisions

FOLDED = ("name", "industry", "domain")


@transaction.atomic
def save_company(company: Company, changed: Collection[str] = (), *, actor: User) -> Company:
    """Store a new company, or only the `changed` columns of one there is; its leads' facts count as changed with it."""
    demand(actor, "leads.change_company", to="change companies")
    company.name_key = name_key(company.name or company.domain)
    company.folded = {name: fold(getattr(company, name)) for name in FOLDED if getattr(company, name)}
    if company._state.adding:
        company.created_at = company.updated_at = clock.now()
        company.save()
        return company
    if changed:
        derived = ("name_key", "folded") if set(changed) & set(FOLDED) else ()
        company.updated_at = clock.now()
        company.save(update_fields=[*changed, *derived, "updated_at"])
        lead_ids = list(Lead.objects.filter(company=company).values_list("pk", flat=True))
        touch_revisions(lead_ids)
        nudge_facts_changed(lead_ids)
    return company
