"""Criteria of a draft: added, edited, ordered, removed. What is stored is valid and canonical."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Max

from leads.errors import Invalid, NotFound
from leads.models import User
from scoring import spec
from scoring.actions.drafting import editing
from scoring.compiler import criterion_data, group_data
from scoring.models import Criterion, ModelVersion
from scoring.reading import At
from scoring.spec_reader import read_criterion, read_group
from scoring.vocabulary import load_registry


def add_criterion(version: ModelVersion, data: Mapping[str, Any], *, actor: User | None, rev: int) -> Criterion:
    """Add a criterion, given as in a spec, at the end. Raises Invalid, Conflict, NotAllowed."""
    with editing(version, actor=actor, rev=rev, verb="add_criterion") as edit:
        one = _read(version, data)
        _refuse_double(version, one.key)
        last = version.criteria.aggregate(last=Max("position"))["last"]
        row = Criterion(version=version, position=0 if last is None else last + 1)
        _fill(row, one)
        row.save()
        edit.target, edit.after = one.key, one.as_json()
    return row


def edit_criterion(criterion: Criterion, data: Mapping[str, Any], *, actor: User | None, rev: int) -> Criterion:
    """Replace the whole content of a criterion but its key; another content is no longer what was agreed."""
    version = criterion.version
    with editing(version, actor=actor, rev=rev, verb="edit_criterion") as edit:
        row = _reload(version, criterion.pk)
        before = criterion_data(row)
        one = _read(version, {**data, "key": row.key})
        _fill(row, one)
        row.save()
        edit.target, edit.before, edit.after = one.key, before, one.as_json()
    return row


def move_criterion(criterion: Criterion, by: int, *, actor: User | None, rev: int) -> None:
    """Move a criterion `by` places down (or up) among those of its dimension; at the ends it stays."""
    version = criterion.version
    with editing(version, actor=actor, rev=rev, verb="move_criterion") as edit:
        row = _reload(version, criterion.pk)
        rows = [one for one in version.criteria.all() if one.dimension == row.dimension]
        places = [one.position for one in rows]
        here = next(place for place, one in enumerate(rows) if one.pk == row.pk)
        there = min(max(here + by, 0), len(rows) - 1)
        rows.insert(there, rows.pop(here))
        for place, one in zip(_rising(places), rows, strict=True):
            one.position = place
        Criterion.objects.bulk_update(rows, ["position"])
        edit.target, edit.before, edit.after = row.key, here, there


def _rising(places: list[int]) -> list[int]:
    """The same places, sorted and each only once, so that an order is always one."""
    found: list[int] = []
    for place in sorted(places):
        found.append(place if not found or place > found[-1] else found[-1] + 1)
    return found


def remove_criterion(criterion: Criterion, *, actor: User | None, rev: int) -> None:
    """Take a criterion out of the draft; the log keeps its content and its place."""
    version = criterion.version
    with editing(version, actor=actor, rev=rev, verb="remove_criterion") as edit:
        row = _reload(version, criterion.pk)
        edit.target, edit.before = row.key, criterion_data(row) | {"position": row.position}
        row.delete()


def restore_criterion(version: ModelVersion, key: str, *, actor: User | None, rev: int) -> Criterion:
    """Put the criterion last removed under this key back in its place. Raises NotFound, Invalid, Conflict, NotAllowed."""
    removed = version.edits.filter(verb="remove_criterion", target=key).first()
    if removed is None or not isinstance(removed.before, dict):
        raise NotFound("There is no removed criterion of this name.")
    data = dict(removed.before)
    with editing(version, actor=actor, rev=rev, verb="restore_criterion") as edit:
        row = Criterion(version=version, position=data.pop("position", 0))
        one = _read(version, data)
        _refuse_double(version, one.key)
        _fill(row, one)
        row.save()
        edit.target, edit.after = one.key, one.as_json()
    return row


def _reload(version: ModelVersion, pk: int) -> Criterion:
    row = version.criteria.select_related("group").filter(pk=pk).first()
    if row is None:
        raise NotFound("Somebody removed this criterion meanwhile.")
    row.version = version
    return row


def _read(version: ModelVersion, data: Mapping[str, Any]) -> spec.Criterion:
    at = At(f"Criterion “{data.get('label') or data.get('key') or 'new'}”", "")
    groups = {group.key: read_group(at, group_data(group)) for group in version.groups.all()}
    return read_criterion(at, dict(data), load_registry(), groups)


def _refuse_double(version: ModelVersion, key: str) -> None:
    if version.criteria.filter(key=key).exists():
        raise Invalid(
            f"There is a criterion with the key “{key}” already.", code="double", field="key", value=key, expected="another key"
        )


def _fill(row: Criterion, one: spec.Criterion) -> None:
    """Bring a row to the content of a criterion."""
    row.key, row.label, row.why = one.key, one.label, one.why or ""
    row.dimension, row.shape, row.points, row.cap = one.dimension, one.shape, one.points, one.cap
    row.group = row.version.groups.get(key=one.group) if one.group else None
    row.condition = one.when.as_json() if one.when else None
    row.event = one.event.as_json() if one.event else None
    row.window_days, row.half_life_days = one.days, one.half_life
    row.award, row.freq_min, row.freq_max = one.award, one.freq_min, one.freq_max
    row.content_hash = one.hash


def criterion_row(version: ModelVersion, one: spec.Criterion, position: int) -> Criterion:
    """A new row, not saved, with the content of a criterion; its group must be saved before."""
    row = Criterion(version=version, position=position)
    _fill(row, one)
    return row
