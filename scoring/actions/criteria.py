"""Criteria of a draft: added, edited, ordered, removed. What is stored is valid and canonical."""

from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import Max

from leads.errors import Conflict, Invalid, NotFound
from leads.models import User
from scoring import spec
from scoring.actions.drafting import Edit, editing
from scoring.compiler import criterion_data, group_data
from scoring.contradictions import refuse_contradictions, refuse_no_effect
from scoring.matching import asked, refuse_duplicate, refuse_pointless
from scoring.models import Criterion, ModelVersion
from scoring.reading import At
from scoring.spec_reader import read_criterion, read_group
from scoring.vocabulary import load_registry


def add_criterion(
    version: ModelVersion, data: Mapping[str, Any], *, actor: User | None, rev: int, keep: bool = False
) -> Criterion:
    """Add a criterion, given as in a spec, at the end. Raises Invalid, Conflict, NotAllowed.

    With `keep` also one that matches nobody or everybody, which is refused otherwise.
    """
    with editing(version, actor=actor, rev=rev, verb="add_criterion") as edit:
        one = _read(version, data)
        _refuse_double(version, one.key)
        refuse_duplicate(version, one)
        if not keep:
            refuse_pointless(one)
        last = version.criteria.aggregate(last=Max("position"))["last"]
        row = Criterion(version=version, position=0 if last is None else last + 1, rev=edit.rev)
        _fill(row, one)
        row.save()
        edit.target, edit.after = one.key, one.as_json()
    return row


def edit_criterion(
    criterion: Criterion, data: Mapping[str, Any], *, actor: User | None, rev: int, keep: bool = False
) -> Criterion:
    """Replace the whole content of a criterion but its key; another content is no longer what was agreed.

    `keep` as in `add_criterion`, where it asks something else than before.
    """
    version = criterion.version
    with editing(version, actor=actor, rev=rev, verb="edit_criterion", part=criterion.key) as edit:
        row = reload_criterion(version, criterion.pk)
        before = asked(criterion_data(row))
        one = write_criterion(row, data, edit)
        if not keep and asked(one.as_json()) != before:
            refuse_pointless(one)
    return row


def set_points(criterion: Criterion, points: object, *, actor: User | None, rev: int) -> Criterion:
    """Give a criterion other points; what others changed of it besides stays. Raises as `edit_criterion` does."""
    version = criterion.version
    with editing(version, actor=actor, rev=rev, verb="edit_criterion", part=criterion.key, fields=("points",)) as edit:
        row = reload_criterion(version, criterion.pk)
        write_criterion(row, criterion_data(row) | {"points": points}, edit)
    return row


def regroup_criterion(criterion: Criterion, group: str, *, actor: User | None, rev: int) -> Criterion:
    """Put a criterion into the group with this key, or with "" into none; its content stays as agreed."""
    version = criterion.version
    with editing(version, actor=actor, rev=rev, verb="edit_criterion", part=criterion.key, fields=("group",)) as edit:
        row = reload_criterion(version, criterion.pk)
        data = {name: value for name, value in criterion_data(row).items() if name != "group"}
        write_criterion(row, data | ({"group": group} if group else {}), edit)
    return row


def write_criterion(row: Criterion, data: Mapping[str, Any], edit: Edit) -> spec.Criterion:
    """Bring a stored criterion to `data` within an edit, which notes both contents."""
    edit.before = criterion_data(row)
    one = _read(row.version, {**data, "key": row.key})
    if asked(one.as_json()) != asked(edit.before):
        refuse_duplicate(row.version, one)
    _fill(row, one)
    row.rev = edit.rev
    row.save()
    edit.target, edit.after = one.key, one.as_json()
    return one


def move_criterion(criterion: Criterion, by: int, *, actor: User | None, rev: int) -> None:
    """Move a criterion `by` places down (or up) among those of its dimension; at the ends it stays."""

    def there(rows: list[Criterion], here: int) -> int:
        return min(max(here + by, 0), len(rows) - 1)

    _move(criterion, there, actor=actor, rev=rev)


def place_criterion(criterion: Criterion, before: str, *, actor: User | None, rev: int) -> None:
    """Put a criterion before the one with the key `before` of its dimension, or with "" at the end. Raises Conflict, NotAllowed."""

    def there(rows: list[Criterion], here: int) -> int:
        place = place_of(rows, before)
        return place - 1 if place > here else place

    _move(criterion, there, actor=actor, rev=rev)


def place_of(rows: list[Criterion], before: str) -> int:
    """Where among `rows` something stands that is put before `before`; the end for "". Raises Conflict when that is gone."""
    if not before:
        return len(rows)
    found = next((place for place, one in enumerate(rows) if one.key == before), None)
    if found is None:
        raise Conflict("The criterion it should stand before is no longer there. Move it again.", code="gone")
    return found


def _move(criterion: Criterion, there: Callable[[list[Criterion], int], int], *, actor: User | None, rev: int) -> None:
    version = criterion.version
    with editing(version, actor=actor, rev=rev, verb="move_criterion") as edit:
        row = reload_criterion(version, criterion.pk)
        reorder(row, there, edit)


def reorder(row: Criterion, there: Callable[[list[Criterion], int], int], edit: Edit) -> None:
    """Move a criterion within an edit, which notes before which key it stood and stands."""
    rows = [one for one in row.version.criteria.all() if one.dimension == row.dimension]
    places = [one.position for one in rows]
    here = next(place for place, one in enumerate(rows) if one.pk == row.pk)
    edit.target, edit.before = row.key, {"before": _next_key(rows, here)}
    to = there(rows, here)
    rows.insert(to, rows.pop(here))
    for place, one in zip(_rising(places), rows, strict=True):
        one.position = place
    Criterion.objects.bulk_update(rows, ["position"])
    edit.after = {"before": _next_key(rows, to)}


def _next_key(rows: list[Criterion], place: int) -> str:
    return rows[place + 1].key if place + 1 < len(rows) else ""


def _rising(places: list[int]) -> list[int]:
    """The same places, sorted and each only once, so that an order is always one."""
    found: list[int] = []
    for place in sorted(places):
        found.append(place if not found or place > found[-1] else found[-1] + 1)
    return found


def remove_criterion(criterion: Criterion, *, actor: User | None, rev: int) -> None:
    """Take a criterion out of the draft; its content, its place and what was said about it are kept for putting it back."""
    version = criterion.version
    with editing(version, actor=actor, rev=rev, verb="remove_criterion", part=criterion.key) as edit:
        drop_criterion(reload_criterion(version, criterion.pk), edit)


def drop_criterion(row: Criterion, edit: Edit) -> None:
    edit.target, edit.before = row.key, criterion_data(row)
    row.removed, row.rev = True, edit.rev
    row.save(update_fields=["removed", "rev"])


def restore_criterion(version: ModelVersion, key: str, *, actor: User | None, rev: int) -> Criterion:
    """Put the criterion last removed under this key back in its place. Raises NotFound, Invalid, Conflict, NotAllowed."""
    with editing(version, actor=actor, rev=rev, verb="restore_criterion") as edit:
        edit.undoes = version.edits.filter(verb="remove_criterion", target=key, undone_by=None).first()
        return bring_back(version, key, edit)


def bring_back(version: ModelVersion, key: str, edit: Edit) -> Criterion:
    """The criterion last removed under this key, back as it was; its group only while that is there."""
    removed = Criterion.with_removed.filter(version=version, key=key, removed=True).select_related("group")
    row = removed.order_by("-rev", "-pk").first()
    if row is None:
        raise NotFound("There is no removed criterion of this name.")
    row.version = version
    _refuse_double(version, key)
    one = _read(version, criterion_data(row))
    refuse_duplicate(version, one)
    _fill(row, one)
    row.removed, row.rev = False, edit.rev
    row.save()
    edit.target, edit.after = key, one.as_json()
    return row


def reload_criterion(version: ModelVersion, pk: int) -> Criterion:
    """The criterion as it is now; raises NotFound when somebody removed it."""
    row = version.criteria.select_related("group").filter(pk=pk).first()
    if row is None:
        raise NotFound("Somebody removed this criterion meanwhile.")
    row.version = version
    return row


def _read(version: ModelVersion, data: Mapping[str, Any]) -> spec.Criterion:
    at = At(f"Criterion “{data.get('label') or data.get('key') or 'new'}”", "")
    groups = {group.key: read_group(at, group_data(group)) for group in version.groups.all()}
    one = read_criterion(at, dict(data), load_registry(), groups)
    if one.when is not None:
        refuse_contradictions(at.into("when"), one.when)
    refuse_no_effect(at, one)
    return one


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
