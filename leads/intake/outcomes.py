"""Outcomes that other systems tell: for many leads at once, each becomes a case or the end of the open one."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection

from leads import hooks
from leads.actions.outcome import is_current
from leads.actions.stage import change_stage
from leads.choices import WITH_SALES, Basis, CaseKind, Outcome, Stage
from leads.facts import facts_of
from leads.intake.incoming import IncomingOutcome, Problem
from leads.intake.reading import problem
from leads.lib.folding import fold
from leads.models import Activity, Case, Lead, LeadEvent, Reason, User
from leads.stages import MOVE, STAGE_OF_OUTCOME


@dataclass(frozen=True, slots=True)
class Told:
    """What an outcome did: `changed` is off when it was known already."""

    lead_id: int
    case_id: int
    is_new_case: bool
    changed: bool
    problems: tuple[Problem, ...] = ()


def reasons_for(outcomes: Sequence[IncomingOutcome]) -> dict[str, Reason]:
    """The reasons by folded code and label; no query when none is named."""
    if not any(outcome.reason for outcome in outcomes):
        return {}
    found: dict[str, Reason] = {}
    for reason in Reason.objects.order_by("-active", "position"):
        found.setdefault(fold(reason.code), reason)
        found.setdefault(fold(reason.label), reason)
    return found


def tell(
    told: Mapping[int, IncomingOutcome], *, actor: User | None, at: datetime, act_id: UUID, created: frozenset[int] = frozenset()
) -> dict[int, Told]:
    """Record these outcomes by lead id, in the caller's transaction; the same queries whatever their number.

    A lead's open case gets the outcome, otherwise an imported case with the facts of now is made. Won, lost and rejected
    move the lead. `created` are leads this batch made: nothing above can know them yet.
    """
    if not told:
        return {}
    leads = {lead.pk: lead for lead in Lead.objects.select_for_update(no_key=True).filter(pk__in=list(told)).order_by("pk")}
    latest = {
        case.lead_id: case
        for case in Case.objects.filter(lead_id__in=list(leads)).order_by("lead_id", "-decided_at", "-pk").distinct("lead_id")
    }
    reasons = reasons_for(list(told.values()))
    answers: dict[int, Told] = {}
    fresh: list[Case] = []
    ended: list[Case] = []
    befores: dict[int, str | None] = {}
    for pk, lead in leads.items():
        outcome = told[pk]
        case = latest.get(pk)
        current = case if case is not None and is_current(case, lead.stage) else None
        target = STAGE_OF_OUTCOME.get(Outcome(outcome.outcome))
        known = case is not None and case.outcome == outcome.outcome and (target is None or lead.stage == target)
        if known and case is not None:
            answers[pk] = Told(pk, case.pk, is_new_case=False, changed=False)
            continue
        befores[pk] = current.outcome if current else None
        reason = reasons.get(fold(outcome.reason)) if outcome.reason else None
        if current is not None:
            current.outcome, current.outcome_at, current.reason = outcome.outcome, outcome.at or at, reason
            current.amount = outcome.amount if outcome.amount is not None else current.amount
            ended.append(current)
        else:
            fresh.append(_fresh(lead, outcome, reason, at))
    _store(fresh, ended)
    for case in (*fresh, *ended):
        answers[case.lead_id] = Told(
            case.lead_id,
            case.pk,
            is_new_case=case.lead_id not in latest or case.pk != latest[case.lead_id].pk,
            changed=True,
            problems=_unknown_reason(told[case.lead_id], case),
        )
    _record(befores, told, actor, at, act_id)
    with_sales = {pk for pk in befores if leads[pk].stage in WITH_SALES} - created
    _move(befores, told, leads, at, act_id)
    _let_take_part([case for case in (*fresh, *ended) if case.lead_id in with_sales], leads, actor)
    return answers


def _fresh(lead: Lead, outcome: IncomingOutcome, reason: Reason | None, at: datetime) -> Case:
    return Case(
        lead=lead,
        kind=CaseKind.IMPORTED,
        decided_at=outcome.at or at,
        engagement_from=lead.engagement_from,
        basis=Basis.IMPORT,
        outcome=outcome.outcome,
        outcome_at=outcome.at or at,
        reason=reason,
        amount=outcome.amount,
    )


def _store(fresh: list[Case], ended: list[Case]) -> None:
    if fresh:
        ids = [case.lead_id for case in fresh]
        facts = facts_of(ids)
        active = set(Activity.objects.filter(lead_id__in=ids).values_list("lead_id", flat=True).distinct())
        for case in fresh:
            case.facts = facts[case.lead_id]
            case.has_activity = case.lead_id in active
        Case.objects.bulk_create(fresh)
    if ended:
        rows = [
            {
                "id": case.pk,
                "outcome": case.outcome,
                "outcome_at": case.outcome_at,
                "reason_id": case.reason_id,
                "amount": case.amount,
            }
            for case in ended
        ]
        with connection.cursor() as cursor:
            cursor.execute(_END_CASES, [json.dumps(rows, default=str)])


_END_CASES = """
UPDATE leads_case AS c SET
    outcome = v.outcome, outcome_at = v.outcome_at, reason_id = v.reason_id, amount = v.amount, txid = txid_current()
FROM jsonb_to_recordset(%s::jsonb) AS v(id bigint, outcome text, outcome_at timestamptz, reason_id bigint, amount numeric)
WHERE c.id = v.id
"""


def _unknown_reason(outcome: IncomingOutcome, case: Case) -> tuple[Problem, ...]:
    if outcome.reason and case.reason_id is None:
        return (problem("unknown_reason", "outcome_reason", outcome.reason, "a known reason"),)
    return ()


def _record(
    befores: Mapping[int, str | None], told: Mapping[int, IncomingOutcome], actor: User | None, at: datetime, act_id: UUID
) -> None:
    LeadEvent.objects.bulk_create(
        LeadEvent(
            lead_id=pk,
            kind=LeadEvent.Kind.OUTCOME,
            actor=actor,
            at=at,
            act_id=act_id,
            changes={"outcome": [before, told[pk].outcome]} | _amount(told[pk].amount),
            reason=told[pk].reason[:200],
        )
        for pk, before in befores.items()
    )


def _amount(amount: Decimal | None) -> dict[str, list[object]]:
    return {} if amount is None else {"amount": [None, str(amount)]}


def _move(
    befores: Mapping[int, str | None],
    told: Mapping[int, IncomingOutcome],
    leads: Mapping[int, Lead],
    at: datetime,
    act_id: UUID,
) -> None:
    for outcome, target in STAGE_OF_OUTCOME.items():
        ids = [
            pk
            for pk in befores
            if told[pk].outcome == outcome and leads[pk].stage != target and (Stage(leads[pk].stage), target) in MOVE
        ]
        if not ids:
            continue
        reason = f"{outcome.label}, as told by another system"
        for pk in change_stage(ids, target, actor=None, reason=reason, at=at, act_id=act_id):
            lead = leads[pk]
            lead.stage, lead.stage_since, lead.stage_reason, lead.updated_at = target, at, reason, at


def _let_take_part(cases: Sequence[Case], leads: Mapping[int, Lead], actor: User | None) -> None:
    """Upper layers hear of leads that were in sales' hands: only there something can be open."""
    for case in cases:
        for take_part in hooks.outcome_recorded:
            take_part(leads[case.lead_id], case, actor)
