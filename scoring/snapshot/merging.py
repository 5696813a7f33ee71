"""Bringing a segment up to date: rows leave, rows are read anew, and what stays keeps its order."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from scoring.snapshot.dictionaries import KINDS
from scoring.snapshot.segment import Array, Events, Segment, narrow
from scoring.snapshot.shaping import microseconds

_SHIFT = 2**31


def merge(key: str, old: Segment, gone: Sequence[int] | Array, new: Segment | None) -> Segment:
    """`old` without the rows `gone`, and with the rows of `new`, which replace those of the same id.

    Both segments have the same fields, dictionaries and base day. Works on copies; `old` may be mapped from files.
    """
    if new is not None and new.base_day != old.base_day:
        raise ValueError("segments with different base days cannot be merged")
    added = new.ids if new is not None else np.empty(0, np.int64)
    leaving = np.concatenate([np.asarray(gone, np.int64), added])
    kept = np.ones(len(old), bool)
    kept[places_of(old.ids, leaving)] = False
    if old.stale is not None:
        kept &= ~old.stale
    ids = old.ids[kept]
    places = np.searchsorted(ids, added)

    def together(mine: Array | None, theirs: Array | None) -> Array | None:
        if mine is None:
            return None
        rest = mine[kept]
        if theirs is None or not len(theirs):
            return rest
        kind = np.promote_types(rest.dtype, theirs.dtype)
        return np.insert(rest.astype(kind, copy=False), places, theirs.astype(kind, copy=False))

    merged_ids, leads = together(old.ids, added), together(old.leads, new.leads if new else None)
    assert merged_ids is not None
    assert leads is not None
    columns: dict[str, Array] = {}
    for name, column in old.columns.items():
        both = together(column, new.columns[name] if new else None)
        assert both is not None
        columns[name] = both
    return replace(
        old,
        key=key,
        as_of=new.as_of if new is not None else old.as_of,
        ids=merged_ids,
        leads=leads,
        columns=columns,
        events=_events(old, new, kept, ids, added, places),
        dictionaries=new.dictionaries if new is not None else old.dictionaries,
        decided=together(old.decided, new.decided if new else None),
        flags=together(old.flags, new.flags if new else None),
        awaited=_awaited(old, new, leaving),
        stale=None,
    )


def _awaited(old: Segment, new: Segment | None, leaving: Array) -> Array | None:
    if old.awaited is None:
        return None
    rest = awaited_of(old)
    rest = rest[~np.isin(rest["lead"], leaving)]
    return rest if new is None or new.awaited is None else np.concatenate([rest, new.awaited])


def awaited_of(segment: Segment) -> Array:
    """What the segment still awaits; of rows that hold no longer, nothing."""
    assert segment.awaited is not None
    if segment.stale is None or not len(segment.awaited):
        return segment.awaited
    return segment.awaited[~segment.stale[np.searchsorted(segment.ids, segment.awaited["lead"])]]


def due_of(segment: Segment, moment: datetime) -> Array:
    """The leads with an event that did not count as of the segment's moment and does at `moment`."""
    awaited = awaited_of(segment)
    found: Array = awaited["lead"][awaited["at"] <= microseconds(moment)]
    return found


def places_of(ids: Array, wanted: Sequence[int] | Array) -> Array:
    """Where these are among the ordered `ids`; those that are not there are left out."""
    wanted = np.asarray(wanted, np.int64)
    if not len(ids):
        return np.empty(0, np.int64)
    place = np.searchsorted(ids, wanted)
    place[place == len(ids)] = 0
    found: Array = place[ids[place] == wanted]
    return found


def whole(segments: Sequence[Segment]) -> Segment:
    """The rows of open segments of one generation that hold, in one segment."""
    first, *others = segments
    for other in others:
        first = merge(f"{first.key}+{other.key}", first, [], other)
    return first if first.stale is None else merge(f"{first.key}-", first, [], None)


def kinds_of(events: Events) -> Array:
    """The kind code of each event (int64)."""
    found: Array = np.repeat(np.arange(len(events.start) - 1), np.diff(events.start))
    return found


def _sort_key(kind: Array, age: Array) -> Array:
    found: Array = kind << 32 | (age.astype(np.int64) + _SHIFT)
    return found


def _events(old: Segment, new: Segment | None, kept: Array, ids: Array, added: Array, places: Array) -> Events:
    row_of = np.cumsum(kept) - 1  # from an old row to its place among those kept, then among all
    row_of += np.searchsorted(added, old.ids)
    mine, stays = old.events, kept[old.events.row]
    kind = kinds_of(mine)[stays]
    arrays: dict[str, Array] = {name: getattr(mine, name)[stays] for name in ("age", "lag", "asset", "campaign")}
    arrays["row"] = row_of[mine.row[stays]].astype(np.int32)
    if new is not None and len(new.events.row):
        theirs = new.events
        fresh: Mapping[str, Array] = {name: getattr(theirs, name) for name in ("age", "lag", "asset", "campaign")} | {
            "row": (places + np.arange(len(added)))[theirs.row].astype(np.int32)
        }
        their_kind = kinds_of(theirs)
        at = np.searchsorted(_sort_key(kind, arrays["age"]), _sort_key(their_kind, theirs.age))
        for name, array in arrays.items():
            wide = np.promote_types(array.dtype, fresh[name].dtype)
            arrays[name] = np.insert(array.astype(wide, copy=False), at, fresh[name].astype(wide, copy=False))
        kind = np.insert(kind, at, their_kind)
    kinds = len((new or old).dictionaries[KINDS])
    start = np.searchsorted(kind, np.arange(kinds + 1)).astype(np.int64)
    return Events(start, arrays["row"], arrays["age"], narrow(arrays["lag"]), narrow(arrays["asset"]), narrow(arrays["campaign"]))


def differing(old: Segment, new: Segment) -> Array:
    """The ids of `new` that `old` has not, or has with other facts or events. Same dictionaries and base day."""
    mine = np.searchsorted(old.ids, new.ids)
    mine[mine == len(old.ids)] = 0
    there = old.ids[mine] == new.ids if len(old.ids) else np.zeros(len(new), bool)
    if old.stale is not None:
        there &= ~old.stale[mine]
    same = there.copy()
    pairs = [(old.leads, new.leads), *((old.columns[name], column) for name, column in new.columns.items())]
    pairs += [(a, b) for a, b in ((old.decided, new.decided), (old.flags, new.flags)) if a is not None and b is not None]
    if len(old.ids):
        for a, b in pairs:
            held = a[mine]
            same &= (held == b) | ((held != held) & (b != b))  # not a number is equal to itself here
        if same.any():
            same &= _same_events(old, new, mine, same)
    found: Array = new.ids[~same]
    return found


def _same_events(old: Segment, new: Segment, mine: Array, asked: Array) -> Array:
    """For each row of `new` whether `old` has the same events for it, of those that are asked of (bool)."""
    place = np.full(len(old), -1, np.int32)
    place[mine[asked]] = np.flatnonzero(asked)
    theirs = place[old.events.row]
    at = np.flatnonzero(theirs >= 0)
    same = np.ones(len(new), bool)
    one = _listed(old.events, theirs[at], at)
    at = np.flatnonzero(asked[new.events.row])
    two = _listed(new.events, new.events.row[at], at)
    counts = [np.bincount(rows[:, 0] >> 32, minlength=len(new)) for rows in (one, two)]
    same &= counts[0] == counts[1]
    one, two = one[same[one[:, 0] >> 32]], two[same[two[:, 0] >> 32]]
    other = (one != two).any(axis=1)
    same[one[other, 0] >> 32] = False
    return same


def _listed(events: Events, rows: Array, at: Array) -> Array:
    """The events at these places as rows of three numbers, in order: their row before kind and age, then lag, then the rest."""
    kind = np.searchsorted(events.start, at, side="right") - 1
    lag, asset, campaign = (getattr(events, name)[at].astype(np.int64) for name in ("lag", "asset", "campaign"))
    first = rows.astype(np.int64) << 32 | kind << 16 | (events.age[at].astype(np.int64) + 2**15)
    table = np.stack([first, lag, asset << 32 | campaign], axis=1)
    return table[np.lexsort(table.T[::-1])]
