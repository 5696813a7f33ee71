"""The frame: signing in and out, the theme, keys, menus, Setup's filter."""

import re

import pytest
from django.core import mail

from leads.models import User
from tests.browser.conftest import sideways

PASSWORD = "correct horse battery"


def sign_in(page, email, password):
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_sign_in_leads_to_the_page_that_was_asked_for(people, page_as):
    people.admin.set_password(PASSWORD)
    people.admin.save()
    page = page_as(None)
    page.goto("/preferences/")
    sign_in(page, people.admin.email.upper(), PASSWORD)
    page.wait_for_url("**/preferences/")
    assert page.get_by_role("heading", name="Preferences", level=1).is_visible()


def test_wrong_password_is_told_in_place(people, page_as):
    page = page_as(None)
    page.goto("/login/")
    sign_in(page, people.rep.email, "not the password")
    assert "do not fit together" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("E-mail address").input_value() == people.rep.email


def test_who_has_no_role_is_told_so(people, page_as):
    people.outsider.set_password(PASSWORD)
    people.outsider.save()
    page = page_as(None)
    page.goto("/login/")
    sign_in(page, people.outsider.email, PASSWORD)
    assert "no role in the portal" in page.get_by_role("alert").inner_text()


def test_signing_out_ends_the_session(people, page_as):
    page = page_as(people.admin)
    page.goto("/")
    page.get_by_role("button", name=re.compile("Account of")).click()
    page.get_by_role("button", name="Sign out").click()
    assert page.get_by_role("heading", name="You are signed out").is_visible()
    page.goto("/preferences/")
    assert page.get_by_role("heading", name="Sign in").is_visible()


def test_password_is_set_anew_by_the_link_in_the_mail(people, page_as, live):
    people.rep.set_password("old old old old")
    people.rep.save()
    page = page_as(None)
    page.goto("/login/")
    page.get_by_role("link", name="Forgotten your password?").click()
    page.get_by_label("Email").fill(people.rep.email)
    page.get_by_role("button", name="Send the link").click()
    assert page.get_by_role("heading", name="Look into your mail").is_visible()
    assert len(mail.outbox) == 1
    assert mail.outbox[0].subject == "Your new password for Accord"
    link = re.search(r"http\S+", mail.outbox[0].body).group()
    page.goto(link)
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_label("New password confirmation").fill(PASSWORD)
    page.get_by_role("button", name="Save password").click()
    assert page.get_by_role("heading", name="Your password is saved").is_visible()
    page.goto(link)
    assert page.get_by_role("heading", name="This link no longer works").is_visible()
    assert User.objects.get(pk=people.rep.pk).check_password(PASSWORD)


def background(page):
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_theme_changes_at_once_and_is_kept(people, page_as):
    page = page_as(people.admin, theme="light")
    page.goto("/preferences/")
    light = background(page)
    page.get_by_role("button", name="Theme", exact=True).click()
    with page.expect_response("**/theme/") as answer:
        page.get_by_role("button", name="Dark").click()
    assert answer.value.status == 204
    page.wait_for_function("light => getComputedStyle(document.body).backgroundColor !== light", arg=light)
    dark = background(page)
    page.reload()
    assert background(page) == dark
    assert User.objects.get(pk=people.admin.pk).theme == "dark"
    other = page_as(people.admin, theme="light")
    other.goto("/")
    assert background(other) == dark, "the account keeps it for other browsers too"


def test_automatic_theme_follows_the_system(people, page_as):
    page = page_as(people.admin, theme="dark")
    page.goto("/")
    dark = background(page)
    page.emulate_media(color_scheme="light")
    page.reload()
    assert background(page) != dark


def test_question_mark_opens_the_keyboard_help(people, page_as):
    page = page_as(people.admin)
    page.goto("/preferences/")
    page.locator("h1").click()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    assert dialog.is_visible()
    assert dialog.get_by_text("Setup").is_visible()
    page.keyboard.press("Escape")
    assert dialog.is_hidden()


def test_keys_do_nothing_while_typing(people, page_as):
    page = page_as(people.admin)
    page.goto("/preferences/")
    page.get_by_label("Your name").focus()
    page.keyboard.press("?")
    page.keyboard.type("ge")
    assert page.get_by_role("dialog").count() == 0
    assert page.url.endswith("/preferences/")


def test_g_and_a_letter_go_to_a_page(people, page_as):
    page = page_as(people.admin)
    page.goto("/preferences/")
    page.locator("h1").click()
    page.keyboard.press("g")
    page.keyboard.press("e")
    page.wait_for_url("**/setup/")
    assert page.get_by_role("heading", name="Setup", level=1).is_visible()


def test_single_keys_can_be_switched_off(people, page_as):
    page = page_as(people.admin)
    page.goto("/preferences/")
    page.get_by_label("Single-key shortcuts").uncheck()
    page.get_by_role("button", name="Save preferences").click()
    assert page.get_by_text("Your preferences are saved.").is_visible()
    page.locator("h1").click()
    page.keyboard.press("?")
    assert page.get_by_role("dialog").count() == 0


def test_setup_filter_leaves_what_fits(people, page_as):
    page = page_as(people.admin)
    page.goto("/setup/")
    setup = page.get_by_role("navigation", name="Setup")
    setup.get_by_role("searchbox", name="Filter setup").fill("team")
    assert setup.get_by_role("link", name="Teams").is_visible()
    assert setup.get_by_role("link", name="Products").is_hidden()
    setup.get_by_role("searchbox", name="Filter setup").fill("no such thing")
    assert setup.get_by_text("Nothing in Setup has that name.").is_visible()


def test_rep_sees_no_setup(people, page_as, complaints):
    complaints.expect(403)
    page = page_as(people.rep)
    page.goto("/preferences/")
    assert page.get_by_role("link", name="Setup").count() == 0
    response = page.goto("/setup/leads/user/")
    assert response.status == 403


def test_menu_turns_up_where_there_is_no_room_below(people, page_as):
    page = page_as(people.admin)
    page.goto("/setup/leads/user/")
    page.set_viewport_size({"width": 900, "height": 330})
    opener = page.get_by_role("button", name=re.compile("^Role:"))
    opener.click()
    menu = page.locator(".p-menu:popover-open")
    box = menu.bounding_box()
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= 330
    page.keyboard.press("Escape")
    assert opener.evaluate("element => element === document.activeElement")


@pytest.mark.parametrize("width", [390, 800])
def test_navigation_is_reachable_at_every_width(width, people, page_as):
    page = page_as(people.admin)
    page.set_viewport_size({"width": width, "height": 844})
    page.goto("/preferences/")
    if width < 768:
        page.get_by_role("button", name="Menu").click()
    page.get_by_role("navigation", name="Work").get_by_role("link", name="Setup").click()
    page.wait_for_url("**/setup/")
    assert page.get_by_role("heading", name="Setup", level=1).is_visible()


def test_a_list_of_setup_is_whole_on_the_phone(people, page_as):
    page = page_as(people.admin, phone=True)
    page.goto("/setup/leads/user/")
    row = page.locator("#result_list tbody tr").first
    for cell in row.locator("td, th").all():
        box = cell.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    assert page.locator(".results").evaluate("element => element.scrollWidth <= element.clientWidth")
    assert sideways(page) == []
