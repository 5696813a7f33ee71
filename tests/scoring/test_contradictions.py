"""What no lead could meet or reach is found before anybody saves it."""

from typing import Any

import pytest

from leads.errors import Invalid
from scoring.condition_reader import read_condition
from scoring.contradictions import is_reachable, most_points, refuse_contradictions
from scoring.reading import At
from scoring.spec import Limits
from scoring.spec_reader import read_decision
from tests.scoring.samples import REGISTRY, a_tally, a_test, clause, spec, when

AT = At("This", "when")


def read(condition: dict[str, Any]) -> Any:
    return read_condition(AT, condition, REGISTRY)


def employees(low: int | None = None, high: int | None = None, op: str = "between") -> dict[str, Any]:
    return clause("company.employees", op, **{k: v for k, v in (("low", low), ("high", high)) if v is not None})


def papers(days: int, **counts: int) -> dict[str, Any]:
    return {"event": {"kinds": ["whitepaper"]}, "days": days, **counts}


@pytest.mark.parametrize(
    "clauses",
    [
        [employees(low=500), employees(high=100)],
        [employees(10, 20), employees(low=5, high=30, op="not_between")],
        [clause("lead.seniority", "in", values=["vp"]), clause("lead.seniority", "in", values=["staff"])],
        [clause("lead.seniority", "in", values=["vp"]), clause("lead.seniority", "not_in", values=["vp", "staff"])],
        [clause("company.is_customer", "is", value=True), clause("company.is_customer", "is", value=False)],
        [clause("custom.interests", "has_all", values=["api", "sso"]), clause("custom.interests", "has_none", values=["sso"])],
        [clause("custom.interests", "has_any", values=["api"]), clause("custom.interests", "has_none", values=["api", "sso"])],
        [clause("lead.job_title", "unknown"), clause("lead.job_title", "words", values=["vp"])],
        [clause("custom.renewal", "between", low="2026-03-01"), clause("custom.renewal", "between", high="2026-02-01")],
        [clause("lead.job_title", "words", values=["vp"]), clause("lead.job_title", "no_words", values=["vp", "head"])],
        [
            clause("lead.job_title", "in", values=["VP Sales", "Head"]),
            clause("lead.job_title", "no_words", values=["vp", "head"]),
        ],
        [clause("lead.job_title", "in", values=["clerk"]), clause("lead.job_title", "words", values=["vp"])],
        [clause("custom.renewal", "within_days", days=5), clause("custom.renewal", "older_than", days=30)],
        [clause("custom.renewal", "future"), clause("custom.renewal", "within_days", days=9)],
        [papers(30, at_least=3), papers(90, at_most=2)],
    ],
)
def test_questions_that_no_lead_meets_at_once_are_refused_at_the_later_one(clauses: list[dict[str, Any]]) -> None:
    known = clause("lead.email_domain", "known")
    with pytest.raises(Invalid) as refused:
        refuse_contradictions(AT, read(when(known, *clauses)))
    assert refused.value.code == "contradiction"
    assert refused.value.field == "when.all[2]"
    with pytest.raises(Invalid):
        refuse_contradictions(AT, read(when(when(*clauses), known, mode="any")))
    refuse_contradictions(AT, read(when(*clauses, mode="any")))


@pytest.mark.parametrize(
    "clauses",
    [
        [employees(low=100), employees(high=100)],
        [employees(10, 40), employees(low=5, high=30, op="not_between")],
        [clause("lead.seniority", "in", values=["vp", "staff"]), clause("lead.seniority", "not_in", values=["vp"])],
        [clause("custom.interests", "has_any", values=["api", "sso"]), clause("custom.interests", "has_none", values=["api"])],
        [clause("lead.job_title", "known"), clause("lead.job_title", "no_words", values=["vp"])],
        [clause("lead.job_title", "words", values=["vp sales"]), clause("lead.job_title", "no_words", values=["sales vp"])],
        [clause("lead.job_title", "in", values=["VP Sales", "Head"]), clause("lead.job_title", "no_words", values=["vp"])],
        [clause("custom.renewal", "within_days", days=31), clause("custom.renewal", "older_than", days=30)],
        [papers(90, at_least=3), papers(30, at_most=2)],
        [papers(30, at_least=3), {"event": {"kinds": ["demo_request"]}, "days": 90, "at_most": 0}],
    ],
)
def test_questions_that_can_go_together_are_let_through(clauses: list[dict[str, Any]]) -> None:
    refuse_contradictions(AT, read(when(*clauses)))


def test_a_condition_that_everybody_meets_is_refused() -> None:
    both = [clause("lead.job_title", "known"), clause("lead.job_title", "unknown")]
    with pytest.raises(Invalid, match="everybody matches"):
        refuse_contradictions(AT, read(when(*both, mode="any")))


def test_the_most_that_can_be_earned_respects_every_bound() -> None:
    one = spec(
        a_test("a", 20, group="role"),
        a_test("b", 20, group="role"),
        a_test("c", 10, cap=4),
        a_test("d", -50),
        a_tally("e", 5, award="each", freq_max=3),
        a_tally("f", 2, award="each"),
        groups=[{"key": "role", "label": "Role", "dimension": "fit", "cap": 30}],
    )
    free = {"fit": Limits(), "engagement": Limits()}
    assert most_points(one.criteria, one.groups, free) == {"fit": 34, "engagement": 15 + 2 * 65_535}
    held = {"fit": Limits(ceiling=25), "engagement": Limits(ceiling=40)}
    assert most_points(one.criteria, one.groups, held) == {"fit": 25, "engagement": 40}


@pytest.mark.parametrize(
    ("fit", "engagement", "total", "grid"),
    [(10, 9, False, False), (20, 0, True, False), (0, 20, True, True), (12, 10, True, True)],
)
def test_a_threshold_is_reachable_or_not(fit: int, engagement: int, total: bool, grid: bool) -> None:
    most: Any = {"fit": fit, "engagement": engagement}
    sums = read_decision(AT, {"kind": "total", "tiers": ["B", "A"], "edges": [20], "mql_from": "A"}, REGISTRY)
    shape = {"fit_edges": [10], "engagement_edges": [10], "grid": [["B", "A"], ["B", "A"]]}
    cells = read_decision(AT, {"kind": "grid", "tiers": ["B", "A"], "mql_from": "A", **shape}, REGISTRY)
    assert (is_reachable(sums, most), is_reachable(cells, most)) == (total, grid)
