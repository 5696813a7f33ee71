"""What happened with a lead, from all records of it in one order, newest first, in pages that stay where they are."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple, Self

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from leads.choices import OUTCOME_STAGES, Outcome, Stage
from leads.errors import Invalid
from leads.models import Activity, Asset, Case, Lead, LeadEvent, LeadNote, User

PAGE_SIZE = 20
# Where equal times stand: what is decided comes after what it was decided on.
ACTIVITY, NOTE, EVENT, CASE = range(1, 5)

SHOWN: dict[str, str] = {
    "all": "All",
    "activity": "Activity",
    "notes": "Notes",
    "stages": "Stage and owner",
    "outcomes": "Outcomes",
}
_SOURCES: dict[str, tuple[int, ...]] = {
    "all": (ACTIVITY, NOTE, EVENT, CASE),
    "activity": (ACTIVITY,),
    "notes": (NOTE,),
    "stages": (EVENT,),
    "outcomes": (CASE,),
}
# Changed facts have a list of their own, notes and outcomes records of their own.
_EVENTS = (
    LeadEvent.Kind.CREATED,
    LeadEvent.Kind.STAGE,
    LeadEvent.Kind.OWNER,
    LeadEvent.Kind.MERGED,
    LeadEvent.Kind.UNDONE,
    LeadEvent.Kind.HANDOFF,
)


class Place(NamedTuple):
    """Where an entry stands; pages go on after one."""

    at: datetime
    rank: int
    pk: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The place that `str` wrote; Invalid for anything else."""
        try:
            at, rank, pk = text.split("~")
            place = cls(datetime.fromisoformat(at), int(rank), int(pk))
            if place.at.tzinfo is None or not 0 < place.pk < 2**63:
                raise ValueError(text)
        except ValueError:
            raise Invalid(
                "There is no such place in a timeline.",
                code="bad_place",
                field="after",
                value=text[:80],
                expected="as the page wrote it",
            ) from None
        return place

    def __str__(self) -> str:
        return f"{self.at.isoformat()}~{self.rank}~{self.pk}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline; `times` of the same thing on one day are one line."""

    place: Place
    icon: str
    title: str
    detail: str = ""
    text: str = ""
    by: str = ""
    tone: str = ""
    asset: Asset | None = None
    times: int = 1
    same: object = None

    @property
    def at(self) -> datetime:
        return self.place.at


@dataclass(frozen=True, slots=True)
class Timeline:
    entries: list[Entry]
    after: Place | None
    show: str


def timeline(lead: Lead, *, show: str = "all", after: Place | None = None, limit: int = PAGE_SIZE) -> Timeline:
    """The `limit` records after the place, newest first, as lines; `after` of the answer is None when there are no more."""
    read = {ACTIVITY: _activities, NOTE: _notes, EVENT: _events, CASE: _outcomes}
    found: list[Entry] = []
    for rank in _SOURCES.get(show, _SOURCES["all"]):
        found += read[rank](lead, after, limit + 1)
    found.sort(key=lambda entry: entry.place, reverse=True)
    page = found[:limit]
    return Timeline(list(_joined(page)), page[-1].place if len(found) > limit else None, show if show in SHOWN else "all")


def before(rows: QuerySet[Any], column: str, rank: int, after: Place | None, limit: int) -> list[Any]:
    """The newest `limit` rows of one record that stand after the place."""
    if after is not None:
        if rank < after.rank:
            rows = rows.filter(**{f"{column}__lte": after.at})
        else:
            earlier = Q(**{f"{column}__lt": after.at})
            rows = rows.filter(earlier | Q(**{column: after.at, "pk__lt": after.pk}) if rank == after.rank else earlier)
    return list(rows.order_by(f"-{column}", "-pk")[:limit])


def _activities(lead: Lead, after: Place | None, limit: int) -> Iterator[Entry]:
    rows = Activity.objects.filter(lead=lead).select_related("asset", "campaign")
    for row in before(rows, "occurred_at", ACTIVITY, after, limit):
        campaign = row.campaign.name if row.campaign else ""
        said = ", ".join(
            f"{key.replace('_', ' ')}: {value}" for key, value in islice(row.properties.items(), 6) if _is_short(value)
        )
        yield Entry(
            place=Place(row.occurred_at, ACTIVITY, row.pk),
            icon="eye",
            title=row.label,
            detail=" · ".join(part for part in (row.asset.name if row.asset else "", campaign, said) if part),
            asset=row.asset,
            same=(row.kind, row.asset_id, row.campaign_id, said, timezone.localdate(row.occurred_at)),
        )


def _is_short(value: object) -> bool:
    return isinstance(value, str | int | float) and value != "" and len(str(value)) <= 200


def _notes(lead: Lead, after: Place | None, limit: int) -> Iterator[Entry]:
    for row in before(LeadNote.objects.filter(lead=lead).select_related("author"), "at", NOTE, after, limit):
        yield Entry(place=Place(row.at, NOTE, row.pk), icon="note", title="Note", text=row.text, by=str(row.author))


def _events(lead: Lead, after: Place | None, limit: int) -> Iterator[Entry]:
    rows = before(LeadEvent.objects.filter(lead=lead, kind__in=_EVENTS).select_related("actor"), "at", EVENT, after, limit)
    people = names_of(rows)
    for row in rows:
        icon, title, tone = _event_words(row, people)
        yield Entry(
            place=Place(row.at, EVENT, row.pk),
            icon=icon,
            title=title,
            detail=row.reason,
            by=str(row.actor) if row.actor else "",
            tone=tone,
        )


_STAGE_TONE = {Stage.WON: "good", Stage.REJECTED: "bad", Stage.LOST: "bad", Stage.DISQUALIFIED: "bad"}


def _event_words(event: LeadEvent, people: Mapping[int, str]) -> tuple[str, str, str]:
    match event.kind:
        case LeadEvent.Kind.STAGE:
            _, new = event.changes.get("lead.stage", (None, ""))
            stage = Stage(new) if new in Stage.values else None
            return (
                "right",
                f"Became {stage.label}" if stage else event.get_kind_display(),
                _STAGE_TONE.get(stage, "") if stage else "",
            )
        case LeadEvent.Kind.OWNER:
            _, new = event.changes.get("lead.owner", (None, None))
            return "user", f"Given to {people.get(new, 'somebody')}" if new else "No owner any more", ""
        case LeadEvent.Kind.CREATED:
            return "plus", "Came in", ""
        case LeadEvent.Kind.MERGED:
            return "merge", event.get_kind_display(), ""
        case LeadEvent.Kind.UNDONE:
            return "undo", event.get_kind_display(), ""
        case _:
            return "shuffle", event.get_kind_display(), ""


def _outcomes(lead: Lead, after: Place | None, limit: int) -> Iterator[Entry]:
    decided = Case.objects.filter(lead=lead, outcome__in=[stage.value for stage in OUTCOME_STAGES]).select_related("reason")
    rows = decided.annotate(ended_at=Coalesce("outcome_at", F("decided_at")))
    for row in before(rows, "ended_at", CASE, after, limit):
        amount = f"{row.amount:,.0f}" if row.amount is not None else ""
        yield Entry(
            place=Place(row.ended_at, CASE, row.pk),
            icon="star" if row.outcome == Outcome.WON else "x",
            title=row.get_outcome_display(),
            detail=" · ".join(part for part in (row.reason.label if row.reason else "", amount) if part),
            tone="good" if row.outcome == Outcome.WON else "bad",
        )


def _joined(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Neighbours that say the same of the same day as one line that counts them."""
    held: Entry | None = None
    for entry in entries:
        if held is not None and held.same is not None and held.same == entry.same:
            held = replace(held, times=held.times + 1)
            continue
        if held is not None:
            yield held
        held = entry
    if held is not None:
        yield held


def names_of(events: Iterable[LeadEvent]) -> dict[int, str]:
    """The names of the people that changes of owner speak of; one query, none when there is no such change."""
    ids = {pk for event in events for pk in event.changes.get("lead.owner", ()) if isinstance(pk, int)}
    return dict(User.objects.filter(pk__in=ids).values_list("pk", "full_name")) if ids else {}
