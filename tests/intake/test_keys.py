"""Keys in Setup: made, shown once, succeeded and revoked by those who keep them."""

import re

import pytest
from django.urls import reverse

from leads.intake.keys import create_key, digest_of
from leads.models import ApiKey, Submission
from tests.conftest import MONDAY

pytestmark = pytest.mark.django_db
FORM = {"label": "Website", "source": "Website", "scopes": ["leads:write"], "rate_per_minute": "60"}


def test_a_new_key_is_shown_once_and_not_kept(client_of, cast):
    browser = client_of(cast.marketing_ops)
    shown = browser.post(reverse("admin:leads_apikey_add"), FORM)
    assert shown.status_code == 200
    assert "no-store" in shown["Cache-Control"]
    secret = re.search(r"acc_[0-9a-f]{8}_[\w-]{43}", shown.content.decode())[0]
    key = ApiKey.objects.get()
    assert (key.digest, key.created_by, key.scopes, key.rate_per_minute) == (
        digest_of(secret),
        cast.marketing_ops,
        ["leads:write"],
        60,
    )
    for page in (reverse("admin:leads_apikey_changelist"), reverse("admin:leads_apikey_change", args=[key.pk])):
        assert secret not in browser.get(page).content.decode()


def test_a_key_is_revoked_after_a_question(client_of, cast):
    key, _ = create_key("Website", ["leads:write"], actor=None)
    browser = client_of(cast.admin)
    chosen = {"action": "revoke", "_selected_action": [key.pk]}
    asked = browser.post(reverse("admin:leads_apikey_changelist"), chosen)
    assert "refused from now on" in asked.content.decode()
    assert ApiKey.objects.get().active
    browser.post(reverse("admin:leads_apikey_changelist"), chosen | {"confirmed": "yes"})
    assert not ApiKey.objects.get().active


def test_a_successor_has_the_same_rights_and_a_secret_of_its_own(client_of, cast):
    key, secret = create_key("Website", ["leads:write", "leads:read"], actor=None)
    answer = client_of(cast.marketing_ops).post(
        reverse("admin:leads_apikey_changelist"), {"action": "rotate", "_selected_action": [key.pk], "confirmed": "yes"}
    )
    successor = ApiKey.objects.exclude(pk=key.pk).get()
    assert successor.scopes == key.scopes
    assert secret not in answer.content.decode()
    assert successor.prefix in answer.content.decode()


def test_a_key_is_renamed_but_never_deleted(client_of, cast):
    key, _ = create_key("Website", ["leads:write"], actor=None)
    browser = client_of(cast.marketing_ops)
    initial = {f"initial-{name}": value for name, value in (FORM | {"rate_per_minute": "6000", "source": ""}).items()}
    browser.post(reverse("admin:leads_apikey_change", args=[key.pk]), FORM | initial | {"label": "New website"})
    assert ApiKey.objects.get().label == "New website"
    assert browser.get(reverse("admin:leads_apikey_delete", args=[key.pk])).status_code == 403


def test_others_do_not_see_keys(client_of, cast):
    for person in (cast.rep, cast.manager, cast.marketer):
        assert client_of(person).get(reverse("admin:leads_apikey_changelist")).status_code == 403


def test_what_was_refused_can_be_read(client_of, cast):
    Submission.objects.create(
        channel="api", kind="lead", received_at=MONDAY, raw={"email": "<b>"}, status="refused", problems=[{"code": "no_identity"}]
    )
    page = client_of(cast.marketing_ops).get(reverse("admin:leads_submission_changelist"))
    assert "no_identity" in page.content.decode()
    assert (
        client_of(cast.marketing_ops)
        .get(reverse("admin:leads_submission_change", args=[Submission.objects.get().pk]))
        .status_code
        == 200
    )
