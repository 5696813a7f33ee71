"""What scoring adds to the lead page, the lead list, the API's lead and the import check."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from leads.choices import Stage
from leads.paging import BoundedPaginator
from leads.slots import slots
from scoring.forgetting import forget_erased, forget_merged
from scoring.models import LeadScore, LeadState, Qualification
from scoring.panels import api_section, import_forecast
from scoring.rescoring import score_dirty
from tests.conftest import MONDAY
from tests.scoring.conftest import DEMO
from tests.scoring.samples import a_test, clause, when

pytestmark = pytest.mark.django_db

SIZE = a_test("size", 15, clause("company.employees", "between", low=100), label="Company size")


@pytest.fixture
def scored(freeze: Any, make: Any, cast: Any, agree: Any, did: Any) -> Any:
    """Three leads: 40 points, 15 points, none; all scored."""
    freeze(MONDAY)
    agree(SIZE, DEMO)
    large, small = make.company("Northwind", employees=300), make.company("Tiny", employees=3)
    leads = [make.lead(company=company, owner=cast.rep) for company in (large, large, small)]
    did(leads[0], "demo_request", MONDAY - timedelta(days=1))
    while score_dirty():
        pass
    return leads


def page(browser: Any, address: str) -> str:
    return " ".join(browser.get(address).content.decode().split())


def test_the_lead_page_shows_the_score_with_lines_that_add_up(scored: Any, cast: Any, client_of: Any) -> None:
    shown = page(client_of(cast.rep), f"/leads/{scored[0].pk}/")
    for said in ("fit 15 + engagement 25", "Company size", "Employees: 300", "Main v1", "+25"):
        assert said in shown


def test_a_gated_lead_says_what_bars_it(make: Any, cast: Any, client_of: Any, agree: Any) -> None:
    agree(
        SIZE,
        gates=[{"key": "rival", "label": "Works for a rival", "when": when(clause("company.is_competitor", "is", value=True))}],
    )
    lead = make.lead(company=make.company(employees=300, is_competitor=True))
    assert "Works for a rival" in page(client_of(cast.marketer), f"/leads/{lead.pk}/")


def test_a_held_lead_says_why_it_waits(make: Any, cast: Any, client_of: Any, agree: Any) -> None:
    agree(SIZE | {"points": 50})
    lead = make.lead(company=make.company(employees=300), stage=Stage.REJECTED)
    while score_dirty():
        pass
    assert "waiting for marketing" in page(client_of(cast.marketer), f"/leads/{lead.pk}/")


def test_before_there_is_a_model_the_lead_page_has_no_score(make: Any, cast: Any, client_of: Any) -> None:
    assert "score-title" not in page(client_of(cast.marketer), f"/leads/{make.lead().pk}/")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [0, 1, 2]),
        ("score=15", [0, 1]),
        ("score=16", [0]),
        ("meets=mql", [0]),
        ("meets=no", [1, 2]),
        ("meets=mqo", []),
        ("meets=barred", []),
        ("sort=-score", [0, 1, 2]),
        ("sort=score", [2, 1, 0]),
        ("sort=-tier", [0, 1, 2]),
    ],
)
def test_the_lead_list_filters_and_sorts_by_score(scored: Any, cast: Any, client_of: Any, query: str, found: list[int]) -> None:
    shown = page(client_of(cast.marketer), f"/leads/?{query}")
    places = {number: shown.find(f'href="/leads/{lead.pk}/"') for number, lead in enumerate(scored)}
    assert {number for number, place in places.items() if place >= 0} == set(found)
    if query.startswith("sort") and "tier" not in query:
        assert sorted(found, key=lambda number: places[number]) == found


def test_the_longest_list_shows_its_best_first(
    scored: Any, cast: Any, client_of: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.lead()  # nobody has judged it yet
    monkeypatch.setattr(BoundedPaginator.__init__, "__kwdefaults__", {"limit": 2})
    browser = client_of(cast.marketer)
    for sort, order in (("-score", [0, 1]), ("score", [2, 1])):
        found = [row.lead.pk for row in browser.get(f"/leads/?sort={sort}").context["page"]]
        assert found[:2] == [scored[number].pk for number in order]
    assert browser.get("/leads/?sort=-tier").context["listing"].sorted_by.key == "tier"


def test_the_list_needs_no_query_a_lead(scored: Any, cast: Any, client_of: Any, make: Any) -> None:
    browser = client_of(cast.marketer)
    browser.get("/leads/")
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            browser.get("/leads/")
        counts.append(len(queries))
        for _ in range(5):
            make.lead(company=make.company(employees=300))
        while score_dirty():
            pass
    assert counts[0] == counts[1]


def test_exports_hold_score_and_tier(scored: Any, cast: Any, client_of: Any) -> None:
    answer = client_of(cast.marketer).get("/leads/export/?format=csv&sort=-score")
    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()
    heads = lines[0].split(",")
    assert (lines[1].split(",")[heads.index("Score")], lines[1].split(",")[heads.index("Tier")]) == ("40", "A")


def test_the_apis_lead_has_the_score_with_its_lines(scored: Any) -> None:
    section = api_section([lead.pk for lead in scored])
    first = section[scored[0].pk]
    assert (first["model"], first["version"], first["total"], first["tier"], first["mql"]) == ("main", 1, 40, "A", True)
    assert sum(line["points"] for line in first["lines"]) == 40
    assert section[scored[2].pk]["lines"] == []
    assert slots.api_sections["score"] is api_section
    assert slots.api_shapes["score"].model_validate(first).total == 40


def test_the_apis_score_agrees_with_itself_before_the_pipeline_has_scored_anew(scored: Any, did: Any) -> None:
    second = scored[1]
    did(second, "demo_request", MONDAY)
    score = api_section([second.pk])[second.pk]
    assert (score["total"], score["tier"], score["mql"], score["gate"]) == (40, "A", True, None)
    type(second).objects.filter(pk=second.pk).update(stage="inquiry", contactable=False, contact_problem="bad_email")
    score = api_section([second.pk])[second.pk]
    assert (score["total"], score["tier"], score["mql"], score["gate"]) == (40, None, False, "unreachable")
    while score_dirty():
        pass
    assert api_section([second.pk])[second.pk] == score


def test_the_import_check_says_how_many_would_meet_the_criteria(scored: Any, agree: Any) -> None:
    agree(SIZE | {"points": 50}, DEMO)
    sample = [{"company.employees": 300}, {"company.employees": 3}, {"company.employees": 500, "lead.contactable": False}, {}]
    assert import_forecast(sample, 900) == ["About 225 of 900 would meet the criteria right away."]
    assert import_forecast([], 900) == []


def test_a_merged_lead_is_forgotten_and_an_erased_one_leaves_points_without_facts(scored: Any) -> None:
    forget_merged(scored[1], scored[2], None)
    assert not LeadScore.objects.filter(lead_id=scored[2].pk).exists()
    assert not LeadState.objects.filter(lead_id=scored[2].pk).exists()
    forget_erased(scored[0], None)
    (qualification,) = Qualification.objects.filter(lead=scored[0])
    assert [line["points"] for line in qualification.lines] == [15, 25]
    assert all("facts" not in line and not line["sub"] for line in qualification.lines)


@pytest.mark.parametrize("name", ["scoringmodel", "modelversion", "criterion", "qualification", "activation"])
def test_setup_shows_scoring_read_only(scored: Any, cast: Any, client_of: Any, name: str) -> None:
    from django.apps import apps
    from django.urls import reverse

    row = apps.get_model("scoring", name).objects.first()
    browser = client_of(cast.admin)
    assert browser.get(reverse(f"admin:scoring_{name}_changelist")).status_code == 200
    assert browser.get(reverse(f"admin:scoring_{name}_change", args=[row.pk])).status_code == 200
    assert client_of(cast.rep).get(reverse(f"admin:scoring_{name}_changelist")).status_code == 403
    if name != "scoringmodel":
        assert browser.post(reverse(f"admin:scoring_{name}_change", args=[row.pk]), {}).status_code == 403


def test_the_rescore_command_scores_what_waits_and_with_all_everybody(scored: Any, make: Any, capsys: Any) -> None:
    from django.core.management import call_command

    make.lead()
    call_command("rescore")
    assert "1 leads scored, none waits" in capsys.readouterr().out
    LeadScore.objects.filter(lead_id=scored[0].pk).delete()
    call_command("rescore", "--all")
    assert "4 of 4 leads scored" in capsys.readouterr().out
    assert LeadScore.objects.filter(lead_id=scored[0].pk).exists()


def test_checks_find_a_version_that_is_not_what_was_agreed(scored: Any, monkeypatch: Any) -> None:
    from scoring import checks, compiler
    from scoring.models import ModelVersion

    assert checks.check_versions(None, databases=["default"]) == []
    assert checks.check_versions(None) == []
    assert checks.check_decay(None) == []
    version = ModelVersion.objects.get(status="active")
    spec = compiler.stored_spec(version.pk, version.spec_hash)
    other = replace(spec, criteria=spec.criteria[:1])
    monkeypatch.setattr(compiler, "stored_spec", lambda pk, hash_: other)
    assert [found.id for found in checks.check_versions(None, databases=["default"])] == ["scoring.W004"]
