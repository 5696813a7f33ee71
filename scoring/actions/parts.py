"""What stands beside the criteria of a draft: groups, gates, the decision, the bounds of the dimensions, the scope."""

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db.models import Max, Model

from leads.errors import Invalid, NotFound
from leads.models import User
from scoring import spec
from scoring.actions.drafting import editing
from scoring.compiler import gate_data, group_data, reach_of
from scoring.contradictions import decision_at, refuse_contradictions, refuse_pointless_decision
from scoring.matching import refuse_bars_everybody, refuse_same_gate
from scoring.models import CriterionGroup, Gate, ModelVersion
from scoring.reading import At
from scoring.spec_reader import read_decision, read_gate, read_group, read_limits, read_scope
from scoring.vocabulary import load_registry

Row = TypeVar("Row", bound=Model)


def add_group(version: ModelVersion, data: Mapping[str, Any], *, actor: User | None, rev: int) -> CriterionGroup:
    """Add a group, given as in a spec."""
    with editing(version, actor=actor, rev=rev, verb="add_group") as edit:
        one = read_group(At(f"Group “{data.get('label') or 'new'}”", ""), dict(data))
        if version.groups.filter(key=one.key).exists():
            raise Invalid(f"There is a group with the key “{one.key}” already.", code="double", field="key", value=one.key)
        _refuse_second(version, one)
        last = version.groups.aggregate(last=Max("position"))["last"]
        row = CriterionGroup(version=version, position=0 if last is None else last + 1, **one.as_json())
        row.save()
        edit.target, edit.after = one.key, one.as_json()
    return row


def edit_group(group: CriterionGroup, data: Mapping[str, Any], *, actor: User | None, rev: int) -> CriterionGroup:
    """Change a group's label and bounds; key and dimension stay, as its criteria stand on them."""
    version = group.version
    with editing(version, actor=actor, rev=rev, verb="edit_group", part=group.key) as edit:
        row = _of(version.groups.filter(pk=group.pk).first())
        one = read_group(At(f"Group “{row.label}”", ""), {**data, "key": row.key, "dimension": row.dimension})
        if one.label.casefold() != row.label.casefold():
            _refuse_second(version, one)
        edit.target, edit.before, edit.after = row.key, group_data(row), one.as_json()
        write_group(row, one.as_json())
    return row


def _refuse_second(version: ModelVersion, one: spec.Group) -> None:
    """Two groups of one name side by side cannot be told apart; mostly the second is the same form sent twice."""
    if version.groups.filter(dimension=one.dimension, label__iexact=one.label).exists():
        raise Invalid(
            f"There is a group “{one.label}” of {one.dimension} already.",
            code="double",
            field="label",
            value=one.label,
            expected="another name",
        )


def write_group(row: CriterionGroup, content: Mapping[str, Any]) -> None:
    """Bring a group to a content that was read, within an edit."""
    row.label, row.cap, row.floor = content["label"], content.get("cap"), content.get("floor")
    row.save(update_fields=["label", "cap", "floor"])


def remove_group(group: CriterionGroup, *, actor: User | None, rev: int) -> None:
    """Take a group away; its criteria stay, without a group."""
    version = group.version
    with editing(version, actor=actor, rev=rev, verb="remove_group", part=group.key) as edit:
        row = _of(version.groups.filter(pk=group.pk).first())
        edit.target, edit.before = (
            row.key,
            group_data(row) | {"members": [one.key for one in row.criteria.all()], "position": row.position},
        )
        row.delete()


def add_gate(version: ModelVersion, data: Mapping[str, Any], *, actor: User | None, rev: int, keep: bool = False) -> Gate:
    """Add a gate, given as in a spec, after the others; one that bars everybody only with `keep`."""
    with editing(version, actor=actor, rev=rev, verb="add_gate") as edit:
        one = _gate(f"Gate “{data.get('label') or 'new'}”", data)
        refuse_same_gate(version, one.as_json())
        if not keep:
            refuse_bars_everybody(one.when)
        if version.gates.filter(key=one.key).exists():
            raise Invalid(f"There is a gate with the key “{one.key}” already.", code="double", field="key", value=one.key)
        last = version.gates.aggregate(last=Max("position"))["last"]
        row = Gate.objects.create(
            version=version,
            key=one.key,
            label=one.label,
            condition=one.when.as_json(),
            position=0 if last is None else last + 1,
        )
        edit.target, edit.after = one.key, one.as_json()
    return row


def edit_gate(gate: Gate, data: Mapping[str, Any], *, actor: User | None, rev: int, keep: bool = False) -> Gate:
    """Replace a gate's label and condition; its key stays. `keep` as in `add_gate`, where its condition is another."""
    version = gate.version
    with editing(version, actor=actor, rev=rev, verb="edit_gate", part=gate.key) as edit:
        row = _of(version.gates.filter(pk=gate.pk).first())
        row.version = version
        one = _gate(f"Gate “{row.label}”", {**data, "key": row.key})
        if not keep and one.when.as_json() != row.condition:
            refuse_bars_everybody(one.when)
        edit.target, edit.before, edit.after = row.key, gate_data(row), one.as_json()
        write_gate(row, one.as_json())
    return row


def write_gate(row: Gate, content: Mapping[str, Any]) -> None:
    """Bring a gate to a content that was read, within an edit; raises Invalid when another one bars just the same."""
    refuse_same_gate(row.version, {**content, "key": row.key})
    row.label, row.condition = content["label"], content["when"]
    row.save()


def remove_gate(gate: Gate, *, actor: User | None, rev: int) -> None:
    version = gate.version
    with editing(version, actor=actor, rev=rev, verb="remove_gate", part=gate.key) as edit:
        row = _of(version.gates.filter(pk=gate.pk).first())
        edit.target, edit.before = row.key, gate_data(row) | {"position": row.position}
        row.delete()


def set_decision(version: ModelVersion, data: Mapping[str, Any], *, actor: User | None, rev: int) -> None:
    """Say how scores become tiers, MQL and MQO: by a threshold on the sum or by a grid."""
    with editing(version, actor=actor, rev=rev, verb="set_decision", part="") as edit:
        one = read_decision(At("The decision", ""), dict(data), load_registry())
        _refuse_pointless(version, one)
        edit.before, edit.after = _now(version, "decision"), one.as_json()
        version.decision = one.as_json()
        version.save(update_fields=["decision"])


def set_bounds(version: ModelVersion, data: Mapping[str, Any], *, actor: User | None, rev: int) -> None:
    """Say between which floor and ceiling fit and engagement are held."""
    with editing(version, actor=actor, rev=rev, verb="set_bounds", part="") as edit:
        bounds = read_limits(data)
        edit.before, edit.after = _now(version, "dimensions"), bounds
        version.dimensions = bounds
        version.save(update_fields=["dimensions"])


def set_scope(version: ModelVersion, data: Mapping[str, Any] | None, *, actor: User | None, rev: int) -> None:
    """Say which leads the model judges; None for all."""
    with editing(version, actor=actor, rev=rev, verb="set_scope", part="") as edit:
        read = read_scope(data, load_registry()) if data else None
        if read is not None:
            refuse_contradictions(At("The scope", "scope"), read)
        scope = read.as_json() if read else None
        edit.before, edit.after = _now(version, "scope"), scope
        version.scope = scope
        version.save(update_fields=["scope"])


def _gate(words: str, data: Mapping[str, Any]) -> spec.Gate:
    at = At(words, "")
    one = read_gate(at, dict(data), load_registry())
    refuse_contradictions(at.into("when"), one.when)
    return one


def _refuse_pointless(version: ModelVersion, decision: spec.Decision) -> None:
    """A line that nobody can reach, or that everybody passes, is refused as soon as there are criteria to earn points by."""
    reach = reach_of(version)
    if reach is None:
        return
    refuse_pointless_decision(decision_at(decision), decision, *reach)


def _now(version: ModelVersion, column: str) -> Any:
    """What the draft says now, which is not always what the caller read."""
    return ModelVersion.objects.values_list(column, flat=True).get(pk=version.pk)


def _of(row: Row | None) -> Row:
    if row is None:
        raise NotFound("Somebody removed this meanwhile.")
    return row
