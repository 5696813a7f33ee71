from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from leads.errors import Conflict, Invalid, NotAllowed, NotFound
from leads.models import LeadField
from scoring.actions.activating import activate_version
from scoring.actions.criteria import (
    add_criterion,
    edit_criterion,
    move_criterion,
    remove_criterion,
    restore_criterion,
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
from scoring.actions.qualification import close_qualification, release_qualifications
from scoring.actions.undoing import undo_edit
from scoring.actions.versions import create_draft, create_model, withdraw_draft
from scoring.activation import activate_here
from scoring.compiler import compile_version, draft_problems, version_data
from scoring.matching import ENOUGH, refuse_asked_twice
from scoring.models import Activation, DraftEvent, ModelVersion, Qualification
from scoring.rescoring import score_dirty
from scoring.signoff import NOBODY
from scoring.starters import starters
from tests.scoring.samples import TOTAL, a_tally, a_test, clause, when

pytestmark = pytest.mark.django_db

SIZE = a_test("size", 15, clause("company.employees", "between", low=100))


@pytest.fixture
def draft(cast: Any) -> ModelVersion:
    return create_model("Enterprise", actor=cast.marketer, start="empty", signers=NOBODY)


def keys(version: ModelVersion) -> list[str]:
    return list(version.criteria.values_list("key", flat=True))


def test_an_edit_raises_the_revision_and_is_logged(cast: Any, draft: ModelVersion) -> None:
    add_criterion(draft, SIZE, actor=cast.manager, rev=1)
    assert draft.rev == 2
    edit = DraftEvent.objects.get(version=draft)
    assert (edit.rev, edit.actor, edit.verb, edit.target) == (2, cast.manager, "add_criterion", "size")
    assert edit.after["points"] == 15


@pytest.mark.parametrize("who", ["rep", "outsider"])
def test_who_may_not_edit_is_refused_everywhere(cast: Any, draft: ModelVersion, who: str) -> None:
    actor = getattr(cast, who)
    criterion = add_criterion(draft, SIZE, actor=cast.marketer, rev=1)
    verbs: list[Callable[[], Any]] = [
        lambda: add_criterion(draft, SIZE, actor=actor, rev=2),
        lambda: edit_criterion(criterion, SIZE, actor=actor, rev=2),
        lambda: move_criterion(criterion, 1, actor=actor, rev=2),
        lambda: remove_criterion(criterion, actor=actor, rev=2),
        lambda: set_decision(draft, TOTAL, actor=actor, rev=2),
        lambda: set_scope(draft, None, actor=actor, rev=2),
        lambda: set_bounds(draft, {}, actor=actor, rev=2),
        lambda: add_group(draft, {}, actor=actor, rev=2),
        lambda: add_gate(draft, {}, actor=actor, rev=2),
        lambda: withdraw_draft(draft, actor=actor, rev=2),
        lambda: create_model("Mine", actor=actor, signers=NOBODY),
        lambda: create_draft(draft.model, actor=actor),
        lambda: activate_version(draft, actor=actor, rev=2, reason="I want it"),
    ]
    for verb in verbs:
        with pytest.raises(NotAllowed):
            verb()
    assert DraftEvent.objects.count() == 1


def test_a_marketer_edits_but_does_not_put_into_force(cast: Any, draft: ModelVersion) -> None:
    add_criterion(draft, SIZE, actor=cast.marketer, rev=1)
    with pytest.raises(NotAllowed):
        activate_version(draft, actor=cast.marketer, rev=2, reason="Now")


def test_a_save_over_what_others_changed_is_a_conflict_and_writes_nothing(cast: Any, draft: ModelVersion) -> None:
    row = add_criterion(draft, SIZE, actor=cast.manager, rev=1)
    edit_criterion(row, SIZE | {"points": 20}, actor=cast.manager, rev=2)
    with pytest.raises(Conflict, match="Mona Manager changed this meanwhile") as late:
        edit_criterion(row, SIZE | {"points": 30}, actor=cast.marketer, rev=2)
    assert [edit.after["points"] for edit in late.value.edits] == [20]
    draft.refresh_from_db()
    assert (draft.rev, draft.criteria.get().points, draft.edits.count()) == (3, 20, 2)


def test_edits_of_different_parts_never_stand_in_each_others_way(cast: Any, draft: ModelVersion) -> None:
    size = add_criterion(draft, SIZE, actor=cast.manager, rev=1)
    add_criterion(draft, a_test("title", 5), actor=cast.marketer, rev=1)
    edit_criterion(size, SIZE | {"label": "Firm size"}, actor=cast.marketer, rev=2)
    set_points(size, 30, actor=cast.manager, rev=2)
    move_criterion(size, 1, actor=cast.manager, rev=2)
    set_decision(draft, TOTAL, actor=cast.marketer, rev=1)
    found = draft.criteria.get(key="size")
    assert (found.label, found.points, keys(draft)) == ("Firm size", 30, ["title", "size"])
    draft.refresh_from_db()
    assert draft.rev == 7


def test_a_refused_edit_leaves_the_revision_alone(cast: Any, draft: ModelVersion) -> None:
    with pytest.raises(Invalid) as refused:
        add_criterion(draft, SIZE | {"points": 5000}, actor=cast.marketer, rev=1)
    assert refused.value.field == "points"
    draft.refresh_from_db()
    assert (draft.rev, keys(draft)) == (1, [])


def test_what_is_stored_is_canonical(cast: Any, draft: ModelVersion) -> None:
    title = a_test("title", 5, clause("lead.job_title", "words", values=["VP", "Head-of", "vp"]))
    row = add_criterion(draft, title, actor=cast.marketer, rev=1)
    assert row.condition == {"all": [{"field": "lead.job_title", "op": "words", "values": ["head of", "vp"]}]}
    assert len(row.content_hash) == 64


def test_editing_a_criterion_changes_its_hash_and_keeps_its_key(cast: Any, draft: ModelVersion) -> None:
    row = add_criterion(draft, SIZE, actor=cast.marketer, rev=1)
    before = row.content_hash
    again = edit_criterion(row, SIZE | {"points": 20, "key": "other"}, actor=cast.marketer, rev=2)
    assert (again.key, again.points) == ("size", 20)
    assert again.content_hash != before
    assert DraftEvent.objects.get(rev=3).before["points"] == 15


def test_a_key_is_used_once(cast: Any, draft: ModelVersion) -> None:
    add_criterion(draft, SIZE, actor=cast.marketer, rev=1)
    with pytest.raises(Invalid, match="already"):
        add_criterion(draft, SIZE, actor=cast.marketer, rev=2)


KNOWN = {
    key: a_test(key, 1, clause(f"lead.{name}", "known"))
    for key, name in (("a", "country"), ("b", "language"), ("c", "department"))
}


@pytest.mark.parametrize(
    ("key", "by", "order"),
    [
        ("a", 1, ["b", "a", "c"]),
        ("c", -1, ["a", "c", "b"]),
        ("a", -1, ["a", "b", "c"]),
        ("c", 5, ["a", "b", "c"]),
        ("a", 2, ["b", "c", "a"]),
    ],
)
def test_a_criterion_moves_among_its_own_dimension(cast: Any, draft: ModelVersion, key: str, by: int, order: list[str]) -> None:
    for number, data in enumerate((KNOWN["a"], a_tally("x", 1), KNOWN["b"], KNOWN["c"])):
        add_criterion(draft, data, actor=cast.marketer, rev=number + 1)
    move_criterion(draft.criteria.get(key=key), by, actor=cast.marketer, rev=5)
    assert [one for one in keys(draft) if one != "x"] == order


def test_a_removed_criterion_stays_readable_in_the_log(cast: Any, draft: ModelVersion) -> None:
    row = add_criterion(draft, SIZE, actor=cast.marketer, rev=1)
    remove_criterion(row, actor=cast.marketer, rev=2)
    assert keys(draft) == []
    assert DraftEvent.objects.get(rev=3).before["label"] == "Size"
    with pytest.raises(NotFound):
        remove_criterion(row, actor=cast.marketer, rev=3)


def test_groups_gates_scope_and_bounds_are_edited_and_taken_away(cast: Any, draft: ModelVersion) -> None:
    actor = cast.marketer
    group = add_group(draft, {"key": "role", "label": "Role", "dimension": "fit", "cap": 30}, actor=actor, rev=1)
    add_criterion(draft, SIZE | {"group": "role"}, actor=actor, rev=2)
    edit_group(group, {"label": "Roles", "floor": -5}, actor=actor, rev=3)
    gate = add_gate(
        draft, {"key": "de", "label": "Abroad", "when": when(clause("lead.country", "not_in", values=["DE"]))}, actor=actor, rev=4
    )
    edit_gate(gate, {"label": "Far", "when": when(clause("lead.country", "in", values=["US"]))}, actor=actor, rev=5)
    set_scope(draft, when(clause("lead.country", "known")), actor=actor, rev=6)
    set_bounds(draft, {"fit": {"floor": 0, "ceiling": 50}}, actor=actor, rev=7)
    spec = compile_version(ModelVersion.objects.get(pk=draft.pk))
    assert (spec.groups[0].label, spec.groups[0].cap, spec.groups[0].floor) == ("Roles", None, -5)
    assert (spec.gates[0].label, spec.fit.ceiling, len(spec.scope.parts)) == ("Far", 50, 1)
    remove_gate(gate, actor=actor, rev=8)
    remove_group(group, actor=actor, rev=9)
    set_scope(draft, None, actor=actor, rev=10)
    spec = compile_version(ModelVersion.objects.get(pk=draft.pk))
    assert (spec.groups, spec.gates, spec.scope.parts, spec.criteria[0].group) == ((), (), (), None)


def test_putting_into_force_freezes_the_content_for_good(cast: Any, draft: ModelVersion) -> None:
    row = add_criterion(draft, SIZE, actor=cast.marketer, rev=1)
    activation = activate_here(draft, actor=cast.head_of_sales, reason="Agreed on Monday")
    assert (draft.status, draft.reason, draft.model.versions.get().spec_hash) == ("active", "Agreed on Monday", draft.spec_hash)
    assert draft.spec_hash == compile_version(draft).hash
    assert (activation.by, activation.from_version) == (cast.head_of_sales, None)
    draft.model.refresh_from_db()
    assert draft.model.active_version == draft
    statements = (
        "UPDATE scoring_modelversion SET spec = '{}' WHERE id = %s",
        "UPDATE scoring_modelversion SET status = 'draft' WHERE id = %s",
        "UPDATE scoring_criterion SET points = 99 WHERE version_id = %s",
        "DELETE FROM scoring_criterion WHERE version_id = %s",
        "DELETE FROM scoring_modelversion WHERE id = %s",
    )
    for statement in statements:
        with connection.cursor() as cursor, pytest.raises(IntegrityError), transaction.atomic():
            cursor.execute(statement, [draft.pk])
    with pytest.raises(Conflict, match="no longer a draft"):
        edit_criterion(row, SIZE, actor=cast.marketer, rev=2)


@pytest.mark.parametrize(
    ("prepare", "arguments", "field"),
    [
        (False, {"reason": "Go"}, "criteria"),
        (True, {"reason": "  "}, "reason"),
        (True, {"reason": "Go", "wave": "tsunami"}, "wave"),
    ],
)
def test_an_empty_or_unexplained_version_does_not_come_into_force(
    cast: Any, draft: ModelVersion, prepare: bool, arguments: dict[str, str], field: str
) -> None:
    if prepare:
        add_criterion(draft, SIZE, actor=cast.marketer, rev=1)
    with pytest.raises(Invalid) as refused:
        activate_version(draft, actor=cast.head_of_marketing, rev=draft.rev, **arguments)
    assert refused.value.field == field
    assert Activation.objects.count() == 0


def test_a_field_retired_after_it_was_used_keeps_a_draft_back_and_names_the_criterion(cast: Any, draft: ModelVersion) -> None:
    field = LeadField.objects.create(key="budget", label="Budget", type="text")
    add_criterion(draft, a_test("money", 5, clause("custom.budget", "known"), label="Has money"), actor=cast.marketer, rev=1)
    field.active = False
    field.save()
    (problem,) = draft_problems(draft)
    assert "Has money" in problem.message
    assert "Budget" in problem.message
    with pytest.raises(Invalid, match="Has money"):
        activate_version(draft, actor=cast.head_of_marketing, rev=2, reason="Go")


def test_a_version_in_force_outlives_a_retired_field(cast: Any, draft: ModelVersion, make: Any) -> None:
    field = LeadField.objects.create(key="tier", label="Tier", type="choice", choices=["gold", "silver"])
    add_criterion(draft, a_test("gold", 60, clause("custom.tier", "in", values=["gold"])), actor=cast.marketer, rev=1)
    activate_here(draft, actor=cast.head_of_marketing, reason="Go")
    field.active, field.choices = False, ["silver"]
    field.save()
    from scoring.compiler import stored_spec

    stored_spec.cache_clear()
    lead = make.lead(attributes={"tier": "gold"})
    while score_dirty():
        pass
    assert Qualification.objects.filter(lead=lead).exists()


def test_the_next_version_retires_the_last_one(cast: Any, draft: ModelVersion) -> None:
    add_criterion(draft, SIZE, actor=cast.marketer, rev=1)
    activate_here(draft, actor=cast.head_of_marketing, reason="First")
    second = create_draft(draft.model, actor=cast.manager)
    assert (second.no, second.copied_from, keys(second)) == (2, draft, ["size"])
    assert compile_version(second).hash == draft.spec_hash
    activate_here(second, actor=cast.head_of_sales, reason="Second")
    draft.refresh_from_db()
    assert draft.status == "retired"
    assert ModelVersion.objects.get(status="active") == second


def test_a_model_has_one_draft_at_a_time(cast: Any, draft: ModelVersion) -> None:
    with pytest.raises(Conflict, match="already"):
        create_draft(draft.model, actor=cast.marketer)
    withdraw_draft(draft, actor=cast.marketer, rev=1)
    assert create_draft(draft.model, actor=cast.marketer, start="bant").no == 2


@pytest.mark.parametrize("start", ["fit_engagement", "bant"])
def test_every_starter_can_be_put_into_force_as_it_is(cast: Any, start: str) -> None:
    version = create_model(f"From {start}", actor=cast.marketer, start=start, signers=NOBODY)
    assert draft_problems(version) == []
    activate_here(version, actor=cast.head_of_marketing, reason="As it is")
    assert version.criteria.count() == len(starters()[start].content["criteria"])


def test_a_model_needs_a_name_of_its_own(cast: Any, draft: ModelVersion) -> None:
    for name in ("", "???", "Enterprise"):
        with pytest.raises(Invalid):
            create_model(name, actor=cast.marketer, signers=NOBODY)
    with pytest.raises(NotFound):
        create_model("Other", actor=cast.marketer, start="nonsense", signers=NOBODY)


def test_a_qualification_is_closed_once_and_released_once(cast: Any, draft: ModelVersion, make: Any) -> None:
    add_criterion(draft, a_test("size", 50, clause("company.employees", "between", low=100)), actor=cast.marketer, rev=1)
    make.lead(company=make.company(employees=300))
    activate_here(draft, actor=cast.head_of_marketing, reason="Go", wave="none")
    qualification = Qualification.objects.get()
    with pytest.raises(NotAllowed):
        release_qualifications([qualification.pk], actor=cast.rep)
    assert release_qualifications([qualification.pk], actor=cast.head_of_sales) == 1
    assert release_qualifications([qualification.pk], actor=cast.head_of_sales) == 0
    close_qualification(qualification, as_="answered")
    with pytest.raises(Conflict):
        close_qualification(Qualification.objects.get(), as_="joined")


def test_what_asks_the_same_or_tells_nobody_apart_is_refused_by_every_verb(cast: Any, draft: ModelVersion, make: Any) -> None:
    by = {"actor": cast.marketer}
    size = add_criterion(draft, SIZE, **by, rev=1)
    other = add_criterion(draft, a_test("other", 5, clause("lead.country", "known")), **by, rev=2)
    for verb in (
        lambda: add_criterion(draft, SIZE | {"key": "again", "points": 3}, **by, rev=3),
        lambda: edit_criterion(other, SIZE | {"key": "other"}, **by, rev=3),
    ):
        with pytest.raises(Invalid) as refused:
            verb()
        assert (refused.value.code, draft.edits.count()) == ("duplicate", 2)
    edit_criterion(size, SIZE | {"points": 20, "label": "Large"}, **by, rev=3)  # it asks what it asked
    remove_criterion(other, **by, rev=4)
    add_criterion(draft, a_test("new", 5, clause("lead.country", "known")), **by, rev=5)
    with pytest.raises(Invalid, match="asks exactly the same"):
        restore_criterion(draft, "other", **by, rev=6)
    with pytest.raises(Invalid, match="asks exactly the same"):
        refuse_asked_twice([*version_data(draft)["criteria"], SIZE | {"key": "again"}])

    for _ in range(ENOUGH):
        make.lead()
    nobody, everybody = clause("lead.job_title", "words", values=["astronaut"]), clause("lead.created_at", "known")
    for condition, code in ((nobody, "matches_nobody"), (everybody, "matches_everybody")):
        with pytest.raises(Invalid) as refused:
            add_criterion(draft, a_test("odd", 5, condition), **by, rev=6)
        assert refused.value.code == code
    gate = {"key": "all", "label": "All", "when": when(everybody)}
    with pytest.raises(Invalid, match="nobody would ever be handed over"):
        add_gate(draft, gate, **by, rev=6)
    kept = add_criterion(draft, a_test("odd", 5, nobody), **by, rev=6, keep=True)
    edit_criterion(kept, a_test("odd", 7, nobody), **by, rev=7)  # another number of points asks nothing new
    add_gate(draft, gate, **by, rev=8, keep=True)


def test_what_changes_nothing_is_refused_by_every_verb_and_by_the_database(cast: Any, draft: ModelVersion) -> None:
    by: dict[str, Any] = {"actor": cast.marketer}
    row = add_criterion(draft, SIZE | {"cap": 30}, **by, rev=1)
    for points, cap, field in ((0, None, "points"), (20, 5, "cap"), (-20, 19, "cap")):
        data = SIZE | {"points": points} | ({} if cap is None else {"cap": cap})
        refused = []
        for verb in (
            lambda data=data: add_criterion(draft, data | {"key": "other"}, **by, rev=2),
            lambda data=data: edit_criterion(row, data, **by, rev=2),
        ):
            with pytest.raises(Invalid) as said:
                verb()
            refused.append((said.value.field, said.value.here))
        assert refused[0] == refused[1]
        assert refused[0][0] == field
    for points in (0, 31):
        with pytest.raises(Invalid):
            set_points(row, points, **by, rev=2)
    for change in ({"points": 0}, {"cap": 1}):
        with pytest.raises(IntegrityError), transaction.atomic():
            draft.criteria.update(**change)

    abroad = when(clause("lead.country", "not_in", values=["DE", "AT"]))
    add_gate(draft, {"key": "abroad", "label": "Abroad", "when": abroad}, **by, rev=2)
    again = when(clause("lead.country", "not_in", values=["AT", "DE"]))
    with pytest.raises(Invalid, match="“Abroad” asks exactly the same already"):
        add_gate(draft, {"key": "far", "label": "Far", "when": again}, **by, rev=3)
    far = add_gate(draft, {"key": "far", "label": "Far", "when": when(clause("lead.country", "unknown"))}, **by, rev=3)
    with pytest.raises(Invalid, match="“Abroad” asks exactly the same already"):
        edit_gate(far, {"label": "Far", "when": again}, **by, rev=4)
    remove_gate(far, **by, rev=4)
    edit_gate(draft.gates.get(), {"label": "Abroad", "when": when(clause("lead.country", "unknown"))}, **by, rev=5)
    with pytest.raises(Conflict, match="“Abroad” asks exactly the same already"):
        undo_edit(draft.edits.get(verb="remove_gate"), **by)
    draft.refresh_from_db()
    assert (draft.rev, draft.criteria.get().points, draft.gates.count()) == (6, SIZE["points"], 1)


def test_a_line_that_everybody_passes_or_nobody_reaches_is_no_decision(cast: Any, draft: ModelVersion) -> None:
    add_criterion(draft, SIZE, actor=cast.marketer, rev=1)
    grid = {
        "kind": "grid", "tiers": ["C", "B"], "fit_edges": [10], "engagement_edges": [5], "mql_from": "B",
    }  # fmt: skip
    for decision, code in (
        (TOTAL | {"edges": [0, 10]}, "certain"),
        (TOTAL | {"mql_from": "C"}, "certain"),
        (TOTAL | {"edges": [16, 40]}, "unreachable"),
        (grid | {"grid": [["B", "B"], ["B", "B"]]}, "certain"),
        (grid | {"grid": [["C", "B"], ["C", "B"]]}, "unreachable"),
    ):
        with pytest.raises(Invalid) as refused:
            set_decision(draft, decision, actor=cast.marketer, rev=2)
        assert (refused.value.code, draft.rev) == (code, 2)
    set_decision(draft, grid | {"grid": [["C", "C"], ["B", "B"]]}, actor=cast.marketer, rev=2)
    set_decision(draft, TOTAL | {"edges": [15, 40]}, actor=cast.marketer, rev=3)
