"""Going back in a real browser: each list that changes its address in place is there again, whole and as it was."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from handoff.actions import accept_handoff, reject_handoff
from handoff.defaults import install_defaults
from handoff.models import Rep, WorkCalendar
from leads import clock
from leads.choices import Stage
from tests.handoff.conftest import Work


def whole(page, *shown, hidden=()):
    """The frame is there with the words of the list as it was at this address, and none of the next one's."""
    for words in shown:
        expect(page.locator("main [data-row]", has_text=words)).to_be_visible()
    for words in hidden:
        expect(page.locator("main [data-row]", has_text=words)).to_have_count(0)
    expect(page.locator(".p-top")).to_be_visible()
    expect(page.locator("main h1")).to_have_count(1)


def back(page):
    """The button of the browser, until the page is loaded anew: `Page.go_back` takes that load for a failure."""
    with page.expect_event("load"):
        page.evaluate("() => void setTimeout(() => history.back(), 20)")


@pytest.mark.slow
def test_going_back_shows_each_list_as_it_was(people, make, page_as):
    install_defaults("Europe/Berlin")
    WorkCalendar.objects.update(weekly={str(day): [[0, 1440]] for day in range(7)})
    work = Work(make, people)
    Rep.objects.create(user=people.rep)
    now = clock.now()
    handoffs = {}
    for name in ("Northwind Freight", "Vantage Rail", "Quillon Foods"):
        handoffs[name] = work.offered(lead=make.lead(company=make.company(name)), at=now - timedelta(hours=1))
    accept_handoff(handoffs["Northwind Freight"], actor=people.rep)
    reject_handoff(handoffs["Quillon Foods"], actor=people.rep, reason="bad_timing")
    make.lead(company=make.company("Kowal Metals"), stage=Stage.WON)

    page = page_as(people.marketer)
    page.goto("/leads/")
    for key, search in (("/", "[data-search-top]"), ("f", "main [data-search]")):  # each where its mark or the help says
        page.keyboard.press(key)
        expect(page.locator(search)).to_be_focused()
        page.keyboard.press("Escape")
    page.get_by_label("Stage", exact=True).select_option("won")
    whole(page, "Kowal Metals", hidden=["Vantage Rail"])
    page.locator("main [type=search]").fill("nobody")
    expect(page.get_by_text("No lead matches.")).to_be_visible()
    back(page)
    whole(page, "Kowal Metals", hidden=["Vantage Rail"])
    expect(page.get_by_label("Stage", exact=True)).to_have_value("won")
    expect(page.locator("main [type=search]")).to_have_value("")
    page.reload()  # the list between was loaded anew
    back(page)
    page.wait_for_url("**/leads/")
    whole(page, "Kowal Metals", "Vantage Rail", "Northwind Freight")
    expect(page.get_by_label("Stage", exact=True)).to_have_value("")

    page.goto("/rejections/")
    period = page.get_by_label("Period", exact=True)
    held = period.input_value()
    period.select_option(index=0 if period.evaluate("one => one.selectedIndex") else 1)
    page.wait_for_url("**period=*")
    back(page)
    page.wait_for_url("**/rejections/")
    whole(page, "Quillon Foods")
    expect(page.get_by_label("Period", exact=True)).to_have_value(held)

    desk = page_as(people.rep, phone=True)
    desk.goto("/inbox/")
    whole(desk, "Northwind Freight", "Vantage Rail")
    desk.get_by_role("link", name="Accepted").click()
    expect(desk.locator("main [data-row]", has_text="Vantage Rail")).to_have_count(0)
    back(desk)
    whole(desk, "Northwind Freight", "Vantage Rail")
    expect(desk.get_by_role("link", name="All").first).to_have_attribute("aria-current", "page")
