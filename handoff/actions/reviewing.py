"""Marketing's answer to a rejection, and how a dispute ends."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.db import transaction

from handoff import notices, packet
from handoff.actions.working import check_return, recycle_lead
from handoff.audience import People
from handoff.models import Handoff, HandoffEvent, RejectionReview
from handoff.moves import Held, allow, go, hold, reopen_clocks
from handoff.sla import Clocks
from handoff.states import OPEN, UNDO, ClockKind, HandoffState
from leads.actions.owner import set_owner
from leads.actions.stage import change_stage, undo_recycling
from leads.choices import Stage
from leads.errors import Conflict, Invalid, NotAllowed
from leads.notify.messages import enqueue

if TYPE_CHECKING:
    from leads.models import User

Verdict = RejectionReview.Verdict


@transaction.atomic
def review_rejection(
    handoff: Handoff | int,
    *,
    actor: User,
    verdict: str,
    note: str = "",
    return_on: date | None = None,
    at: datetime | None = None,
) -> RejectionReview:
    """Marketing's verdict, once a rejection: agree, dispute with the rep (in words), or recycle the lead with a date or without.

    A dispute starts its own clock and is told to the rep and the rep's manager; the lead stays rejected until it is settled.
    """
    if verdict not in Verdict.values:
        raise Invalid(
            "Agree, dispute or recycle.",
            code="unknown_verdict",
            field="verdict",
            value=verdict,
            expected=", ".join(Verdict.values),
        )
    words = note.replace("\x00", "").strip()[:2000]
    if verdict == Verdict.DISPUTE and not words:
        raise Invalid(
            "Say why you dispute the rejection.", code="words_needed", field="note", value=note, expected="what speaks against it"
        )
    held = hold(handoff, actor=actor, at=at)
    move = allow(held, verdict, seen=handoff)
    fresh = held.handoff
    if RejectionReview.objects.filter(handoff=fresh).exists():
        raise Conflict("This rejection was reviewed already.")
    if fresh.undo_until is not None and held.now < fresh.undo_until:
        raise Conflict("The rep can still take this rejection back; try again in a few seconds.", code="too_early")
    check_return(return_on if verdict == Verdict.RECYCLE else None, actor=actor, now=held.now)
    review = RejectionReview.objects.create(
        handoff=fresh,
        verdict=verdict,
        note=words,
        return_on=return_on if verdict == Verdict.RECYCLE else None,
        by=actor,
        at=held.now,
    )
    before = {
        "stage": held.lead.stage, "stage_reason": held.lead.stage_reason, "owner": held.lead.owner_id,
        "engagement_from": held.lead.engagement_from.isoformat() if held.lead.engagement_from else None,
    }  # fmt: skip
    go(held, move, detail={"verdict": verdict, "note": words, "before": before})
    if verdict == Verdict.RECYCLE and held.lead.stage == Stage.REJECTED:
        recycle_lead(held, reason=words or f"Rejected: {fresh.reason}", return_on=return_on)
    if verdict == Verdict.DISPUTE:
        people = People()
        told = notices.tell(
            people.of(("owner", "manager"), fresh.owner_id), key=f"dispute:{fresh.pk}:{fresh.version}", kind=notices.DISPUTED,
            payload=notices.facts(fresh, actor=str(actor), note=words, review=review.pk), book=held.book, at=held.now, handoff=fresh,
            after=UNDO,
        )  # fmt: skip
        enqueue(told, at=held.now)
    return review


@transaction.atomic
def undo_review(handoff: Handoff | int, *, actor: User, at: datetime | None = None) -> Handoff:
    """Take one's own verdict back within 15 seconds: the rejection waits for one again, and lead and clocks are as before.

    Conflict when the time is over, or the lead has moved on.
    """
    held = hold(handoff, actor=actor, at=at)
    move = allow(held, "unreview", seen=handoff)
    fresh = held.handoff
    review = (
        RejectionReview.objects.select_for_update(no_key=True, of=("self",)).select_related("by").filter(handoff=fresh).first()
    )
    if review is None:
        raise Conflict("There is no verdict on this rejection.")
    if review.by_id != actor.pk:
        raise NotAllowed(f"This is the verdict of {review.by}.")
    if held.now > review.at + UNDO:
        raise Conflict("The time to take this verdict back is over.", code="too_late")
    if review.settled_at is not None or Handoff.objects.filter(lead=held.lead, state__in=OPEN).exclude(pk=fresh.pk).exists():
        raise Conflict("The lead has moved on since this verdict.")
    given = HandoffEvent.objects.filter(handoff=fresh, verb=review.verdict).order_by("-at", "-pk")[0]
    before = given.detail["before"]
    reopen_clocks(held, given.at)
    review.delete()
    go(held, move, detail={"verdict": given.verb})
    if given.verb == Verdict.RECYCLE and before["stage"] == Stage.REJECTED:
        since = datetime.fromisoformat(before["engagement_from"]) if before["engagement_from"] else None
        undo_recycling(
            held.lead, actor=actor, engagement_from=since, reason=before["stage_reason"], at=held.now, act_id=held.act_id
        )
        if before["owner"] is not None:
            owner = get_user_model().objects.get(pk=before["owner"])
            set_owner(held.lead, owner, actor=None, at=held.now, reason="Verdict taken back", act_id=held.act_id)
    return fresh


@transaction.atomic
def settle_dispute(
    handoff: Handoff | int, *, actor: User, stands: bool, note: str, at: datetime | None = None
) -> RejectionReview:
    """End a dispute: the rejection stands, or the lead is handed over once more, to another rep."""
    words = note.replace("\x00", "").strip()[:2000]
    if not words:
        raise Invalid("Say how the dispute was settled.", code="words_needed", field="note", value=note, expected="a few words")
    held = hold(handoff, actor=actor, at=at)
    move = allow(held, "settle", seen=handoff)
    fresh = held.handoff
    review = (
        RejectionReview.objects.select_for_update(no_key=True)
        .filter(handoff=fresh, verdict=Verdict.DISPUTE, settled_at=None)
        .first()
    )
    if review is None:
        raise Conflict("There is no open dispute about this rejection.")
    review.settled_at, review.settled_note = held.now, words
    review.save(update_fields=["settled_at", "settled_note"])
    go(held, move, detail={"stands": stands, "note": words})
    if not stands:
        _hand_over_again(held)
    return review


def _hand_over_again(held: Held) -> None:
    """A new hand-off of the same lead on the same evidence; the rep who rejected it is not asked again."""
    before = held.handoff
    again = Handoff.objects.create(
        lead=held.lead, nth=before.nth + 1, is_mqo=before.is_mqo, state=HandoffState.QUEUED, policy=before.policy,
        policy_why=before.policy_why, score=before.score, tier=before.tier,
        headline=before.headline, queue_reason="Handed over again after a dispute", opened_at=held.now,
        routing={"passed": [before.owner_id]},
    )  # fmt: skip
    HandoffEvent.objects.create(
        handoff=again,
        verb="open",
        target=HandoffState.QUEUED,
        actor=held.actor,
        at=held.now,
        act_id=held.act_id,
        detail={"after": before.pk},
    )
    clocks = Clocks(held.book, held.now, held.actor)
    ladder = held.book.ladder(again.policy_id, ClockKind.OFFER)
    if ladder is not None:
        calendar_id = held.book.calendar_id_for(ladder, None, again.policy_id)
        clocks.start(again.pk, ladder, at=held.now, owner_id=None, calendar_id=calendar_id)
        clocks.flush()
    change_stage(held.lead, Stage.MQL, actor=held.actor, reason="Handed over again", at=held.now, act_id=held.act_id)
    packet.build([again], at=held.now)
