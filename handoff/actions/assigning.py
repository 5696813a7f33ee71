"""Who has a hand-off: given to somebody else by a person, back to the queue or to nurture by a policy, withdrawn."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction

from handoff import notices
from handoff.actions.answering import case_score
from handoff.actions.working import answer_qualification, recycle_lead
from handoff.models import Handoff, Leave, Packet, Rep
from handoff.moves import Held, allow, go, hold
from handoff.policybook import PolicyBook
from handoff.policyscope import facts_with
from handoff.states import HandoffState, Transition
from leads.actions.outcome import freeze_case, set_case_outcome
from leads.actions.owner import set_owner
from leads.actions.stage import change_stage
from leads.choices import CaseKind, Outcome, Stage
from leads.errors import Invalid
from leads.models import Case, User
from leads.notify.messages import Message, enqueue
from leads.querysets import team_mates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import QuerySet


@transaction.atomic
def reassign(handoff: Handoff | int, *, actor: User, to: User, reason: str = "", at: datetime | None = None) -> Handoff:
    """Give a hand-off to another rep, who is asked anew: a new accept clock on their calendar; the lead's age goes on.

    Not to somebody inactive, absent, switched off or of a team that `actor` does not manage. The one who had it is told in the
    portal. An opportunity keeps its state. What was accepted is decided anew: its case is open again and becomes the new rep's,
    and the attempts made so far do not count towards the new rep's.
    """
    held = hold(handoff, actor=actor, at=at)
    move = allow(held, "reassign", seen=handoff)
    _may_take(to, actor, held.now)
    fresh = held.handoff
    if fresh.owner_id == to.pk:
        raise Invalid(f"{to} has it already.", code="same_owner", field="to", value=to.email, expected="somebody else")
    before, words = fresh.owner, reason.replace("\x00", "").strip()[:200]
    asked_anew = move.target is not None
    changes: dict[str, Any] = {"owner": to, "epoch": fresh.epoch + 1, "undo_until": None}
    moved = {"decided_by": "person", "by": str(actor), "reason": words, "at": held.now.isoformat()}
    detail = {"from": before.pk if before else None, "to": to.pk, "reason": words}
    if asked_anew:
        _freeze_packet(fresh, held.now)
        _reopen_case(held)
        changes |= {"queue_reason": "", "offered_at": held.now, "seen_at": None, "answered_at": None}
        changes |= {"contacted_at": None, "reached_at": None, "attempts_made": 0, "next_step_on": None}
        choice = held.book.choose(facts_with([(fresh, to.pk)])[fresh.pk])
        changes |= {"policy": choice.policy, "policy_why": choice.why}
        if fresh.contacted_at is not None:
            detail |= {"contacted_at": fresh.contacted_at.isoformat(), "attempts_made": fresh.attempts_made}
    go(held, move, detail=detail, routing=fresh.routing | {"moved": moved}, **changes)
    if asked_anew and held.lead.stage == Stage.SAL:
        change_stage(held.lead, Stage.MQL, actor=None, reason="Reassigned", at=held.now, act_id=held.act_id)
    set_owner(held.lead, to, actor=None, at=held.now, reason=words or "Reassigned", act_id=held.act_id)
    messages = _left(held, "reassign", before, words, to)
    if asked_anew:
        messages += offered_messages([fresh], held.book, held.now)
    enqueue(messages, at=held.now)
    return fresh


def take_back(held: Held, move: Transition, reason: str, *, let_pass: bool = True) -> None:
    """The portal takes what waits for a rep, held already, back into the queue.

    Whoever let it pass is not asked again, and it counts as a move by rule; not so who was absent. What was accepted is decided
    anew.
    """
    fresh = held.handoff
    before, accepted = fresh.owner, fresh.state == HandoffState.ACCEPTED
    passed = [*fresh.routing.get("passed", []), *([before.pk] if before and let_pass else [])]
    if accepted:
        _reopen_case(held)
    go(
        held, move, detail={"from": before.pk if before else None, "reason": reason}, owner=None, queue_reason=reason[:200],
        epoch=fresh.epoch + 1, moves=fresh.moves + let_pass, routing=fresh.routing | {"passed": passed}, seen_at=None, answered_at=None,
        undo_until=None,
    )  # fmt: skip
    if accepted and held.lead.stage == Stage.SAL:
        change_stage(held.lead, Stage.MQL, actor=None, reason=reason[:200], at=held.now, act_id=held.act_id)
    set_owner(held.lead, None, actor=None, at=held.now, reason=reason, act_id=held.act_id)
    enqueue(_left(held, "return", before, reason), at=held.now)


def expire_held(held: Held, move: Transition, reason: str) -> None:
    """The portal sends a lead nobody answered, held already, back to nurture; its case says that it was never worked."""
    fresh = held.handoff
    before = fresh.owner
    go(held, move, detail={"reason": reason}, closed_at=held.now, queue_reason="", note=reason)
    answer_qualification(fresh, held.now)
    _close_unworked(held)
    recycle_lead(held, reason=reason, return_on=None)
    enqueue(_left(held, "expire", before, reason), at=held.now)


@transaction.atomic
def withdraw(handoff: Handoff | int, *, actor: User | None, reason: str, at: datetime | None = None) -> Handoff:
    """Take an open hand-off back, with a reason: the lead is a prospect again."""
    words = reason.replace("\x00", "").strip()[:200]
    if not words:
        raise Invalid("Say why it is withdrawn.", code="words_needed", field="reason", value=reason, expected="a few words")
    held = hold(handoff, actor=actor, at=at)
    move = allow(held, "withdraw", seen=handoff)
    fresh = held.handoff
    before = fresh.owner
    go(
        held,
        move,
        detail={"reason": words},
        closed_at=held.now,
        closed_as="withdrawn",
        queue_reason="",
        note=words,
        undo_until=None,
    )
    answer_qualification(fresh, held.now)
    _close_unworked(held)
    if held.lead.stage == Stage.SQL:
        recycle_lead(held, reason=words, return_on=None)
    else:
        change_stage(held.lead, Stage.PROSPECT, actor=None, reason=words, at=held.now, act_id=held.act_id)
        set_owner(held.lead, None, actor=None, at=held.now, reason="Withdrawn", act_id=held.act_id)
    enqueue(_left(held, "withdraw", before, words), at=held.now)
    return fresh


def may_be_given(actor: User) -> QuerySet[User]:
    """The reps `actor` may give hand-offs to: all for who sees all leads, else those of the teams they manage."""
    reps = User.objects.filter(rep__isnull=False)
    return reps if actor.has_perm("leads.see_all_leads") else reps.filter(pk__in=team_mates(actor))


def _may_take(to: User, actor: User, now: datetime) -> None:
    rep = Rep.objects.filter(user=to).first()
    if not to.is_active or rep is None:
        raise Invalid(f"{to} takes no hand-offs.", code="no_rep", field="to", value=to.email, expected="an active rep")
    if not may_be_given(actor).filter(pk=to.pk).exists():
        raise Invalid(f"{to} is in no team of yours.", code="other_team", field="to", value=to.email, expected="a rep you manage")
    if not rep.takes_leads:
        why = f": {rep.off_reason}" if rep.off_reason else ""
        raise Invalid(f"{to} is switched off{why}.", code="switched_off", field="to", value=to.email, expected="who takes leads")
    if Leave.objects.filter(rep=rep, starts_at__lte=now, ends_at__gt=now).exists():
        raise Invalid(f"{to} is away.", code="away", field="to", value=to.email, expected="somebody present")


def _freeze_packet(handoff: Handoff, at: datetime) -> None:
    """An offer freezes the packet; one that is incomplete is not offered."""
    packet = Packet.objects.filter(handoff=handoff).first()
    if packet is None or not packet.complete:
        lacking = ", ".join(packet.missing) if packet else "everything"
        raise Invalid(
            f"The packet is incomplete: {lacking}.",
            code="packet_incomplete",
            field="packet",
            value=lacking,
            expected="a complete packet",
        )
    Packet.objects.filter(pk=packet.pk, frozen_at=None).update(frozen_at=at)


def _reopen_case(held: Held) -> None:
    """The decision to take the lead is the next rep's to make: the case of this hand-off waits for it."""
    decided = Case.objects.filter(
        lead=held.lead, kind=CaseKind.DECISION, outcome=Outcome.WORKING, decided_at__gte=held.handoff.opened_at
    )
    case = decided.order_by("-decided_at", "-pk").first()
    if case is not None:
        set_case_outcome(case, Outcome.UNKNOWN, at=None)


def _close_unworked(held: Held) -> None:
    """The decision that never came is a case of its own; one that was open ends without work."""
    case = (
        Case.objects.filter(lead=held.lead, outcome__in=(Outcome.WORKING, Outcome.UNKNOWN)).order_by("-decided_at", "-pk").first()
    )
    if case is not None and case.decided_at >= held.handoff.opened_at:
        set_case_outcome(case, Outcome.CLOSED_UNWORKED, at=held.now)
        return
    freeze_case(
        held.lead,
        kind=CaseKind.CLOSED,
        outcome=Outcome.CLOSED_UNWORKED,
        decided_at=held.now,
        outcome_at=held.now,
        score=case_score(held.handoff),
    )


def _left(held: Held, verb: str, before: User | None, reason: str, to: User | None = None) -> list[Message]:
    """Tell whoever had it, unless they did it themselves."""
    if before is None or not before.is_active or (held.actor is not None and held.actor.pk == before.pk):
        return []
    payload = notices.facts(
        held.handoff, actor=str(held.actor or "The portal"), verb=verb, to=str(to) if to else "", reason=reason
    )
    key = f"moved:{held.handoff.pk}:{held.handoff.version}"
    return list(
        notices.tell(
            [before],
            key=key,
            kind=notices.MOVED,
            payload=payload,
            book=held.book,
            at=held.now,
            channels=(notices.INAPP,),
            handoff=held.handoff,
        )
    )


def offered_messages(handoffs: Sequence[Handoff], book: PolicyBook, at: datetime) -> list[Message]:
    """Tell each new owner, in the portal at once and by mail in their hours."""
    messages: list[Message] = []
    for handoff in handoffs:
        if handoff.owner is not None:
            key = f"offered:{handoff.pk}:{handoff.version}"
            messages += notices.tell(
                [handoff.owner], key=key, kind=notices.OFFERED, payload=notices.facts(handoff), book=book, at=at, handoff=handoff
            )
    return messages
