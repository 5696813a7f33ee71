"""Who gets which lead: the account owner if they can, else whose turn it is; with the reasons kept, and never somebody inactive.

Works on batches: leads and hand-offs are locked with SKIP LOCKED, so several routers share the queue; the reps' rows are
locked last and in one order, so that caps hold and turns are fair whoever routes. Nobody free: the hand-off stays queued and
says why.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Q, Sum

from handoff import broadcasts, packet
from handoff.actions.assigning import offered_messages
from handoff.models import Handoff, HandoffEvent, Leave, Packet, Rep, SlaTimer
from handoff.moves import OPEN_CLOCKS, next_due
from handoff.policybook import PolicyBook
from handoff.policyscope import facts_with
from handoff.sla import Clocks
from handoff.states import WITH_REP, ClockKind, HandoffState
from leads import clock
from leads.actions.owner import hand_out
from leads.errors import Conflict
from leads.models import Lead
from leads.notify.messages import enqueue

BATCH = 500
SHOWN = 12
INCOMPLETE = "Packet incomplete: "

_OFFER = """
UPDATE handoff_handoff h SET state = 'offered', owner_id = v.owner_id, offered_at = %s, seen_at = NULL, queue_reason = '',
    routing = v.routing, due_at = v.due_at, policy_id = v.policy_id, policy_why = v.policy_why, version = h.version + 1
FROM jsonb_to_recordset(%s::jsonb) AS v(id bigint, version int, owner_id bigint, routing jsonb, due_at timestamptz,
    policy_id bigint, policy_why text)
WHERE h.id = v.id AND h.state = 'queued' AND h.version = v.version
"""
_TURNS = """
UPDATE handoff_rep r SET last_offered_at = v.at FROM unnest(%s::bigint[], %s::timestamptz[]) AS v(id, at) WHERE r.user_id = v.id
"""


@dataclass(slots=True)
class Candidate:
    """A rep as routing sees them: `why_not` is empty for who can take one more; `until` is when one who is away is back."""

    rep: Rep
    open: int
    why_not: str = ""
    until: datetime | None = None
    pk: int = 0
    name: str = ""

    def __post_init__(self) -> None:
        self.pk, self.name = self.rep.user_id, str(self.rep.user)

    @property
    def room(self) -> int:
        return 0 if self.why_not else max(0, self.rep.open_cap - self.open)


@dataclass(slots=True)
class Desk:
    """All reps as of one moment, those who can take a lead in the order of their turns."""

    everyone: list[Candidate]
    turns: list[Candidate] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.turns = [one for one in self.everyone if one.room]

    def choose(self, handoff: Handoff, passed: set[int]) -> tuple[Candidate | None, str]:
        """Who gets this one and what decided; nobody when all who could have let it pass."""
        company = handoff.lead.company
        owner_id = company.account_owner_id if company else None
        if owner_id is not None and owner_id not in passed:
            for one in self.turns:
                if one.pk == owner_id:
                    return one, "account owner"
        return next((one for one in self.turns if one.pk not in passed), None), "turn"

    def take(self, one: Candidate) -> None:
        """Count a lead given: to the end of the row, out of it when full."""
        one.open += 1
        self.turns.remove(one)
        if one.room:
            self.turns.append(one)
        else:
            one.why_not = _full(one)

    def why_nobody(self, passed: Iterable[int] = ()) -> str:
        """Why nobody can take a lead, in a sentence for the queue."""
        if not self.everyone:
            return "Nobody is set up to take leads"
        whys = Counter(
            one.why_not.split(":")[0] if one.why_not else "let it pass"
            for one in self.everyone
            if one.why_not or one.pk in set(passed)
        )
        told = ", ".join(f"{count} {why}" for why, count in sorted(whys.items()))
        return f"No rep can take it: {told}"[:200]


def desk(now: datetime, *, lock: bool = False) -> Desk:
    """The reps in the order of their turns, with who cannot take a lead and why."""
    rows = Rep.objects.select_related("user").order_by("pk")
    reps = list(rows.select_for_update(no_key=True, of=("self",)) if lock else rows)
    away = dict(Leave.objects.filter(starts_at__lte=now, ends_at__gt=now).order_by("ends_at").values_list("rep_id", "ends_at"))
    open_now = dict(
        Handoff.objects.filter(state__in=WITH_REP, owner__in=[rep.pk for rep in reps])
        .order_by()
        .values_list("owner_id")
        .annotate(Count("pk"))
    )
    candidates = [Candidate(rep, open_now.get(rep.pk, 0)) for rep in reps]
    for one in candidates:
        one.until = away.get(one.pk)
        one.why_not = _why_not(one)
    candidates.sort(key=lambda one: (one.rep.last_offered_at is not None, one.rep.last_offered_at or now, one.pk))
    return Desk(candidates)


def _why_not(one: Candidate) -> str:
    if not one.rep.user.is_active:
        return "inactive"
    if not one.rep.takes_leads:
        return f"switched off: {one.rep.off_reason}" if one.rep.off_reason else "switched off"
    if one.until is not None:
        return "away"
    return _full(one) if one.open >= one.rep.open_cap else ""


def _full(one: Candidate) -> str:
    return f"at the cap: {one.rep.open_cap} open"


def weekly_capacity() -> int | None:
    """Qualified leads the reps who take leads can take a week, in all; None while nobody does."""
    total: int | None = Rep.objects.filter(takes_leads=True, user__is_active=True).aggregate(all=Sum("weekly_capacity"))["all"]
    return total


def route_waiting(limit: int = BATCH) -> int:
    """Offer queued hand-offs, the longest waiting first, until the limit is reached or nobody can take more; returns how many."""
    if not Handoff.objects.filter(state=HandoffState.QUEUED).exists():
        return 0
    offered, after = 0, None
    packet.refresh_stale(at=clock.now())
    _say_incomplete()
    while offered < limit:
        now = clock.now()
        reps = desk(now)
        if not reps.turns:
            _say_why(reps.why_nobody())
            break
        waiting = Handoff.objects.filter(state=HandoffState.QUEUED, packet__complete=True)
        if after is not None:
            waiting = waiting.filter(Q(opened_at__gt=after[0]) | Q(opened_at=after[0], pk__gt=after[1]))
        picked = list(waiting.order_by("opened_at", "pk").values_list("opened_at", "pk")[: min(BATCH, limit - offered)])
        if not picked:
            break
        after = picked[-1]
        offered += offer([pk for _, pk in picked])
    return offered


@transaction.atomic
def offer(handoff_ids: Sequence[int]) -> int:
    """Offer these queued hand-offs to reps, each with its explanation; those another process holds are left out. Returns how many."""
    lead_ids = Handoff.objects.filter(pk__in=handoff_ids, state=HandoffState.QUEUED).values_list("lead_id", flat=True)
    leads = Lead.objects.select_for_update(no_key=True, skip_locked=True, of=("self",)).select_related("company")
    held = {lead.pk: lead for lead in leads.filter(pk__in=list(lead_ids)).order_by("pk")}
    rows = Handoff.objects.select_for_update(no_key=True, skip_locked=True).filter(
        pk__in=handoff_ids, lead_id__in=held, state=HandoffState.QUEUED, packet__complete=True
    )
    handoffs = {handoff.pk: handoff for handoff in rows.order_by("pk")}
    for handoff in handoffs.values():
        handoff.lead = held[handoff.lead_id]
    timers = list(
        SlaTimer.objects.select_for_update(no_key=True).filter(handoff_id__in=handoffs, state__in=OPEN_CLOCKS).order_by("pk")
    )
    now = clock.now()
    reps = desk(now, lock=True)
    now = max(now, clock.now())
    rejected = _rejected_before(held)
    chosen: list[tuple[Handoff, Candidate]] = []
    for handoff in sorted(handoffs.values(), key=lambda one: (one.opened_at, one.pk)):
        passed = set(handoff.routing.get("passed", [])) | rejected.get(handoff.lead_id, set())
        candidates = reps.turns[:SHOWN]
        one, decided_by = reps.choose(handoff, passed)
        if one is None:
            _say_why(reps.why_nobody(passed), [handoff.pk])
            continue
        handoff.routing = _explain(handoff, one, decided_by, candidates, reps, passed, now)
        reps.take(one)
        chosen.append((handoff, one))
    if chosen:
        _write(chosen, timers, now)
    return len(chosen)


def _rejected_before(leads: Iterable[int]) -> dict[int, set[int]]:
    """Reps who rejected one of these leads before: somebody else is asked."""
    found: dict[int, set[int]] = {}
    rows = Handoff.objects.filter(
        lead_id__in=list(leads), reason__isnull=False, owner__isnull=False, state__in=("rejected", "recycled")
    )
    for lead_id, owner_id in rows.values_list("lead_id", "owner_id"):
        found.setdefault(lead_id, set()).add(int(owner_id or 0))
    return found


def _explain(
    handoff: Handoff,
    one: Candidate,
    decided_by: str,
    candidates: Sequence[Candidate],
    reps: Desk,
    passed: set[int],
    now: datetime,
) -> dict[str, Any]:
    """Why this rep: who could take it, who was skipped and why, what decided. Long lists are cut, their length is kept."""
    skipped = [
        {"id": other.pk, "name": other.name, "why": other.why_not, **({"until": other.until.isoformat()} if other.until else {})}
        for other in reps.everyone
        if other.why_not
    ]
    skipped += [
        {"id": other.pk, "name": other.name, "why": "let it pass or rejected it before"}
        for other in reps.turns
        if other.pk in passed
    ]
    explained: dict[str, Any] = handoff.routing | {
        "at": now.isoformat(), "decided_by": decided_by, "rep": one.pk, "name": one.name,
        "candidates": [{"id": other.pk, "name": other.name, "open": other.open, "cap": other.rep.open_cap} for other in candidates],
        "candidates_total": len(reps.turns), "skipped": skipped[:SHOWN], "skipped_total": len(skipped),
    }  # fmt: skip
    return explained


def _write(chosen: Sequence[tuple[Handoff, Candidate]], timers: Sequence[SlaTimer], now: datetime) -> None:
    """Everything an offer is, for all at once: state, clocks, frozen packets, owners, turns, events, messages."""
    book = PolicyBook(now)
    book.read_reps(one.pk for _, one in chosen)
    clocks, mine = Clocks(book, now), {handoff.pk: list[SlaTimer]() for handoff, _ in chosen}
    for timer in timers:
        if timer.handoff_id in mine:
            mine[timer.handoff_id].append(timer)
    clocks.settle(timer for own in mine.values() for timer in own)
    followed = set(SlaTimer.objects.filter(handoff_id__in=mine, kind=ClockKind.MQO_FOLLOWUP).values_list("handoff_id", flat=True))
    facts = facts_with([(handoff, one.pk) for handoff, one in chosen])
    for handoff, one in chosen:
        choice = book.choose(facts[handoff.pk])
        handoff.policy, handoff.policy_why = choice.policy, choice.why
        for timer in mine[handoff.pk]:
            if timer.kind == ClockKind.OFFER:
                clocks.meet(timer)
            else:
                clocks.give(timer, one.pk)
        kinds = [ClockKind.ACCEPT, *([ClockKind.MQO_FOLLOWUP] if handoff.is_mqo and handoff.pk not in followed else [])]
        for kind in kinds:
            ladder = book.ladder(handoff.policy_id, kind)
            if ladder is not None:
                calendar_id = book.calendar_id_for(ladder, one.pk, handoff.policy_id)
                mine[handoff.pk].append(clocks.start(handoff.pk, ladder, at=now, owner_id=one.pk, calendar_id=calendar_id))
        handoff.due_at = next_due(mine[handoff.pk])
        handoff.owner, handoff.state, handoff.offered_at = one.rep.user, HandoffState.OFFERED, now
    rows = [
        {
            "id": h.pk,
            "version": h.version,
            "owner_id": one.pk,
            "routing": h.routing,
            "due_at": h.due_at.isoformat() if h.due_at else None,
            "policy_id": h.policy_id,
            "policy_why": h.policy_why,
        }
        for h, one in chosen
    ]
    with connection.cursor() as cursor:
        cursor.execute(_OFFER, [now, json.dumps(rows)])
        if cursor.rowcount != len(chosen):
            raise Conflict("Some of these hand-offs were taken meanwhile.")
        used = {one.pk: place for place, (_, one) in enumerate(chosen)}
        turns = [now + timedelta(microseconds=place) for place in used.values()]
        cursor.execute(_TURNS, [list(used), turns])
    for handoff, _ in chosen:
        handoff.version += 1
    clocks.flush()
    Packet.objects.filter(handoff_id__in=mine, frozen_at=None).update(frozen_at=now)
    events = HandoffEvent.objects.bulk_create(
        [
            HandoffEvent(
                handoff=handoff, verb="offer", source=HandoffState.QUEUED, target=HandoffState.OFFERED, at=now,
                detail={"to": one.pk, "decided_by": handoff.routing["decided_by"]},
            )
            for handoff, one in chosen
        ],
        batch_size=1000,
    )  # fmt: skip
    hand_out({handoff.lead_id: one.rep.user for handoff, one in chosen}, at=now, reason="Offered")
    enqueue(offered_messages([handoff for handoff, _ in chosen], book, now), at=now)
    broadcasts.tell(events)


def _say_why(reason: str, only: Sequence[int] | None = None) -> None:
    """Write why hand-offs wait, where they do not say so already."""
    waiting = Handoff.objects.filter(state=HandoffState.QUEUED).exclude(queue_reason=reason)
    waiting = waiting.exclude(queue_reason__startswith=INCOMPLETE) if only is None else waiting.filter(pk__in=only)
    ids = waiting.select_for_update(no_key=True, skip_locked=True).order_by("pk").values_list("pk", flat=True)
    with transaction.atomic():
        Handoff.objects.filter(pk__in=list(ids[:5000]), state=HandoffState.QUEUED).update(queue_reason=reason)


def _say_incomplete() -> None:
    """A hand-off with an incomplete packet is not offered, and says what is missing."""
    lacking = Packet.objects.filter(complete=False, handoff__state=HandoffState.QUEUED).exclude(
        handoff__queue_reason__startswith=INCOMPLETE
    )
    for one in lacking.only("handoff_id", "missing")[:BATCH]:
        Handoff.objects.filter(pk=one.handoff_id, state=HandoffState.QUEUED).update(
            queue_reason=f"{INCOMPLETE}{', '.join(one.missing)}"[:200]
        )
