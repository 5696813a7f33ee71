"""Signing in real browsers, two at once: edit against sign, objection against activation; every state usable by all."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from leads import clock, jobs
from scoring.actions.criteria import add_criterion
from scoring.actions.signing import give_verdict, propose_version
from scoring.actions.versions import create_draft, create_model
from scoring.activation import activate_here
from scoring.models import Activation, ModelVersion, SignOff
from tests.browser.conftest import unusable
from tests.scoring.samples import a_test, clause
from tests.scoring.test_signing import SIZE, WHY
from tests.scoring.test_since import decided, met


@pytest.fixture
def proposed(people, make):
    for number in (20, 300, 900):
        make.lead(company=make.company(employees=number))
    version = create_model("Enterprise", actor=people.marketer, start="empty")
    size = a_test("size", 65, clause("company.employees", "between", low=100), label="Company size")
    add_criterion(version, size, actor=people.marketer, rev=1)
    propose_version(version, actor=people.marketer, rev=2, reason="Large firms buy.")
    return version


def address(version):
    return f"/criteria/versions/{version.pk}/"


def sign(version, *heads):
    for head in heads:
        give_verdict(version, actor=head, verdict="agree", spec_hash=version.spec_hash)


def unaware(page):
    """A page that has not asked what became of the card yet."""
    page.route("**/sign-off/?seen=*", lambda route: route.fulfill(status=204))
    return page


def confirm(page):
    page.locator("dialog[open]").get_by_role("button").last.click()


def test_both_heads_sign_and_one_puts_it_into_force(people, page_as, proposed):
    for head in (people.head_of_marketing, people.head_of_sales):
        page = page_as(head)
        page.goto(address(proposed))
        page.get_by_role("button", name="Sign v1").click()
        expect(page.get_by_text("You signed v1.")).to_be_visible()
    expect(page.get_by_role("row", name="Newly qualify 2")).to_be_visible()
    page.get_by_label("Hand nobody over").check()
    page.get_by_role("button", name="Put v1 into force").click()
    confirm(page)
    expect(page.get_by_text("Waiting for the worker")).to_be_visible()
    jobs.run_once()
    expect(page.get_by_text("In force", exact=True)).to_be_visible()
    reader = page_as(people.rep)
    reader.goto("/notifications/")
    reader.get_by_role("button", name="Enterprise v1 is in force").click()
    reader.get_by_role("button", name="I have read this").click()
    expect(reader.get_by_text("you have read")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Told and acknowledged")).to_be_visible()
    expect(page.locator("section", has_text="Told and acknowledged").last).not_to_contain_text("Rita Rep")


def test_a_signature_that_comes_after_an_edit_signs_nothing(people, page_as, proposed, complaints):
    complaints.expect(409)
    signer, editor = unaware(page_as(people.head_of_sales)), page_as(people.marketer)
    signer.goto(address(proposed))
    signer.get_by_label("Note").fill("Fine by me")
    editor.goto(address(proposed))
    editor.get_by_role("button", name="Take back and edit").click()
    confirm(editor)
    editor.wait_for_url("**/criteria/drafts/**")
    signer.get_by_role("button", name="Sign v1").click()
    expect(signer.get_by_role("alert")).to_contain_text("no longer what you saw")
    assert not SignOff.objects.exists()
    assert list(ModelVersion.objects.order_by("no").values_list("status", flat=True)) == ["withdrawn", "draft"]


def test_what_one_side_says_shows_to_the_other_who_loses_nothing_typed(people, page_as, proposed):
    watcher, other = page_as(people.head_of_sales), page_as(people.head_of_marketing)
    watcher.goto(address(proposed))
    watcher.get_by_label("Note").fill("Fine, but from 50")
    watcher.get_by_role("heading", name="Sign-off").click()
    other.goto(address(proposed))
    other.get_by_role("button", name="Sign v1").click()
    expect(watcher.get_by_text("1 of 2")).to_be_visible(timeout=12_000)
    expect(watcher.locator(".p-signatures")).to_contain_text(str(people.head_of_marketing))
    expect(watcher.get_by_label("Note")).to_have_value("Fine, but from 50")
    watcher.get_by_label("Note").press("End")
    watcher.keyboard.type(" people")
    other.get_by_role("button", name="Take back and edit").click()
    confirm(other)
    expect(watcher.get_by_text("took v1 back to edit it")).to_be_visible(timeout=12_000)
    expect(watcher.get_by_label("Note")).to_have_value("Fine, but from 50 people")
    expect(watcher.get_by_label("Note")).to_be_focused()


def test_an_objection_before_the_click_and_one_after_it_both_hold_a_version_back(people, page_as, proposed, complaints):
    complaints.expect(409)
    sign(proposed, people.head_of_marketing, people.head_of_sales)
    head, manager = unaware(page_as(people.head_of_sales)), unaware(page_as(people.manager))
    head.goto(address(proposed))
    manager.goto(address(proposed))
    manager.get_by_label("Note").fill("Size from 50")
    manager.get_by_role("button", name="Ask for a change").click()
    expect(manager.get_by_text("You asked for a change of v1.")).to_be_visible()
    head.get_by_role("button", name="Put v1 into force").click()
    confirm(head)
    expect(head.get_by_role("alert")).to_contain_text("Mona Manager asked for a change")
    assert not Activation.objects.exists()
    sign(proposed, people.manager)
    head.goto(address(proposed))
    head.get_by_role("button", name="Put v1 into force").click()
    confirm(head)
    expect(head.get_by_text("Waiting for the worker")).to_be_visible()
    manager.get_by_label("Note").fill("Still from 50")
    manager.get_by_role("button", name="Ask for a change").click()
    expect(manager.get_by_text("asked for a change", exact=False).first).to_be_visible()
    jobs.run_once()
    expect(head.get_by_text("It did not come into force.")).to_be_visible()
    assert not ModelVersion.objects.filter(status="active").exists()


@pytest.mark.slow
def test_every_state_is_usable_by_all_and_on_a_phone(people, page_as, proposed, complaints):
    page = page_as(people.head_of_marketing)

    def check(where):
        page.goto(where)
        assert (where, unusable(page, complaints)) == (where, [])

    check(address(proposed))
    give_verdict(proposed, actor=people.manager, verdict="object", spec_hash=proposed.spec_hash, note="Size from 50.")
    check(address(proposed))
    sign(proposed, people.manager, people.head_of_marketing, people.head_of_sales)
    check(address(proposed))
    page.get_by_role("button", name="Put v1 into force").click()
    confirm(page)
    check(address(proposed))
    jobs.run_once()
    check(address(proposed))
    second = create_draft(proposed.model, actor=people.marketer)
    add_criterion(second, a_test("known", 5, label="Known"), actor=people.marketer, rev=1)
    propose_version(second, actor=people.marketer, rev=2, reason="More of them.")
    check(f"{address(second)}compare/")
    sign(second, people.head_of_marketing, people.head_of_sales)
    activate_here(second, actor=people.head_of_sales, reason="More of them.")
    check(address(proposed))
    check("/criteria/")
    check("/")
    page.get_by_role("link", name="Enterprise v2 is in force").click()
    assert unusable(page, complaints) == []


def test_what_came_of_a_version_and_when_it_is_looked_at_again(people, page_as, make, complaints):
    began = clock.now() - timedelta(days=30)
    with clock.frozen(began):
        version = create_model("Enterprise", actor=people.marketer, start="empty")
        add_criterion(version, SIZE, actor=people.marketer, rev=1)
        propose_version(version, actor=people.marketer, rev=2, reason=WHY)
        sign(version, people.head_of_marketing, people.head_of_sales)
        activate_here(version, actor=people.head_of_sales, reason=WHY)
    for day, outcome in ((1, "working"), (9, "rejected")):
        at = began + timedelta(days=day)
        decided(met(version, make, at), outcome, at + timedelta(days=1))
    page = page_as(people.head_of_marketing)
    page.goto(address(version))
    card = page.locator("#since")
    expect(card.get_by_role("heading", name="What came of it")).to_be_visible()
    expect(card.locator(".p-figures")).to_contain_text("1 of 2")
    card.get_by_text("Tables").click()
    answered = card.get_by_role("row", name="Accepted of those answered")
    expect(answered.get_by_role("cell").last).to_have_text("1 of 2")
    assert unusable(page, complaints) == []
    page.goto("/criteria/")
    review = page.locator("#review")
    expect(review).to_contain_text("overdue")
    review.get_by_text("Set another day").click()
    on = (clock.now() + timedelta(days=40)).date()
    review.get_by_label("Next review on").fill(on.isoformat())
    review.get_by_role("button", name="Set it").click()
    expect(page.locator("#review")).to_contain_text("in 40 days")
    version.model.refresh_from_db()
    assert version.model.next_review_on == on
    page.get_by_role("link", name="What came of them so far").click()
    expect(page.locator("#since")).to_be_in_viewport()
