"""The frame of every page: landing, preferences, theme, the way in."""

import re

import pytest
from django.test import Client

from leads.models import User


def test_reps_land_on_the_inbox_and_others_on_home(cast, client_of):
    assert client_of(cast.rep).get("/").url == "/inbox/"
    assert client_of(cast.marketer).get("/").status_code == 200


def test_who_is_not_signed_in_is_asked_to(client):
    response = client.get("/preferences/")
    assert response.status_code == 302
    assert response.url == "/login/?next=/preferences/"


def test_signing_in_without_a_destination_leads_home(cast, client):
    cast.admin.set_password("a long password")
    cast.admin.save()
    response = client.post("/login/", {"username": "ADA@accord.test", "password": "a long password", "next": "/"})
    assert response.url == "/"


def test_signing_in_leads_to_no_other_site(cast, client):
    cast.admin.set_password("a long password")
    cast.admin.save()
    response = client.post("/login/?next=https://evil.test/", {"username": cast.admin.email, "password": "a long password"})
    assert response.status_code == 302
    assert "evil.test" not in response.url


def test_account_without_a_role_stays_outside(cast, client):
    cast.outsider.set_password("a long password")
    cast.outsider.save()
    response = client.post("/login/", {"username": cast.outsider.email, "password": "a long password"})
    assert b"no role in the portal yet" in response.content
    client.force_login(cast.outsider)
    assert b"You are signed in as Oscar Outsider" in client.get("/login/?next=/preferences/").content


def test_preferences_change_only_ones_own_account(cast, client_of):
    client = client_of(cast.rep)
    data = {"full_name": "Rita R.", "time_zone": "Asia/Tokyo", "theme": "dark", "mail_handoffs": "on"}
    response = client.post("/preferences/", data | {"is_superuser": "on", "email": "other@accord.test"})
    assert response.status_code == 302
    cast.rep.refresh_from_db()
    assert (cast.rep.full_name, cast.rep.time_zone, cast.rep.theme) == ("Rita R.", "Asia/Tokyo", "dark")
    assert not cast.rep.single_key_shortcuts
    assert not cast.rep.is_superuser
    assert cast.rep.email == "rita@accord.test"
    assert 'data-theme="dark"' in client.get("/preferences/").content.decode()


def test_wrong_preferences_are_refused_in_place(cast, client_of):
    response = client_of(cast.rep).post("/preferences/", {"full_name": "", "time_zone": "Mars/Base", "theme": "pink"})
    assert response.status_code == 422
    assert b'role="alert"' in response.content
    cast.rep.refresh_from_db()
    assert cast.rep.time_zone == "Europe/Berlin"


def test_theme_is_kept_in_the_account_and_the_browser(cast, client_of):
    client = client_of(cast.rep)
    response = client.post("/theme/", {"theme": "dark", "next": "/preferences/"})
    assert response.url == "/preferences/"
    assert client.cookies["theme"].value == "dark"
    assert User.objects.get(pk=cast.rep.pk).theme == "dark"
    client.logout()
    client.cookies["theme"] = "dark"
    assert b'data-theme="dark"' in client.get("/login/").content


@pytest.mark.parametrize("where", ["https://evil.test/", "//evil.test/"])
def test_theme_leads_to_no_other_site(where, cast, client_of):
    assert client_of(cast.admin).post("/theme/", {"theme": "dark", "next": where}).url == "/"


def test_unknown_theme_is_refused(cast, client_of):
    assert client_of(cast.rep).post("/theme/", {"theme": "<b>"}).status_code == 422
    assert client_of(cast.rep).get("/theme/").status_code == 405


def test_forged_cookie_is_no_theme(client, db):
    client.cookies["theme"] = '"><script>'
    assert b'data-theme="auto"' in client.get("/login/").content


def test_refusals_have_a_page_of_their_own(cast, client_of):
    response = client_of(cast.rep).get("/setup/leads/user/")
    assert response.status_code == 403
    assert b"You may not open this page" in response.content
    missing = client_of(cast.rep).get("/no-such-page/")
    assert missing.status_code == 404
    assert b"There is no such page" in missing.content


def test_forms_need_their_token(cast):
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.rep)
    assert client.post("/theme/", {"theme": "dark"}).status_code == 403


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422, 500])
def test_error_pages_render_without_a_request(status):
    from django.template.loader import render_to_string

    html = render_to_string(f"{status}.html")
    assert str(status) in html
    assert "<h1>" in html


def test_current_page_is_marked_once(cast, client_of):
    html = client_of(cast.marketing_ops).get("/leads/").content.decode()
    work = html[html.index('aria-label="Work"') : html.index("</nav>")]
    assert work.count('aria-current="page"') == 1


def test_password_is_changed_by_who_knows_the_old_one(cast, client_of):
    cast.rep.set_password("the old password")
    cast.rep.save()
    client = client_of(cast.rep)
    page = client.get("/password_change/").content
    assert b"other devices have to sign in again" in page
    assert b"<ul><li>" in page
    new = {"new_password1": "horse battery staple", "new_password2": "horse battery staple"}
    wrong = client.post("/password_change/", {"old_password": "not it"} | new)
    assert b'role="alert"' in wrong.content
    done = client.post("/password_change/", {"old_password": "the old password"} | new, follow=True)
    assert b"Your new password is saved." in done.content
    assert User.objects.get(pk=cast.rep.pk).check_password("horse battery staple")


def test_pages_of_the_way_back_in_need_nobody_signed_in(client, db):
    for address, words in (
        ("/password_reset/", "Set a new password"),
        ("/password_reset/sent/", "Look into your mail"),
        ("/password_reset/x/y-z/", "This link no longer works"),
        ("/password_reset/done/", "Your password is saved"),
    ):
        assert words in client.get(address).content.decode()


def test_unknown_address_is_told_nothing(cast, client, mailoutbox):
    response = client.post("/password_reset/", {"email": "nobody@accord.test"})
    assert response.status_code == 302
    assert mailoutbox == []


def test_link_of_the_way_back_in_is_not_in_the_log(cast, client, mailoutbox, caplog):
    caplog.set_level("INFO")
    client.post("/password_reset/", {"email": cast.rep.email})
    link = re.search(r"/password_reset/(\S+)/(\S+)/", mailoutbox[0].body)
    for address in (link[0], link[0].rstrip("/")):
        assert client.get(address).status_code in (301, 302)
    lines = [record.getMessage() for record in caplog.records if record.name == "accord.web"]
    assert lines[-2:] == ["GET /password_reset/… 302", "GET /password_reset/… 301"]
    assert not any(link[2] in str(vars(record)) for record in caplog.records if record.name == "accord.web")


def test_signing_out_is_said(cast, client_of):
    assert b"You are signed out" in client_of(cast.rep).post("/logout/").content
