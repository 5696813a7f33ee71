"""One more of everything that Setup has a page for, of a team and a rep of its own."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

from django.db.models import Model

from handoff.actions.answering import reject_handoff
from handoff.models import CalendarDay, Leave, RejectionReview, Rep, SlaPolicy, SlaTarget, WorkCalendar
from leads import clock
from leads.models import (
    Activity,
    ApiKey,
    Asset,
    Campaign,
    Job,
    LeadEvent,
    LeadField,
    MailText,
    Outbox,
    Product,
    Reason,
    Submission,
    Team,
    TeamMember,
    ValueList,
    Webhook,
)  # fmt: skip
from leads.sealing import seal
from scoring.actions.versions import create_model
from scoring.models import Activation

_number = count(1)


def a_webhook(name: str) -> Webhook:
    now = clock.now()
    return Webhook.objects.create(
        name=name, sealed_url=seal("https://example.com/"), shown_url="https://example.com/", sealed_secret=seal("whsec_AAAA"),
        events=["handoff.offered"], on_since=now, created_at=now,
    )  # fmt: skip


def one_of_each(work: Any, make: Any, cast: Any) -> dict[str, Model]:
    """The new rows by the name their model has in Setup's addresses; `work` brings the hand-off to its rep."""
    n, now = next(_number), clock.now()
    person, manager = make.user("", "", "rep"), make.user("", "", "sales_manager")
    team = Team.objects.create(name=f"Team {n}")
    TeamMember.objects.bulk_create([TeamMember(team=team, user=person), TeamMember(team=team, user=manager, is_manager=True)])
    rep = Rep.objects.create(user=person, takes_leads=False, off_reason="New")
    reason = Reason.objects.create(code=f"reason{n}", label=f"Reason {n}")
    company = make.company()
    product = Product.objects.create(key=f"product{n}", name=f"Product {n}")
    campaign = Campaign.objects.create(name=f"Other campaign {n}", product=product)
    asset = Asset.objects.create(key=f"asset{n}", name=f"Asset {n}", kind="ebook", product=product)
    rejected = work.offered(lead=make.lead(company=company))
    reject_handoff(rejected, actor=rejected.owner, reason=reason, note="Not our market.")
    type(rejected).objects.filter(pk=rejected.pk).update(owner=person)
    lead = make.lead(company=company, owner=person)
    draft = create_model(f"Model of {n}", actor=cast.head_of_marketing)
    calendar = WorkCalendar.objects.create(key=f"calendar{n}", name=f"Calendar {n}", zone="UTC", weekly={}, effective_from=now)
    policy = SlaPolicy.objects.create(key=f"policy{n}", name=f"Policy {n}", effective_from=now)
    made = (
        team, person, rep, reason, company, product, campaign, asset, rejected, calendar, policy, draft, draft.model,
        draft.criteria.first(), rejected.qualification,
        ApiKey.objects.create(label=f"Key {n}", prefix=f"p{n}", digest=f"{n:064d}", created_at=now),
        Submission.objects.create(
            channel="api", kind="lead", lead=lead, campaign=campaign, received_at=now, raw={}, status="created"
        ),
        Activity.objects.create(
            lead=lead, kind="ebook", asset=asset, campaign=campaign, occurred_at=now, recorded_at=now, known_at=now
        ),
        LeadEvent.objects.create(
            lead=lead, kind="owner", at=now, actor=manager, changes={"lead.owner": [None, person.pk], "lead.stage": ["mql", "sal"]}
        ),
        Job.objects.create(kind="import", created_at=now, created_by=manager),
        Outbox.objects.create(
            key=f"key{n}", kind="handoff.offered", channel="mail", lane="mail", state="sent", recipient=person, due_at=now,
            created_at=now, handoff_id=rejected.pk,
        ),
        a_webhook(f"Webhook {n}"),
        MailText.objects.create(kind=f"kind{n}", subject="x", text="y", changed_at=now),
        LeadField.objects.create(key=f"field{n}", label=f"Field {n}", type="text"),
        ValueList.objects.create(key=f"list{n}", label=f"List {n}"),
        CalendarDay.objects.create(calendar=calendar, date=now.date()),
        RejectionReview.objects.create(handoff=rejected, verdict="agree", by=cast.marketer, at=now),
        SlaTarget.objects.create(policy=policy, kind="accept", duration_us=3_600_000_000),
        Leave.objects.create(rep=rep, starts_at=now, ends_at=now + timedelta(days=3)),
        Activation.objects.create(version=draft, reason="Better", by=manager, at=now),
    )  # fmt: skip
    return {f"{row._meta.app_label}_{row._meta.model_name}": row for row in made}
