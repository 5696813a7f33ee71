"""New interest of somebody in a rep's hands: what a criterion pays points for becomes a note to that rep, one a day at most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from handoff import notices
from handoff.actions.opening import raise_to
from handoff.audience import People
from handoff.models import Handoff, HandoffEvent
from handoff.policybook import PolicyBook
from handoff.since import OWN_SOURCE, ScoreNow, scores_now
from handoff.states import WITH_REP
from leads import clock
from leads.models import Activity, Lead
from leads.notify.messages import Message, enqueue
from scoring.models import Qualification, ScoreChange

DAY = timedelta(days=1)
LOOK_BACK = 2 * DAY  # what is older is no news
NOTED = Q(verb="interest") | Q(verb="join", detail__interest=True)  # moves that told the owner of new interest
KNOWN = NOTED | Q(verb__in=("offer", "reassign"))  # moves that showed the owner the lead as it was then
NAMED = 3


def note_interest(limit: int = 200) -> int:
    """Tell owners of leads in hand whose score rose by what they did; returns how many hand-offs were noted.

    At most one note a hand-off and day, of everything since the last; what also qualifies anew is told when it joins.
    Hand-offs that another process holds come later.
    """
    with transaction.atomic():
        now = clock.now()
        due = _due(now)
        picked = list(due.values_list("lead_id", flat=True)[:limit])
        if not picked:
            return 0
        leads = Lead.objects.select_for_update(no_key=True, skip_locked=True, of=("self",)).select_related("company")
        held = {lead.pk: lead for lead in leads.filter(pk__in=picked).order_by("pk")}
        rows = due.filter(lead_id__in=held).select_for_update(no_key=True, skip_locked=True, of=("self",))
        handoffs = list(rows.select_related("owner", "qualification__version"))
        _note(handoffs, held, now)
        return len(handoffs)


def _due(now: datetime) -> QuerySet[Handoff]:
    moves = HandoffEvent.objects.filter(handoff=OuterRef("pk"))
    last = moves.filter(KNOWN).order_by("-at", "-pk").values("at")[:1]
    rose = ScoreChange.objects.filter(
        lead_id=OuterRef("lead_id"), cause=ScoreChange.Cause.EVENT, at__gt=OuterRef("told_at")
    ).filter(at__gt=now - LOOK_BACK, new_fit__gt=F("old_fit") + F("old_engagement") - F("new_engagement"))
    joins_soon = Qualification.objects.filter(lead_id=OuterRef("lead_id"), closed_at=None, release_at__lte=now, handoff=None)
    return (
        Handoff.objects.filter(state__in=WITH_REP)
        .annotate(told_at=Coalesce(Subquery(last), F("offered_at")))
        .filter(Exists(rose), ~Exists(moves.filter(NOTED, at__gt=now - DAY)), ~Exists(joins_soon))
        .order_by("pk")
    )


def _note(handoffs: Sequence[Handoff], leads: dict[int, Lead], now: datetime) -> None:
    scores, done = scores_now(handoffs), _doings(handoffs, now)
    book, people = PolicyBook(now), People()
    messages: list[Message] = []
    for handoff in handoffs:
        handoff.lead = leads[handoff.lead_id]
        score = scores.get(handoff.pk)
        if score is not None and raise_to(handoff, score.total, score.tier, score.version):
            Handoff.objects.filter(pk=handoff.pk).update(score=handoff.score, tier=handoff.tier, version=F("version") + 1)
        messages += _tell(handoff, done.get(handoff.lead_id, ""), score, people, book, now)
    HandoffEvent.objects.bulk_create(
        HandoffEvent(
            handoff=handoff, verb="interest", source=handoff.state, target=handoff.state, at=now,
            detail={"did": done.get(handoff.lead_id, ""), "score": str(scores.get(handoff.pk, ""))},
        )
        for handoff in handoffs
    )  # fmt: skip
    enqueue(messages, at=now)


def _doings(handoffs: Sequence[Handoff], now: datetime) -> dict[int, str]:
    """What each lead did since its owner was last told, in words: the newest three different things."""
    since = Q(pk__in=[])
    for handoff in handoffs:
        since |= Q(lead_id=handoff.lead_id, known_at__gt=max(getattr(handoff, "told_at"), now - LOOK_BACK))  # noqa: B009 - annotated
    rows = Activity.objects.filter(since).exclude(source=OWN_SOURCE).order_by("-occurred_at", "-pk")
    found: dict[int, dict[str, None]] = {}
    for lead_id, kind in rows.values_list("lead_id", "kind"):
        found.setdefault(lead_id, {})[Activity(kind=kind).label] = None
    return {lead_id: ", ".join(list(labels)[:NAMED]) for lead_id, labels in found.items()}


def _tell(
    handoff: Handoff, did: str, score: ScoreNow | None, people: People, book: PolicyBook, now: datetime
) -> Iterator[Message]:
    payload = notices.facts(handoff, did=did, now=str(score or ""))
    owners = people.of(("owner",), handoff.owner_id)
    key = f"interest:{handoff.pk}:{int(now.timestamp())}"
    return notices.tell(owners, key=key, kind=notices.INTEREST, payload=payload, book=book, at=now, handoff=handoff)
