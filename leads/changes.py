"""Who changed which fact of a lead and when, in words: keys become labels, stored values what people call them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from leads.choices import Stage
from leads.facts import CORE_FIELDS
from leads.labels import LABELS, label_of
from leads.models import Lead, LeadEvent, LeadField
from leads.timeline import Place, names_of

PAGE_SIZE = 10

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
    """The newest `limit` acts after the place; notes are not changes and left out."""
    rows = LeadEvent.objects.filter(lead=lead).exclude(kind=LeadEvent.Kind.NOTE).select_related("actor").order_by("-at", "-pk")
    if after is not None:
        rows = rows.filter(Q(at__lt=after.at) | Q(at=after.at, pk__lt=after.pk))
    events = list(rows[: limit + 1])
    labels = LABELS | {f"custom.{field.key}": field.label for field in own_fields}
    page = events[:limit]
    people = names_of(page)
    acts = [
        Change(
            place=Place(event.at, 1, event.pk),
            what=event.get_kind_display(),
            by=str(event.actor) if event.actor else "Accord",
            reason=event.reason,
            facts=[
                Changed(label_of(key, labels), words_of(key, pair[0], people), words_of(key, pair[1], people))
                for key, pair in event.changes.items()
                if isinstance(pair, list) and len(pair) == 2
            ],
        )
        for event in page
    ]
    return Changes(acts, acts[-1].place if len(events) > limit else None)


def words_of(key: str, value: object, people: Mapping[int, str] | None = None) -> str:
    """A stored value as people read it; a dash for nothing."""
    match value:
        case None | "":
            return "–"
        case bool():
            return "yes" if value else "no"
        case int() if key == "lead.owner":
            return (people or {}).get(value, "somebody")
        case list():
            return ", ".join(str(item) for item in value) or "–"
        case str():
            return _CHOICES.get(key, {}).get(value, value)
        case _:
            return str(value)
