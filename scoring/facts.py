"""Loading facts for the reference evaluator, many leads or cases at a time, in a fixed number of round trips."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import sql

from leads.facts import core_keys, fact_question, fact_row, facts_from
from leads.lib.numbers import array_text
from leads.models import Case
from scoring.evaluate_python import Event, Facts
from scoring.holds import Standing
from scoring.questions import Question, ask, ask_all
from scoring.spec import Condition, EventClause, FieldClause, Spec

_EVENTS = sql.SQL("""
SELECT lead_id, id, kind, (extract(epoch FROM occurred_at) * 1000000)::bigint, (extract(epoch FROM known_at) * 1000000)::bigint,
    asset_id, campaign_id
FROM leads_activity WHERE lead_id = ANY(%s::bigint[]) AND occurred_at >= %s
""")
_STANDINGS = sql.SQL("""
SELECT id, stage, contactable, return_on, (extract(epoch FROM stage_since) * 1000000)::bigint,
    (extract(epoch FROM created_at) * 1000000)::bigint
FROM leads_lead WHERE id = ANY(%s::bigint[])
""")
_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _instant(microseconds: int) -> datetime:
    # Ten times faster than the driver's reading of a time as text, and there are many.
    return _EPOCH + timedelta(microseconds=microseconds)


def _events(lead_ids: Iterable[int], since: datetime) -> Question[dict[int, list[Event]]]:
    return Question(_EVENTS, [array_text(lead_ids), since], _read_events)


def _read_events(rows: list[tuple[Any, ...]]) -> dict[int, list[Event]]:
    events: dict[int, list[Event]] = defaultdict(list)
    for lead_id, pk, kind, occurred, known, asset, campaign in rows:
        occurred_at = _instant(occurred)
        known_at = occurred_at if known == occurred else _instant(known)
        events[lead_id].append(Event(pk, kind, occurred_at, known_at, asset, campaign))
    return events


Known = dict[int, tuple[dict[str, object], datetime | None]]
"""By lead: its facts and from when its engagement counts."""


def _values(lead_ids: Iterable[int], fields: Collection[str] | None) -> Question[Known]:
    keys = core_keys(fields)

    def read(rows: list[tuple[Any, ...]]) -> Known:
        return {
            lead_id: (facts_from(values, attributes, keys), start) for lead_id, attributes, start, values in map(fact_row, rows)
        }

    return Question(*fact_question(lead_ids, keys), read)


def facts_of_leads(
    lead_ids: Iterable[int], since: datetime = _LONG_AGO, fields: Collection[str] | None = None
) -> tuple[Question[Any], Question[Any]]:
    """What to ask for the facts of these leads as they are now, of the core fields only for `fields`; `facts_from_answers` puts the
    answers together.
    """
    ids = list(lead_ids)
    return _events(ids, since), _values(ids, fields)


def facts_from_answers(events: Mapping[int, list[Event]], known: Known) -> dict[int, Facts]:
    """The facts by lead; leads that do not exist are left out."""
    return {lead_id: Facts(values, events.get(lead_id, ()), True, start) for lead_id, (values, start) in known.items()}


def fields_of(specs: Iterable[Spec]) -> set[str]:
    """All fields these specs ask for."""
    clauses = [clause for spec in specs for condition in spec.conditions() for clause in condition.clauses()]
    return {clause.field for clause in clauses if isinstance(clause, FieldClause)}


def load_events(lead_ids: Iterable[int], since: datetime = _LONG_AGO) -> dict[int, list[Event]]:
    """The activities of these leads by lead, those before `since` left out. One query."""
    return ask(_events(lead_ids, since))


def load_facts(lead_ids: Iterable[int], since: datetime = _LONG_AGO) -> dict[int, Facts]:
    """The facts of these leads as they are now; leads that do not exist are left out. One round trip."""
    return facts_from_answers(*ask_all(*facts_of_leads(lead_ids, since)))


def standings_of_leads(lead_ids: Iterable[int]) -> Question[dict[int, tuple[Standing, datetime]]]:
    """Where these leads stand now, and when each was created."""
    return Question(_STANDINGS, [array_text(lead_ids)], _read_standings)


def _read_standings(rows: list[tuple[Any, ...]]) -> dict[int, tuple[Standing, datetime]]:
    return {
        pk: (Standing(stage, _instant(since), contactable, return_on), _instant(created))
        for pk, stage, contactable, return_on, since, created in rows
    }


def load_case_facts(cases: Iterable[Case]) -> dict[int, Facts]:
    """The frozen facts of these cases by case id, with their leads' activities; judge each as of its `decided_at`."""
    some = list(cases)
    events = load_events({case.lead_id for case in some if case.has_activity})
    return {
        case.pk: Facts(
            case.facts, events.get(case.lead_id, ()) if case.has_activity else (), case.has_activity, case.engagement_from
        )
        for case in some
    }


def longest_window(spec: Spec) -> timedelta:
    """How far back any count of the spec reaches."""
    days = [criterion.days or 0 for criterion in spec.criteria]
    days += [clause.days for condition in spec.conditions() for clause in _event_clauses(condition)]
    return timedelta(days=max(days, default=0) + 1)


def _event_clauses(condition: Condition) -> list[EventClause]:
    return [clause for clause in condition.clauses() if isinstance(clause, EventClause)]
