"""Outcomes that other systems tell: for many leads at once, each becomes a case or the end of the open one."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db import connection

from leads import hooks, normalise
from leads.actions.outcome import is_current
from leads.actions.stage import change_stage
from leads.choices import WITH_SALES, Basis, CaseKind, Outcome, Stage
from leads.copying import copy
from leads.events import Happened, write_history
from leads.facts import facts_of
from leads.intake.incoming import IncomingOutcome, Problem
from leads.intake.rounds import Rounds, known_better, of_an_earlier_round, told_as_it_happened
from leads.intake.store import as_json
from leads.intake.words import Reasons
from leads.models import Activity, Case, Lead, LeadEvent, Reason, User
from leads.stages import MOVE, STAGE_OF_OUTCOME


@dataclass(frozen=True, slots=True)
class Told:
    """What an outcome did: `changed` is off when all of it was known already, `undated` on when it got the time of now.

    `notes` say what it did not do, as it is older than what is known.
    """

    lead_id: int
    case_id: int
    is_new_case: bool
    changed: bool
    undated: bool = False
    notes: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class _Lead:
    """What is asked of a lead: whether this batch made it, and where it stood before it was told."""

    pk: int
    stage: Stage
    engagement_from: datetime | None = None
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class _Fresh:
    """A case to be made."""

    lead: _Lead
    outcome: IncomingOutcome
    reason: Reason | None
    case_id: int


def stage_told(outcome: IncomingOutcome) -> tuple[Stage, str] | None:
    """The stage that goes with an outcome told by another system, and the reason to keep; None when it moves nobody."""
    target = STAGE_OF_OUTCOME.get(Outcome(outcome.outcome))
    return (target, f"{target.label}, as told by another system") if target else None


def tell(
    told: Mapping[int, IncomingOutcome],
    reasons: Reasons,
    *,
    actor: User | None,
    at: datetime,
    act_id: UUID,
    created: Collection[int] = (),
) -> dict[int, Told]:
    """Record these outcomes by lead id, in the caller's transaction; the same queries whatever their number.

    A lead's open case gets the outcome, otherwise an imported case with the facts of now is made. Won, lost and rejected move
    the lead. The same outcome again only adds the amount, the reason and the time that it says otherwise. One that lies before
    the lead's present round is kept as a past case and moves nothing; a newer end never gives way to an older one. `created`
    are leads that this batch made and put in the stage of their outcome: nothing above can know them yet.
    """
    if not told:
        return {}
    leads = _lock(told, created)
    known = [pk for pk, lead in leads.items() if not lead.is_new]
    cases = Case.objects.filter(lead_id__in=known).order_by("lead_id", "-decided_at", "-pk").defer("facts", "score")
    latest = {case.lead_id: case for case in cases.distinct("lead_id")}
    dated = [pk for pk in known if told[pk].at is not None]
    with_sales = [pk for pk in dated if leads[pk].stage in WITH_SALES]
    rounds = Rounds({pk: leads[pk].engagement_from for pk in dated}, with_sales, actor)
    older = {pk for pk in dated if pk in latest and rounds.is_older(told[pk], latest[pk])}
    kept = {pk for pk in older if is_current(latest[pk], leads[pk].stage) or told[pk].outcome == latest[pk].outcome}
    past = {pk for pk in dated if pk in older - kept or rounds.is_past(pk, told[pk])}
    kept -= past
    corrected = told_as_it_happened(latest[pk] for pk in kept if told[pk].outcome == latest[pk].outcome)
    repeated = {(case.lead_id, case.outcome, case.outcome_at): case for case in (cases.filter(lead_id__in=past) if past else ())}
    answers: dict[int, Told] = {}
    befores: dict[int, str | None] = {}
    amended: dict[int, dict[str, object]] = {}
    fresh: list[tuple[_Lead, IncomingOutcome, Reason | None]] = []
    written: list[Case] = []

    def say_again(case: Case, *notes: Problem, only_blanks: bool = False) -> None:
        pk = case.lead_id
        if changes := _amend(case, told[pk], reasons, only_blanks=only_blanks):
            amended[pk] = changes
            written.append(case)
        answers[pk] = Told(pk, case.pk, is_new_case=False, changed=bool(changes), notes=notes)

    for pk, lead in leads.items():
        outcome, case = told[pk], latest.get(pk)
        target = STAGE_OF_OUTCOME.get(Outcome(outcome.outcome))
        reason = reasons.of(outcome)
        if pk in past:
            if again := repeated.get((pk, outcome.outcome, outcome.at)):
                say_again(again)
            else:
                fresh.append((lead, outcome, reason))
            continue
        if case is not None and pk in kept and case.pk not in corrected:
            if case.outcome == outcome.outcome:
                say_again(case, known_better(outcome, case), only_blanks=True)
            else:
                answers[pk] = Told(pk, case.pk, is_new_case=False, changed=False, notes=(known_better(outcome, case),))
            continue
        if case is not None and case.outcome == outcome.outcome and (target is None or lead.stage == target):
            say_again(case)
            continue
        current = case if case is not None and is_current(case, lead.stage) else None
        befores[pk] = current.outcome if current else None
        if current is None:
            fresh.append((lead, outcome, reason))
            continue
        current.outcome, current.outcome_at, current.reason = outcome.outcome, outcome.at or at, reason
        current.amount = outcome.amount if outcome.amount is not None else current.amount
        written.append(current)
        answers[pk] = Told(pk, current.pk, is_new_case=False, changed=True, undated=outcome.at is None)
    for one in _make_cases(fresh, at):
        pk, undated = one.lead.pk, one.outcome.at is None
        notes = (of_an_earlier_round(one.outcome),) if pk in past else ()
        answers[pk] = Told(pk, one.case_id, is_new_case=True, changed=True, undated=undated, notes=notes)
    _write_cases(written)
    over = {lead.pk: _changes(None, outcome, answers[lead.pk]) | _when(outcome) for lead, outcome, _ in fresh if lead.pk in past}
    ended = {pk: _changes(before, told[pk], answers[pk]) for pk, before in befores.items()}
    _record(ended | over | amended, told, actor, at, act_id)
    _move(befores, told, leads, at, act_id)
    _let_take_part([leads[pk] for pk in befores], answers, actor)
    return answers


def _amend(case: Case, outcome: IncomingOutcome, reasons: Reasons, *, only_blanks: bool = False) -> dict[str, object]:
    """Let a case of this outcome say what it is told otherwise; returns what that changed, blank says nothing.

    With `only_blanks` what the case says already stays.
    """
    changes: dict[str, object] = {}
    reason = reasons.of(outcome)
    amount = normalise.amount(outcome.amount) if outcome.amount is not None else None
    if amount is not None and amount != case.amount and not (only_blanks and case.amount is not None):
        changes["amount"] = [None if case.amount is None else str(case.amount), str(amount)]
        case.amount = amount
    if reason is not None and reason.pk != case.reason_id and not (only_blanks and case.reason_id):
        changes["reason"] = [reasons.label(case.reason_id), reason.label]
        case.reason = reason
    if outcome.at is not None and outcome.at != case.outcome_at and not only_blanks:
        changes["outcome_at"] = [_in_words(case.outcome_at), _in_words(outcome.at)]
        case.outcome_at = outcome.at
    return changes


def _in_words(moment: datetime | None) -> str | None:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else None


def _lock(told: Mapping[int, IncomingOutcome], created: Collection[int]) -> dict[int, _Lead]:
    leads = {pk: _Lead(pk, Stage.PROSPECT, is_new=True) for pk in told if pk in created}
    known = [pk for pk in told if pk not in leads]
    if known:
        rows = Lead.objects.select_for_update(no_key=True).filter(pk__in=known).order_by("pk")
        for pk, stage, engagement_from in rows.values_list("pk", "stage", "engagement_from"):
            leads[pk] = _Lead(pk, Stage(stage), engagement_from)
    return leads


def _make_cases(fresh: Sequence[tuple[_Lead, IncomingOutcome, Reason | None]], at: datetime) -> list[_Fresh]:
    """Imported cases with the facts as they are now."""
    if not fresh:
        return []
    ids = [lead.pk for lead, _, _ in fresh]
    facts = facts_of(ids)
    active = set(Activity.objects.filter(lead_id__in=ids).values_list("lead_id", flat=True).distinct())
    with connection.cursor() as cursor:
        cursor.execute(_RESERVE_CASES, [len(fresh)])
        case_ids = [pk for (pk,) in cursor.fetchall()]
    made = [_Fresh(lead, outcome, reason, pk) for (lead, outcome, reason), pk in zip(fresh, case_ids, strict=True)]
    copy(
        "leads_case",
        _CASE_COLUMNS,
        (
            (
                one.case_id,
                one.lead.pk,
                CaseKind.IMPORTED.value,
                one.outcome.at or at,
                as_json(facts[one.lead.pk]),
                one.lead.engagement_from,
                Basis.IMPORT.value,
                one.lead.pk in active,
                one.outcome.outcome,
                one.outcome.at or at,
                one.reason.pk if one.reason else None,
                one.outcome.amount,
            )
            for one in made
        ),
    )
    return made


_CASE_COLUMNS = tuple(
    "id lead_id kind decided_at facts engagement_from basis has_activity outcome outcome_at reason_id amount".split()
)
_RESERVE_CASES = "SELECT nextval('leads_case_id_seq') FROM generate_series(1, %s)"
_WRITE_CASES = """
UPDATE leads_case AS c SET
    outcome = v.outcome, outcome_at = v.outcome_at, reason_id = v.reason_id, amount = v.amount, txid = txid_current()
FROM jsonb_to_recordset(%s::jsonb) AS v(id bigint, outcome text, outcome_at timestamptz, reason_id bigint, amount numeric)
WHERE c.id = v.id
"""


def _write_cases(cases: Sequence[Case]) -> None:
    if not cases:
        return
    rows = [
        {
            "id": case.pk,
            "outcome": case.outcome,
            "outcome_at": case.outcome_at,
            "reason_id": case.reason_id,
            "amount": case.amount,
        }
        for case in cases
    ]
    with connection.cursor() as cursor:
        cursor.execute(_WRITE_CASES, [json.dumps(rows, default=str)])


def _record(
    changes: Mapping[int, Mapping[str, object]],
    told: Mapping[int, IncomingOutcome],
    actor: User | None,
    at: datetime,
    act_id: UUID,
) -> None:
    write_history(
        (Happened(pk, LeadEvent.Kind.OUTCOME, changed, told[pk].reason) for pk, changed in changes.items()),
        actor=actor,
        at=at,
        act_id=act_id,
    )


def _when(outcome: IncomingOutcome) -> dict[str, object]:
    return {"outcome_at": [None, _in_words(outcome.at)]}


def _changes(before: str | None, outcome: IncomingOutcome, told: Told) -> dict[str, object]:
    """What the history says; the id of a case that was made lets an import that is undone find it again."""
    changes: dict[str, object] = {"outcome": [before, outcome.outcome]}
    if outcome.amount is not None:
        changes["amount"] = [None, str(outcome.amount)]
    if told.is_new_case:
        changes["case"] = told.case_id
    return changes


def _move(
    befores: Mapping[int, str | None],
    told: Mapping[int, IncomingOutcome],
    leads: Mapping[int, _Lead],
    at: datetime,
    act_id: UUID,
) -> None:
    by_target: dict[tuple[Stage, str], list[int]] = {}
    for pk in befores:
        goes = stage_told(told[pk])
        if goes is not None and not leads[pk].is_new and (leads[pk].stage, goes[0]) in MOVE:
            by_target.setdefault(goes, []).append(pk)
    for (target, reason), ids in sorted(by_target.items()):
        change_stage(ids, target, actor=None, reason=reason, at=at, act_id=act_id)


def _let_take_part(leads: Sequence[_Lead], answers: Mapping[int, Told], actor: User | None) -> None:
    """Upper layers hear of leads that were in sales' hands: only there something can be open."""
    with_sales = [lead.pk for lead in leads if not lead.is_new and lead.stage in WITH_SALES]
    if not hooks.outcome_recorded or not with_sales:
        return
    now = Lead.objects.in_bulk(with_sales)
    cases = Case.objects.in_bulk([answers[pk].case_id for pk in with_sales])
    for pk in with_sales:
        for take_part in hooks.outcome_recorded:
            take_part(now[pk], cases[answers[pk].case_id], actor)
