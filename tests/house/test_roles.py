"""Every address of the portal, asked by everybody: two reps, a sales manager, marketing, both heads, an administrator, and strangers."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.urls import reverse

from handoff.actions.answering import accept_handoff, reject_handoff
from handoff.models import Rep
from leads.models import ImportRefusal, ImportRun, Reason
from scoring.actions.versions import create_model
from tests.handoff.conftest import defaults, hands, work
from tests.house.role_matrix import PEOPLE, ROWS, SETUP, STRANGERS
from tests.house.urls import pages

__all__ = ["defaults", "hands", "work"]
SETUP_PAGE = re.compile(r"admin:(\w+_\w+)_(changelist|add|history|delete|change|password_change)")
NEEDS = {"changelist": "view", "history": "view", "password_change": "change"}


def setup_page(name: str) -> tuple[str, str] | None:
    found = SETUP_PAGE.fullmatch(name)
    models = {f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry}
    return (found[1], found[2]) if found and found[1] in models else None


@pytest.fixture
def world(work, cast, client_of, settings, tmp_path):
    """One of everything an address can name."""
    settings.MEDIA_ROOT = tmp_path
    handoff = work.offered()
    rejected = work.offered()
    reason = Reason.objects.filter(for_reject=True, active=True, children=None).first()
    reject_handoff(rejected, actor=cast.rep, reason=reason, note="Not our market.")
    run = ImportRun.objects.get(
        pk=client_of(cast.marketing_ops)
        .post(
            reverse("admin:import-create"), {"kind": "leads", "file": SimpleUploadedFile("a.csv", b"Email,Name\na@b.test,A B\n")}
        )
        .headers["Location"]
        .split("/")[3]
    )
    refusal = ImportRefusal.objects.create(run=run, line=2, content={"cells": ["x"]}, problems=[])
    draft = create_model("Roles", actor=cast.head_of_marketing)
    people = {name: client_of(getattr(cast, name)) for name in (*PEOPLE, "outsider")} | {"anonymous": client_of(None)}
    return SimpleNamespace(
        people=people, handoff=handoff, lead=handoff.lead, rejected=rejected, run=run, refusal=refusal, draft=draft,
        criterion=draft.criteria.first().key, group="role", gate="competitor",
    )  # fmt: skip


def answer(client, url, row):
    """What came back, as one word; whatever was written is undone."""
    with transaction.atomic():
        point = transaction.savepoint()
        response = client.post(url, row.post) if row.post is not None else client.get(url, row.query)
        if response.streaming:
            list(response.streaming_content)
        transaction.savepoint_rollback(point)
    if response.status_code in (301, 302) and response.headers["Location"].startswith(reverse("admin:login")):
        return "login"
    return {403: "refused", 404: "refused"}.get(response.status_code, "in" if response.status_code < 500 else "broken")


def test_every_address_has_a_row():
    missing = sorted({page.name or page.route for page in pages() if page.name not in ROWS and not is_covered(page)})
    assert not missing, "\n".join(missing)


def is_covered(page):
    """Set-up pages have rows of their own, the stock admin's nameless ones only redirect, and the API asks for a key."""
    return setup_page(page.name) or (page.route.startswith("setup/") and not page.name) or is_api(page)


def is_api(page):
    return page.route.startswith("api/v1/") and page.name not in ROWS


def test_no_row_is_left_from_a_page_that_is_gone():
    stock = {"admin:view_on_site"}
    assert sorted(set(ROWS) - {page.name for page in pages()} - stock) == []


def test_everybody_gets_into_what_is_theirs_and_nowhere_else(world):
    wrong = []
    known = {page.name for page in pages()}
    for name, row in sorted(ROWS.items(), key=lambda item: item[0] == "admin:logout"):  # after it nobody is signed in
        if name not in known:
            continue
        url = reverse(name, args=row.of(world))
        for person, client in world.people.items():
            got = answer(client, url, row)
            if row.public:
                right = ("in",) if name != "healthz" else ("in", "broken")
            elif person in STRANGERS:
                right = ("login", "refused")
            else:
                right = ("in",) if person in row.opens.split() else ("refused",)
            if got not in right:
                wrong.append(f"{name} {person}: {got}, should be {' or '.join(right)}")
    assert not wrong, "\n".join(wrong)


def test_set_up_is_open_to_those_who_keep_it(world):
    wrong = []
    for page in pages():
        found = setup_page(page.name)
        if found is None:
            continue
        model, verb = found
        needed = NEEDS.get(verb, verb)
        allowed = SETUP.get(model, {}).get(needed, "").split()
        if needed == "change":
            allowed += SETUP.get(model, {}).get("view", "").split()
        args = ["999999"] if "<" in page.route else []
        for person, client in world.people.items():
            if person == "other_rep":  # a rep is a rep here
                continue
            response = client.get(reverse(page.name, args=args))
            inside = response.status_code == 200 or (
                response.status_code == 302 and "/login/" not in response.headers["Location"]
            )
            if verb == "history":
                inside = person in allowed if response.status_code in (302, 404) else inside
            if inside != (person in allowed):
                wrong.append(f"{page.name} {person}: {response.status_code}")
    assert not wrong, "\n".join(wrong)


def test_an_accepted_hand_off_is_still_nobody_elses(world, cast):
    accept_handoff(world.handoff, actor=cast.rep)
    url = reverse("admin:handoff-packet", args=[world.handoff.pk])
    assert Rep.objects.filter(user=cast.rep).exists()
    assert world.people["rep"].get(url).status_code == 200
    assert world.people["other_rep"].get(url).status_code in (403, 404)
