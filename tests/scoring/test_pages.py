"""The criteria pages as a browser sees them: who gets in, what is shown, what a wrong or late post is answered with."""

import json
import re
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from leads import jobs
from leads.models import Asset, LeadField
from scoring.actions.criteria import add_criterion, edit_criterion, set_points
from scoring.actions.parts import add_gate, add_group, set_scope
from scoring.actions.versions import create_model
from scoring.activation import activate_here
from scoring.models import Activation, Criterion, ModelVersion, ScoringModel
from scoring.signoff import NOBODY
from tests.scoring.drafts import HTMX, SIZE, text, url
from tests.scoring.samples import a_tally, a_test, clause, when

pytestmark = pytest.mark.django_db

EDITORS = ("manager", "marketer", "marketing_ops", "head_of_marketing", "head_of_sales", "admin")


@pytest.fixture
def draft(cast: Any) -> ModelVersion:
    draft = create_model("Enterprise", actor=cast.marketer, start="empty", signers=NOBODY)
    add_criterion(draft, SIZE, actor=cast.marketer, rev=1)
    return draft


def test_everybody_of_the_portal_reads_the_criteria_in_force(cast: Any, client_of: Any, draft: ModelVersion) -> None:
    activate_here(draft, actor=cast.head_of_sales, reason="Agreed on Monday")
    for who in ("rep", "other_rep", *EDITORS):
        page = text(client_of(getattr(cast, who)).get(url("criteria")))
        assert "Company size" in page, who
        assert "Employees is 100 or more" in page, who
        assert "+15" in page, who


def test_only_both_sides_editors_open_the_draft(cast: Any, client_of: Any, draft: ModelVersion) -> None:
    for who, status in {"rep": 403, "outsider": 302, **dict.fromkeys(EDITORS, 200)}.items():
        browser = client_of(getattr(cast, who))
        for name in ("criterion-add", "gate-add", "criteria-decision", "criteria-scope"):
            assert browser.get(url(name, draft.pk)).status_code == status, (who, name)


def test_only_heads_and_administrators_put_into_force(cast: Any, client_of: Any, draft: ModelVersion) -> None:
    for who, status in {"rep": 403, "marketer": 403, "manager": 403, "head_of_sales": 302, "admin": 302}.items():
        with transaction.atomic():
            browser = client_of(getattr(cast, who))
            answer = browser.post(url("criteria-activate", draft.pk), {"rev": 2, "reason": "Go", "wave": "now"})
            assert answer.status_code == status, who
            assert Activation.objects.exists() == (status == 302), who
            transaction.set_rollback(True)


def test_the_first_page_offers_to_begin_and_what_it_makes_can_be_edited(browser: Client, cast: Any) -> None:
    assert "No criteria yet" in text(browser.get(url("criteria")))
    answer = browser.post(url("criteria-begin"), {"name": "Enterprise", "start": "bant"}, follow=True)
    page = text(answer)
    assert "Authority" in page
    assert ScoringModel.objects.get().name == "Enterprise"
    assert browser.post(url("criteria-begin"), {"name": ""}).status_code == 422


def test_a_draft_begins_as_a_copy_and_an_earlier_version_can_be_taken_up(browser: Client, cast: Any, draft: ModelVersion) -> None:
    activate_here(draft, actor=cast.head_of_sales, reason="Agreed")
    browser.post(url("criteria-draft-begin", "enterprise"))
    second = ModelVersion.objects.get(no=2)
    assert second.criteria.get().key == "size"
    assert browser.post(url("criteria-draft-begin", "enterprise")).status_code == 409
    browser.post(url("criteria-withdraw", second.pk), {"rev": second.rev})
    browser.post(url("criteria-draft-begin", "enterprise"), {"source": draft.pk})
    assert ModelVersion.objects.get(no=3).copied_from == draft


@pytest.mark.parametrize("typed", ["--5", "²", "5-", "9" * 5000, "9" * 18, "", "１２"])
def test_what_is_no_number_of_points_is_told_not_broken(browser: Client, draft: ModelVersion, typed: str) -> None:
    answer = browser.post(url("criterion-points", draft.pk, "size"), {"points": typed, "rev": draft.rev})
    assert answer.status_code == 422
    assert Criterion.objects.get(version=draft, key="size").points == 15


@pytest.mark.parametrize("typed", ["²", "9" * 5000])
def test_numbers_a_page_hides_may_be_anything(
    browser: Client, cast: Any, client_of: Any, draft: ModelVersion, typed: str
) -> None:
    other = client_of(cast.manager)
    assert other.post(url("criterion-points", draft.pk, "size"), {"points": "5", "rev": typed}).status_code == 409
    assert browser.post(url("criterion-add", draft.pk) + "?shape=test", {"rev": 2, "when-rows": typed}).status_code == 422
    assert browser.post(url("criteria-draft-begin", "enterprise"), {"source": typed}).status_code == 409


def test_a_criterion_of_what_they_are_is_added_through_the_form(browser: Client, draft: ModelVersion) -> None:
    data = {
        "rev": 2, "label": "Decides", "dimension": "fit", "points": 20, "group": "", "why": "They sign.",
        "when-rows": 2, "when-mode": "any",
        "when-0-field": "lead.seniority", "when-0-op": "in", "when-0-values": ["vp", "c_level"],
        "when-1-field": "lead.job_title", "when-1-op": "words", "when-1-text": "Head of, VP",
    }  # fmt: skip
    answer = browser.post(f"{url('criterion-add', draft.pk)}?shape=test", data)
    assert answer.status_code == 302
    row = draft.criteria.get(key="decides")
    assert row.condition == {
        "any": [
            {"field": "lead.seniority", "op": "in", "values": ["c_level", "vp"]},
            {"field": "lead.job_title", "op": "words", "values": ["head of", "vp"]},
        ]
    }
    assert (row.points, row.why) == (20, "They sign.")


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ({"field": "company.employees", "op": "between", "low": "50", "high": "5000"}, {"low": 50, "high": 5000}),
        ({"field": "company.employees", "op": "not_between", "high": "9.5"}, {"high": 9.5}),
        ({"field": "company.is_customer", "op": "is", "value": "no"}, {"value": False}),
        ({"field": "lead.created_at", "op": "within_days", "days": "30"}, {"days": 30}),
        ({"field": "lead.created_at", "op": "between", "low": "2026-01-31"}, {"low": "2026-01-31"}),
        ({"field": "lead.country", "op": "unknown"}, {}),
        ({"field": "custom.interests", "op": "has_all", "values": ["API"]}, {"values": ["API"]}),
        (
            {"field": "event", "kinds": ["demo_request"], "days": "30"},
            {"event": {"kinds": ["demo_request"]}, "days": 30, "at_least": 1},
        ),
        (
            {"field": "event", "kinds": ["ebook"], "days": "30", "at_most": "0"},
            {"event": {"kinds": ["ebook"]}, "days": 30, "at_most": 0},
        ),
    ],
)
def test_every_kind_of_question_can_be_asked(
    browser: Client, draft: ModelVersion, typed: dict[str, Any], stored: dict[str, Any]
) -> None:
    LeadField.objects.create(key="interests", label="Interests", type="multi", choices=["API", "SSO"])
    rows = {f"when-0-{name}": value for name, value in typed.items()}
    data = {"rev": 2, "label": "Asked", "dimension": "fit", "points": 5, "when-rows": 1, "when-mode": "all", **rows}
    assert browser.post(f"{url('criterion-add', draft.pk)}?shape=test", data).status_code == 302
    (found,) = draft.criteria.get(key="asked").condition["all"]
    plain = {key: value for key, value in found.items() if key not in ("field", "op")}
    assert plain == stored
    page = browser.get(url("criterion-edit", draft.pk, "asked"))
    assert page.status_code == 200
    again = browser.post(url("criterion-edit", draft.pk, "asked"), data | {"rev": 3})
    assert again.status_code == 302
    assert draft.criteria.get(key="asked").condition["all"] == [found]


def test_a_criterion_of_what_they_did_is_added_through_the_form(browser: Client, draft: ModelVersion) -> None:
    asset = Asset.objects.create(key="roi", name="ROI guide", kind="roi_guide")
    data = {
        "shape": "tally", "rev": 2, "label": "ROI guide", "dimension": "engagement", "points": 10, "kinds": ["roi_guide"],
        "assets": [asset.pk], "days": 180, "award": "each", "freq_min": 1, "freq_max": 5, "half_life": 30, "cap": 25,
    }  # fmt: skip
    assert browser.post(url("criterion-add", draft.pk), data).status_code == 302
    row = draft.criteria.get(key="roi_guide")
    assert row.event == {"kinds": ["roi_guide"], "assets": [asset.pk]}
    assert (row.window_days, row.award, row.freq_max, row.half_life_days, row.cap) == (180, "each", 5, 30, 25)
    page = text(browser.get(url("criteria-draft", draft.pk)))
    assert (
        "Downloaded the ROI guide: “ROI guide” in the last 180 days, each time; the newest 5 count; half-life 30 days; cap 25"
        in page
    )


def test_what_they_did_is_chosen_among_thousands_by_tag_and_name_with_counts(
    browser: Client, draft: ModelVersion, make: Any
) -> None:
    Asset.objects.bulk_create(Asset(key=f"a{n}", name=f"Guide {n}", kind="ebook") for n in range(2000))
    Asset.objects.filter(key__in=["a7", "a1999"]).update(tags=["Pricing"])
    taken = Asset.objects.get(key="a1999")
    for lead in (make.lead(), make.lead()):
        make.activity(lead, "ebook", asset=taken)
        make.activity(lead, "ebook", asset=taken)

    def listed(page: str, name: str) -> list[str]:
        part = page.partition(f'id="id_{name}_list"')[2].partition("</fieldset>")[0] if "<form" in page else page
        return re.findall(r'<span class="p-break">(.*?)</span> <span class="p-muted">(\d+)</span>', part)

    address = url("criterion-add", draft.pk) + "?shape=tally"
    with CaptureQueriesContext(connection) as queries:
        page = text(browser.get(address))
    assert len(queries) <= 14
    assert len(page) < 60_000
    assert listed(page, "assets")[:2] == [("Guide 1999", "2"), ("Guide 0", "0")]
    assert listed(page, "tags") == [("pricing", "2")]
    assert "1,960 more: find them by a word." in page
    typed = {"shape": "tally", "rev": 2, "label": "Prices", "points": 9, "dimension": "engagement", "days": 30, "award": "once"}
    typed |= {"freq_min": 1, "assets": [taken.pk], "tags": ["pricing"], "assets-find": "guide 199"}
    found = browser.post(address, typed | {"redraw": "find", "of": "assets"}, headers=HTMX)
    assert sorted(name for name, _ in listed(text(found), "assets")) == sorted(
        f"Guide {n}" for n in range(1999) if "199" in str(n)
    )
    whole = text(browser.post(address, typed | {"redraw": "find"}))  # without script the page comes again
    assert listed(whole, "assets") == listed(text(found), "assets")
    assert f'value="{taken.pk}" checked' in whole
    refused = text(browser.post(address, typed | {"days": ""}, headers=HTMX))
    assert f'value="{taken.pk}" checked' in refused
    assert 'value="pricing" checked' in refused
    empty = text(browser.post(address, typed | {"assets": [], "tags": []}, headers=HTMX))
    assert "Choose at least one activity, tag, asset or campaign." in empty
    said = text(browser.post(address, typed | {"redraw": "say", "label": ""}, headers=HTMX))
    assert "Anything done: “Guide 1999” or any of the 2 assets tagged “pricing” in the last 30 days, once" in said
    assert browser.post(address, typed | {"keep": 1}).status_code == 302
    row = draft.criteria.get(key="prices")
    assert row.event == {
        "tags": ["pricing"], "assets": [taken.pk], "tagged": sorted(Asset.objects.filter(tags=["Pricing"]).values_list("pk", flat=True)),
    }  # fmt: skip
    again = text(browser.get(url("criterion-edit", draft.pk, "prices")))
    assert 'value="pricing" checked' in again
    Asset.objects.filter(key="a7").update(tags=[])
    assert "the one asset tagged “pricing”" in text(browser.get(url("criteria-draft", draft.pk)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"when-0-field": "event", "when-0-days": "30"}, "Choose at least one activity, tag, asset or campaign."),
        ({"when-0-field": "event", "when-0-kinds": "ebook"}, "Say how many days back it looks."),
        ({"when-0-text": ""}, "Say at least one value."),
        ({"when-0-text": "--"}, "holds no letter or digit"),
        ({"points": "5000"}, "less than or equal to 1000"),
        ({"label": ""}, "required"),
        ({"when-0-field": ""}, "Nothing is asked"),
        (
            {"when-0-field": "company.employees", "when-0-op": "between", "when-0-low": "9", "when-0-high": "3"},
            "“To” has to be 9 or more",
        ),
        ({"when-0-field": "lead.shoe_size"}, "not one of the available choices"),
    ],
)
def test_nonsense_is_refused_where_it_was_typed_and_nothing_typed_is_lost(
    browser: Client, draft: ModelVersion, change: dict[str, str], said: str
) -> None:
    data = {
        "rev": 2, "label": "Decides now", "dimension": "fit", "points": 20, "when-rows": 1, "when-mode": "all",
        "when-0-field": "lead.job_title", "when-0-op": "words", "when-0-text": "vp",
    } | change  # fmt: skip
    for headers in ({}, HTMX):
        answer = browser.post(f"{url('criterion-add', draft.pk)}?shape=test", data, headers=headers)
        assert answer.status_code == 422
        assert said in text(answer)
        assert data["label"] in answer.content.decode()
    assert draft.criteria.count() == 1


def test_choosing_a_field_draws_the_inputs_that_go_with_it(browser: Client, draft: ModelVersion) -> None:
    data = {"rev": 2, "label": "Half typed", "when-rows": 1, "when-0-field": "company.employees", "redraw": "field"}
    answer = browser.post(f"{url('criterion-add', draft.pk)}?shape=test", data, headers=HTMX)
    assert answer.status_code == 200
    assert 'name="when-0-low"' in answer.content.decode()
    assert "Half typed" in answer.content.decode()
    assert "p-error" not in answer.content.decode()
    more = browser.post(f"{url('criterion-add', draft.pk)}?shape=test", data | {"redraw": "add"}, headers=HTMX)
    assert 'name="when-1-field"' in more.content.decode()


def test_a_condition_with_brackets_stands_in_boxes_and_is_saved_as_it_was(
    browser: Client, cast: Any, draft: ModelVersion
) -> None:
    asset = Asset.objects.create(key="roi", name="ROI guide", kind="roi_guide")
    event = {"event": {"kinds": ["roi_guide"], "assets": [asset.pk]}, "days": 30, "at_least": 2}
    inner = when(clause("lead.country", "in", values=["DE"]), event, mode="any")
    both = a_test("both", 5) | {"when": when(inner, clause("lead.job_title", "known"))}
    add_criterion(draft, both, actor=cast.marketer, rev=2)
    stored = draft.criteria.get(key="both").condition
    page = browser.get(url("criterion-edit", draft.pk, "both"))
    boxes = page.context["sheet"].rows.blocks
    assert [len(rows) for _, rows in boxes] == [2, 1]
    data = {
        "rev": 3, "label": "Both", "dimension": "fit", "points": 7, "when-rows": 3, "when-mode": "all",
        "when-0-block": 0, "when-0-field": "lead.country", "when-0-op": "in", "when-0-text": "de",
        "when-1-block": 0, "when-1-field": "event", "when-1-kinds": ["roi_guide"], "when-1-assets": [asset.pk],
        "when-1-at_least": 2, "when-1-days": 30,
        "when-2-block": 1, "when-2-field": "lead.job_title", "when-2-op": "known",
    }  # fmt: skip
    assert browser.post(url("criterion-edit", draft.pk, "both"), data).status_code == 302
    row = draft.criteria.get(key="both")
    assert (row.condition, row.points) == (stored, 7)
    wrong = browser.post(url("criterion-edit", draft.pk, "both"), data | {"rev": 4, "when-1-at_least": 5, "when-1-at_most": 2})
    assert "At least 5 and at most 2 cannot both be" in text(wrong)
    for redraw, sizes in (("also-0", [3, 1]), ("add", [2, 1, 1]), ("drop-1", [1, 1]), ("drop-99", [2, 1]), ("also-²", [2, 1])):
        drawn = browser.post(url("criterion-edit", draft.pk, "both"), data | {"redraw": redraw}, headers=HTMX)
        assert [len(rows) for _, rows in drawn.context["sheet"].rows.blocks] == sizes, redraw


def test_a_late_save_answers_409_with_everything_typed_and_may_be_repeated(
    browser: Client, cast: Any, draft: ModelVersion
) -> None:
    edit_criterion(draft.criteria.get(key="size"), SIZE | {"points": 30}, actor=cast.manager, rev=2)
    data = {
        "rev": 2, "label": "Slow typist", "dimension": "fit", "points": 20, "when-rows": 1, "when-mode": "all",
        "when-0-field": "lead.job_title", "when-0-op": "words", "when-0-text": "vp",
    }  # fmt: skip
    answer = browser.post(url("criterion-edit", draft.pk, "size"), data, headers=HTMX)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "Mona Manager changed this meanwhile" in page
    assert "points 15 → 30" in page
    assert 'value="Slow typist"' in page
    assert 'name="rev" value="3"' in page
    assert browser.post(url("criterion-edit", draft.pk, "size"), data | {"rev": 3}).status_code == 302
    assert draft.criteria.get(key="size").label == "Slow typist"


def test_points_order_and_removal_work_with_and_without_script(browser: Client, cast: Any, draft: ModelVersion) -> None:
    add_criterion(draft, a_test("title", 5, clause("lead.job_title", "known"), label="Title"), actor=cast.marketer, rev=2)
    assert browser.post(url("criterion-points", draft.pk, "size"), {"rev": 3, "points": "25"}).status_code == 302
    moved = browser.post(url("criterion-move", draft.pk, "size"), {"rev": 4, "to": "down"}, headers=HTMX)
    assert moved.status_code == 200
    page = moved.content.decode()
    assert page.index("Title") < page.index("Company size")
    assert "<html" not in page
    assert 'value="25"' in page
    removed = browser.post(url("criterion-remove", draft.pk, "title"), {"rev": 5}, headers=HTMX)
    assert "criterion-title" not in removed.content.decode()
    assert [one.key for one in draft.criteria.all()] == ["size"]


def test_a_removed_criterion_is_put_back_in_its_place(browser: Client, cast: Any, draft: ModelVersion) -> None:
    add_criterion(draft, a_test("title", 5, label="Title"), actor=cast.marketer, rev=2)
    add_criterion(draft, a_test("country", 5, clause("lead.country", "known"), label="Country"), actor=cast.marketer, rev=3)
    before = Criterion.objects.get(key="title").content_hash
    removed = browser.post(url("criterion-remove", draft.pk, "title"), {"rev": 4}, headers=HTMX)
    undo = json.loads(removed["HX-Trigger"])["toast"]["undo"]
    browser.post(url("criterion-points", draft.pk, "size"), {"rev": 5, "points": "25"})
    back = browser.post(undo, headers=HTMX)
    assert (back.status_code, back["HX-Retarget"], back["HX-Reswap"]) == (200, "#criteria", "outerHTML")
    assert [one.key for one in draft.criteria.all()] == ["size", "title", "country"]
    assert Criterion.objects.get(key="title").content_hash == before
    again = browser.post(undo, headers=HTMX)
    assert again.status_code == 422
    assert "no removed criterion" in again.content.decode()
    assert browser.post(url("criterion-restore", draft.pk, "never"), headers=HTMX).status_code == 422


def test_fit_and_engagement_are_drawn_on_one_scale(browser: Client, draft: ModelVersion, cast: Any) -> None:
    add_criterion(draft, a_tally("demo", 40), actor=cast.marketer, rev=2)
    page = browser.get(url("criteria-draft", draft.pk)).content.decode()
    widths = re.findall(r'p-fill-won" width="([^"]+)"', page)
    size = Criterion.objects.get(key="size").points
    assert [float(width) for width in widths] == [100 * size / 40, 100.0]


@pytest.mark.parametrize(("points", "status"), [("5000", 422), ("many", 422), ("", 422), ("-30", 200)])
def test_points_that_cannot_be_are_refused(browser: Client, draft: ModelVersion, points: str, status: int) -> None:
    answer = browser.post(url("criterion-points", draft.pk, "size"), {"rev": 2, "points": points}, headers=HTMX)
    assert answer.status_code == status
    said = answer.content.decode()
    assert ("Type whole points." in said or "not a whole number that fits" in said) is (status == 422)


def test_a_stale_click_answers_409_with_both_numbers_and_the_choice(browser: Client, cast: Any, draft: ModelVersion) -> None:
    set_points(draft.criteria.get(key="size"), 30, actor=cast.manager, rev=2)
    answer = browser.post(url("criterion-points", draft.pk, "size"), {"rev": 2, "points": 25}, headers=HTMX)
    assert answer.status_code == 409
    page = text(answer)
    for said in ("Mona Manager set this to 30", "Use my 25", "Keep 30", 'name="rev" value="3"'):
        assert said in page
    assert draft.criteria.get(key="size").points == 30
    assert browser.post(url("criterion-points", draft.pk, "size"), {"rev": 3, "points": 25}, headers=HTMX).status_code == 200
    assert draft.criteria.get(key="size").points == 25


def test_groups_gates_bounds_scope_and_decision_through_their_forms(browser: Client, draft: ModelVersion) -> None:
    assert (
        browser.post(
            url("group-add", draft.pk), {"rev": 2, "group-label": "Role", "group-dimension": "fit", "group-cap": 30}
        ).status_code
        == 302
    )
    assert (
        browser.post(url("group-edit", draft.pk, "role"), {"rev": 3, "label": "Role", "cap": 20, "floor": -5}).status_code == 302
    )
    assert browser.post(url("criteria-bounds", draft.pk), {"rev": 4, "fit_floor": 0, "fit_ceiling": 80}).status_code == 302
    gate = {"rev": 5, "label": "Abroad", "when-rows": 1, "when-mode": "all",
            "when-0-field": "lead.country", "when-0-op": "not_in",
            "when-0-text": "DE, AT"}  # fmt: skip
    assert browser.post(url("gate-add", draft.pk), gate).status_code == 302
    assert browser.post(url("gate-edit", draft.pk, "abroad"), gate | {"rev": 6, "label": "Far"}).status_code == 302
    scope = {
        "rev": 7,
        "when-rows": 1,
        "when-mode": "all",
        "when-0-field": "lead.email_usable",
        "when-0-op": "is",
        "when-0-value": "yes",
    }
    assert browser.post(url("criteria-scope", draft.pk), scope).status_code == 302
    decision = {
        "rev": 8, "kind": "grid", "tiers": "C, B, A", "fit_edges": "12", "engagement_edges": "10, 30",
        "grid": "C C B\nB B A", "mql_from": "B", "mqo_tiers": "A", "when-rows": 1, "when-mode": "all",
        "when-0-field": "event", "when-0-kinds": ["demo_request"], "when-0-days": 30,
    }  # fmt: skip
    assert browser.post(url("criteria-decision", draft.pk), decision).status_code == 302
    draft.refresh_from_db()
    assert draft.dimensions["fit"] == {"floor": 0, "ceiling": 80}
    assert draft.decision["mqo"]["when"]["all"][0]["at_least"] == 1
    assert draft.decision["grid"] == [["C", "C", "B"], ["B", "B", "A"]]
    page = text(browser.get(url("criteria-draft", draft.pk)))
    for said in ("Far", "E-mail usable is yes", "A lead is an MQL from tier B", "10–29", "at most 80"):
        assert said in page
    assert browser.get(url("criteria-decision", draft.pk)).status_code == 200
    assert browser.post(url("group-edit", draft.pk, "role"), {"rev": 9, "remove": "1"}).status_code == 302
    assert browser.post(url("gate-remove", draft.pk, "abroad"), {"rev": 10}).status_code == 302
    assert browser.post(url("criteria-scope", draft.pk), {"rev": 11, "when-rows": 1, "when-0-field": ""}).status_code == 302
    draft.refresh_from_db()
    assert (draft.scope, draft.groups.count(), draft.gates.count()) == (None, 0, 0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"edges": "40, 20"}, "do not go up"),
        ({"edges": "many"}, "not a whole number that fits"),
        ({"mql_from": "Z"}, "is not possible here"),
        ({"mqo_tiers": "C"}, "is no MQL"),
    ],
)
def test_a_decision_that_cannot_work_is_refused(browser: Client, draft: ModelVersion, change: dict[str, str], said: str) -> None:
    data = {
        "rev": 2,
        "kind": "total",
        "tiers": "C, B, A",
        "edges": "20, 40",
        "mql_from": "B",
        "when-rows": 1,
        "when-0-field": "",
    } | change
    answer = browser.post(url("criteria-decision", draft.pk), data)
    assert answer.status_code == 422
    assert said in text(answer)


def test_what_keeps_a_draft_back_is_listed_and_refused(cast: Any, client_of: Any) -> None:
    empty = create_model("Empty", actor=cast.marketer, start="empty", signers=NOBODY)
    browser = client_of(cast.head_of_marketing)
    assert "it has no criterion" in text(browser.get(url("criteria-draft", empty.pk)))
    answer = browser.post(url("criteria-activate", empty.pk), {"rev": 1, "reason": "Because we can", "wave": "none"})
    assert answer.status_code == 422
    assert "Because we can" in answer.content.decode()


def test_putting_into_force_says_so_and_the_draft_is_read_only_from_then_on(
    cast: Any, client_of: Any, draft: ModelVersion
) -> None:
    browser = client_of(cast.head_of_sales)
    page = browser.post(
        url("criteria-activate", draft.pk), {"rev": 2, "reason": "Agreed on Monday", "wave": "spread"}, follow=True
    )
    assert "v1 comes into force" in text(page)
    assert Activation.objects.get().wave == "spread"
    jobs.run_once()
    assert browser.get(url("criteria-draft", draft.pk)).headers["Location"] == url("criteria-version", draft.pk)
    assert browser.post(url("criterion-points", draft.pk, "size"), {"rev": 2, "points": 3}).status_code == 409
    version = text(browser.get(url("criteria-version", draft.pk)))
    assert "Agreed on Monday" in version
    assert "put there by Jonas Head" in version


def test_a_late_activation_is_refused_and_shows_the_draft_as_it_is_now(cast: Any, client_of: Any, draft: ModelVersion) -> None:
    add_criterion(draft, a_tally("demo", 5, "demo_request"), actor=cast.marketer, rev=2)
    answer = client_of(cast.head_of_sales).post(url("criteria-activate", draft.pk), {"rev": 2, "reason": "Go"})
    assert answer.status_code == 409
    assert f"{draft.label} was changed meanwhile. Look at it again first." in text(answer)


def test_names_are_shown_safely_whatever_they_contain(browser: Client, cast: Any, draft: ModelVersion) -> None:
    nasty = "<script>alert(1)</script>"
    add_criterion(draft, a_test("x", 5, clause("lead.country", "known"), label=nasty, why=nasty), actor=cast.marketer, rev=2)
    add_gate(
        draft,
        {"key": "x", "label": nasty, "when": when(clause("lead.job_title", "in", values=[nasty]))},
        actor=cast.marketer,
        rev=3,
    )
    add_group(draft, {"key": "x", "label": nasty, "dimension": "fit"}, actor=cast.marketer, rev=4)
    set_scope(draft, when(clause("lead.job_title", "words", values=[nasty])), actor=cast.marketer, rev=5)
    for address in (url("criteria-draft", draft.pk), url("criterion-edit", draft.pk, "x"), url("gate-edit", draft.pk, "x")):
        assert nasty not in browser.get(address).content.decode()


def test_the_conversion_page_is_for_who_agrees_on_criteria(cast: Any, client_of: Any) -> None:
    for who, status in {"rep": 403, "marketer": 200, "head_of_sales": 200}.items():
        assert client_of(getattr(cast, who)).get(url("criteria-conversion")).status_code == status, who


def test_conversion_by_field_names_values_and_refuses_unknown_fields(browser: Client, cast: Any, make: Any) -> None:
    from leads.models import Case
    from tests.builders import LONG_AGO

    for seniority, outcome in (("vp", "won"), ("vp", "lost"), (None, "won")):
        facts = {"lead.seniority": seniority} if seniority else {}
        Case.objects.create(lead=make.lead(), kind="imported", decided_at=LONG_AGO, facts=facts, outcome=outcome)
    page = text(browser.get(url("criteria-conversion"), {"field": "lead.seniority"}))
    assert "Vice president" in page
    assert "not known" in page
    assert "1 of 2" in page
    assert browser.get(url("criteria-conversion"), {"field": "lead.nose"}).status_code == 404
    assert browser.get(url("criteria-conversion"), {"goal": "fame"}).status_code == 404
    LeadField.objects.create(key="mobile", label="Mobile", type="text", personal=True)
    assert browser.get(url("criteria-conversion"), {"field": "custom.mobile"}).status_code == 404
    part = browser.get(url("criteria-conversion"), {"field": "lead.seniority", "goal": "accepted"}, headers=HTMX)
    assert "<html" not in part.content.decode()


def test_a_field_learnt_after_contact_is_marked_and_not_offered(browser: Client, draft: ModelVersion) -> None:
    LeadField.objects.create(key="verdict", label="Verdict of the rep", type="text", known="after")
    assert "learnt only after the decision" in text(browser.get(url("criteria-conversion"), {"field": "custom.verdict"}))
    assert "Verdict of the rep" not in browser.get(f"{url('criterion-add', draft.pk)}?shape=test").content.decode()


def test_the_pages_take_a_fixed_number_of_queries(browser: Client, cast: Any, draft: ModelVersion) -> None:
    counts = []
    browser.get(url("criteria-draft", draft.pk))  # who is here is written down once
    for number in range(2):
        with CaptureQueriesContext(connection) as queries:
            browser.get(url("criteria-draft", draft.pk))
        counts.append(len(queries))
        for more in range(5):
            key = f"more{number}{more}"
            add_criterion(draft, a_test(key, 5, clause("lead.job_title", "in", values=[key])), actor=cast.marketer, rev=draft.rev)
            add_gate(
                draft,
                {"key": key, "label": key, "when": when(clause("lead.country", "in", values=[key]))},
                actor=cast.marketer,
                rev=draft.rev,
            )
    assert counts[0] == counts[1]
    assert counts[0] <= 36


def test_a_rep_is_led_to_the_draft_to_follow_it(cast: Any, client_of: Any, draft: ModelVersion) -> None:
    html = text(client_of(cast.rep).get(url("criteria")))
    assert f'href="{url("criteria-draft", draft.pk)}"' in html
    assert f"Follow draft {draft.label}" in html
    assert "New draft" not in html
