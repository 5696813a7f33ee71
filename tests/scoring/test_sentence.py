"""Writing a criterion: values leads really have with counts, the sentence while it is typed, and nonsense refused where it is typed."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from leads import clock
from leads.models import LeadField
from scoring.actions.criteria import add_criterion
from scoring.actions.versions import create_model
from scoring.condition_reader import read_condition
from scoring.matching import as_criterion, matches
from scoring.models import ModelVersion
from scoring.offered import Offers
from scoring.reading import At
from scoring.vocabulary import load_registry
from tests.scoring.samples import a_tally, a_test, clause, when

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
SIZE = a_test("size", 15, clause("company.employees", "between", low=100), label="Company size")


@pytest.fixture
def draft(cast: Any) -> ModelVersion:
    draft = create_model("Enterprise", actor=cast.marketer, start="empty")
    add_criterion(draft, SIZE, actor=cast.marketer, rev=1)
    return draft


@pytest.fixture
def browser(cast: Any, client_of: Callable[..., Client], settings: Any, tmp_path: Any) -> Client:
    settings.SCORING_SNAPSHOT_DIR = tmp_path  # where there is none
    return client_of(cast.marketer)


@pytest.fixture
def crowd(make: Any) -> list[Any]:
    """120 leads: 30 of a company of 500, the others of 20; 12 vice presidents; half of them asked for a demo."""
    large, small = make.company(employees=500, industry="Logistics"), make.company(employees=20, industry="Retail")
    leads = []
    for number in range(120):
        seniority = "vp" if number < 12 else "manager" if number < 100 else ""
        leads.append(
            make.lead(company=large if number < 30 else small, seniority=seniority, attributes={"sites": number % 4 or None})
        )
        if number % 2:
            make.activity(leads[-1], "demo_request", clock.now() - timedelta(days=3))
    return leads


def url(name: str, *args: Any) -> str:
    return reverse(f"admin:{name}", args=args)


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", response.content.decode())


def asked(field: str, **more: Any) -> dict[str, Any]:
    rows = {f"when-0-{name}": value for name, value in {"field": field, **more}.items()}
    return {"rev": 2, "label": "Asked", "dimension": "fit", "points": 5, "when-rows": 1, "when-mode": "all", **rows}


def post(browser: Client, draft: ModelVersion, data: dict[str, Any], shape: str = "test", **more: Any) -> Any:
    return browser.post(f"{url('criterion-add', draft.pk)}?shape={shape}", data | more, headers=HTMX)


def test_values_are_offered_with_how_many_leads_have_them(browser: Client, draft: ModelVersion, crowd: Any) -> None:
    page = text(post(browser, draft, asked("lead.seniority"), redraw="field"))
    assert re.search(r"Vice president</span> <span class=\"p-muted\">12<", page)
    assert "Known for 100 of 120" in page
    page = text(post(browser, draft, asked("company.industry"), redraw="field"))
    assert 'data-value="Retail"' in page
    page = text(post(browser, draft, asked("company.employees"), redraw="field"))
    assert "from 20 to 500, half between 20 and 500" in page or "from 20 to 500, half between 20 and 20" in page
    page = text(post(browser, draft, asked("event"), redraw="field"))
    assert re.search(r"Requested a demo</span> <span class=\"p-muted\">60<", page)


def test_own_fields_are_offered_as_well(browser: Client, draft: ModelVersion, crowd: Any) -> None:
    LeadField.objects.create(key="sites", label="Sites", type="number")
    assert "Known for 90 of 120: from 1 to 3" in text(post(browser, draft, asked("custom.sites"), redraw="field"))


def test_the_sentence_and_whom_it_matches_are_said_while_typing(browser: Client, draft: ModelVersion, crowd: Any) -> None:
    said = text(post(browser, draft, asked("company.employees", op="between", low="100"), redraw="say"))
    assert "Employees is 100 or more" in said
    assert "30 of 120 leads match (25" in said
    half = text(post(browser, draft, asked("company.employees", op="between"), redraw="say"))
    assert "needs at least one end" in half
    assert draft.criteria.count() == 1
    tally = {"rev": 2, "shape": "tally", "label": "", "kinds": ["demo_request"], "days": 30, "freq_min": 1, "award": "once"}
    tally |= {"dimension": "engagement", "points": 5}
    assert "60 of 120 leads match" in text(post(browser, draft, tally | {"label": "Demo"}, "tally", redraw="say"))


def test_what_does_not_go_together_is_said_at_the_input_that_has_to_change(browser: Client, draft: ModelVersion) -> None:
    tally = {"label": "Demo", "dimension": "engagement", "points": "20", "kinds": ["demo_request"], "days": "90", "freq_min": "1"}
    said = text(post(browser, draft, tally | {"award": "each", "half_life": "30", "cap": "40"}, "tally", redraw="say"))
    assert "each time; half-life 30 days; cap 40" in said
    for more, name in (
        ({"award": "once", "half_life": "30"}, "half_life"),
        ({"award": "each", "freq_min": "3", "freq_max": "2"}, "freq_max"),
        ({"award": "once", "cap": "5"}, "cap"),
        ({"award": "once", "points": "0"}, "points"),
    ):
        answer = post(browser, draft, tally | more, "tally")
        assert answer.status_code == 422
        assert list(answer.context["form"].errors) == [name]
        assert "load, input" not in answer.content.decode()  # what is wrong is said once, at the input
    for asks, name, words in (
        ({"op": "between", "low": "500", "high": "50"}, "high", "Nothing lies from 500 to 50"),
        ({"op": "between"}, "low", "A range needs at least one end"),
    ):
        answer = post(browser, draft, asked("company.employees", **asks))
        (row,) = answer.context["sheet"].rows.forms
        assert (list(row.errors), words in text(answer), "Criterion “" in text(answer)) == ([name], True, False)
    assert draft.criteria.count() == 1


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (asked("company.employees", op="between", low="9000"), "matches none of 120 leads"),
        (asked("company.employees", op="between", low="1"), "matches every one of 120 leads"),
    ],
)
def test_what_matches_nobody_or_everybody_is_refused_unless_kept_on_purpose(
    browser: Client, draft: ModelVersion, crowd: Any, data: dict[str, Any], said: str
) -> None:
    answer = post(browser, draft, data)
    assert (answer.status_code, said in text(answer), "Keep it all the same" in text(answer)) == (422, True, True)
    assert draft.criteria.count() == 1
    assert post(browser, draft, data, keep="1").status_code == 204
    assert draft.criteria.count() == 2


def test_a_tally_that_nobody_did_is_refused_too(browser: Client, draft: ModelVersion, crowd: Any) -> None:
    data = {"rev": 2, "label": "Webinar", "kinds": ["webinar_attended"], "days": 30, "freq_min": 1, "award": "once"}
    answer = post(browser, draft, data | {"dimension": "engagement", "points": 5}, "tally")
    assert "matches none of 120 leads" in text(answer)


def test_few_leads_say_nothing(browser: Client, draft: ModelVersion, make: Any) -> None:
    make.lead()
    assert post(browser, draft, asked("company.employees", op="between", low="9000")).status_code == 204


def test_the_same_question_twice_is_refused(browser: Client, cast: Any, draft: ModelVersion) -> None:
    answer = post(browser, draft, asked("company.employees", op="between", low="100"))
    assert (answer.status_code, "“Company size” asks exactly the same already" in text(answer)) == (422, True)
    add_criterion(draft, a_tally("demo", 9, "demo_request", days=30), actor=cast.marketer, rev=2)
    data = {"rev": 3, "label": "Again", "kinds": ["demo_request"], "days": 30, "freq_min": 1, "award": "once"}
    data |= {"dimension": "engagement", "points": 5}
    assert "“Demo” asks exactly the same already" in text(post(browser, draft, data, "tally"))
    assert post(browser, draft, data | {"days": 31}, "tally").status_code == 204
    own = browser.post(url("criterion-edit", draft.pk, "size"), asked("company.employees", op="between", low="100") | {"rev": 4})
    assert own.status_code == 302, "an edit of itself is no double"


def test_a_contradiction_is_refused_at_the_row_that_makes_it(browser: Client, draft: ModelVersion) -> None:
    data = asked("company.employees", op="between", low="500") | {
        "when-rows": 2, "when-1-field": "company.employees", "when-1-op": "between", "when-1-high": "100",
    }  # fmt: skip
    for more in ({}, {"redraw": "say"}):
        answer = post(browser, draft, data, **more)
        assert "No value can meet this and what is asked of it before" in text(answer)
    assert draft.criteria.count() == 1


def test_a_threshold_out_of_reach_is_refused(browser: Client, draft: ModelVersion) -> None:
    data = {"rev": 2, "kind": "total", "tiers": "C, B", "edges": "16", "mql_from": "B", "when-rows": 1, "when-0-field": ""}
    answer = browser.post(url("criteria-decision", draft.pk), data)
    assert (answer.status_code, "at most 15 points can be earned" in text(answer)) == (422, True)
    assert browser.post(url("criteria-decision", draft.pk), data | {"edges": "15"}).status_code == 302


def test_a_gate_that_bars_everybody_is_refused(browser: Client, draft: ModelVersion, crowd: Any) -> None:
    gate = {"rev": 2, "label": "All", "when-rows": 1, "when-mode": "all"}
    gate |= {"when-0-field": "company.employees", "when-0-op": "known"}
    answer = browser.post(url("gate-add", draft.pk), gate)
    assert (answer.status_code, "nobody would ever be handed over" in text(answer)) == (422, True)
    assert browser.post(url("gate-add", draft.pk), gate | {"keep": "1"}).status_code == 302


def test_the_work_is_bounded_whatever_the_number_of_leads(
    browser: Client, draft: ModelVersion, crowd: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("scoring.matching.NEWEST", 50)
    monkeypatch.setattr("scoring.offered.OFFERED_FROM", 60)
    registry = load_registry()
    one = as_criterion(read_condition(At("This", ""), when(clause("lead.seniority", "known")), registry))
    with CaptureQueriesContext(connection) as queries:
        assert matches(one).words == "30 of 50 newest leads"
        offer = Offers().of(registry.fields["lead.seniority"])
        assert (offer.rows, bool(offer.values)) == (60, True)
        secret = Offers().of(replace(registry.fields["lead.seniority"], personal=True))
        assert (secret.known, secret.values, secret.spread) == (offer.known, [], None)
    assert len(queries) <= 8
