"""How often one may try to sign in, or ask for a new password."""

from datetime import timedelta

import pytest
from django.test import RequestFactory

from leads import door
from leads.models import DoorBucket

PASSWORD = "a long password"


@pytest.fixture
def rep(cast):
    cast.rep.set_password(PASSWORD)
    cast.rep.save()
    return cast.rep


def sign_in(client, email, password, address="192.0.2.1"):
    return client.post("/login/", {"username": email, "password": password}, REMOTE_ADDR=address)


def test_guessing_the_password_of_one_account_ends_from_whatever_address(rep, client, freeze):
    hands = freeze()
    for number in range(10):
        assert sign_in(client, rep.email, "wrong", f"192.0.2.{number}").status_code == 200
    refused = sign_in(client, rep.email.upper(), PASSWORD, "192.0.2.99")
    assert refused.status_code == 429
    assert "Too many tries" in refused.content.decode()
    assert "_auth_user_id" not in client.session
    hands.advance(timedelta(minutes=1))
    assert sign_in(client, rep.email, PASSWORD, "192.0.2.99").status_code == 302


def test_the_form_is_refused_without_looking_at_the_password(rep, client, freeze, monkeypatch):
    freeze()
    for _ in range(10):
        sign_in(client, rep.email, "wrong")
    monkeypatch.setattr("django.contrib.auth.forms.authenticate", lambda *args, **more: pytest.fail("it looked"))
    assert sign_in(client, rep.email, PASSWORD).status_code == 429


def test_one_address_cannot_guess_through_all_accounts(rep, client, freeze):
    freeze()
    for number in range(50):
        assert sign_in(client, f"guess{number}@accord.test", "wrong").status_code == 200
    assert sign_in(client, rep.email, PASSWORD).status_code == 429
    assert sign_in(client, rep.email, PASSWORD, "192.0.2.2").status_code == 302


def test_a_refused_address_uses_up_nobodys_tries(rep, client, freeze):
    freeze()
    for number in range(50):
        sign_in(client, f"guess{number}@accord.test", "wrong")
    for _ in range(20):
        assert sign_in(client, rep.email, "wrong").status_code == 429
    assert sign_in(client, rep.email, PASSWORD, "192.0.2.2").status_code == 302


def test_signing_in_with_the_right_password_is_never_too_often(rep, client, freeze):
    freeze()
    for _ in range(60):
        assert sign_in(client, rep.email, PASSWORD).status_code == 302


def test_mails_for_a_new_password_are_few(rep, client, freeze, mailoutbox):
    hands = freeze()
    for number in range(3):
        asked = client.post("/password_reset/", {"email": rep.email}, REMOTE_ADDR=f"192.0.2.{number}")
        assert asked.status_code == 302
    refused = client.post("/password_reset/", {"email": rep.email.upper()}, REMOTE_ADDR="192.0.2.9")
    assert refused.status_code == 429
    assert "Too many tries" in refused.content.decode()
    assert len(mailoutbox) == 3
    hands.advance(timedelta(minutes=20))
    assert client.post("/password_reset/", {"email": rep.email}).status_code == 302


def test_one_address_asks_for_few_mails_and_for_unknown_accounts_as_well(client, db, freeze):
    freeze()
    answers = [client.post("/password_reset/", {"email": f"guess{number}@accord.test"}).status_code for number in range(21)]
    assert answers == [302] * 20 + [429]


def test_anything_may_be_typed_as_an_account(client, db):
    assert sign_in(client, "\U0001f600 " + "x" * 5000, "wrong").status_code == 200
    assert sign_in(client, "a\x00b", "wrong").status_code == 200


def test_tries_of_yesterday_are_forgotten(rep, client, freeze):
    hands = freeze()
    sign_in(client, "guess@accord.test", "wrong")
    hands.advance(timedelta(days=1, seconds=1))
    sign_in(client, rep.email, "wrong", "192.0.2.2")
    assert DoorBucket.objects.count() == 2


@pytest.mark.parametrize(
    ("trusted", "forwarded", "address"),
    [
        (False, "203.0.113.7", "192.0.2.1"),
        (True, "203.0.113.7", "203.0.113.7"),
        (True, "198.51.100.66, 203.0.113.7", "203.0.113.7"),  # the first is what the caller claims
        (True, "", ""),
    ],
)
def test_behind_a_trusted_proxy_its_word_on_the_address_counts(trusted, forwarded, address, settings):
    settings.TRUST_PROXY = trusted
    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR=forwarded)
    assert door.address_of(request) == address
