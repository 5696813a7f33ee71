"""What a rep does with an accepted lead: attempts, conversion, won, lost, giving up."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import transaction

from handoff import broadcasts, notices
from handoff.models import Attempt, Handoff, HandoffEvent, SlaTimer
from handoff.moves import OPEN_CLOCKS, Held, allow, go, hold
from handoff.policybook import PolicyBook
from handoff.rejecting import choosable
from handoff.sla import Clocks
from handoff.states import OPEN, WORKED, ClockKind, HandoffState
from leads import clock
from leads.actions.outcome import record_outcome, set_case_outcome
from leads.actions.owner import set_owner
from leads.actions.stage import change_stage
from leads.choices import Outcome, Stage
from leads.errors import Invalid
from leads.models import Case, Lead, Outbox, Reason
from leads.notify.messages import Message, enqueue
from scoring.actions.qualification import close_qualification
from scoring.models import Qualification

if TYPE_CHECKING:
    from leads.models import User

# "More than four attempts before giving up": fewer need a reason in words.
AGREED_ATTEMPTS = 5
AHEAD = timedelta(minutes=5)
# A click that comes twice says the same thing twice: nobody tries to reach a person again within this.
SAME_CLICK = timedelta(seconds=5)


@transaction.atomic
def log_attempt(
    handoff: Handoff | int,
    *,
    actor: User,
    channel: str,
    result: str,
    note: str = "",
    at: datetime | None = None,
    next_step_on: date | None = None,
    once: bool = False,
) -> Attempt:
    """One try to reach the person; the first, reached or not, meets the first contact and the MQO follow-up.

    `at` is when it happened. A call logged later counts for the clocks with its own time as far back as the policy allows; if
    that undoes a breach, those who were told hear of it. Without a `next_step_on` the one agreed before stays.
    With `once` the same attempt logged again within five seconds, as by a double click, is the one logged already.
    """
    if channel not in Attempt.Channel.values:
        raise Invalid(
            "Choose how you tried to reach the person.",
            code="unknown_channel",
            field="channel",
            value=channel,
            expected=", ".join(Attempt.Channel.values),
        )
    if result not in Attempt.Result.values:
        raise Invalid(
            "Choose what came of it.",
            code="unknown_result",
            field="result",
            value=result,
            expected=", ".join(Attempt.Result.values),
        )
    held = hold(handoff, actor=actor)
    move = allow(held, "attempt", seen=handoff)
    fresh, words = held.handoff, note.replace("\x00", "").strip()[:500]
    if once:
        recent = Attempt.objects.filter(handoff=fresh, recorded_at__gt=held.now - SAME_CLICK)
        same = recent.filter(actor=actor, channel=channel, result=result, note=words).order_by("-pk").first()
        if same is not None:
            return same
    happened = at or held.now
    if happened > held.now + AHEAD:
        raise Invalid(
            "An attempt cannot lie in the future.",
            code="in_future",
            field="at",
            value=happened.isoformat(),
            expected="a time up to now",
        )
    happened = min(happened, held.now)
    if fresh.offered_at is not None and happened < fresh.offered_at:
        raise Invalid(
            "The attempt lies before the lead was yours.",
            code="too_early",
            field="at",
            value=happened.isoformat(),
            expected="a time since the offer",
        )
    attempt = Attempt.objects.create(
        handoff=fresh,
        actor=actor,
        channel=channel,
        result=result,
        note=words,
        at=happened,
        recorded_at=held.now,
    )
    allowed = _backdated(held, happened)
    go(
        held, move, detail={"attempt": attempt.pk}, met_at=allowed, attempts_made=fresh.attempts_made + 1,
        contacted_at=fresh.contacted_at or happened, next_step_on=next_step_on or fresh.next_step_on,
        reached_at=fresh.reached_at or (happened if result == Attempt.Result.REACHED else None),
    )  # fmt: skip
    enqueue(_withdrawn_messages(fresh, held.withdrawn), at=held.now)
    return attempt


def _backdated(held: Held, happened: datetime) -> datetime:
    """The time that counts for the clocks: the attempt's own within the policy's allowance, else when it was logged."""
    ladder = held.book.ladder(held.handoff.policy_id, ClockKind.FIRST_CONTACT) or held.book.ladder(
        held.handoff.policy_id, ClockKind.MQO_FOLLOWUP
    )
    allowance = timedelta(microseconds=ladder.backdate_us if ladder else 0)
    return happened if held.now - happened <= allowance else held.now


@transaction.atomic
def convert(
    handoff: Handoff | int,
    *,
    actor: User,
    amount: Decimal | None = None,
    next_step_on: date | None = None,
    at: datetime | None = None,
) -> Handoff:
    """There is an opportunity: SQL. A lead converted without a logged attempt counts as contacted now.

    Without a `next_step_on` the one agreed before stays.
    """
    _checked_amount(amount)
    held = hold(handoff, actor=actor, at=at)
    move = allow(held, "convert", seen=handoff)
    contacted = held.handoff.contacted_at or held.now
    step = next_step_on or held.handoff.next_step_on
    reached = held.handoff.reached_at or held.now
    go(held, move, converted_at=held.now, contacted_at=contacted, reached_at=reached, amount=amount, next_step_on=step)
    change_stage(held.lead, Stage.SQL, actor=actor, reason="Converted", at=held.now, act_id=held.act_id)
    return held.handoff


def close_won(
    handoff: Handoff | int, *, actor: User, amount: Decimal | None = None, note: str = "", at: datetime | None = None
) -> Handoff:
    """The deal is won; the case of this hand-off says so."""
    return _close(handoff, "win", Outcome.WON, actor=actor, amount=amount, reason=None, note=note, at=at)


def close_lost(
    handoff: Handoff | int,
    *,
    actor: User,
    reason: Reason | str,
    note: str = "",
    amount: Decimal | None = None,
    at: datetime | None = None,
) -> Handoff:
    """The deal is lost, with a reason; the case of this hand-off says so."""
    chosen = reason if isinstance(reason, Reason) else Reason.objects.filter(code=reason).first()
    if chosen is None or not chosen.active or not chosen.for_lost:
        raise Invalid(
            "Choose why it was lost.",
            code="reason_needed",
            field="reason",
            value=str(reason),
            expected="an active reason for losing",
        )
    if not choosable(lost=True).filter(pk=chosen.pk).exists():
        raise Invalid(
            f"“{chosen.label}” is a heading: choose one of the reasons below it.",
            code="reason_is_heading", field="reason", value=chosen.code, expected="a reason without others below it",
        )  # fmt: skip
    if chosen.needs_words and not note.strip():
        raise Invalid(
            f"“{chosen.label}” needs a few words.", code="words_needed", field="note", value=note, expected="what the reason is"
        )
    return _close(handoff, "lose", Outcome.LOST, actor=actor, amount=amount, reason=chosen, note=note, at=at)


@transaction.atomic
def _close(
    handoff: Handoff | int,
    verb: str,
    outcome: Outcome,
    *,
    actor: User,
    amount: Decimal | None,
    reason: Reason | None,
    note: str,
    at: datetime | None,
) -> Handoff:
    _checked_amount(amount)
    held = hold(handoff, actor=actor, at=at)
    move = allow(held, verb, seen=handoff)
    fresh = held.handoff
    amount = amount if amount is not None else fresh.amount
    go(
        held, move, closed_at=held.now, closed_as=outcome.value, amount=amount, reason=reason, note=note.replace("\x00", "").strip()[:2000],
        next_step_on=None, undo_until=None,
    )  # fmt: skip
    answer_qualification(fresh, held.now)
    record_outcome(held.lead, outcome, actor=actor, at=held.now, reason=reason, note=note, amount=amount)
    return fresh


@transaction.atomic
def recycle_handoff(
    handoff: Handoff | int, *, actor: User, note: str = "", return_on: date | None = None, at: datetime | None = None
) -> Handoff:
    """Give up and send the lead back to nurture; before the agreed number of attempts only with words why."""
    held = hold(handoff, actor=actor, at=at)
    check_return(return_on, actor=actor, now=held.now)
    move = allow(held, "give_up", seen=handoff)
    fresh, words = held.handoff, note.replace("\x00", "").strip()[:2000]
    if fresh.attempts_made < AGREED_ATTEMPTS and not words:
        raise Invalid(
            f"{AGREED_ATTEMPTS} attempts are agreed, {fresh.attempts_made} were made. Say why you give up now.",
            code="words_needed", field="note", value=note, expected="why so soon",
        )  # fmt: skip
    go(held, move, closed_at=held.now, note=words, next_step_on=None, undo_until=None)
    answer_qualification(fresh, held.now)
    case = Case.objects.filter(lead=held.lead, outcome=Outcome.WORKING).order_by("-decided_at", "-pk").first()
    if case is not None:
        set_case_outcome(case, Outcome.CLOSED_UNWORKED, at=held.now)
    recycle_lead(held, reason=words or "Not reached", return_on=return_on)
    return fresh


def check_return(return_on: date | None, *, actor: User, now: datetime) -> None:
    """Refuse a day of return that does not lie ahead where the person is."""
    if return_on is not None and return_on <= now.astimezone(actor.zone).date():
        raise Invalid(
            "The day must lie ahead.", code="in_past", field="return_on", value=return_on.isoformat(), expected="a day to come"
        )


def recycle_lead(held: Held, *, reason: str, return_on: date | None) -> None:
    """Back to marketing: what the lead is stays known, its engagement counts anew from now."""
    change_stage(
        held.lead, Stage.RECYCLED, actor=held.actor, reason=reason[:200], at=held.now, return_on=return_on, engagement_from=held.now,
        act_id=held.act_id,
    )  # fmt: skip
    set_owner(held.lead, None, actor=None, at=held.now, reason="Recycled", act_id=held.act_id)


def answer_qualification(handoff: Handoff, at: datetime) -> None:
    """The hand-off has ended: its qualification is answered, so the lead may qualify anew."""
    qualification = handoff.qualification
    if qualification is not None and qualification.closed_at is None:
        close_qualification(qualification, as_=Qualification.ClosedAs.ANSWERED, at=at)


def _checked_amount(amount: Decimal | None) -> None:
    if amount is not None and not (amount.is_finite() and 0 <= amount < Decimal(10) ** 12):
        raise Invalid(
            "Give the amount as a positive number.",
            code="bad_amount",
            field="amount",
            value=str(amount),
            expected="0 to 999,999,999,999",
        )


def close_by_outcome(lead: Lead, case: Case, actor: User | None) -> None:
    """Take part when an outcome is recorded elsewhere (API, import, lead page): the open hand-off of the lead ends with it."""
    if case.outcome in (Outcome.WON, Outcome.LOST):
        verb = "win" if case.outcome == Outcome.WON else "lose"
        end_open(
            lead,
            verb,
            actor=actor,
            detail={"case": case.pk, "from": "outcome"},
            closed_as=case.outcome,
            reason=case.reason,
            amount=case.amount,
        )
    elif case.outcome == Outcome.REJECTED and lead.stage == Stage.REJECTED:
        # Without a review: the verdict is the other system's, and nobody here may owe an answer to it.
        ended = end_open(
            lead, "withdraw", actor=actor, detail={"case": case.pk, "from": "outcome"}, closed_as=case.outcome, reason=case.reason
        )
        if ended is not None and ended.owner_id is not None:
            set_owner(lead, None, actor=None, at=clock.now(), reason="Rejected elsewhere")


def end_open(lead: Lead, verb: str, *, actor: User | None, detail: dict[str, Any], **changes: Any) -> Handoff | None:
    """End the open hand-off of a lead from whatever state, inside the caller's transaction, which holds the lead; None without one."""
    handoff = Handoff.objects.select_for_update(no_key=True, of=("self",)).filter(lead=lead, state__in=OPEN).first()
    if handoff is None:
        return None
    open_clocks = SlaTimer.objects.select_for_update(no_key=True).filter(handoff=handoff, state__in=OPEN_CLOCKS, kind__in=WORKED)
    timers, now, source = list(open_clocks.order_by("pk")), clock.now(), handoff.state
    clocks = Clocks(PolicyBook(now), now, actor)
    clocks.settle(timers)
    for timer in timers:
        clocks.cancel(timer)
    clocks.flush()
    changes |= {
        "state": HandoffState.CLOSED, "version": handoff.version + 1, "closed_at": now, "queue_reason": "", "due_at": None,
        "next_step_on": None, "undo_until": None,
    }  # fmt: skip
    Handoff.objects.filter(pk=handoff.pk).update(**changes)
    event = HandoffEvent.objects.create(
        handoff=handoff, verb=verb, source=source, target=HandoffState.CLOSED, actor=actor, at=now, detail=detail
    )
    broadcasts.tell([event])
    answer_qualification(handoff, now)
    return handoff


def _withdrawn_messages(handoff: Handoff, timers: list[SlaTimer]) -> list[Message]:
    """Notes in the portal to those who were told of a breach that was none."""
    messages = []
    for timer in timers:
        told = Outbox.objects.filter(timer_id=timer.pk, kind=notices.STEP, channel=Outbox.Channel.INAPP, payload__action="breach")
        payload: dict[str, Any] = notices.facts(handoff, clock=timer.kind)
        messages += [
            Message(
                key=f"{timer.pk}:{timer.epoch}:withdrawn:{notices.INAPP}:{recipient}", kind=notices.WITHDRAWN, channel=notices.INAPP,
                payload=payload, recipient_id=recipient, handoff_id=handoff.pk, timer_id=timer.pk, epoch=timer.epoch,
            )
            for recipient in told.values_list("recipient_id", flat=True).distinct()
        ]  # fmt: skip
    return messages
