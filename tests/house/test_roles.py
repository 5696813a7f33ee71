"""Every address of the portal, asked by everybody: two reps, a sales manager, marketing, both heads, an administrator, and strangers."""

from __future__ import annotations

import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.urls import reverse

from handoff.actions.answering import accept_handoff, reject_handoff
from handoff.models import Leave, Rep, WorkCalendar
from leads import clock
from leads.actions.mailtexts import save_mail_text
from leads.models import ImportRefusal, ImportRun, Reason
from leads.notify.notices import tell
from scoring.actions.criteria import remove_criterion
from scoring.actions.evidence import add_evidence
from scoring.actions.research import add_question
from scoring.actions.talk import add_comment, add_example
from scoring.actions.versions import create_model
from tests.handoff.conftest import defaults, hands, work
from tests.house.one_of_each import a_webhook, one_of_each
from tests.house.role_matrix import PEOPLE, ROWS, SETUP, STRANGERS
from tests.house.urls import pages
from tests.scoring.decided import history_says

__all__ = ["defaults", "hands", "work"]
SETUP_PAGE = re.compile(r"admin:(\w+_\w+)_(changelist|add|history|delete|change|password_change)")
REFUSED = (403, 404)
OF_A_TEAM = ("handoff_rep", "handoff_leave", "handoff_handoff")
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
    worked = accept_handoff(work.offered(), actor=cast.rep)
    loss = Reason.objects.filter(for_lost=True, active=True, children=None).first()
    stand_in = Rep.objects.create(user=cast.other_rep)
    draft = create_model("Roles", actor=cast.head_of_marketing)
    removed = draft.criteria.last()
    remove_criterion(removed, actor=cast.head_of_marketing, rev=draft.rev)
    draft.refresh_from_db()
    evidence = add_evidence(draft, actor=cast.marketer, kind="report", label="Year in review", url="/")
    first = draft.criteria.first()
    comment = add_comment(first, "Why so many?", actor=cast.manager)
    example = add_example(first, handoff.lead, is_counter=False, note="", actor=cast.manager)
    suggestion = history_says(first, 17)
    question = add_question(draft.model, "Timing", "When do you need it?", actor=cast.manager)
    draft.refresh_from_db()
    ahead = clock.now() + timedelta(days=300)
    leave = Leave.objects.create(rep_id=cast.rep.pk, starts_at=ahead, ends_at=ahead + timedelta(days=1))
    told = [getattr(cast, name) for name in PEOPLE]
    notice = tell(told, kind="test", subject_id=1, title="The criteria changed", lines=["Size counts more."])
    people = {name: client_of(getattr(cast, name)) for name in (*PEOPLE, "outsider")} | {"anonymous": client_of(None)}
    return SimpleNamespace(
        people=people, handoff=handoff, lead=handoff.lead, rejected=rejected, worked=worked, reason=reason,
        loss=loss, stand_in=stand_in, calendar=WorkCalendar.objects.first(), leave=leave,
        run=run, refusal=refusal, draft=draft, evidence=evidence, notice=notice,
        comment=comment, example=example, question=question, suggestion=suggestion,
        webhook=a_webhook("CRM"), mail_text=save_mail_text("handoff.offered", "x", "y", actor=cast.admin),
        criterion=draft.criteria.first().key, removed=removed.key, group="role", gate="competitor",
    )  # fmt: skip


def answer(client, url, query=None, post=None):
    """What came back: the status, or "login"; whatever was written is undone."""
    with transaction.atomic():
        point = transaction.savepoint()
        response = client.get(url, query) if post is None else client.post(url, post)
        if response.streaming:
            list(response.streaming_content)
        transaction.savepoint_rollback(point)
    if response.status_code in (301, 302) and response.headers["Location"].startswith(reverse("admin:login")):
        return "login"
    return response.status_code


def asked(row, world):
    """How a page is asked, and what it answers those who may enter."""
    if row.got:
        yield "GET", {"query": row.query}, row.got
    if row.post is not None:
        yield "POST", {"post": row.post(world) if callable(row.post) else row.post}, row.did


def test_every_address_has_a_row():
    missing = sorted({page.name or page.route for page in pages() if page.name not in ROWS and not is_covered(page)})
    assert not missing, "\n".join(missing)


def is_covered(page):
    """Set-up pages have rows of their own, the stock admin's nameless ones only redirect, and the API asks for a key."""
    return setup_page(page.name) or (page.route.startswith("setup/") and not page.name) or is_api(page)


def is_api(page):
    return page.route.startswith("api/") and page.name not in ROWS


def test_no_row_is_left_from_a_page_that_is_gone():
    stock = {"admin:view_on_site"}
    assert sorted(set(ROWS) - {page.name for page in pages()} - stock) == []


@pytest.mark.slow
def test_everybody_gets_into_what_is_theirs_and_nowhere_else(world):
    wrong = []
    known = {page.name for page in pages()}
    for name, row in sorted(ROWS.items(), key=lambda item: item[0] == "admin:logout"):  # after it nobody is signed in
        if name not in known:
            continue
        url = reverse(name, args=row.of(world))
        for method, sent, inside in asked(row, world):
            for person, client in world.people.items():
                opens = row.opens if method == "GET" or row.posts is None else row.posts
                if row.public or person in opens.split():
                    right = (302,) if (method == "GET" or not row.got) and person in row.sent_on.split() else (inside,)
                else:
                    right = ("login", *REFUSED) if person in STRANGERS else REFUSED
                if (got := answer(client, url, **sent)) not in right:
                    wrong.append(f"{method} {name} {person}: {got}, should be {' or '.join(map(str, right))}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
def test_set_up_is_open_to_those_who_keep_it(world, work, make, cast):
    """Asked for the rows of another team, which a sales manager of this one does not see."""
    theirs = one_of_each(work, make, cast)
    assert theirs.keys() == SETUP.keys()
    wrong = []
    for page in pages():
        found = setup_page(page.name)
        if found is None:
            continue
        model, verb = found
        needed = NEEDS.get(verb, verb)
        allowed = set(SETUP.get(model, {}).get(needed, "").split())
        if needed == "change":
            allowed |= set(SETUP.get(model, {}).get("view", "").split())
        of_object = "<" in page.route
        if of_object and model in OF_A_TEAM:
            allowed.discard("manager")
        url = reverse(page.name, args=[theirs[model].pk] if of_object and model in theirs else ["999999"] if of_object else [])
        for person, client in world.people.items():
            if person == "other_rep":  # a rep is a rep here
                continue
            got = answer(client, url)
            if (got == 200) != (person in allowed):
                wrong.append(f"{page.name} {person}: {got}")
    assert not wrong, "\n".join(wrong)


def test_a_sales_manager_keeps_the_rows_of_the_own_team_and_sees_none_of_another(world, work, make, cast):
    rep = Rep.objects.get(user=cast.rep)
    leave = Leave.objects.create(rep=rep, starts_at=clock.now(), ends_at=clock.now() + timedelta(days=1))
    manager = world.people["manager"]
    for row in (rep, leave, world.handoff):
        name = f"admin:{row._meta.app_label}_{row._meta.model_name}"
        for verb in ("change", "history"):
            assert answer(manager, reverse(f"{name}_{verb}", args=[row.pk])) == 200, (name, verb)
        assert f"{row.pk}/change/" in manager.get(reverse(f"{name}_changelist")).content.decode()
    theirs = one_of_each(work, make, cast)
    for model in OF_A_TEAM:
        url = reverse(f"admin:{model}_changelist")
        for person, sees in (("manager", False), ("head_of_sales", True)):
            page = world.people[person].get(url).content.decode()
            assert (f"{url}{theirs[model].pk}/change/" in page) is sees, (model, person)
    # An accepted hand-off is still nobody else's.
    accept_handoff(world.handoff, actor=cast.rep)
    url = reverse("admin:handoff-packet", args=[world.handoff.pk])
    assert Rep.objects.filter(user=cast.rep).exists()
    assert world.people["rep"].get(url).status_code == 200
    assert world.people["other_rep"].get(url).status_code in (403, 404)
