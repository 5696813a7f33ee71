"""Turning qualifications into hand-offs: pulled from the database, in batches, once each however often it runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q

from handoff import notices, packet
from handoff.audience import People
from handoff.models import Handoff, HandoffEvent, RejectionReview, SlaTimer
from handoff.moves import OPEN_CLOCKS, next_due
from handoff.policybook import PolicyBook
from handoff.policyscope import facts_of, tier_word
from handoff.since import OWN_SOURCE
from handoff.sla import Clocks
from handoff.states import OPEN, WITH_REP, ClockKind, HandoffState
from leads import clock
from leads.actions.stage import change_stage
from leads.choices import Stage
from leads.models import Activity, Lead
from leads.notify.messages import Message, enqueue
from leads.revisions import touch_revisions
from scoring.actions.qualification import close_qualification, take_up_qualifications
from scoring.models import ModelVersion, Qualification, ScoreChange

# From these stages a lead that met the model is handed over; in the others it is with sales or was ruled out by a person.
FROM_STAGES = frozenset({Stage.PROSPECT, Stage.MQL, Stage.RECYCLED, Stage.REJECTED, Stage.WON, Stage.LOST})
UNSETTLED = Q(review=None) | Q(review__verdict=RejectionReview.Verdict.DISPUTE, review__settled_at=None)
FIRST_REASON = "Waiting for the next free rep"
MQO = Qualification.Kind.MQO


def open_handoffs(limit: int = 200) -> int:
    """Give each released qualification that waits its hand-off, or let it join the one its lead has; returns how many were taken.

    Leads that another process holds, that cannot be reached, or whose rejection marketing has not settled wait where they are.
    """
    with transaction.atomic():
        now = clock.now()
        in_work = Handoff.objects.filter(lead_id=OuterRef("lead_id"), state__in=OPEN)
        in_review = Handoff.objects.filter(UNSETTLED, lead_id=OuterRef("lead_id"), state=HandoffState.REJECTED)
        waiting = (
            Qualification.objects.filter(closed_at=None, taken_at=None, release_at__lte=now)
            .filter((Q(lead__contactable=True, lead__stage__in=FROM_STAGES) & ~Exists(in_review)) | Exists(in_work))
            .order_by("release_at", "id")
        )
        picked = list(waiting.values_list("lead_id", flat=True)[:limit])
        if not picked:
            return 0
        leads = Lead.objects.select_for_update(no_key=True, skip_locked=True, of=("self",)).select_related(
            "company", "product_interest"
        )
        held = {lead.pk: lead for lead in leads.filter(pk__in=picked).order_by("pk")}
        groups: dict[int, list[Qualification]] = defaultdict(list)
        for qualification in waiting.filter(lead_id__in=held).select_related("model", "version").order_by("kind", "pk"):
            groups[qualification.lead_id].append(qualification)
        joined = _join(groups, held, now)
        opened = _open({pk: group for pk, group in groups.items() if pk not in joined}, held, now)
        return sum(map(len, groups.values())) if opened or joined else 0


def _open(groups: dict[int, list[Qualification]], leads: dict[int, Lead], now: datetime) -> list[Handoff]:
    if not groups:
        return []
    book = PolicyBook(now)
    before = dict(Handoff.objects.filter(lead_id__in=groups).values_list("lead_id").annotate(Count("pk")))
    handoffs = []
    for lead_id, group in groups.items():
        lead, first = leads[lead_id], group[0]
        best = _best(group)
        choice = book.choose(facts_of(lead, tier_word(best.version.decision.get("tiers"), best.tier)))
        handoff = Handoff(
            lead=lead, qualification=first, nth=before.get(lead_id, 0) + 1, is_mqo=any(one.kind == MQO for one in group),
            state=HandoffState.QUEUED, policy=choice.policy, policy_why=choice.why, score=first.total, tier=first.tier, headline=headline_of(first),
            queue_reason=FIRST_REASON, opened_at=now,
        )  # fmt: skip
        handoffs.append(handoff)
    Handoff.objects.bulk_create(handoffs, batch_size=500)
    take_up_qualifications([group[0] for group in groups.values()], at=now)
    HandoffEvent.objects.bulk_create(
        [
            HandoffEvent(
                handoff=handoff, verb="open", target=HandoffState.QUEUED, at=now,
                detail={"qualifications": [one.pk for one in groups[handoff.lead_id]], "stage": handoff.lead.stage},
            )
            for handoff in handoffs
        ]
    )  # fmt: skip
    for group in groups.values():
        for other in group[1:]:
            close_qualification(other, as_=Qualification.ClosedAs.JOINED, at=now)
    clocks = Clocks(book, now)
    for handoff in handoffs:
        ladder = book.ladder(handoff.policy_id, ClockKind.OFFER)
        if ladder is not None:
            calendar_id = book.calendar_id_for(ladder, None, handoff.policy_id)
            clocks.start(handoff.pk, ladder, at=now, owner_id=None, calendar_id=calendar_id)
    clocks.flush()
    change_stage(list(groups), Stage.MQL, actor=None, reason="Met the agreed criteria", at=now)
    packet.build(handoffs, at=now)
    return handoffs


def _best(group: Sequence[Qualification]) -> Qualification:
    return max(group, key=lambda one: (one.tier is not None, one.tier or 0, one.total))


def headline_of(qualification: Qualification) -> str:
    """Why, in one line: what gave most points, what the lead did before what the lead is."""
    gains = [line for line in qualification.lines if line.get("points", 0) > 0 and line.get("kind", "criterion") == "criterion"]
    gains.sort(key=lambda line: (line.get("dimension") != "engagement", -line["points"]))
    return ", ".join(str(line.get("words") or line.get("label", "")) for line in gains[:2])[:200]


def _join(groups: dict[int, list[Qualification]], leads: dict[int, Lead], now: datetime) -> set[int]:
    """Let new qualifications join the open hand-off of their lead: a note to the owner, and for an MQO its clock.

    What only changed criteria or facts brought is told as that, and only where it asks something of the owner: an MQO.
    The hand-off rises to their tier and score; a packet once offered stays as it was.
    """
    rows = (
        Handoff.objects.select_for_update(no_key=True, of=("self",))
        .select_related("owner", "qualification__model", "qualification__version")
        .filter(lead_id__in=groups, state__in=OPEN)
    )
    handoffs = list(rows.order_by("pk"))
    if not handoffs:
        return set()
    timers = SlaTimer.objects.select_for_update(no_key=True).filter(handoff__in=handoffs, state__in=OPEN_CLOCKS).order_by("pk")
    by_handoff: dict[int, list[SlaTimer]] = defaultdict(list)
    for timer in timers:
        by_handoff[timer.handoff_id].append(timer)
    book, people = PolicyBook(now), People()
    clocks, messages = Clocks(book, now), list[Message]()
    active = _active_themselves([one for handoff in handoffs for one in groups[handoff.lead_id]])
    for handoff in handoffs:
        handoff.lead = leads[handoff.lead_id]
        group = groups[handoff.lead_id]
        for one in group:
            close_qualification(one, as_=Qualification.ClosedAs.JOINED, at=now)
        becomes_mqo = not handoff.is_mqo and any(one.kind == MQO for one in group)
        if becomes_mqo:
            handoff.is_mqo = True
            _start_followup(handoff, by_handoff[handoff.pk], clocks)
        best = _best(group)
        if raise_to(handoff, best.total, best.tier, best.version):
            handoff.headline = headline_of(best)
        if handoff.state in WITH_REP and (handoff.lead_id in active or becomes_mqo):
            messages += _tell_owner(handoff, group, becomes_mqo, handoff.lead_id in active, people, book, now)
        due = next_due(by_handoff[handoff.pk])
        Handoff.objects.filter(pk=handoff.pk).update(
            is_mqo=handoff.is_mqo, score=handoff.score, tier=handoff.tier, headline=handoff.headline, due_at=due,
            version=F("version") + 1,
        )  # fmt: skip
    clocks.flush()
    packet.build([handoff for handoff in handoffs if handoff.state == HandoffState.QUEUED], at=now)
    HandoffEvent.objects.bulk_create(
        HandoffEvent(
            handoff=handoff, verb="join", source=handoff.state, target=handoff.state, at=now,
            detail={"qualifications": [one.pk for one in groups[handoff.lead_id]], "interest": handoff.lead_id in active},
        )
        for handoff in handoffs
    )  # fmt: skip
    _record_interest([one for one in handoffs if one.state in WITH_REP and one.lead_id in active], groups, now)
    enqueue(messages, at=now)
    return {handoff.lead_id for handoff in handoffs}


def raise_to(handoff: Handoff, total: int, tier: int | None, version: ModelVersion) -> bool:
    """Let the hand-off's score and tier rise to these of `version`, never fall; True when they rose.

    A tier is kept in the words of the version that qualified the lead; one it has no word for leaves the tier as it is.
    """
    own = handoff.qualification.version if handoff.qualification else version
    names, given = own.decision.get("tiers", []), version.decision.get("tiers", [])
    if names != given and tier is not None:
        tier = names.index(given[tier]) if tier < len(given) and given[tier] in names else handoff.tier
    old, new = ((-1 if one is None else one, sum_) for one, sum_ in ((handoff.tier, handoff.score), (tier, total)))
    if new <= old:
        return False
    handoff.score, handoff.tier = total, tier
    return True


def _start_followup(handoff: Handoff, timers: list[SlaTimer], clocks: Clocks) -> None:
    """An open hand-off became an MQO: its follow-up clock starts now, if it is with a rep already."""
    ladder = clocks.book.ladder(handoff.policy_id, ClockKind.MQO_FOLLOWUP)
    if ladder is None or handoff.state not in (HandoffState.OFFERED, HandoffState.ACCEPTED):
        return
    calendar_id = clocks.book.calendar_id_for(ladder, handoff.owner_id, handoff.policy_id)
    timers.append(clocks.start(handoff.pk, ladder, at=clocks.now, owner_id=handoff.owner_id, calendar_id=calendar_id))


def _active_themselves(qualifications: Sequence[Qualification]) -> set[int]:
    """Leads that qualified by what they did, or did something since; the others' criteria or facts changed, which is no interest."""
    found = {one.lead_id for one in qualifications if one.cause == ScoreChange.Cause.EVENT}
    later = Q(pk__in=[])
    for one in qualifications:
        if one.lead_id not in found:
            later |= Q(lead_id=one.lead_id, known_at__gt=one.at)
    return found.union(Activity.objects.filter(later).exclude(source=OWN_SOURCE).values_list("lead_id", flat=True))


def _tell_owner(
    handoff: Handoff,
    group: Sequence[Qualification],
    becomes_mqo: bool,
    active: bool,
    people: People,
    book: PolicyBook,
    now: datetime,
) -> Iterable[Message]:
    payload = notices.facts(handoff, mqo=becomes_mqo) | {"why": headline_of(group[0]), "cause": group[0].cause}
    owners = people.of(("owner",), handoff.owner_id)
    kind = notices.INTEREST if active else notices.REGRADED
    return notices.tell(
        owners, key=f"interest:{group[0].pk}", kind=kind, payload=payload, book=book, at=now, handoff=handoff
    )  # fmt: skip


def _record_interest(handoffs: Sequence[Handoff], groups: dict[int, list[Qualification]], now: datetime) -> None:
    """The new interest of somebody already in dialogue stays in their timeline."""
    Activity.objects.bulk_create(
        [
            Activity(
                lead_id=handoff.lead_id, kind="interest", occurred_at=now, recorded_at=now, known_at=now, source="handoff",
                source_id=f"qualification:{groups[handoff.lead_id][0].pk}", properties={"why": headline_of(groups[handoff.lead_id][0])},
            )
            for handoff in handoffs
        ],
        ignore_conflicts=True,
    )  # fmt: skip
    touch_revisions([handoff.lead_id for handoff in handoffs])
