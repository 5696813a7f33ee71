"""Any edit of a draft's log is taken back on the draft as it is now, as long as nobody built on it.

An edit holds the content of one part before and after (None: it was not there). Taking it back gives the fields it changed
their old content, which fails with a clear answer where one of them was changed again.
"""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet

from leads.errors import Conflict, Invalid
from leads.models import User
from scoring.actions import criteria, evidence, parts
from scoring.actions.drafting import Edit, changed_fields, editing, thing_of, who_of
from scoring.compiler import criterion_data, gate_data, group_data
from scoring.models import Criterion, CriterionGroup, DraftEvent, Gate, ModelVersion

NO_CONTENT = ("key", "position", "members")


def undo_edit(edit: DraftEvent, *, actor: User | None) -> DraftEvent:
    """Take an edit back; answers the new entry of the log, which can be taken back as well.

    Raises Conflict naming who built on the edit, or when it was taken back already; NotAllowed for who may not edit.
    """
    version = edit.version
    undo = _UNDO[thing_of(edit.verb)] if edit.verb != "move_criterion" else _undo_move
    with editing(version, actor=actor, rev=version.rev, verb=_opposite(edit.verb)) as made:
        if edit.undone_by.exists():
            raise Conflict("This edit was taken back already.", code="undone")
        version.refresh_from_db()
        made.undoes = edit
        try:
            undo(version, edit, made)
        except Invalid as refused:
            raise Conflict(f"This can no longer be taken back: {refused.message}", code="undone") from refused
    return version.edits.get(rev=made.rev)


def _opposite(verb: str) -> str:
    word, _, thing = verb.partition("_")
    return {"add": "remove", "remove": "restore", "restore": "remove"}.get(word, word) + f"_{thing}"


def _refuse_built_on(version: ModelVersion, edit: DraftEvent, what: str) -> None:
    """Name the later edit of the same part that stands in the way."""
    thing = thing_of(edit.verb)
    later = version.edits.filter(rev__gt=edit.rev, target=edit.target, verb__endswith=f"_{thing}").select_related("actor")
    last = next((one for one in later if one.verb != "move_criterion" or edit.verb == "move_criterion"), None)
    who = f"{who_of(last)} changed it again after that" if last else "it was changed since"
    raise Conflict(f"{what} cannot be taken back: {who}. Take that back first.", code="built_on")


def _reverted(now: Mapping[str, Any], version: ModelVersion, edit: DraftEvent, what: str) -> dict[str, Any]:
    """The content now with the fields an edit changed as they were before it."""
    before, after = edit.before or {}, edit.after or {}
    content = dict(now)
    for name in changed_fields(edit) - set(NO_CONTENT):
        if now.get(name) != after.get(name):
            _refuse_built_on(version, edit, what)
        content.pop(name, None)
        if before.get(name) is not None:
            content[name] = before[name]
    return content


def _what(edit: DraftEvent) -> str:
    content = edit.after or edit.before or {}
    return f"“{content.get('label') or edit.target}”" if isinstance(content, dict) else "This"


# --- Criteria -----------------------------------------------------------------------------------------------------------


def _undo_criterion(version: ModelVersion, edit: DraftEvent, made: Edit) -> None:
    if edit.after is None:
        if version.criteria.filter(key=edit.target).exists():
            _refuse_built_on(version, edit, f"The removal of {_what(edit)}")
        criteria.bring_back(version, edit.target, made)
        return
    row = version.criteria.select_related("group").filter(key=edit.target).first()
    if row is None:
        _refuse_built_on(version, edit, f"The edit of {_what(edit)}")
    assert row is not None
    row.version = version
    if edit.before is None:
        if criterion_data(row) != _without_nothing(edit.after):
            _refuse_built_on(version, edit, f"The new criterion {_what(edit)}")
        criteria.drop_criterion(row, made)
        return
    criteria.write_criterion(row, _reverted(criterion_data(row), version, edit, f"The edit of {_what(edit)}"), made)


def _without_nothing(content: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if value is not None}


def _undo_move(version: ModelVersion, edit: DraftEvent, made: Edit) -> None:
    row = version.criteria.select_related("group").filter(key=edit.target).first()
    if row is None or version.edits.filter(rev__gt=edit.rev, verb="move_criterion", target=edit.target).exists():
        _refuse_built_on(version, edit, "This move")
    assert row is not None
    row.version = version
    wanted = (edit.before or {}).get("before", "")

    def there(rows: list[Criterion], here: int) -> int:
        place = criteria.place_of(rows, wanted)
        return place - 1 if place > here else place

    criteria.reorder(row, there, made)


# --- What stands beside -------------------------------------------------------------------------------------------------


def _place(rows: "QuerySet[Any]", edit: DraftEvent) -> int:
    """Where a part stood before its removal; at the end when another stands there by now."""
    taken = set(rows.values_list("position", flat=True))
    place = (edit.before or {}).get("position")
    return max(taken, default=-1) + 1 if place is None or place in taken else int(place)


def _undo_group(version: ModelVersion, edit: DraftEvent, made: Edit) -> None:
    row = version.groups.filter(key=edit.target).first()
    what = f"The edit of the group {_what(edit)}"
    made.target = edit.target
    if edit.after is None:
        if row is not None:
            _refuse_built_on(version, edit, f"The removal of the group {_what(edit)}")
        content = {name: value for name, value in (edit.before or {}).items() if name not in NO_CONTENT} | {"key": edit.target}
        back = CriterionGroup.objects.create(version=version, position=_place(version.groups.all(), edit), **content)
        members = version.criteria.filter(key__in=(edit.before or {}).get("members", []), group=None, dimension=back.dimension)
        members.update(group=back, rev=made.rev)
        made.after = group_data(back) | {"members": [one.key for one in back.criteria.all()]}
        return
    if row is None:
        _refuse_built_on(version, edit, what)
    assert row is not None
    made.before = group_data(row)
    if edit.before is None:
        held = {one.key for one in row.criteria.all()}
        came_with = set((edit.after or {}).get("members", ()))
        if {**made.before, "members": 0} != {**(edit.after or {}), "members": 0} or held - came_with:
            _refuse_built_on(version, edit, f"The new group {_what(edit)}")
        made.before |= {"members": sorted(held), "position": row.position}
        row.delete()
        return
    made.after = _reverted(made.before, version, edit, what)
    parts.write_group(row, made.after)


def _undo_gate(version: ModelVersion, edit: DraftEvent, made: Edit) -> None:
    row = version.gates.filter(key=edit.target).first()
    what = f"The edit of the gate {_what(edit)}"
    made.target = edit.target
    if edit.after is None:
        if row is not None:
            _refuse_built_on(version, edit, f"The removal of the gate {_what(edit)}")
        content = edit.before or {}
        back = Gate(version=version, key=edit.target, position=_place(version.gates.all(), edit))
        parts.write_gate(back, content)
        made.after = gate_data(back)
        return
    if row is None:
        _refuse_built_on(version, edit, what)
    assert row is not None
    made.before, row.version = gate_data(row), version
    if edit.before is None:
        if made.before != edit.after:
            _refuse_built_on(version, edit, f"The new gate {_what(edit)}")
        made.before |= {"position": row.position}
        row.delete()
        return
    made.after = _reverted(made.before, version, edit, what)
    parts.write_gate(row, made.after)


def _undo_evidence(version: ModelVersion, edit: DraftEvent, made: Edit) -> None:
    made.target = edit.target
    row = version.evidence.filter(pk=int(edit.target)).first()
    if (row is None) != (edit.after is None):
        _refuse_built_on(version, edit, f"The evidence {_what(edit)}")
    if row is None:
        made.after = evidence.evidence_data(evidence.put_back(version, int(edit.target), edit.before or {}))
    else:
        made.before = evidence.evidence_data(row)
        row.delete()


def _undo_whole(column: str) -> Any:
    """For what a draft has one of: back as a whole."""

    def undo(version: ModelVersion, edit: DraftEvent, made: Edit) -> None:
        now = getattr(version, column)
        if now != edit.after:
            _refuse_built_on(version, edit, "This")
        made.before, made.after = now, edit.before
        setattr(version, column, edit.before)
        version.save(update_fields=[column])

    return undo


_UNDO = {
    "criterion": _undo_criterion,
    "group": _undo_group,
    "gate": _undo_gate,
    "evidence": _undo_evidence,
    "decision": _undo_whole("decision"),
    "bounds": _undo_whole("dimensions"),
    "scope": _undo_whole("scope"),
}
