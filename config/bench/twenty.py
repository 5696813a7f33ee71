"""The model the benchmarks score by: twenty criteria over every type of field and the usual kinds of activity."""

from typing import Any


def _test(key: str, points: int, field: str, op: str, **arguments: Any) -> dict[str, Any]:
    when = {"all": [{"field": field, "op": op, **arguments}]}
    return {"key": key, "label": key, "dimension": "fit", "shape": "test", "points": points, "when": when}


def _tally(key: str, points: int, kind: str, days: int, **more: Any) -> dict[str, Any]:
    event = {"event": {"kinds": [kind]}, "days": days}
    return {"key": key, "label": key, "dimension": "engagement", "shape": "tally", "points": points} | event | more


def model(*, low: int = 50, points: int = 14, edges: tuple[int, int] = (35, 60)) -> dict[str, Any]:
    """The model in JSON, with another size from which a company counts, other points of the director, or other edges."""
    criteria = [
        _test("director", points, "lead.job_title", "words", values=["director", "head of"]),
        _test("intern", -15, "lead.job_title", "part", values=["intern"]),
        _test("senior", 8, "lead.seniority", "in", values=["director", "vp"]),
        _test("free_mail", -6, "lead.email_domain", "in", values=["gmail.com"]),
        _test("country", 4, "lead.country", "in", values=["de", "at", "ch"]),
        _test("source", 3, "lead.first_source", "in", values=["partner", "trade show"]),
        _test("size", 12, "company.employees", "between", low=low, high=5000),
        _test("industry", 6, "company.industry", "in", values=["industry 1", "industry 2", "industry 3"]),
        _test("customer", -20, "company.is_customer", "is", value=True),
        _test("segment", 7, "custom.segment", "in", values=["large"]),
        _test("wants", 5, "custom.wants", "has_any", values=["sso", "audit"]),
        _test("seats", 9, "custom.seats", "between", low=50),
        _test("pilot", 8, "custom.pilot", "is", value=True),
        _test("renewal", 6, "custom.renewal", "within_days", days=90),
        _tally("papers", 8, "whitepaper", 180, award="each", freq_max=3, half_life=30, cap=20),
        _tally("webinar", 7, "webinar_attended", 120),
        _tally("pricing", 6, "pricing_view", 30, award="each", freq_max=3),
        _tally("demo", 18, "demo_request", 90),
        _tally("pages", 1, "page_view", 60, award="each", freq_max=10),
        _tally("trial", 20, "trial_started", 180),
    ]  # fmt: skip
    decision = {"kind": "total", "tiers": ["C", "B", "A"], "edges": list(edges), "mql_from": "B"}
    return {"format": 1, "evaluator": 1, "model": "bench", "criteria": criteria, "decision": decision}
