"""Any edit of a draft can be taken back, an older one too, unless somebody built on it."""

from collections.abc import Callable
from typing import Any

import pytest

from leads.errors import Conflict, NotAllowed
from scoring.actions.criteria import (
    add_criterion,
    edit_criterion,
    move_criterion,
    place_criterion,
    regroup_criterion,
    remove_criterion,
    set_points,
)
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
from scoring.actions.talk import add_comment
from scoring.actions.undoing import undo_edit
from scoring.actions.versions import create_model
from scoring.compiler import version_data
from scoring.models import ModelVersion
from tests.scoring.samples import TOTAL, a_test, clause, when

pytestmark = pytest.mark.django_db

SIZE = a_test("size", 15, clause("company.employees", "between", low=100))
GATE = {"key": "abroad", "label": "Abroad", "when": when(clause("lead.country", "not_in", values=["DE"]))}


@pytest.fixture
def draft(cast: Any) -> ModelVersion:
    version = create_model("Enterprise", actor=cast.marketer, start="empty")
    add_group(version, {"key": "role", "label": "Role", "dimension": "fit", "cap": 30}, actor=cast.marketer, rev=1)
    add_criterion(version, SIZE | {"group": "role"}, actor=cast.marketer, rev=2)
    add_criterion(version, a_test("title", 5), actor=cast.marketer, rev=3)
    add_criterion(version, a_test("country", 7, clause("lead.country", "known")), actor=cast.marketer, rev=4)
    add_gate(version, GATE, actor=cast.marketer, rev=5)
    return version


def last(draft: ModelVersion) -> Any:
    edit = draft.edits.select_related("version").first()
    edit.version = ModelVersion.objects.get(pk=draft.pk)
    return edit


def content(draft: ModelVersion) -> Any:
    return version_data(ModelVersion.objects.get(pk=draft.pk))


VERBS: dict[str, Callable[[ModelVersion, Any], Any]] = {
    "add": lambda draft, by: add_criterion(draft, a_test("new", 3, clause("lead.language", "known")), **by),
    "edit": lambda draft, by: edit_criterion(
        draft.criteria.get(key="size"), a_test("x", 99, clause("lead.language", "known"), label="Else", cap=300), **by
    ),
    "points": lambda draft, by: set_points(draft.criteria.get(key="title"), -8, **by),
    "regroup": lambda draft, by: regroup_criterion(draft.criteria.get(key="title"), "role", **by),
    "ungroup": lambda draft, by: regroup_criterion(draft.criteria.get(key="size"), "", **by),
    "move": lambda draft, by: move_criterion(draft.criteria.get(key="size"), 1, **by),
    "place": lambda draft, by: place_criterion(draft.criteria.get(key="country"), "size", **by),
    "remove": lambda draft, by: remove_criterion(draft.criteria.get(key="title"), **by),
    "add group": lambda draft, by: add_group(draft, {"key": "x", "label": "X", "dimension": "fit"}, **by),
    "edit group": lambda draft, by: edit_group(draft.groups.get(), {"label": "Roles", "floor": -5}, **by),
    "remove group": lambda draft, by: remove_group(draft.groups.get(), **by),
    "add gate": lambda draft, by: add_gate(draft, GATE | {"key": "far", "when": when(clause("lead.language", "unknown"))}, **by),
    "edit gate": lambda draft, by: edit_gate(draft.gates.get(), GATE | {"label": "Far"}, **by),
    "remove gate": lambda draft, by: remove_gate(draft.gates.get(), **by),
    "decision": lambda draft, by: set_decision(draft, TOTAL, **by),
    "bounds": lambda draft, by: set_bounds(draft, {"fit": {"floor": 0, "ceiling": 80}}, **by),
    "scope": lambda draft, by: set_scope(draft, when(clause("lead.country", "known")), **by),
}


@pytest.mark.parametrize("verb", VERBS)
def test_every_edit_is_taken_back_and_so_is_that(cast: Any, draft: ModelVersion, verb: str) -> None:
    before = content(draft)
    VERBS[verb](draft, {"actor": cast.manager, "rev": 6})
    after = content(draft)
    assert after != before
    edit = last(draft)
    undone = undo_edit(edit, actor=cast.marketer)
    assert content(draft) == before
    assert (undone.undoes, undone.actor, undone.rev) == (edit, cast.marketer, 8)
    with pytest.raises(Conflict, match="taken back already"):
        undo_edit(edit, actor=cast.marketer)
    undo_edit(last(draft), actor=cast.manager)
    assert content(draft) == after


def test_an_older_edit_is_taken_back_while_what_came_later_stays(cast: Any, draft: ModelVersion) -> None:
    size = draft.criteria.get(key="size")
    set_points(size, 40, actor=cast.manager, rev=6)
    older = last(draft)
    edit_criterion(draft.criteria.get(key="size"), SIZE | {"points": 40, "label": "Firm size"}, actor=cast.marketer, rev=7)
    remove_criterion(draft.criteria.get(key="title"), actor=cast.manager, rev=8)
    undo_edit(older, actor=cast.marketer)
    size.refresh_from_db()
    assert (size.points, size.label) == (15, "Firm size")
    assert not draft.criteria.filter(key="title").exists()


@pytest.mark.parametrize(
    ("verb", "then", "said"),
    [
        ("points", lambda draft, by: set_points(draft.criteria.get(key="title"), 9, **by), "Omar Ops changed it again"),
        ("add", lambda draft, by: set_points(draft.criteria.get(key="new"), 9, **by), "Omar Ops changed it again"),
        ("edit", lambda draft, by: remove_criterion(draft.criteria.get(key="size"), **by), "Omar Ops changed it again"),
        ("move", lambda draft, by: move_criterion(draft.criteria.get(key="size"), 1, **by), "Omar Ops changed it again"),
        ("place", lambda draft, by: remove_criterion(draft.criteria.get(key="country"), **by), "Omar Ops changed it again"),
        ("decision", lambda draft, by: set_decision(draft, TOTAL | {"edges": [1, 2]}, **by), "Omar Ops changed it again"),
        ("edit group", lambda draft, by: edit_group(draft.groups.get(), {"label": "R"}, **by), "Omar Ops changed it again"),
        ("edit gate", lambda draft, by: remove_gate(draft.gates.get(), **by), "Omar Ops changed it again"),
        ("remove", lambda draft, by: add_criterion(draft, a_test("title", 1), **by), "Omar Ops changed it again"),
        ("add group", lambda draft, by: regroup_criterion(draft.criteria.get(key="title"), "x", **by), "changed since"),
        ("regroup", lambda draft, by: remove_group(draft.groups.get(), **by), "changed since"),
    ],
)
def test_what_others_built_on_is_not_taken_back_and_they_are_named(
    cast: Any, draft: ModelVersion, verb: str, then: Any, said: str
) -> None:
    VERBS[verb](draft, {"actor": cast.manager, "rev": 6})
    edit = last(draft)
    then(draft, {"actor": cast.marketing_ops, "rev": 7})
    now = content(draft)
    with pytest.raises(Conflict, match=said):
        undo_edit(edit, actor=cast.marketer)
    assert content(draft) == now
    assert draft.edits.count() == 7


def test_a_removed_criterion_comes_back_with_what_was_said_about_it(cast: Any, draft: ModelVersion) -> None:
    title = draft.criteria.get(key="title")
    add_comment(title, "Too vague", actor=cast.manager)
    remove_criterion(title, actor=cast.manager, rev=6)
    assert not draft.criteria.filter(key="title").exists()
    undo_edit(last(draft), actor=cast.marketer)
    assert [comment.text for comment in draft.criteria.get(key="title").comments.all()] == ["Too vague"]


def test_only_editors_of_a_draft_take_back(cast: Any, draft: ModelVersion) -> None:
    with pytest.raises(NotAllowed):
        undo_edit(last(draft), actor=cast.rep)
    edit = last(draft)
    ModelVersion.objects.filter(pk=draft.pk).update(status="withdrawn")
    with pytest.raises(Conflict, match="no longer a draft"):
        undo_edit(edit, actor=cast.marketer)
