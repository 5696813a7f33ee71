"""Small builders of rows for tests: sensible defaults, everything can be said otherwise."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

from django.contrib.auth.models import Group
from django.db import connection

from leads import clock
from leads.choices import Stage
from leads.lib.folding import email_key, fold, search_text
from leads.models import Activity, Company, Lead, LeadRevision, User
from leads.roles import BY_KEY

_number = count(1)
LONG_AGO = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)


class Builders:
    """Rows for tests, written directly; use the verbs where the verb is what is tested."""

    def user(self, email: str = "", name: str = "", *roles: str, **fields: Any) -> User:
        (user,) = self.users((email, name, *roles), **fields)
        return user

    def users(self, *told: tuple[str, ...], **fields: Any) -> list[User]:
        """People by their address, name and roles, all written at once."""
        people, held = [], []
        for email, name, *roles in told:
            n = next(_number)
            person = User(email=email or f"person{n}@accord.test", full_name=name or f"Person {n}", **fields)
            person.created_at = person.created_at or clock.now()  # as `save` does
            people.append(person)
            held += [(person, role) for role in roles]
        User.objects.bulk_create(people)
        if held:
            groups = dict(Group.objects.values_list("name", "pk"))
            rows = [User.groups.through(user_id=person.pk, group_id=groups[BY_KEY[role].label]) for person, role in held]
            User.groups.through.objects.bulk_create(rows)
        return people

    def company(self, name: str = "", **fields: Any) -> Company:
        n = next(_number)
        name = name or f"Company {n}"
        fields.setdefault("domain", f"company{n}.test")
        fields.setdefault("created_at", LONG_AGO)
        fields.setdefault("updated_at", fields["created_at"])
        return Company.objects.create(name=name, name_key=fold(name).strip(), folded={"name": fold(name)}, **fields)

    def lead(self, email: str | None = None, **fields: Any) -> Lead:
        """A contactable prospect, with its revision as the verbs would leave it."""
        n = next(_number)
        email = f"lead{n}@company{n}.test" if email is None else email
        values = {
            "first_name": "Ivy",
            "last_name": f"Okafor{n}",
            "stage": Stage.PROSPECT,
            "stage_since": LONG_AGO,
            "created_at": LONG_AGO,
            "updated_at": LONG_AGO,
            "contactable": True,
            "email_usable": bool(email),
        } | fields
        lead = Lead(email=email, email_key=email_key(email), email_domain=email.partition("@")[2].lower(), **values)
        lead.sort_name = fold(f"{lead.last_name} {lead.first_name}").strip()
        lead.search = search_text(lead.first_name, lead.last_name, lead.email, lead.company.name if lead.company else "")
        lead.folded = {
            "job_title": fold(lead.job_title),
            "first_source": fold(lead.first_source),
            "email_domain": fold(lead.email_domain),
        }
        lead.save()
        with connection.cursor() as cursor:
            cursor.execute("SELECT txid_current()")
            (txid,) = cursor.fetchone()
        LeadRevision.objects.create(lead=lead, rev=1, txid=txid)
        return lead

    def activity(self, lead: Lead, kind: str = "page_view", at: datetime = LONG_AGO, **fields: Any) -> Activity:
        fields.setdefault("recorded_at", at)
        fields.setdefault("known_at", at)
        return Activity.objects.create(lead=lead, kind=kind, occurred_at=at, **fields)
