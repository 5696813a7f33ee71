"""The packet a rep is given, as one JSON value: built in batches, kept up to date while queued, frozen at the first offer.

`content` has these keys, each always there:
    score      total, fit, engagement, tier, kind (mql or mqo), model, version, at
    lines      [words, points, group (fit or engagement), sub, key, kind, events]: they sum to the total; events are
               the instants of the latest ones behind it, newest first
    came       at, source, campaign, channel, first (what they did first)
    downloads  [name, kind, at, stage, pain_points, talk_track, url], newest first, each asset once
    timeline   [at, label, about, kind], newest first, at most 100; `timeline_total` counts all
    person     name, job_title, seniority, department, country, language, consent, email, phone
    company    name, domain, industry, employees, revenue, country, customer, people (how many we know), others in work
    questions  [label, answer]: what sales asks, with what is known; open ones have answer null
    missing    words for the facts nobody has told yet
    material   [name, stage, url]: what suits where the buyer probably is
    journey    stage and evidence: where the buyer probably is
    earlier    [nth, state, at, owner, reason]: this person's earlier hand-offs
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import BooleanField, Count, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from handoff.models import Handoff, Packet
from handoff.states import OPEN, HandoffState
from leads.choices import BuyingStage, Known
from leads.models import Activity, Asset, Lead, LeadField
from leads.templatetags.dates import day_words
from scoring.models import Qualification

TIMELINE = 100
DAYS = 3  # so many days of events are told with a line
DATED = 30  # of so many instants they are chosen
SPEAKING = 10  # so many latest assets say where the buyer is
STAGES = [BuyingStage.AWARENESS.value, BuyingStage.CONSIDERATION.value, BuyingStage.DECISION.value]
WANTED = (
    ("job_title", "Job title"), ("phone", "Phone number"), ("company_id", "Company"), ("country", "Country"),
)  # fmt: skip
WANTED_OF_COMPANY = (("industry", "Industry"), ("employees", "Number of employees"))


def build(handoffs: Sequence[Handoff], *, at: datetime) -> list[Packet]:
    """Build or rebuild the packets of these hand-offs; a frozen one is left as it is. A fixed number of queries for any number.

    The caller holds the hand-offs, so that none is offered, and its packet frozen, meanwhile.
    """
    frozen = set(Packet.objects.filter(handoff__in=handoffs, frozen_at__isnull=False).values_list("handoff_id", flat=True))
    waiting = [handoff for handoff in handoffs if handoff.pk not in frozen]
    if not waiting:
        return []
    library = _Library([handoff.lead_id for handoff in waiting], [handoff.qualification for handoff in waiting])
    packets = []
    for handoff in waiting:
        content = library.packet_of(handoff)
        lacking = lacks(content)
        packets.append(Packet(handoff_id=handoff.pk, content=content, missing=lacking, complete=not lacking, built_at=at))
    Packet.objects.bulk_create(
        packets,
        update_conflicts=True,
        unique_fields=["handoff"],
        update_fields=["content", "missing", "complete", "built_at"],
        batch_size=500,
    )
    return packets


def lacks(content: dict[str, Any]) -> list[str]:
    """What a packet must have before a rep is asked to decide on it, and has not."""
    lacking = []
    if not content["lines"]:
        lacking.append("why the lead qualified")
    if not (content["person"]["email"] or content["person"]["phone"]):
        lacking.append("a way to reach the person")
    if not content["came"]["at"]:
        lacking.append("how the person came")
    return lacking


@transaction.atomic
def refresh_stale(*, at: datetime, limit: int = 500) -> int:
    """Rebuild packets of queued hand-offs whose lead changed since; returns how many. Those another process holds come later."""
    newer = Activity.objects.filter(lead_id=OuterRef("lead_id"), recorded_at__gt=OuterRef("packet__built_at"))
    stale = (
        Handoff.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
        .filter(state=HandoffState.QUEUED, packet__frozen_at=None)
        .filter(Q(packet=None) | Q(lead__updated_at__gt=F("packet__built_at")) | Exists(newer))
        .select_related("qualification__model", "qualification__version")
        .order_by("opened_at", "id")[:limit]
    )
    return len(build(list(stale), at=at))


class _Library:
    """Everything the packets of a batch are made of, read in a fixed number of queries; of long histories only what is told."""

    def __init__(self, lead_ids: Iterable[int], qualifications: Iterable[Qualification | None] = ()) -> None:
        ids = list(lead_ids)
        self.leads = {
            lead.pk: lead
            for lead in Lead.objects.filter(pk__in=ids).select_related("company", "first_campaign", "product_interest")
        }
        self.activities: dict[int, list[Activity]] = defaultdict(list)
        self.totals: dict[int, int] = {}
        for activity in _told(ids).iterator(chunk_size=2000):
            self.activities[activity.lead_id].append(activity)
            self.totals[activity.lead_id] = activity.total
        # A hand-off made again after a dispute rests on the evidence of the one before.
        self.evidence = {
            one.lead_id: one
            for one in Qualification.objects.filter(lead_id__in=ids)
            .select_related("model", "version")
            .order_by("lead_id", "at", "pk")
        }
        known = [*self.evidence.values(), *(one for one in qualifications if one is not None)]
        events = {pk for one in known for line in one.lines for pk in line.get("events", ())}
        self.when = dict(Activity.objects.filter(pk__in=events).values_list("pk", "occurred_at"))
        self.assets = list(Asset.objects.order_by("name"))
        self.questions = list(LeadField.objects.filter(active=True).exclude(known=Known.INTAKE))
        self.fields = list(LeadField.objects.filter(active=True, known=Known.INTAKE))
        self.earlier: dict[int, list[dict[str, Any]]] = defaultdict(list)
        past = Handoff.objects.filter(lead_id__in=ids).exclude(state__in=OPEN).select_related("owner", "reason").order_by("nth")
        for one in past:
            self.earlier[one.lead_id].append(
                {
                    "nth": one.nth, "state": one.get_state_display(), "at": (one.closed_at or one.answered_at or one.opened_at).isoformat(),
                    "owner": str(one.owner or ""), "reason": str(one.reason or ""), "note": one.note,
                }
            )  # fmt: skip
        companies = {lead.company_id for lead in self.leads.values() if lead.company_id}
        self.people = dict(Lead.objects.filter(company_id__in=companies).values_list("company_id").annotate(Count("pk")))
        self.in_work: dict[int, list[tuple[int, str]]] = defaultdict(list)
        for company_id, lead_id, owner in (
            Handoff.objects.filter(lead__company_id__in=companies, state__in=OPEN, owner__isnull=False)
            .order_by("id")
            .values_list("lead__company_id", "lead_id", "owner__full_name")
        ):
            self.in_work[company_id].append((lead_id, owner))

    def packet_of(self, handoff: Handoff) -> dict[str, Any]:
        lead, activities = self.leads[handoff.lead_id], self.activities[handoff.lead_id]
        journey, evidence = _journey(activities), self._evidence(handoff)
        taken = {activity.asset_id for activity in activities}
        return {
            "score": _score(handoff, evidence),
            "lines": _lines(evidence, self.when),
            "came": _came(lead, activities),
            "downloads": _downloads(activities),
            "timeline": [_entry(activity) for activity in activities[:TIMELINE]],
            "timeline_total": self.totals.get(lead.pk, 0),
            "person": {
                "name": lead.name, "job_title": lead.job_title, "seniority": lead.get_seniority_display(),
                "department": lead.get_department_display(), "country": lead.country, "language": lead.language,
                "consent": lead.get_consent_display(), "email": lead.email if lead.email_usable else "", "phone": lead.phone_e164 or lead.phone,
            },
            "company": self._company(lead),
            "questions": [_question(question, lead.attributes.get(question.key)) for question in self.questions],
            "missing": self._missing(lead),
            "material": [
                {"name": asset.name, "stage": asset.get_buying_stage_display(), "url": asset.url}
                for asset in self.assets
                if asset.pk not in taken
                and asset.buying_stage == _next_stage(journey["stage"])
                and (asset.product_id is None or lead.product_interest_id in (None, asset.product_id))
            ][:4],
            "journey": journey,
            "earlier": self.earlier[lead.pk],
        }  # fmt: skip

    def _evidence(self, handoff: Handoff) -> Qualification | None:
        """What the hand-off rests on: its qualification, or the later one that joined it and says more."""
        own, latest = handoff.qualification, self.evidence.get(handoff.lead_id)
        if own is None or latest is None or latest.closed_as != Qualification.ClosedAs.JOINED:
            return own or latest
        return latest if latest.total > own.total else own

    def _company(self, lead: Lead) -> dict[str, Any]:
        company = lead.company
        if company is None:
            return {"name": "", "domain": lead.email_domain}
        return {
            "name": company.name, "domain": company.domain, "industry": company.industry, "employees": company.employees,
            "revenue": int(company.revenue) if company.revenue is not None else None, "country": company.country,
            "customer": company.is_customer, "people": self.people.get(company.pk, 1),
            "in_work": [owner for lead_id, owner in self.in_work[company.pk] if lead_id != lead.pk][:3],
        }  # fmt: skip

    def _missing(self, lead: Lead) -> list[str]:
        missing = [words for name, words in WANTED if not getattr(lead, name)]
        if lead.company is not None:
            missing += [words for name, words in WANTED_OF_COMPANY if not getattr(lead.company, name)]
        return missing + [field.label for field in self.fields if lead.attributes.get(field.key) in (None, "")]


def _told(lead_ids: Sequence[int]) -> QuerySet[Any]:
    """What a packet tells of its lead's activities, newest first: the newest, the first, the latest of each asset.

    Each carries `total`, how many its lead has in all.
    """
    newest = (F("occurred_at").desc(), F("id").desc())
    bare = ExpressionWrapper(Q(asset=None), output_field=BooleanField())
    placed = Activity.objects.filter(lead_id__in=lead_ids).annotate(
        total=Window(Count("pk"), partition_by=["lead_id"]),
        place=Window(RowNumber(), partition_by=["lead_id"], order_by=newest),
        place_from_first=Window(RowNumber(), partition_by=["lead_id"], order_by=("occurred_at", "id")),
        place_of_asset=Window(RowNumber(), partition_by=["lead_id", "asset_id"], order_by=newest),
        place_with_asset=Window(RowNumber(), partition_by=[F("lead_id"), bare], order_by=newest),
    )
    wanted = Q(place__lte=TIMELINE) | Q(place_from_first=1)
    speaking = Q(asset__isnull=False) & (Q(place_of_asset=1) | Q(place_with_asset__lte=SPEAKING))
    return placed.filter(wanted | speaking).select_related("asset", "campaign").order_by("lead_id", "-occurred_at", "-id")


def _score(handoff: Handoff, qualification: Qualification | None) -> dict[str, Any]:
    if qualification is None:
        return {"total": handoff.score, "tier": handoff.tier}
    return {
        "total": qualification.total, "fit": qualification.fit, "engagement": qualification.engagement, "tier": qualification.tier,
        "kind": "mqo" if handoff.is_mqo else qualification.kind, "model": str(qualification.model), "version": qualification.version.label,
        "at": qualification.at.isoformat(),
    }  # fmt: skip


def _lines(qualification: Qualification | None, when: Mapping[int, datetime]) -> list[dict[str, Any]]:
    """The lines as the qualification keeps them, with the instants of the latest events behind each."""
    if qualification is None:
        return []
    lines = []
    for line in qualification.lines:
        events = sorted({when[pk] for pk in line.get("events", ()) if pk in when}, reverse=True)
        lines.append(
            {
                "words": line.get("words") or line.get("label") or line.get("key", ""), "points": line["points"],
                "group": line.get("group") or line.get("dimension", ""), "sub": line.get("sub", ""),
                "key": line.get("key", ""), "kind": line.get("kind", "criterion"), "events": [at.isoformat() for at in events[:DATED]],
            }
        )  # fmt: skip
    return lines


def readable(lines: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The lines kept in a packet, with the last days of the events behind each, as the days are where the reader is."""
    told = []
    for line in lines:
        moments = [timezone.localtime(datetime.fromisoformat(at)) for at in line.get("events", ())]
        days = list(dict.fromkeys(day_words(moment.date(), with_year=True) for moment in moments))[:DAYS]
        told.append({**line, "sub": " · ".join(filter(None, (line.get("sub", ""), ", ".join(days))))})
    return told


def _came(lead: Lead, activities: Sequence[Activity]) -> dict[str, Any]:
    first = activities[-1] if activities else None
    campaign = lead.first_campaign
    return {
        "at": lead.created_at.isoformat(), "source": lead.first_source, "campaign": campaign.name if campaign else "",
        "channel": campaign.get_channel_display() if campaign else "", "first": _entry(first) if first else None,
    }  # fmt: skip


def _entry(activity: Activity) -> dict[str, Any]:
    about = activity.asset.name if activity.asset else activity.campaign.name if activity.campaign else ""
    return {"at": activity.occurred_at.isoformat(), "label": activity.label, "about": about, "kind": activity.kind}


def _downloads(activities: Sequence[Activity]) -> list[dict[str, Any]]:
    seen: dict[int, dict[str, Any]] = {}
    for activity in activities:
        asset = activity.asset
        if asset is not None and asset.pk not in seen:
            seen[asset.pk] = {
                "name": asset.name, "kind": activity.label, "at": activity.occurred_at.isoformat(),
                "stage": asset.get_buying_stage_display(), "pain_points": asset.pain_points, "talk_track": asset.talk_track, "url": asset.url,
            }  # fmt: skip
    return list(seen.values())


def _journey(activities: Sequence[Activity]) -> dict[str, Any]:
    """The stage most of the ten latest assets speak to; of equals the later one."""
    stages = [activity.asset for activity in activities if activity.asset is not None][:SPEAKING]
    if not stages:
        return {"stage": "", "evidence": []}
    counts = Counter(asset.buying_stage for asset in stages)
    stage = max(counts, key=lambda one: (counts[one], STAGES.index(one) if one in STAGES else -1))
    return {"stage": stage, "evidence": list(dict.fromkeys(asset.name for asset in stages if asset.buying_stage == stage))[:3]}


def _next_stage(stage: str) -> str:
    """What to offer next: one stage on, the last stays the last, and nobody known starts at the first."""
    if stage not in STAGES:
        return STAGES[0]
    return STAGES[min(STAGES.index(stage) + 1, len(STAGES) - 1)]


def _question(field: LeadField, value: object) -> dict[str, Any]:
    answer = ", ".join(map(str, value)) if isinstance(value, list) else value
    # A help text that is a question is how to ask it.
    return {
        "label": field.help if field.help.endswith("?") else field.label,
        "answer": None if answer in (None, "") else answer,
    }
