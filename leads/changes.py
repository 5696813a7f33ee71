"""Who changed which fact of a lead and when, in words: keys become labels, stored values what people call them.

What somebody changed in Setup about the company the lead works for moves its score as well, so it is told here too.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType

from leads.choices import Stage
from leads.facts import CORE_FIELDS
from leads.labels import LABELS, label_of
from leads.models import Company, Lead, LeadEvent, LeadField
from leads.timeline import Place, before, names_of

PAGE_SIZE = 10
# Where equal times stand.
EVENT, COMPANY = 1, 2
NOTHING = "–"

_CHOICES: dict[str, dict[str, str]] = {
    **{field.key: dict(field.choices) for field in CORE_FIELDS if field.choices},
    "lead.stage": {stage.value: stage.label for stage in Stage},
}


@dataclass(frozen=True, slots=True)
class Changed:
    """One fact: what it is called, what it was, what it is."""

    label: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Change:
    """One act: who, when, why, and the facts it changed."""

    place: Place
    what: str
    by: str
    reason: str
    facts: list[Changed]

    @property
    def at(self) -> datetime:
        return self.place.at


@dataclass(frozen=True, slots=True)
class Changes:
    acts: list[Change]
    after: Place | None


def changes_of(lead: Lead, own_fields: Iterable[LeadField], *, after: Place | None = None, limit: int = PAGE_SIZE) -> Changes:
    """The newest `limit` acts after the place, of the lead and of its company; notes are not changes and left out."""
    labels = LABELS | {f"custom.{field.key}": field.label for field in own_fields}
    acts = [*_of_lead(lead, labels, after, limit + 1), *_of_company(lead, after, limit + 1)]
    acts.sort(key=lambda act: act.place, reverse=True)
    page = acts[:limit]
    return Changes(page, page[-1].place if len(acts) > limit else None)


def _of_lead(lead: Lead, labels: Mapping[str, str], after: Place | None, limit: int) -> Iterator[Change]:
    rows = LeadEvent.objects.filter(lead=lead).exclude(kind=LeadEvent.Kind.NOTE).select_related("actor")
    events: list[LeadEvent] = before(rows, "at", EVENT, after, limit)
    people = names_of(events)
    for event in events:
        yield Change(
            place=Place(event.at, EVENT, event.pk),
            what=event.get_kind_display(),
            by=str(event.actor) if event.actor else "Accord",
            reason=event.reason,
            facts=facts_of(event, labels, people),
        )


def facts_of(event: LeadEvent, labels: Mapping[str, str] = LABELS, people: Mapping[int, str] | None = None) -> list[Changed]:
    """What the act changed, as people read it."""
    return [
        Changed(label_of(key, labels), words_of(key, pair[0], people), words_of(key, pair[1], people))
        for key, pair in event.changes.items()
        if isinstance(pair, list) and len(pair) == 2
    ]


def _of_company(lead: Lead, after: Place | None, limit: int) -> Iterator[Change]:
    """What Setup's log says was changed about the company since the lead came in."""
    if lead.company_id is None:
        return
    rows = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Company),
        object_id=str(lead.company_id),
        action_flag=CHANGE,
        action_time__gte=lead.created_at,
    ).select_related("user")
    for row in before(rows, "action_time", COMPANY, after, limit):
        yield Change(
            place=Place(row.action_time, COMPANY, row.pk),
            what="Company changed",
            by=str(row.user),
            reason="",
            facts=[
                Changed(LABELS.get(f"company.{one['field']}", f"Company: {one['label']}"), one["old"], one["new"])
                for one in values_of(row)
            ],
        )


def values_of(row: LogEntry) -> list[dict[str, str]]:
    """The fields an entry of Setup's log names with what they were and are; none for an entry that does not say."""
    try:
        parts = json.loads(row.change_message or "[]")
    except ValueError:
        return []
    return [one for part in parts if isinstance(part, dict) for one in part.get("changed", {}).get("values", ())]


def words_of(key: str, value: object, people: Mapping[int, str] | None = None) -> str:
    """A stored value as people read it; a dash for nothing."""
    match value:
        case None | "":
            return NOTHING
        case bool():
            return "yes" if value else "no"
        case int() if key == "lead.owner":
            return (people or {}).get(value, "somebody")
        case list():
            return ", ".join(str(item) for item in value) or NOTHING
        case str():
            return _CHOICES.get(key, {}).get(value, value)
        case _:
            return str(value)
