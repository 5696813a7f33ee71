"""A rep's desk: the hand-offs in hand, most urgent first, and the figures that sum them up."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Count, F, Q

from handoff.clocks import KEPT, answer_promises, faces_of
from handoff.models import Handoff
from handoff.states import WITH_REP, HandoffState
from leads.clockface import ClockFace
from leads.lib.folding import fold

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from leads.models import User

# Above this a score is called hot; an MQO always is.
HOT_SCORE = 70
TIMED = frozenset({HandoffState.OFFERED, HandoffState.ACCEPTED})
ANSWER_DAYS = 30
FAR = datetime(9999, 1, 1, tzinfo=UTC)
_DRAWN = (
    "state", "closed_as", "tier", "score", "is_mqo", "headline", "answered_at", "reached_at", "undo_until", "reason__label",
    "lead__first_name", "lead__last_name", "lead__email", "lead__phone", "lead__job_title", "lead__country", "lead__first_source",
    "lead__company__name", "lead__company__domain", "lead__company__industry", "lead__company__employees", "lead__company__country",
    "lead__first_campaign__name",
)  # fmt: skip
TABS = (
    ("all", "All"),
    ("overdue", "Overdue"),
    ("hot", "Hot score"),
    ("accepted", "Accepted"),
    ("working", "Following up"),
)


class Figures(NamedTuple):
    """The numbers on top of the inbox."""

    waiting: int
    overdue: int
    soon: int
    today: int
    in_time: float | None


class InHand(NamedTuple):
    """A hand-off on the desk, as much of it as order and figures ask for."""

    pk: int
    state: str
    version: int
    due_at: datetime | None
    tier: int | None
    score: int
    is_mqo: bool
    offered_at: datetime | None
    reached_at: datetime | None

    @property
    def closed_as(self) -> str:
        """Nothing in hand has ended."""
        return ""


@dataclass(frozen=True, slots=True)
class Row:
    """One hand-off as lists show it."""

    handoff: Handoff
    face: ClockFace
    tier: str = ""

    @property
    def name(self) -> str:
        """The company, or the person where none is known."""
        company = self.handoff.lead.company
        return str(company) if company else self.handoff.lead.name

    @property
    def person(self) -> str:
        lead = self.handoff.lead
        return ", ".join(part for part in (lead.name if lead.company_id else "", lead.job_title) if part)

    @property
    def why(self) -> str:
        return self.handoff.headline or "Met the agreed criteria"

    @property
    def facts(self) -> str:
        """Industry, size, country and source in one line."""
        lead = self.handoff.lead
        company = lead.company
        size = f"{company.employees:,} employees" if company and company.employees is not None else ""
        country = (company.country if company else "") or lead.country
        campaign = lead.first_campaign.name if lead.first_campaign else lead.first_source
        return " · ".join(part for part in (company.industry if company else "", size, country, campaign) if part)

    @property
    def is_offered(self) -> bool:
        return self.handoff.state == HandoffState.OFFERED


class Desk:
    """Everything one person has in hand at `now`, read with a fixed number of queries whatever the length."""

    def __init__(self, user: User, now: datetime) -> None:
        self.user = user
        self.now = now

    @cached_property
    def handoffs(self) -> list[InHand]:
        """The person's hand-offs, the most urgent first: by due time to the minute, then tier, then score."""
        found = Handoff.objects.filter(owner=self.user, state__in=WITH_REP).order_by("pk").values_list(*InHand._fields)
        rows = [InHand._make(row) for row in found]
        self._faces = faces_of(rows, self.now)
        return sorted(rows, key=self._urgency)

    def _urgency(self, handoff: InHand) -> tuple[datetime, int, int, int]:
        due = self._faces[handoff.pk].due_at or handoff.due_at or FAR
        return due.replace(second=0, microsecond=0), -(-1 if handoff.tier is None else handoff.tier), -handoff.score, handoff.pk

    @cached_property
    def faces(self) -> dict[int, ClockFace]:
        _ = self.handoffs
        return self._faces

    def ids(self, tab: str = "all") -> list[int]:
        """The hand-offs of one tab, in order."""
        return [row.pk for row in self.handoffs if self._is_in(row, tab)]

    def _is_in(self, row: InHand, tab: str) -> bool:
        match tab:
            case "overdue":
                return self.faces[row.pk].state == "overdue"
            case "hot":
                return row.state in TIMED and (row.score >= HOT_SCORE or row.is_mqo)
            case "accepted":
                return row.state == HandoffState.ACCEPTED
            case "working":
                return row.state not in TIMED
            case _:
                return row.state in TIMED

    def tabs(self) -> list[tuple[str, str, int]]:
        """Every tab with its count."""
        return [(key, label, len(self.ids(key))) for key, label in TABS]

    def search(self, ids: Sequence[int], words: str) -> list[int]:
        """Of these, the ones whose person or company holds every word."""
        parts = fold(words).split()
        if not parts:
            return list(ids)
        found = Handoff.objects.filter(pk__in=ids)
        for part in parts:
            found = found.filter(Q(lead__search__contains=part) | Q(lead__company__name_key__contains=part))
        keep = set(found.values_list("pk", flat=True))
        return [pk for pk in ids if pk in keep]

    @cached_property
    def counts(self) -> tuple[int, int, int, int]:
        """Waiting for an answer, overdue, under 30 minutes, due today."""
        states = Counter(self.faces[row.pk].state for row in self.handoffs)
        waiting = sum(row.state == HandoffState.OFFERED for row in self.handoffs)
        return waiting, states["overdue"], states["soon"], states["soon"] + states["today"]

    @cached_property
    def resumes_at(self) -> datetime | None:
        """When hours begin again, while no clock of what waits for an answer runs; None while one does."""
        waiting = [self.faces[row.pk] for row in self.handoffs if row.state == HandoffState.OFFERED]
        if any(face.resumes_at is None for face in waiting):
            return None
        return min((face.resumes_at for face in waiting if face.resumes_at), default=None)

    @cached_property
    def figures(self) -> Figures:
        return Figures(*self.counts, self._in_time)

    @cached_property
    def _in_time(self) -> float | None:
        """The share of the promises to answer of the last 30 days that were kept."""
        since = self.now - timedelta(days=ANSWER_DAYS)
        promises = answer_promises(self.now).filter(owner=self.user, due_at__gte=since)
        counts = promises.aggregate(all=Count("pk"), kept=Count("pk", filter=KEPT))
        return counts["kept"] / counts["all"] if counts["all"] else None

    @cached_property
    def mark(self) -> str:
        """What the desk looks like; a page that carries another mark is out of date."""
        rows = sorted((row.pk, row.version) for row in self.handoffs)
        return f"{zlib.crc32(repr((rows, self.counts, self.resumes_at)).encode()):08x}"

    def fresh_since(self, since: datetime | None) -> int:
        """How many were offered after a page was drawn."""
        if since is None:
            return 0
        return sum(
            row.state == HandoffState.OFFERED and row.offered_at is not None and row.offered_at > since for row in self.handoffs
        )

    def neighbours(self, handoff_id: int, tab: str = "all") -> tuple[int, int, int | None, int | None]:
        """Place (from 1, 0 when not there), number of hand-offs, previous and next id in the order of the inbox."""
        ids = self.ids(tab)
        if handoff_id not in ids:
            return 0, len(ids), None, ids[0] if ids else None
        at = ids.index(handoff_id)
        return at + 1, len(ids), ids[at - 1] if at else None, ids[at + 1] if at + 1 < len(ids) else None


def waiting_count(user: User) -> int:
    """How many hand-offs wait for the person's answer; the badge of the navigation."""
    return Handoff.objects.filter(owner=user, state=HandoffState.OFFERED).count()


def shown() -> QuerySet[Handoff]:
    """Hand-offs with their lead, company, reason and the tiers' names, in one query."""
    return Handoff.objects.select_related("lead__company", "lead__first_campaign", "reason").annotate(
        tier_names=F("qualification__version__decision__tiers")
    )


def drawn() -> QuerySet[Handoff]:
    """The same, with no more than a row draws of them: leads and companies are wide, and a page has fifty."""
    return shown().only(*_DRAWN)


def tier_name(handoff: Handoff) -> str:
    """The tier in the words of the version that qualified the lead; "" when there is none. Needs a hand-off of `shown()`."""
    return named_tier(handoff, handoff.tier)


def named_tier(handoff: Handoff, tier: int | None) -> str:
    """Another tier in the same words."""
    names = getattr(handoff, "tier_names", None)
    if tier is None or not isinstance(names, list) or not 0 <= tier < len(names):
        return ""
    return str(names[tier])


def drawn_by_id(ids: Iterable[int]) -> dict[int, Handoff]:
    """These hand-offs by id, one query; ids that are gone are left out."""
    return {handoff.pk: handoff for handoff in drawn().filter(pk__in=list(ids))}


def rows_of(ids: Iterable[int], found: Mapping[int, Handoff], faces: Mapping[int, ClockFace]) -> list[Row]:
    """Rows for these ids in this order, of the hand-offs `found` for them."""
    return [Row(found[pk], faces[pk], tier_name(found[pk])) for pk in ids if pk in found and pk in faces]


def row_of(handoff_id: int, now: datetime) -> Row:
    """One row, drawn anew."""
    handoff = drawn().get(pk=handoff_id)
    return Row(handoff, faces_of([handoff], now)[handoff.pk], tier_name(handoff))
