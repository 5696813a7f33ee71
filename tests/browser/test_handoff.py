"""The hand-off in a real browser: the inbox by keyboard alone, undo, quiet refresh, the packet, the review, the phone."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from handoff.actions import accept_handoff, reject_handoff
from handoff.defaults import install_defaults
from handoff.models import Handoff, Rep, WorkCalendar
from handoff.views import inbox
from leads import clock
from tests.browser.conftest import sideways, unusable
from tests.handoff.conftest import Work


@pytest.fixture
def desk(people, make, monkeypatch):
    """Rita at her desk, on a calendar that is always open: three offers, the first overdue. The page asks every second."""
    monkeypatch.setattr(inbox, "POLL_MS", 1000)
    monkeypatch.setattr(inbox, "JITTER_MS", 0)
    install_defaults("Europe/Berlin")
    WorkCalendar.objects.update(weekly={str(day): [[0, 1440]] for day in range(7)})
    work = Work(make, people)
    Rep.objects.create(user=people.rep)
    now = clock.now()
    for hours, name in ((5, "Northwind Freight"), (3.6, "Vantage Rail"), (0.1, "Quillon Foods")):
        with clock.frozen(now - timedelta(hours=hours)):
            company = make.company(name, industry="Logistics", employees=480, country="NL")
            work.offered(
                lead=make.lead(company=company, first_name="Ivy", job_title="IT Manager"), at=now - timedelta(hours=hours)
            )
    work.people = people
    return work


def row(page, name):
    return page.locator("[data-row]", has_text=name)


def state_of(name):
    return Handoff.objects.get(lead__company__name=name).state


def test_the_whole_inbox_by_keyboard(desk, people, page_as, complaints):
    page = page_as(people.rep)
    page.goto("/inbox/")
    expect(page.locator("[data-row]")).to_have_count(3)
    page.keyboard.press("j")
    expect(row(page, "Northwind Freight")).to_be_focused()
    page.keyboard.press("a")
    expect(page.get_by_text("Northwind Freight accepted.")).to_be_visible()
    expect(row(page, "Vantage Rail")).to_be_focused()
    expect(page.locator("#inbox-count")).to_contain_text("2 leads waiting")
    page.keyboard.press("u")
    expect(row(page, "Northwind Freight").get_by_role("button", name="Accept")).to_be_visible()
    assert state_of("Northwind Freight") == "offered"
    page.keyboard.press("j")
    row(page, "Vantage Rail").focus()
    page.keyboard.press("r")
    expect(page.get_by_text("Why? Marketing reads this.").locator("visible=true")).to_be_visible()
    page.keyboard.press("2")
    expect(page.get_by_text("rejected: Not our industry")).to_be_visible()
    assert state_of("Vantage Rail") == "rejected"
    row(page, "Quillon Foods").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Quillon Foods")
    page.wait_for_load_state()  # the heading stands before the scripts that hear keys have run
    page.keyboard.press("a")
    expect(page.get_by_text("You accepted this hand-off.")).to_be_visible()
    page.keyboard.press("u")
    expect(page.get_by_role("button", name="Accept")).to_be_visible()


def test_the_packets_of_an_inbox_one_after_the_other_by_keyboard(desk, people, page_as):
    page = page_as(people.rep)
    page.goto("/inbox/")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("Northwind Freight")
    for key, name in (("j", "Vantage Rail"), ("j", "Quillon Foods"), ("k", "Vantage Rail")):
        page.wait_for_load_state()  # the heading stands before the scripts that hear keys have run
        page.keyboard.press(key)
        expect(heading).to_have_text(name)


def test_a_reason_that_needs_words_asks_for_them_and_nothing_is_wrong_before(desk, people, page_as):
    page = page_as(people.rep)
    page.goto("/inbox/")
    row(page, "Vantage Rail").focus()
    page.keyboard.press("r")
    page.keyboard.press("0")
    note = page.locator("#reasons input[name=note]")
    expect(note).to_be_focused()
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator("#reasons").get_by_role("button", name="Reject", exact=True)).to_be_visible()
    page.keyboard.type("They sell what we sell, r j k")
    page.keyboard.press("Enter")
    expect(page.get_by_text("rejected: Something else")).to_be_visible()
    assert Handoff.objects.get(lead__company__name="Vantage Rail").note == "They sell what we sell, r j k"


def test_a_note_written_first_goes_with_the_reason(desk, people, page_as):
    page = page_as(people.rep)
    page.goto("/inbox/")
    row(page, "Quillon Foods").focus()
    page.keyboard.press("r")
    page.keyboard.press("n")
    page.keyboard.type("Next spring")
    page.keyboard.press("Enter")  # no reason was chosen: nothing is sent
    assert state_of("Quillon Foods") == "offered"
    page.locator(".p-menu:popover-open").get_by_role("button", name="Not now").click()
    expect(page.get_by_text("rejected: Not now")).to_be_visible()
    assert Handoff.objects.get(lead__company__name="Quillon Foods").note == "Next spring"


def test_the_menu_of_reasons_speaks_of_the_row_it_was_opened_from(desk, people, page_as, complaints):
    page = page_as(people.rep)
    page.goto("/inbox/")
    menu = page.locator("#reasons")
    row(page, "Vantage Rail").get_by_role("button", name="Reject…").click()
    expect(menu).to_have_attribute("aria-label", "Reject: Vantage Rail")
    menu.locator("[name=note]").fill("Meant for nobody")
    row(page, "Vantage Rail").get_by_role("button", name="Reject…").click()
    expect(menu).to_be_hidden()
    row(page, "Quillon Foods").get_by_role("button", name="Reject…").click()
    expect(menu).to_have_attribute("aria-label", "Reject: Quillon Foods")
    expect(menu.locator("[name=note]")).to_have_value("")
    menu.get_by_role("button", name="Not now").click()
    expect(page.get_by_text("rejected: Not now")).to_be_visible()
    expect(menu).to_be_hidden()
    assert (state_of("Quillon Foods"), state_of("Vantage Rail")) == ("rejected", "offered")


def test_an_accepted_row_logs_an_attempt_from_the_menu_of_all(desk, people, page_as, complaints):
    page = page_as(people.rep)
    page.goto("/inbox/")
    row(page, "Vantage Rail").get_by_role("button", name="Accept").click()
    expect(page.get_by_text("Vantage Rail accepted.")).to_be_visible()
    page.goto("/inbox/?tab=accepted")
    row(page, "Vantage Rail").focus()
    page.keyboard.press("a")
    expect(page.locator("#attempts")).to_be_visible()
    page.keyboard.press("1")
    expect(page.locator("#attempts")).to_be_hidden()
    expect(row(page, "Vantage Rail")).to_contain_text("Contacted")
    assert state_of("Vantage Rail") == "contacted"


def test_new_work_announces_itself_and_moves_nothing(desk, people, make, page_as):
    page = page_as(people.rep)
    page.goto("/inbox/")
    before = row(page, "Quillon Foods").bounding_box()
    company = make.company("Brand New GmbH")
    desk.offered(lead=make.lead(company=company), at=clock.now())
    expect(page.get_by_text("1 new hand-off.")).to_be_visible()
    assert row(page, "Brand New GmbH").count() == 0
    assert row(page, "Quillon Foods").bounding_box()["height"] == before["height"]
    page.get_by_role("link", name="Show", exact=True).click()
    expect(row(page, "Brand New GmbH")).to_be_visible()
    expect(page.get_by_text("1 new hand-off.")).to_have_count(0)


def test_a_hand_off_somebody_took_away_is_told_in_its_row(desk, people, page_as, complaints):
    complaints.expect(409)
    page = page_as(people.rep)
    page.goto("/inbox/")
    Handoff.objects.filter(lead__company__name="Vantage Rail").update(owner=people.other_rep)
    row(page, "Vantage Rail").get_by_role("button", name="Accept").click()
    expect(page.get_by_role("alert").filter(has_text="this hand-off")).to_be_visible()


def test_two_tabs_agree_in_the_end(desk, people, page_as, complaints):
    complaints.expect(409)
    first, second = page_as(people.rep), page_as(people.rep)
    for page in (first, second):
        page.goto("/inbox/")
    row(first, "Vantage Rail").get_by_role("button", name="Accept").click()
    expect(first.get_by_text("Vantage Rail accepted.")).to_be_visible()
    row(second, "Vantage Rail").focus()
    second.keyboard.press("r")
    second.keyboard.press("1")
    expect(second.get_by_role("alert").filter(has_text="Rita Rep accepted this hand-off")).to_be_visible()
    assert state_of("Vantage Rail") == "accepted"


def test_the_phone_has_thumb_sized_answers_and_no_sideways_scroll(desk, people, page_as):
    page = page_as(people.rep, phone=True)
    for path in ("/inbox/", f"/handoffs/{Handoff.objects.first().pk}/", "/notifications/"):
        page.goto(path)
        assert sideways(page) == []
    page.goto("/inbox/")
    button = row(page, "Vantage Rail").get_by_role("button", name="Accept")
    assert button.bounding_box()["height"] >= 44
    row(page, "Vantage Rail").get_by_role("button", name="Reject").tap()
    menu = page.locator(".p-menu:popover-open")
    box = menu.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    menu.get_by_role("button", name="Too small").tap()
    expect(page.get_by_text("rejected: Too small")).to_be_visible()


@pytest.mark.parametrize("phone", [False, True])
def test_the_outcomes_stay_in_their_place_when_one_is_opened(desk, people, page_as, phone):
    handoff = Handoff.objects.get(lead__company__name="Quillon Foods")
    accept_handoff(handoff, actor=people.rep)
    page = page_as(people.rep, phone=phone)
    page.goto(f"/handoffs/{handoff.pk}/")
    buttons = page.locator(".p-outcomes summary")

    def places():
        boxes = [buttons.nth(number).bounding_box() for number in range(4)]
        return [(round(box["x"]), round(box["y"] - boxes[0]["y"]), round(box["width"])) for box in boxes]

    before = places()
    buttons.get_by_text("Won", exact=True).dblclick()
    assert places() == before
    assert page.locator(".p-outcomes details[open]").count() == 0
    buttons.get_by_text("Won", exact=True).click()
    assert places() == before
    form = page.locator(".p-outcomes form").locator("visible=true")
    assert form.bounding_box()["y"] > max(buttons.nth(number).bounding_box()["y"] for number in range(4)) + 20
    assert form.bounding_box()["width"] > 280
    assert page.get_by_text("Won", exact=True).locator("visible=true").count() == 1
    buttons.get_by_text("Lost", exact=True).click()
    expect(form.get_by_label("Why was it lost?")).to_be_visible()
    assert (places(), sideways(page)) == (before, [])
    buttons.get_by_text("Won", exact=True).click()
    form.get_by_role("button", name="Record as won").click()
    expect(page.locator(".p-outcome").get_by_text("Won", exact=True)).to_be_visible()
    assert state_of("Quillon Foods") == "closed"


@pytest.fixture
def rejected(desk, people):
    later = clock.now() - timedelta(minutes=1)
    for handoff in Handoff.objects.all():
        with clock.frozen(later):
            reject_handoff(handoff, actor=people.rep, reason="too_small", note="Four people")
    return desk


def test_a_review_by_keyboard(rejected, people, page_as):
    page = page_as(people.marketer)
    page.goto("/rejections/")
    expect(page.locator("[data-row]")).to_have_count(3)
    page.keyboard.press("j")
    page.keyboard.press("l")
    expect(page.locator("[data-row]").first.get_by_text("Requested a demo")).to_be_visible()
    page.keyboard.press("1")
    expect(page.locator("[data-row]").first.get_by_text("Agreed")).to_be_visible()
    page.locator("[data-row]").nth(1).focus()
    page.keyboard.press("3")
    page.locator(".p-menu:popover-open textarea").fill("The group has 400 people")
    page.locator(".p-menu:popover-open").get_by_role("button", name="Dispute").click()
    expect(page.locator("[data-row]").nth(1).get_by_text("Disputed")).to_be_visible()
    page.locator("[data-row]").nth(2).focus()
    page.keyboard.press("x")
    page.locator("#bulk").get_by_role("button", name="Agree").click()
    expect(page.get_by_text("1 rejection agreed.")).to_be_visible()


def test_a_rejection_on_the_phone_is_short_and_whole(rejected, people, page_as):
    page = page_as(people.marketer, phone=True)
    page.goto("/rejections/")
    first = page.locator("[data-row]").first
    assert first.bounding_box()["height"] < 240
    score, check = first.locator("td[data-label=Score]"), first.get_by_role("checkbox")
    assert score.bounding_box()["height"] < 30
    assert check.bounding_box()["x"] + check.bounding_box()["width"] < 390
    for name in ("Reason", "Period", "Review"):
        box = page.get_by_label(name, exact=True).first.bounding_box()
        assert box["x"] + box["width"] <= 376, name
    first.get_by_text("Score lines").click()
    line = first.locator(".p-lines tr", has_text="Requested a demo")
    expect(line).to_be_visible()
    assert line.bounding_box()["height"] < 60
    assert sideways(page) == []


def test_the_verdicts_keep_their_distance_from_the_edge(rejected, people, page_as):
    page = page_as(people.marketer)
    page.goto("/rejections/")
    card, last = page.locator(".p-card", has=page.locator("[data-row]")), page.get_by_role("button", name="Dispute…").first
    right = card.bounding_box()["x"] + card.bounding_box()["width"]
    assert right - (last.bounding_box()["x"] + last.bounding_box()["width"]) >= 16


def test_a_dispute_without_words_comes_back_in_its_row(rejected, people, page_as, complaints):
    complaints.expect(422)
    page = page_as(people.marketer)
    page.goto("/rejections/")
    first = page.locator("[data-row]").first
    first.get_by_role("button", name="Dispute…").click()
    menu = page.locator(".p-menu:popover-open")
    menu.get_by_role("button", name="Dispute").click()
    expect(menu.get_by_role("textbox")).to_be_focused()  # the browser asks for the words
    menu.get_by_role("textbox").fill("  ")
    menu.get_by_role("button", name="Dispute").click()
    expect(first.get_by_role("alert")).to_contain_text("Say what you doubt")
    first.get_by_role("textbox", name="Note", exact=True).fill("They grew")
    expect(first.get_by_role("button", name="Agree")).to_have_count(0)
    first.get_by_role("button", name="Dispute").click()
    expect(page.locator("[data-row]").first.get_by_text("Disputed")).to_be_visible()


@pytest.mark.slow
def test_the_pages_are_accessible(desk, people, page_as, complaints):
    with clock.frozen(clock.now() - timedelta(minutes=1)):
        reject_handoff(Handoff.objects.first(), actor=people.rep, reason="too_small", note="Four people")
    offered = Handoff.objects.filter(state="offered").first()
    packet, form = f"/handoffs/{offered.pk}/", f"/handoffs/{offered.pk}/reject/"
    seen = {
        people.rep: ("/inbox/", packet, "/notifications/", form),
        people.marketer: ("/rejections/",),
        people.manager: (packet, "/"),
    }
    problems = []
    for person, paths in seen.items():
        page = page_as(person)
        for path in paths:
            page.goto(path)
            problems += [f"{path}: {found}" for found in unusable(page, complaints, thorough=False)]
    assert problems == []
