"""Every page that needs no object, for a rep and for an administrator: clean for axe, on the phone, and in the console.

What a theme can change is contrast, so the dark one is asked for that alone.
"""

import pytest

from tests.browser.addresses import pages_without_object
from tests.browser.conftest import PHONE, sideways, violations


def is_page(response):
    """Whether this is a whole page, not a part for a script, a file, a redirect or a refusal."""
    return response.status_code == 200 and not response.streaming and b"<html" in response.content


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("role", ["rep", "admin"])
def test_pages_are_accessible_and_fit_the_phone(role, theme, people, page_as, client_of, complaints):
    user = getattr(people, role)
    page = page_as(user, theme=theme)
    opened = [address for address in pages_without_object() if is_page(client_of(user).get(address))]
    only = "color-contrast" if theme == "dark" else ""
    problems = []
    for address in opened:
        page.goto(address)
        problems += [f"{address}: {found}" for found in violations(page, complaints, only=only)]
        page.set_viewport_size(PHONE)
        problems += [f"{address}: wider than the phone: {found}" for found in sideways(page)]
        page.set_viewport_size({"width": 1440, "height": 900})
    assert not problems, "\n".join(problems)
    assert len(opened) >= (3 if role == "rep" else 12), opened


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_before_sign_in_are_accessible_and_fit_the_phone(theme, live, page_as, complaints):
    page = page_as(None, theme=theme, phone=True)
    problems = []
    for address in ("/login/", "/password_reset/", "/password_reset/sent/", "/password_reset/done/", "/password_reset/x/y-z/"):
        page.goto(address)
        problems += [f"{address}: {found}" for found in [*violations(page, complaints), *sideways(page)]]
    assert not problems, "\n".join(problems)


def test_error_page_is_accessible(people, page_as, complaints):
    complaints.expect(404)
    page = page_as(people.rep)
    response = page.goto("/setup/no/such/page/")
    assert response.status == 404
    assert page.get_by_role("heading", name="There is no such page").is_visible()
    assert violations(page, complaints) == []
