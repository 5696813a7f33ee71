"""A person corrects what is known of a lead."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from leads import clock, normalise
from leads.actions.authority import demand
from leads.choices import Stage
from leads.errors import Conflict, Invalid, NotFound
from leads.hooks import nudge_facts_changed
from leads.intake import store
from leads.intake.companies import Companies, wanted
from leads.intake.incoming import Incoming
from leads.intake.people import COLUMNS, Person
from leads.intake.reading import Reading, problem, read, readers_of
from leads.intake.record import again_when_overtaken, write_events
from leads.lib.folding import fold
from leads.models import Company, Lead, LeadField, Product, User
from leads.normalise import NO_EMAIL, NO_PHONE
from leads.revisions import touch_revisions

# Facts about the company are the company's; a lead only says which one it works for.
_EDITABLE = COLUMNS.keys() | {"lead.email", "lead.phone", "company.name", "company.domain"}


def update_lead(
    lead: Lead, changes: Mapping[str, object], *, actor: User | None, at: datetime | None = None, seen: datetime | None = None
) -> Lead:
    """The lead with `changes` (by registry key; None or "" clears) made, their history and revision written.

    What a person says counts over what came in so far. A seniority or department given here stays, whatever title comes later.
    `seen` is the `updated_at` the person had before them: Conflict when the lead changed since. Invalid names what is wrong.
    """
    demand(actor, "leads.change_lead", to="correct leads")
    at = at or clock.now()
    own = readers_of(LeadField.objects.filter(active=True))
    unknown = next((key for key in changes if key not in _EDITABLE and key not in own), None)
    if unknown is not None:
        raise Invalid(f"{unknown} cannot be changed here.", code="unknown_field", field=unknown, expected="a field of the lead")
    reading = read(Incoming(values=changes), own, at)
    for found in (*reading.refusals, *reading.notes):
        raise Invalid(found.message, code=found.code, field=found.field, value=found.value)
    if reading.phone.given and not reading.phone.usable and not changes.get("lead.country"):
        reading.phone = normalise.phone(reading.phone.given, lead.country)
    if reading.phone.given and not reading.phone.usable:
        found = problem("bad_phone", "lead.phone", reading.phone.given, "a phone number that can exist")
        raise Invalid(found.message, code=found.code, field=found.field, value=found.value)
    again_when_overtaken(lambda: _write(lead, changes, reading, actor, at, seen))
    return Lead.objects.get(pk=lead.pk)


def _write(
    lead: Lead, changes: Mapping[str, object], reading: Reading, actor: User | None, at: datetime, seen: datetime | None
) -> None:
    rows = store.lock_leads([lead.pk])
    if not rows:
        raise NotFound("There is no such lead any more.")
    if seen is not None and rows[0]["updated_at"] != seen:
        raise Conflict("The lead was changed by somebody else meanwhile. Look at it again.")
    old_company = Company.objects.filter(pk=rows[0]["company_id"]).values_list("name", flat=True).first() or ""
    person = Person(rows[0], is_new=False, company_name=old_company)
    said = at.isoformat()
    for key in changes:
        if key in COLUMNS and key != "lead.product_interest":
            person.correct(key, reading.facts.get(key, person.blank(key)), said)
        elif key.startswith("custom."):
            person.correct(key, reading.facts.get(key), said)
    if "lead.product_interest" in changes:
        person.correct("lead.product_interest", _product(reading.facts.get("lead.product_interest")), said)
    if "lead.job_title" in changes:
        person.derive_rank(reading.facts)
    if {"lead.seniority", "lead.department"} & changes.keys():
        person.row["title_corrected"] = True
    if "lead.email" in changes:
        _let_nobody_else_have(reading.email.key, lead)
        person.set_email(reading.email if reading.email.given else NO_EMAIL)
        person.times["lead.email"] = said
    if "lead.phone" in changes:
        person.set_phone(reading.phone if reading.phone.given else NO_PHONE)
        person.times["lead.phone"] = said
    companies = _company(person, changes, reading, at)
    person.settle(at)
    if not person.row["contactable"] and person.row["stage"] == Stage.MQL:
        raise Invalid(
            "The lead is being handed to sales and must stay reachable.",
            code="contact_needed",
            field="lead.email",
            expected="a usable e-mail address or phone number",
        )
    if not person.changes and not person.moved:
        return
    changed_companies: list[int] = []
    if companies is not None:
        _, ids, _ = store.reserve(0, companies.new_count, 0)
        changed_companies = companies.write(ids, at)
        if person.company is not None:
            person.row["company_id"] = person.company.row["id"]
    store.update_leads([person.row])
    touched = sorted({lead.pk, *(store.leads_of_companies(changed_companies) if changed_companies else ())})
    touch_revisions(touched)
    write_events([person], actor, at)
    nudge_facts_changed(touched)


def _product(named: object) -> int | None:
    if not named:
        return None
    words = fold(str(named))
    for pk, key, name in Product.objects.values_list("pk", "key", "name"):
        if words in (fold(key), fold(name)):
            return int(pk)
    raise Invalid(
        f"There is no product “{named}”.",
        code="unknown_product",
        field="lead.product_interest",
        value=named,
        expected="a known product",
    )


def _let_nobody_else_have(key: str, lead: Lead) -> None:
    if key and Lead.objects.filter(email_key=key).exclude(pk=lead.pk).exists():
        raise Invalid(
            "Another lead has this e-mail address.",
            code="email_taken",
            field="lead.email",
            value=key,
            expected="an address of nobody else",
        )


def _company(person: Person, changes: Mapping[str, object], reading: Reading, at: datetime) -> Companies | None:
    if not {"company.name", "company.domain"} & changes.keys():
        return None
    named = replace(reading, email=NO_EMAIL)  # a person names the company; the address does not choose it here
    domain, name = wanted(named)
    if not domain and not name:
        person.leave_company()
        return None
    companies = Companies([named], ids=[person.row["company_id"]] if person.row["company_id"] else [])
    company = companies.take(domain, name, {}, at, overwrite=False)
    if company is not None and (company.is_new or company.row["id"] != person.row["company_id"]):
        person.belong_to(company, at.isoformat())
    return companies
