"""A small registry, a model in JSON and facts to go with them, for tests without a database."""

from datetime import UTC, datetime, timedelta
from typing import Any

from leads.choices import FieldType, Known
from leads.lib.folding import fold
from scoring.evaluate_python import Event, Facts, Result, evaluate
from scoring.registry import Field, Registry, by_key
from scoring.spec import Spec
from scoring.spec_reader import read_spec

AS_OF = datetime(2026, 6, 8, 9, 30, tzinfo=UTC)

LISTS = {("free_mail", 1): ("gmail.com", "gmx.de"), ("free_mail", 2): ("gmail.com", "gmx.de", "web.de")}

FIELDS = (
    Field("lead.job_title", "Job title", FieldType.TEXT),
    Field("lead.email_domain", "E-mail domain", FieldType.TEXT),
    Field("lead.seniority", "Seniority", FieldType.CHOICE, (("vp", "Vice president"), ("staff", "Staff"))),
    Field("company.employees", "Employees", FieldType.NUMBER),
    Field("company.is_customer", "Is a customer", FieldType.BOOLEAN),
    Field("custom.interests", "Interests", FieldType.MULTI, (("api", "API"), ("sso", "SSO"), ("audit", "Audit"))),
    Field("custom.renewal", "Renewal", FieldType.DATE),
    Field("custom.verdict", "Verdict of the rep", FieldType.TEXT, known=Known.AFTER),
    Field("custom.old", "Once asked", FieldType.TEXT, active=False),
)

REGISTRY = Registry(
    by_key(FIELDS),
    {"whitepaper": "White paper", "webinar_attended": "Webinar", "demo_request": "Demo", "unsubscribed": "Unsubscribed"},
    {"free_mail": 2},
    lambda key, rev: frozenset(map(fold, LISTS[key, rev])) if (key, rev) in LISTS else None,
    {"pricing": (2, 3), "guides": (1,)},
)

TOTAL: dict[str, Any] = {"kind": "total", "tiers": ["C", "B", "A"], "edges": [20, 40], "mql_from": "B"}


def clause(field: str, op: str, **arguments: Any) -> dict[str, Any]:
    return {"field": field, "op": op, **arguments}


def when(*clauses: dict[str, Any], mode: str = "all") -> dict[str, Any]:
    return {mode: list(clauses)}


def a_test(key: str, points: int, *clauses: dict[str, Any], **more: Any) -> dict[str, Any]:
    condition = when(*(clauses or (clause("lead.job_title", "known"),)))
    return {"key": key, "label": key.title(), "dimension": "fit", "shape": "test", "points": points, "when": condition} | more


def a_tally(key: str, points: int, kind: str = "whitepaper", days: int = 90, **more: Any) -> dict[str, Any]:
    event = {"event": {"kinds": [kind]}, "days": days}
    return {"key": key, "label": key.title(), "dimension": "engagement", "shape": "tally", "points": points} | event | more


def model(*criteria: dict[str, Any], **more: Any) -> dict[str, Any]:
    plain = {"format": 1, "evaluator": 1, "model": "main", "criteria": list(criteria), "decision": TOTAL}
    return plain | more


def spec(*criteria: dict[str, Any], registry: Registry = REGISTRY, **more: Any) -> Spec:
    return read_spec(model(*criteria, **more), registry)


def event(age: int, kind: str = "whitepaper", number: int = 0, **more: Any) -> Event:
    """An event `age` whole days before the as-of moment."""
    at = AS_OF - timedelta(days=age)
    return Event(number or age + 1, kind, more.pop("occurred_at", at), more.pop("known_at", at), **more)


def facts(*events: Event, has_activity: bool = True, engagement_from: datetime | None = None, **values: object) -> Facts:
    """Facts with values by key, dots written as double underscores."""
    return Facts({key.replace("__", "."): value for key, value in values.items()}, events, has_activity, engagement_from)


def score(one: Spec, known: Facts, at: datetime = AS_OF) -> Result:
    return evaluate(one, known, at)
