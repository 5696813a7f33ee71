from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from leads.choices import FieldType
from leads.models import Case
from scoring.compiler import compile_version
from scoring.lift import Rate, conversion_by_criterion, conversion_by_field, conversion_total
from scoring.registry import Field
from tests.builders import LONG_AGO, Builders
from tests.scoring.samples import a_tally, a_test, clause

pytestmark = pytest.mark.django_db

ORIGIN = Field("custom.origin", "Origin", FieldType.CHOICE)


@pytest.fixture
def case(make: Builders) -> Callable[..., Case]:
    def decided(outcome: str, facts: dict[str, Any] | None = None, lead: Any = None, days: int = 0, **fields: Any) -> Case:
        return Case.objects.create(
            lead=lead or make.lead(),
            kind="imported",
            decided_at=LONG_AGO + timedelta(days=days),
            facts=facts or {},
            outcome=outcome,
            **fields,
        )

    return decided


def test_a_fields_values_are_counted_to_the_row(case: Callable[..., Case]) -> None:
    for value, outcomes in {"api": "won lost lost", "form": "won won", None: "rejected won"}.items():
        for outcome in outcomes.split():
            case(outcome, {"custom.origin": value} if value else {})
    assert conversion_by_field(ORIGIN) == [Rate("api", 3, 1), Rate("form", 2, 2), Rate(None, 2, 1)]
    assert conversion_total() == Rate(None, 7, 4)


def test_spelling_is_kept_and_unlabelled_cases_do_not_count(case: Callable[..., Case]) -> None:
    for value, outcome in (("Google", "won"), ("google", "lost"), ("Google", "unknown"), ("Google", "working")):
        case(outcome, {"custom.origin": value})
    assert {(rate.value, rate.rows) for rate in conversion_by_field(ORIGIN)} == {("Google", 1), ("google", 1)}
    assert {(rate.value, rate.rows, rate.positive) for rate in conversion_by_field(ORIGIN, "accepted")} == {
        ("Google", 2, 2),
        ("google", 1, 1),
    }


def test_a_lead_counts_once_with_its_latest_labelled_case(case: Callable[..., Case], make: Builders) -> None:
    lead = make.lead()
    case("rejected", {"custom.origin": "api"}, lead, days=1)
    case("won", {"custom.origin": "form"}, lead, days=9)
    case("unknown", {"custom.origin": "web"}, lead, days=20)
    assert conversion_by_field(ORIGIN) == [Rate("form", 1, 1)]


def test_each_of_several_values_counts_and_numbers_and_booleans_are_values_too(case: Callable[..., Case]) -> None:
    case("won", {"custom.tags": ["a", "b"], "custom.yes": True, "company.employees": 480})
    case("lost", {"custom.tags": ["b"], "custom.yes": False})
    case("lost")
    tags = conversion_by_field(Field("custom.tags", "Tags", FieldType.MULTI))
    assert {(rate.value, rate.rows, rate.positive) for rate in tags} == {("b", 2, 1), ("a", 1, 1), (None, 1, 0)}
    yes = conversion_by_field(Field("custom.yes", "Yes", FieldType.BOOLEAN))
    assert {rate.value for rate in yes} == {"true", "false", None}
    assert Rate("480", 1, 1) in conversion_by_field(Field("company.employees", "Employees", FieldType.NUMBER))


def test_criteria_are_judged_as_of_the_decision(case: Callable[..., Case], make: Builders, agree: Callable[..., Any]) -> None:
    version = agree(
        a_test("size", 5, clause("company.employees", "between", low=100)),
        a_tally("demo", 5, "demo_request", days=30),
    )
    early, late = make.lead(), make.lead()
    make.activity(early, "demo_request", LONG_AGO - timedelta(days=3))
    make.activity(late, "demo_request", LONG_AGO + timedelta(days=3))
    case("won", {"company.employees": 300}, early)
    case("lost", {"company.employees": 300}, late)
    case("won", {}, has_activity=False)
    rates = conversion_by_criterion(compile_version(version))
    assert rates["size"] == Rate("size", 2, 1)
    assert rates["demo"] == Rate("demo", 1, 1)
    assert rates[""] == Rate(None, 3, 2)


def test_a_company_that_grew_after_the_win_changes_no_figure(
    case: Callable[..., Case], make: Builders, agree: Callable[..., Any]
) -> None:
    version = agree(a_test("size", 5, clause("company.employees", "between", low=100)))
    company = make.company(employees=20)
    case("won", {"company.employees": 20}, make.lead(company=company))
    company.employees = 500
    company.save()
    assert conversion_by_criterion(compile_version(version))["size"].rows == 0


def test_small_numbers_are_said_to_be_small() -> None:
    assert Rate("x", 29, 5).is_small
    assert not Rate("x", 30, 5).is_small
    assert Rate("x", 0, 0).share == 0.0
