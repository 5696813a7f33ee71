"""What a draft would have done, in a real browser: the threshold moves by mouse and keys, and its figures follow."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from leads import clock
from leads.actions.outcome import freeze_case
from leads.choices import CaseKind, Outcome
from scoring.actions.criteria import add_criterion, set_points
from scoring.actions.parts import set_decision
from scoring.actions.versions import create_model
from tests.browser.conftest import in_both_themes, unusable
from tests.scoring.samples import a_test, clause

# Tables with columns out of sight, and figures that stand on two lines.
CUT = """() => [...document.querySelectorAll('.p-table-wrap')].filter((one) => one.scrollWidth > one.clientWidth)
    .concat([...document.querySelectorAll('.p-figures-cell')].filter((one) => one.firstElementChild.offsetHeight > 30))
    .map((one) => one.innerText)"""


@pytest.fixture
def draft(people, make):
    for number in range(40):
        lead = make.lead(job_title="VP Sales" if number % 2 else "Clerk")
        won = number % 3 == 0
        freeze_case(
            lead, kind=CaseKind.DECISION, outcome=Outcome.WON if won else Outcome.LOST,
            decided_at=clock.now() - timedelta(days=7 * (number % 20) + 7),
        )  # fmt: skip
    draft = create_model("Enterprise", actor=people.marketer, start="empty")
    vp = a_test("vp", 25, clause("lead.job_title", "words", values=["vp"]), label="Vice president")
    add_criterion(draft, vp, actor=people.marketer, rev=1)
    return draft


def test_figures_follow_the_threshold_and_it_is_set_in_the_draft(people, page_as, draft):
    page = page_as(people.marketer)
    page.goto(f"/criteria/drafts/{draft.pk}/")
    number, line = page.get_by_label("Hand over from", exact=True), page.locator("[data-threshold-line]")
    figures = page.locator("#effect-figures")
    before = line.get_attribute("x1")
    number.fill("20")
    expect(figures).to_contain_text("20 of 40")
    number.fill("26")
    expect(figures).to_contain_text(re.compile(r"(?<!\d)0 of 40"))
    assert line.get_attribute("x1") != before
    control = page.get_by_label("Hand over from this score")
    control.focus()
    page.keyboard.press("ArrowLeft")
    expect(number).to_have_value("25")
    expect(figures).to_contain_text("20 of 40")
    page.get_by_role("button", name="Set in the draft").click()
    expect(page.locator("#decision")).to_contain_text("from 25")
    expect(page.get_by_label("Hand over from", exact=True)).to_have_value("25")
    draft.refresh_from_db()
    assert draft.decision["edges"][0] == 25


def test_a_threshold_that_is_typed_outlives_the_edits_of_others(people, page_as, draft, complaints):
    complaints.expect(409)
    none, half = re.compile(r"(?<!\d)0 of 40"), "20 of 40"
    decision = draft.decision
    set_decision(draft, decision | {"edges": [10, *decision["edges"][1:]]}, actor=people.marketer, rev=2)
    page = page_as(people.marketer)
    page.goto(f"/criteria/drafts/{draft.pk}/")
    number, figures = page.get_by_label("Hand over from", exact=True), page.locator("#effect-figures")
    expect(figures).to_contain_text(half)
    number.fill("20")
    set_points(draft.criteria.get(), 15, actor=people.manager, rev=3)
    expect(figures).to_contain_text(none)  # for what is typed, by the points of now
    expect(number).to_have_value("20")
    expect(number).to_be_focused()
    set_points(draft.criteria.get(), 30, actor=people.manager, rev=4)
    expect(figures).to_contain_text(half)
    set_decision(draft, decision | {"edges": [12, *decision["edges"][1:]]}, actor=people.manager, rev=5)
    expect(page.locator("#told")).to_contain_text("Hand over from 12 by now")
    expect(number).to_have_value("20")
    page.get_by_role("button", name="Set in the draft").click()
    expect(page.get_by_text("Mona Manager changed this meanwhile")).to_be_visible()
    draft.refresh_from_db()
    assert draft.decision["edges"][0] == 12


def test_it_is_usable_by_everybody(people, page_as, draft, complaints):
    page = page_as(people.marketer)
    page.goto(f"/criteria/drafts/{draft.pk}/effect/")
    expect(page.get_by_role("heading", name="Each criterion on its own")).to_be_visible()
    assert unusable(page, complaints) == []
    page.set_viewport_size({"width": 1024, "height": 768})
    page.goto(f"/criteria/drafts/{draft.pk}/?present")
    expect(page.get_by_role("heading", name="By what became of them")).to_be_visible()
    expect(page.locator("#figures-vp")).to_contain_text("7 of 20")
    assert page.evaluate(CUT) == []
    assert in_both_themes(page, complaints) == []
