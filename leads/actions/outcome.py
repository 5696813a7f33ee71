"""What became of leads, and the cases that keep it with the facts as they were."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Func

from leads import clock, hooks
from leads.actions.authority import demand
from leads.actions.note import add_note
from leads.actions.stage import change_stage
from leads.choices import OUTCOME_STAGES, Basis, CaseKind, Outcome, Stage
from leads.facts import facts_of
from leads.models import Case, Lead, LeadEvent, Reason, User
from leads.stages import FINAL_OUTCOMES, STAGE_OF_OUTCOME

# Cases whose end is not known yet: the next outcome is theirs.
OPEN_CASES = frozenset({Outcome.UNKNOWN, Outcome.WORKING})


def freeze_case(
    lead: Lead,
    *,
    kind: CaseKind | str,
    outcome: Outcome | str,
    decided_at: datetime,
    outcome_at: datetime | None = None,
    reason: Reason | None = None,
    score: Mapping[str, Any] | None = None,
    amount: Decimal | None = None,
    basis: Basis | str = Basis.DECISION,
    has_activity: bool = True,
) -> Case:
    """Keep a decision about the lead with all facts as they are now; later changes of the lead do not reach it."""
    return Case.objects.create(
        lead=lead,
        kind=kind,
        decided_at=decided_at,
        facts=facts_of([lead.pk])[lead.pk],
        engagement_from=lead.engagement_from,
        basis=basis,
        has_activity=has_activity,
        score=dict(score) if score is not None else None,
        outcome=outcome,
        outcome_at=outcome_at,
        reason=reason,
        amount=amount,
    )


def set_case_outcome(
    case: Case,
    outcome: Outcome | str,
    *,
    at: datetime | None,
    reason: Reason | None = None,
    amount: Decimal | None = None,
) -> Case:
    """Say what became of a decision; its facts stay frozen. For use inside a verb's transaction."""
    case.outcome, case.outcome_at, case.reason = Outcome(outcome), at, reason
    if amount is not None:
        case.amount = amount
    Case.objects.filter(pk=case.pk).update(
        outcome=case.outcome, outcome_at=at, reason=reason, amount=case.amount, txid=Func(function="txid_current")
    )
    return case


def is_current(case: Case, stage: Stage | str) -> bool:
    """Whether an outcome told now is this case's: its end is open, or it is the end that is being corrected."""
    return case.outcome in OPEN_CASES or (case.outcome in FINAL_OUTCOMES and stage in OUTCOME_STAGES)


def record_outcome(
    lead: Lead,
    outcome: Outcome | str,
    *,
    actor: User | None,
    at: datetime | None = None,
    reason: Reason | None = None,
    note: str = "",
    amount: Decimal | None = None,
) -> Case:
    """Say what became of a lead: its open case (or a new one) gets the outcome and the lead the stage that goes with it.

    Won, lost and rejected move the lead; other outcomes only mark the case. The same outcome told again changes nothing.
    Upper layers take part through `hooks.outcome_recorded` in the same transaction.
    """
    demand(actor, "leads.record_outcome", to="record what became of a lead")
    told = Outcome(outcome)
    at = at or clock.now()
    with transaction.atomic():
        now_in = Lead.objects.select_for_update(no_key=True).get(pk=lead.pk)
        latest = Case.objects.filter(lead=lead).order_by("-decided_at", "-pk").first()
        case = latest if latest is not None and is_current(latest, now_in.stage) else None
        target = STAGE_OF_OUTCOME.get(told)
        if case is not None and case.outcome == told and (target is None or now_in.stage == target):
            return case
        before = case.outcome if case else None
        if case is None:
            case = freeze_case(
                now_in, kind=CaseKind.CLOSED, outcome=told, decided_at=at, outcome_at=at, reason=reason, amount=amount
            )
        else:
            set_case_outcome(case, told, at=at, reason=reason, amount=amount)
        if target is not None and now_in.stage != target:
            change_stage(now_in, target, actor=actor, reason=reason.label if reason else "", at=at)
        changes: dict[str, list[object]] = {"outcome": [before, told.value]}
        if amount is not None:
            changes["amount"] = [None, str(amount)]
        LeadEvent.objects.create(
            lead=lead, kind=LeadEvent.Kind.OUTCOME, actor=actor, at=at, changes=changes, reason=reason.label if reason else ""
        )
        if note.strip() and actor is not None:
            add_note(now_in, note, actor=actor, at=at)
        for take_part in hooks.outcome_recorded:
            take_part(now_in, case, actor)
    for name in ("stage", "stage_since", "stage_reason", "return_on", "updated_at"):
        setattr(lead, name, getattr(now_in, name))
    return case
