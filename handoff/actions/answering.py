"""A rep's answer to an offer, and taking it back within fifteen seconds."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction

from handoff import notices
from handoff.audience import People
from handoff.models import Handoff, HandoffEvent, RejectionReview
from handoff.moves import Held, allow, go, hold, reopen_clocks, what_happened
from handoff.rejecting import choosable
from handoff.states import UNDO
from leads.actions.outcome import freeze_case, set_case_outcome
from leads.actions.owner import set_owner
from leads.actions.stage import change_stage
from leads.choices import CaseKind, Outcome, Stage
from leads.errors import Conflict, Invalid
from leads.models import Case, Reason
from leads.notify import bell
from leads.notify.messages import enqueue
from scoring.actions.qualification import close_qualification, reopen_qualification
from scoring.models import Qualification

if TYPE_CHECKING:
    from leads.models import User


@transaction.atomic
def accept_handoff(handoff: Handoff | int, *, actor: User, at: datetime | None = None, via: str = "") -> Handoff:
    """The rep takes the lead: SAL, the first-contact clock runs, a case is open. Raises Conflict when somebody was faster.

    `via` says by which way other than the portal the answer came; the history tells it.
    """
    held = hold(handoff, actor=actor, at=at)
    move = allow(held, "accept", seen=handoff)
    case = _decide(held, Outcome.WORKING)
    detail = {"case": case.pk, "stage": held.lead.stage} | _way(via)
    go(held, move, detail=detail, answered_at=held.now, undo_until=held.now + UNDO, reason=None, note="")
    change_stage(held.lead, Stage.SAL, actor=actor, reason="Accepted", at=held.now, act_id=held.act_id)
    return held.handoff


@transaction.atomic
def reject_handoff(
    handoff: Handoff | int, *, actor: User, reason: Reason | str, note: str = "", at: datetime | None = None, via: str = ""
) -> Handoff:
    """The rep gives the lead back with a coded reason (and words where the reason asks for them); marketing's review clock runs."""
    chosen, words = _checked_reason(reason, note)
    held = hold(handoff, actor=actor, at=at)
    move = allow(held, "reject", seen=handoff)
    case = _decide(held, Outcome.REJECTED, chosen)
    detail = {"case": case.pk, "stage": held.lead.stage, "reason": chosen.code} | _way(via)
    go(held, move, detail=detail, answered_at=held.now, undo_until=held.now + UNDO, reason=chosen, note=words)
    if held.handoff.qualification is not None:
        close_qualification(held.handoff.qualification, as_=Qualification.ClosedAs.ANSWERED, at=held.now)
    change_stage(held.lead, Stage.REJECTED, actor=actor, reason=chosen.label, at=held.now, act_id=held.act_id)
    set_owner(held.lead, None, actor=None, at=held.now, reason="Rejected", act_id=held.act_id)
    people = People()
    payload = notices.facts(held.handoff, actor=str(actor), reason=chosen.label, note=words)
    told = notices.tell(
        people.of(("marketing",), None), key=f"answer:{held.handoff.pk}:{held.handoff.version}", kind=notices.ANSWERED, payload=payload,
        book=held.book, at=held.now, channels=(notices.INAPP,), handoff=held.handoff, after=UNDO,
    )  # fmt: skip
    enqueue(told, at=held.now)
    return held.handoff


@transaction.atomic
def undo_answer(handoff: Handoff | int, *, actor: User, at: datetime | None = None) -> Handoff:
    """Take the answer back within 15 seconds: the clock goes on as if never answered, the case is as before, messages are void."""
    held = hold(handoff, actor=actor, at=at)
    move = allow(held, "undo", seen=handoff)
    fresh = held.handoff
    if fresh.undo_until is None or held.now > fresh.undo_until:
        raise Conflict("The time to take this answer back is over.", code="too_late")
    if RejectionReview.objects.filter(handoff=fresh).exists():
        raise Conflict("Marketing has reviewed this rejection already.")
    answer = HandoffEvent.objects.filter(handoff=fresh, verb__in=("accept", "reject")).order_by("-at", "-pk").first()
    if answer is None:
        raise Conflict(what_happened(fresh))
    reopen_clocks(held, answer.at)
    event = go(
        held, move, detail={"answer": answer.verb}, answered_at=None, undo_until=None, reason=None, note="", epoch=fresh.epoch + 1
    )
    bell.take_back(actor, fresh.pk, since=answer.at)
    case = Case.objects.filter(pk=answer.detail.get("case")).first()
    if case is not None:
        set_case_outcome(case, Outcome.UNKNOWN, at=None)
    if answer.verb == "reject" and fresh.qualification is not None:
        reopen_qualification(fresh.qualification)
    change_stage(held.lead, Stage.MQL, actor=actor, reason="Answer taken back", at=held.now, act_id=event.act_id)
    set_owner(held.lead, fresh.owner, actor=None, at=held.now, reason="Answer taken back", act_id=event.act_id)
    return fresh


def _way(via: str) -> dict[str, str]:
    return {"via": via} if via else {}


def _checked_reason(reason: Reason | str, note: str) -> tuple[Reason, str]:
    chosen = reason if isinstance(reason, Reason) else Reason.objects.filter(code=reason).first()
    if chosen is None or not chosen.active or not chosen.for_reject:
        raise Invalid(
            "Choose a reason for rejecting.",
            code="reason_needed",
            field="reason",
            value=str(reason),
            expected="an active reason for rejecting",
        )
    if not choosable().filter(pk=chosen.pk).exists():
        raise Invalid(
            f"“{chosen.label}” is a heading: choose one of the reasons below it.",
            code="reason_is_heading", field="reason", value=chosen.code, expected="a reason without others below it",
        )  # fmt: skip
    words = note.replace("\x00", "").strip()
    if chosen.needs_words and not words:
        raise Invalid(
            f"“{chosen.label}” needs a few words.", code="words_needed", field="note", value=note, expected="what the reason is"
        )
    return chosen, words[:2000]


def _decide(held: Held, outcome: Outcome, reason: Reason | None = None) -> Case:
    """The case of this hand-off: a new one with the facts as they are, or the one left open by an answer taken back or a rep
    who had it before."""
    fresh = held.handoff
    waiting = Case.objects.filter(
        lead=held.lead, kind=CaseKind.DECISION, outcome=Outcome.UNKNOWN, decided_at__gte=fresh.opened_at
    )
    case = waiting.order_by("-decided_at", "-pk").first()
    ended = None if outcome == Outcome.WORKING else held.now
    if case is not None:
        return set_case_outcome(case, outcome, at=ended, reason=reason)
    return freeze_case(
        held.lead,
        kind=CaseKind.DECISION,
        outcome=outcome,
        decided_at=held.now,
        outcome_at=ended,
        reason=reason,
        score=case_score(fresh),
    )


def case_score(handoff: Handoff) -> dict[str, Any] | None:
    """The score a decision was made on, as its case keeps it."""
    qualification = handoff.qualification
    if qualification is None:
        return None
    return {
        "model": qualification.model_id, "version": qualification.version_id, "fit": qualification.fit,
        "engagement": qualification.engagement, "tier": qualification.tier,
    }  # fmt: skip
