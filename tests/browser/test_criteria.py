"""The draft of the criteria in a real browser: steppers, order, questions, a colleague who was faster, putting into force."""

import pytest
from playwright.sync_api import expect

from leads import jobs
from scoring.actions.versions import create_model
from scoring.signoff import NOBODY
from tests.browser.conftest import settled, unusable


@pytest.fixture
def draft(people):
    return create_model("Enterprise", actor=people.marketer, start="fit_engagement", signers=NOBODY)


def address(draft):
    return f"/criteria/drafts/{draft.pk}/"


def test_points_change_in_place_by_clicks_and_by_typing(people, page_as, draft):
    page = page_as(people.marketer)
    page.goto(address(draft))
    more = page.get_by_role("button", name="One point more for Company of the right size")
    more.click()
    more.click()
    expect(page.get_by_text("revision 2")).to_be_visible()
    expect(page.get_by_label("Points for Company of the right size", exact=True)).to_have_value("22")
    page.get_by_label("Points for Decides", exact=True).fill("-7")
    page.keyboard.press("Enter")
    expect(page.get_by_text("revision 3")).to_be_visible()
    assert dict(draft.criteria.values_list("key", "points")).items() >= {"size": 22, "decider": -7}.items()


def test_a_criterion_moves_down_goes_away_and_comes_back(people, page_as, draft):
    page = page_as(people.marketer)
    page.goto(address(draft))
    more = page.get_by_role("button", name="More for Company of the right size", exact=True)
    more.click()
    page.get_by_role("button", name="Move down").click()
    expect(page.get_by_text("revision 2")).to_be_visible()
    rows = page.locator("tr[id^=criterion-]")
    expect(rows.nth(0)).to_contain_text("Decides")
    settled(page)
    more.click()
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.locator("#criterion-size")).to_have_count(0)
    page.get_by_role("status").get_by_role("button", name="Undo").click()
    expect(rows.nth(1)).to_contain_text("Company of the right size")
    expect(page.get_by_text("revision 4")).to_be_visible()


def test_choosing_a_field_shows_its_inputs_and_saving_leads_back(people, page_as, draft):
    page = page_as(people.marketer)
    page.goto(f"{address(draft)}criteria/add/?shape=test")
    page.get_by_label("Called").fill("Large enough")
    page.get_by_label("Ask about").select_option("company.employees")
    page.get_by_label("From").fill("200")
    settled(page)
    page.get_by_role("button", name="Another question").click()
    expect(page.get_by_label("Ask about")).to_have_count(2)
    settled(page)
    page.get_by_label("Ask about").nth(1).select_option("lead.seniority")
    page.get_by_label("C level").check()
    expect(page.get_by_label("Called")).to_have_value("Large enough")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(f"**{address(draft)}")
    expect(page.locator("#criterion-large_enough")).to_contain_text("Employees is 200 or more and Seniority is “C level”")


def test_activities_are_found_and_chosen_by_keyboard(people, page_as, draft, complaints):
    complaints.expect(422)
    page = page_as(people.marketer)
    page.goto(f"{address(draft)}criteria/add/?shape=tally")
    expect(page.locator("#said")).to_have_css("border-left-width", "0px")
    page.get_by_label("Activities: find among").focus()
    page.keyboard.type("down")
    listed = page.locator("#id_kinds_list .p-pick-one")
    expect(listed).to_have_count(3)
    settled(page)
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    chips = page.locator("#div_id_kinds [data-picked] .p-pick-one")
    expect(chips).to_have_count(1)
    expect(listed).to_have_count(2)
    expect(listed.first.locator("input")).to_be_focused()
    page.keyboard.press("Space")
    expect(chips).to_have_count(2)
    expect(page.locator("#said")).to_contain_text("Downloaded a")
    page.get_by_label("Called").press("Enter")  # saves, as any form, and takes no question away
    expect(page.get_by_text("This field is required.")).to_be_visible()
    expect(chips).to_have_count(2)
    assert unusable(page, complaints) == []
    chips.first.locator("input").uncheck()
    page.get_by_label("Called").fill("Took something")
    page.get_by_label("Called").press("Enter")
    page.wait_for_url(f"**{address(draft)}")
    assert draft.criteria.get(key="took_something").event == {"kinds": ["whitepaper"]}


def test_nonsense_is_told_in_place(people, page_as, draft, complaints):
    complaints.expect(422)
    page = page_as(people.marketer)
    page.goto(f"{address(draft)}criteria/add/?shape=test")
    page.get_by_label("Called").fill("Impossible")
    page.get_by_label("Ask about").select_option("company.employees")
    page.get_by_label("From").fill("900")
    page.get_by_label("To", exact=False).last.fill("3")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Nothing lies from 900 to 3")).to_be_visible()
    expect(page.get_by_label("Called")).to_have_value("Impossible")


def test_a_head_puts_the_draft_into_force(people, page_as, draft):
    page = page_as(people.head_of_sales)
    page.goto(address(draft))
    page.get_by_label("Why", exact=True).fill("Agreed on Monday")
    page.get_by_role("button", name="Put v1 into force").click()
    page.evaluate(
        "document.querySelector('form[data-confirm]:has(button.p-primary)').replaceWith(\"\")"
    )  # drawn anew behind the question
    page.locator("dialog[open]").get_by_role("button").last.click()
    expect(page.get_by_text("The page changed while you were asked")).to_be_visible()
    page.goto(address(draft))
    page.get_by_label("Why", exact=True).fill("Agreed on Monday")
    page.get_by_role("button", name="Put v1 into force").click()
    expect(page.locator("dialog[open]")).to_contain_text("; at once.")
    page.locator("dialog[open]").get_by_role("button").last.click()
    expect(page.get_by_text("Waiting for the worker")).to_be_visible()
    jobs.run_once()
    expect(page.get_by_text("In force", exact=True)).to_be_visible()
    expect(page.get_by_text("Jonas Head put it into force")).to_be_visible()


@pytest.mark.slow
def test_every_part_is_usable_by_all_and_on_a_phone(people, page_as, draft, complaints):
    page = page_as(people.head_of_marketing)
    for part in ("", "criteria/learner/", "criteria/add/?shape=tally", "decision/", "scope/", "gates/add/"):
        page.goto(address(draft) + part)
        assert (part, unusable(page, complaints)) == (part, [])
