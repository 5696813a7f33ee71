"""What somebody types while others, or they themselves in another window, change the same part of a draft."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from leads.errors import Conflict, Invalid
from scoring.actions.criteria import edit_criterion, remove_criterion
from scoring.actions.evidence import add_evidence, remove_evidence
from scoring.actions.parts import (
    add_gate,
    add_group,
    edit_gate,
    edit_group,
    remove_gate,
    remove_group,
    set_bounds,
    set_decision,
    set_scope,
)
from scoring.actions.signing import propose_version
from scoring.actions.talk import state_view
from scoring.actions.undoing import undo_edit
from scoring.actions.versions import create_draft, withdraw_draft
from scoring.models import CriterionComment, ModelVersion
from tests.conftest import MONDAY
from tests.scoring.drafts import HTMX, SIZE, text, url
from tests.scoring.samples import clause, when

pytestmark = pytest.mark.django_db

FORM = {
    "label": "Company size", "dimension": "fit", "points": 15, "why": "WHAT I TYPED", "when-rows": 1, "when-mode": "all",
    "when-0-field": "company.employees", "when-0-op": "between", "when-0-low": 100,
}  # fmt: skip
GATE = {"key": "abroad", "label": "Abroad", "when": when(clause("lead.country", "known"))}


def test_an_older_window_of_ones_own_overwrites_nothing(browser: Client, draft: ModelVersion) -> None:
    points, form = url("criterion-points", draft.pk, "size"), url("criterion-edit", draft.pk, "size")
    answer = browser.post(points, {"rev": 3, "points": 77}, headers=HTMX)
    assert '"look": {"rev": 4}' in answer["HX-Trigger"], "the form that was saved goes on from what it made"
    late = browser.post(form, FORM | {"rev": 3}, headers=HTMX)
    assert (late.status_code, draft.criteria.get(key="size").points) == (409, 77)
    assert "You changed this meanwhile in another window." in text(late)
    row = browser.post(points, {"rev": 3, "points": 12}, headers=HTMX)
    assert (row.status_code, "You set this to 77" in text(row)) == (409, True)
    assert browser.post(points, {"rev": 4, "points": 12}, headers=HTMX).status_code == 200


def test_what_was_typed_about_what_somebody_removed_is_kept_and_saved_as_new(
    browser: Client, cast: Any, draft: ModelVersion
) -> None:
    add_gate(draft, GATE, actor=cast.manager, rev=3)
    add_group(draft, {"key": "role", "label": "Role", "dimension": "fit"}, actor=cast.manager, rev=4)
    remove_criterion(draft.criteria.get(key="size"), actor=cast.manager, rev=5)
    remove_gate(draft.gates.get(), actor=cast.manager, rev=6)
    remove_group(draft.groups.get(), actor=cast.manager, rev=7)
    for seen in (5, 8):  # also once the removal itself was seen
        late = browser.post(url("criterion-edit", draft.pk, "size"), FORM | {"rev": seen}, headers=HTMX)
        for said in ("removed this", "WHAT I TYPED", 'name="as_new"', 'name="rev" value="8"'):
            assert said in text(late), (seen, said)
        assert late.status_code == 409
    assert browser.get(url("criterion-edit", draft.pk, "size")).status_code == 409
    assert browser.post(url("criterion-edit", draft.pk, "size"), FORM | {"rev": 8, "as_new": 1}).status_code == 302
    assert draft.criteria.get(label="Company size").why == "WHAT I TYPED"

    gate = {
        "label": "WHAT I TYPED",
        "rev": 9,
        "when-rows": 1,
        "when-mode": "all",
        "when-0-field": "lead.job_title",
        "when-0-op": "known",
    }
    late = browser.post(url("gate-edit", draft.pk, "abroad"), gate, headers=HTMX)
    assert (late.status_code, "WHAT I TYPED" in text(late), "Save as new" in text(late)) == (409, True, True)
    assert browser.post(url("gate-edit", draft.pk, "abroad"), gate | {"as_new": 1}).status_code == 302
    assert draft.gates.get().label == "WHAT I TYPED"

    for name, key in (("gate-remove", "abroad"), ("group-edit", "role"), ("comment-add", "size")):
        told = browser.post(url(name, draft.pk, key), {"rev": 8, "text": "WHAT I TYPED", "cap": 7}, headers=HTMX)
        assert told.status_code == 409, name
        assert "meanwhile" in told.headers.get("HX-Trigger", "") or 'role="alert"' in text(told), name
    assert told["HX-Reswap"] == "none", "the talk keeps its text"


def test_what_was_typed_outlives_that_the_draft_is_proposed(browser: Client, cast: Any, draft: ModelVersion) -> None:
    ModelVersion.objects.filter(pk=draft.pk).update(status="proposed", spec={}, spec_hash="x")
    for name, args in (("criterion-edit", ["size"]), ("criterion-add", []), ("gate-add", []), ("criteria-scope", [])):
        late = browser.post(url(name, draft.pk, *args), FORM | {"rev": 3, "label": "WHAT I TYPED"}, headers=HTMX)
        assert (late.status_code, "no longer a draft" in text(late)) == (409, True), name
        assert "WHAT I TYPED" in text(late) or name == "criteria-scope"
        assert "cannot be saved in this version" in text(late), name
    for name, args in (("criterion-points", ["size"]), ("criteria-threshold", []), ("points-suggested", []), ("suggestion-use", [1]),
                       ("questions-discovered", []), ("question-add-found", [])):  # fmt: skip
        small = browser.post(url(name, draft.pk, *args), {"rev": 3, "points": 9, "threshold": 30}, headers=HTMX)
        assert (small.status_code, small["HX-Reswap"], "no longer a draft" in small["HX-Trigger"]) == (409, "none", True), name
        assert browser.post(url(name, draft.pk, *args), {"rev": 3, "points": 9, "threshold": 30}).status_code == 409, name
    ModelVersion.objects.filter(pk=draft.pk).update(status="withdrawn")
    talk = browser.post(url("comment-add", draft.pk, "size"), {"text": "WHAT I TYPED"}, headers=HTMX)
    assert (talk.status_code, talk["HX-Reswap"]) == (409, "none")
    assert not CriterionComment.objects.exists()


def test_a_late_save_shows_how_the_part_reads_now_beside_what_was_typed(browser: Client, cast: Any, draft: ModelVersion) -> None:
    by = {"actor": cast.manager}
    large = SIZE | {"when": when(clause("company.employees", "between", low=4321)), "why": "They sign"}
    add_gate(draft, GATE, **by, rev=3)
    add_group(draft, {"key": "role", "label": "Role", "dimension": "fit", "cap": 30}, **by, rev=4)
    edit_criterion(draft.criteria.get(key="size"), large, **by, rev=5)
    edit_gate(draft.gates.get(), GATE | {"label": "Far away", "when": when(clause("lead.job_title", "known"))}, **by, rev=6)
    edit_group(draft.groups.get(), {"label": "Role", "cap": 41}, **by, rev=7)
    set_scope(draft, when(clause("lead.country", "in", values=["AT"])), **by, rev=8)
    grid = {"kind": "grid", "tiers": ["C", "B"], "fit_edges": [10], "engagement_edges": [3], "grid": [["C", "C"], ["B", "B"]]}
    set_decision(draft, grid | {"mql_from": "B"}, **by, rev=9)
    set_bounds(draft, {"fit": {"ceiling": 91}}, **by, rev=10)
    decision = {"kind": "total", "tiers": "C, B", "edges": "12", "mql_from": "B"}
    for name, args, form, shown in (
        ("criterion-edit", ["size"], FORM, ("4,321", "Why: They sign", "WHAT I TYPED")),
        ("gate-edit", ["abroad"], FORM, ("“Far away”: Job title is known", "name Abroad → Far away")),
        ("criteria-scope", [], FORM, ("It reads now:</b> Country is", )),
        ("criteria-decision", [], FORM | decision, ("Fit 10+: B, B", 'value="12"')),
        ("group-edit", ["role"], {"label": "Role", "cap": 7777}, ('value="7777"', "cap 30 → 41", "p-conflict", "Keep theirs", 'name="rev" value="11"')),
        ("criteria-bounds", [], {"fit_ceiling": 7777}, ('value="7777"', "fit at most – → 91", "p-conflict")),
    ):  # fmt: skip
        late = browser.post(url(name, draft.pk, *args), form | {"rev": 5}, headers=HTMX)
        assert late.status_code == 409, name
        for said in shown:
            assert said in text(late), (name, said, re.findall(r'role="alert".*?</form>|role="alert".*?</a>', text(late)))
    assert browser.post(url("group-edit", draft.pk, "role"), {"label": "Role", "cap": 77, "rev": 11}).status_code == 302
    assert draft.groups.get().cap == 77


def test_evidence_is_an_edit_that_all_see_and_that_can_be_taken_back(browser: Client, cast: Any, draft: ModelVersion) -> None:
    for address in ("/\\\\evil.example/x", "/\t/evil.example/x"):
        with pytest.raises(Invalid):
            add_evidence(draft, actor=cast.manager, kind="report", url=address)
    report = add_evidence(draft, actor=cast.manager, kind="report", url="/reports/1", label="THE REPORT")
    poll = browser.get(url("criteria-delta", draft.pk), {"rev": 3, "talk": 0}, headers=HTMX)
    assert (poll.status_code, "THE REPORT" in text(poll), 'id="signing"' in text(poll)) == (200, True, True)
    with pytest.raises(Conflict, match="changed or proposed meanwhile"):
        propose_version(draft, actor=cast.marketer, rev=3, reason="Unseen")
    remove_evidence(report, actor=cast.manager)
    undo_edit(draft.edits.get(rev=5), actor=cast.marketer)
    assert draft.evidence.get() == report
    undo_edit(draft.edits.get(rev=4), actor=cast.marketer)
    assert not draft.evidence.exists()
    said = text(browser.get(url("criteria-edits", draft.pk)))
    assert 'took away the evidence <span class="p-break">“THE REPORT”' in said


def test_a_draft_put_aside_is_in_its_history_and_can_be_copied(cast: Any, draft: ModelVersion) -> None:
    withdraw_draft(draft, actor=cast.manager, rev=3)
    assert [(one.verb, one.actor) for one in draft.events.all()] == [("withdrawn", cast.manager)]
    copy = create_draft(draft.model, actor=cast.marketer, source=draft)
    assert [(one.key, one.points) for one in copy.criteria.all()] == [("size", 15), ("title", 5)]


def test_a_removal_put_back_is_taken_back_and_a_group_stands_where_it_stood(
    browser: Client, cast: Any, draft: ModelVersion
) -> None:
    by = {"actor": cast.marketer}
    remove_criterion(draft.criteria.get(key="size"), **by, rev=3)
    browser.post(url("criterion-restore", draft.pk, "size"), headers=HTMX)
    with pytest.raises(Conflict, match="taken back already"):
        undo_edit(draft.edits.get(rev=4), **by)
    draft.refresh_from_db()
    for key in ("aa", "bb", "cc"):
        add_group(draft, {"key": key, "label": key, "dimension": "fit"}, **by, rev=draft.rev)
    remove_group(draft.groups.get(key="aa"), **by, rev=draft.rev)
    undo_edit(draft.edits.first(), **by)
    assert list(draft.groups.values_list("key", "position")) == [("aa", 0), ("bb", 1), ("cc", 2)]
    draft.refresh_from_db()
    remove_group(draft.groups.get(key="cc"), **by, rev=draft.rev)
    removal = draft.edits.first()
    draft.refresh_from_db()
    add_group(draft, {"key": "dd", "label": "dd", "dimension": "fit"}, **by, rev=draft.rev)
    undo_edit(removal, **by)
    assert list(draft.groups.values_list("key", "position")) == [("aa", 0), ("bb", 1), ("dd", 2), ("cc", 3)]


def test_a_form_sent_twice_makes_one_of_it(browser: Client, cast: Any, draft: ModelVersion, freeze: Any) -> None:
    hands = freeze(MONDAY)
    group = {"rev": 3, "group-label": "Role", "group-dimension": "fit"}
    twice = [browser.post(url("group-add", draft.pk), group, headers=HTMX) for _ in range(2)]
    assert [one.status_code for one in twice] == [200, 422]
    assert "There is a group “Role” of fit already." in text(twice[1])
    assert list(draft.groups.values_list("key", flat=True)) == ["role"]
    for said in ("Why?", "Why?", "Because", "Why?"):
        assert browser.post(url("comment-add", draft.pk, "size"), {"text": said}, headers=HTMX).status_code == 200
    assert list(CriterionComment.objects.order_by("pk").values_list("text", flat=True)) == ["Why?", "Because", "Why?"]
    draft.refresh_from_db()
    assert draft.talk == 3, "what was said already is not told again"
    hands.advance(timedelta(minutes=1))
    browser.post(url("comment-add", draft.pk, "size"), {"text": "Why?"}, headers=HTMX)
    assert CriterionComment.objects.count() == 4


def test_what_a_colleague_said_for_the_side_is_not_overwritten_unseen(browser: Client, cast: Any, draft: ModelVersion) -> None:
    address = url("view-state", draft.pk, "size")
    state_view(draft.criteria.get(key="size"), need="nice", points=5, actor=cast.marketing_ops)
    late = browser.post(address, {"need": "required", "points": "", "seen": ""}, headers=HTMX)
    assert (late.status_code, "Omar Ops said “Nice to have, 5 points” for Marketing meanwhile." in text(late)) == (409, True)
    assert re.search(r'value="required" checked', text(late))
    seen = re.search(r'name="seen" value="(nice[^"]*)"', text(late))[1]
    assert browser.post(address, {"need": "required", "points": "", "seen": seen}, headers=HTMX).status_code == 200
    assert draft.criteria.get(key="size").side_views.get().need == "required"
