"""Loading facts for the reference evaluator, many leads or cases at a time, in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django.db import connection

from leads.facts import fact_rows, facts_from
from leads.models import Case
from scoring.evaluate_python import Event, Facts
from scoring.holds import Standing
from scoring.spec import Condition, EventClause, Spec

_EVENTS = """
SELECT lead_id, id, kind, (extract(epoch FROM occurred_at) * 1000000)::bigint, (extract(epoch FROM known_at) * 1000000)::bigint,
    asset_id, campaign_id
FROM leads_activity WHERE lead_id = ANY(%s) AND occurred_at >= %s
"""
_STANDINGS = """
SELECT id, stage, contactable, return_on, (extract(epoch FROM stage_since) * 1000000)::bigint,
    (extract(epoch FROM created_at) * 1000000)::bigint
FROM leads_lead WHERE id = ANY(%s)
"""
_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _instant(microseconds: int) -> datetime:
    # Ten times faster than the driver's reading of a time as text, and there are many.
    return _EPOCH + timedelta(microseconds=microseconds)


def load_events(lead_ids: Iterable[int], since: datetime = _LONG_AGO) -> dict[int, list[Event]]:
    """The activities of these leads by lead, those before `since` left out. One query."""
    events: dict[int, list[Event]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS, [list(lead_ids), since])
        for lead_id, pk, kind, occurred, known, asset, campaign in cursor.fetchall():
            occurred_at = _instant(occurred)
            known_at = occurred_at if known == occurred else _instant(known)
            events[lead_id].append(Event(pk, kind, occurred_at, known_at, asset, campaign))
    return events


def load_facts(lead_ids: Iterable[int], since: datetime = _LONG_AGO) -> dict[int, Facts]:
    """The facts of these leads as they are now; leads that do not exist are left out. Two queries."""
    ids = list(lead_ids)
    events = load_events(ids, since)
    return {
        lead_id: Facts(facts_from(values, attributes), events.get(lead_id, ()), True, engagement_from)
        for lead_id, attributes, engagement_from, values in fact_rows(ids)
    }


def load_standings(lead_ids: Iterable[int]) -> dict[int, tuple[Standing, datetime]]:
    """Where these leads stand now, and when each was created. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_STANDINGS, [list(lead_ids)])
        return {
            pk: (Standing(stage, _instant(since), contactable, return_on), _instant(created))
            for pk, stage, contactable, return_on, since, created in cursor.fetchall()
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
