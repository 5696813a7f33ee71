"""From rows and events, as they were read, to segments: rows in order, and of each the events that count as of its moment."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from leads.choices import FieldType
from scoring.decay import MAX_DAYS
from scoring.operators import day_of
from scoring.snapshot.dictionaries import KINDS, Dictionary
from scoring.snapshot.segment import AWAITED, CODED, DAY, HAS_ACTIVITY, Array, Events, Segment, narrow

OLDEST = MAX_DAYS + 400  # older events reach no window, also not one looked at a year back
BEGINNING = -(2**63)  # what stands for minus infinity where instants are microseconds since 2000
SINCE_2000 = 946_684_800_000_000  # microseconds from 1970 to 2000


def microseconds(moment: datetime) -> int:
    """An aware instant in whole microseconds since 1970."""
    epoch = datetime.fromtimestamp(0, moment.tzinfo)
    return (moment - epoch) // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows read, in any order; see `Segment` for the columns. `decided` and `flags` are None for open leads.

    Events from before `since` (int64 microseconds since 2000) are of an earlier engagement.
    """

    ids: Array
    leads: Array
    columns: Mapping[str, Array]
    since: Array
    decided: Array | None = None
    flags: Array | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def in_order(self) -> "Rows":
        """The same rows by their ids."""
        if (self.ids[1:] > self.ids[:-1]).all():
            return self
        return self.taken(np.argsort(self.ids, kind="stable"))

    def taken(self, places: Array | slice) -> "Rows":
        """The rows at these places."""
        return Rows(
            self.ids[places],
            self.leads[places],
            {key: column[places] for key, column in self.columns.items()},
            self.since[places],
            None if self.decided is None else self.decided[places],
            None if self.flags is None else self.flags[places],
        )


def joined(parts: Sequence[Rows]) -> Rows:
    """The rows of all parts. Raises ValueError when there are none."""
    first = parts[0]

    def together(arrays: Sequence[Array | None]) -> Array | None:
        return None if arrays[0] is None else np.concatenate([array for array in arrays if array is not None])

    columns = {key: np.concatenate([part.columns[key] for part in parts]) for key in first.columns}
    return Rows(
        np.concatenate([part.ids for part in parts]),
        np.concatenate([part.leads for part in parts]),
        columns,
        np.concatenate([part.since for part in parts]),
        together([part.decided for part in parts]),
        together([part.flags for part in parts]),
    )


@dataclass(frozen=True, slots=True)
class Sent:
    """Events as they were read, in any order, one entry each: whose, the code of their kind, when they happened and from when they
    were known (int64 microseconds since 2000), ids of asset and campaign, 0 for none.
    """

    leads: Array
    kinds: Array
    occurred: Array
    known: Array
    assets: Array
    campaigns: Array


class Index:
    """Where ids are among ordered ones that are all different."""

    def __init__(self, ids: Array) -> None:
        self._ids = ids
        self._first = int(ids[0]) if len(ids) else 0
        span = int(ids[-1]) - self._first + 1 if len(ids) else 0
        self._table: Array | None = None
        if span <= 8 * len(ids) + 1000:  # looked up by id, as many numbers in between are ids; one more stands for all others
            self._table = np.full(span + 1, -1, np.int32)
            self._table[ids - self._first] = np.arange(len(ids), dtype=np.int32)

    def find(self, wanted: Array) -> Array:
        """The place of each of these, -1 where it is not there."""
        if self._table is not None:
            offset = wanted - self._first
            offset[(offset < 0) | (offset >= len(self._table))] = len(self._table) - 1
            found: Array = self._table[offset]
            return found
        place = np.searchsorted(self._ids, wanted)
        place[place == len(self._ids)] = 0
        place[self._ids[place] != wanted] = -1
        return place


class Gathering:
    """The events of rows, taken in piece by piece; those that do not count as of a row's moment are left out.

    The rows are in the order of their ids. Without `as_of` they are cases, and each has the events of its lead, when its history
    is there; else they are open leads, with ages before `base_day`.
    """

    def __init__(self, rows: Rows, as_of: datetime | None, base_day: int) -> None:
        self._rows = rows
        self._as_of = None if as_of is None else microseconds(as_of)
        self._base = base_day
        self._begins = len(rows) > 0 and int(rows.since.max()) > BEGINNING
        mine = np.arange(len(rows)) if rows.flags is None else np.flatnonzero(rows.flags & HAS_ACTIVITY)
        self._mine = mine[np.argsort(rows.leads[mine], kind="stable")].astype(np.int32)  # by lead
        leads, first, self._count = np.unique(rows.leads[self._mine], return_index=True, return_counts=True)
        self._first = first.astype(np.int32)
        self._several = len(leads) < len(self._mine)
        self._index = Index(leads)
        self._pieces: list[tuple[Array, ...]] = []
        self._awaited = [np.empty(0, AWAITED)]

    def take(self, sent: Sent) -> None:
        """Take in events of these rows and of others."""
        place = self._index.find(sent.leads)
        at = np.flatnonzero(place >= 0)
        place = place[at]
        nth: Array | int = 0
        if self._several:
            count = self._count[place]
            at, place = np.repeat(at, count), np.repeat(place, count)
            nth = np.arange(len(at)) - np.repeat(np.cumsum(count) - count, count)
        row = self._mine[self._first[place] + nth]
        if self._begins:  # what is older is of an earlier engagement
            later = sent.occurred[at] >= self._rows.since[row]
            at, row = at[later], row[later]
        occurred, known = sent.occurred[at] + SINCE_2000, sent.known[at] + SINCE_2000
        counts_from = np.maximum(occurred, known)
        happened = occurred // DAY
        if self._as_of is None:
            assert self._rows.decided is not None
            limit = self._rows.decided[row]
            counted = counts_from <= limit
            age = limit // DAY - happened
        else:
            counted = counts_from <= self._as_of
            age = self._base - happened
            late = np.flatnonzero(~counted)
            awaited = np.empty(len(late), AWAITED)
            awaited["lead"], awaited["at"] = sent.leads[at[late]], counts_from[late]
            self._awaited.append(awaited)
        kept = np.flatnonzero(counted & (age < OLDEST))
        at = at[kept]
        lag = np.maximum(known[kept] // DAY - happened[kept], 0)
        rest = (narrow(lag), narrow(sent.assets[at]), narrow(sent.campaigns[at]))
        self._pieces.append((row[kept], sent.kinds[at].astype(np.int16, copy=False), age[kept].astype(np.int16), *rest))

    def events(self, kinds: int, rows_each: int | None = None) -> Iterator[Events]:
        """All that was taken in, where so many kinds are known: of every so many rows, counted from the first of them, or of all."""
        none = (np.empty(0, np.int32), *(np.empty(0, kind) for kind in (np.int16, np.int16, np.int8, np.int8, np.int8)))
        row, kind, *rest = (np.concatenate(parts) for parts in zip(none, *self._pieces, strict=True))
        self._pieces.clear()
        # by age, then by kind, then by part: numbers of two bytes are sorted in time that grows with their count alone
        order = np.argsort(rest[0], kind="stable")
        order = order[np.argsort(kind[order], kind="stable")]
        each = rows_each or max(len(self._rows), 1)
        parts = -(-len(self._rows) // each) or 1
        bounds = np.array([0, len(row)])
        if parts > 1:
            part = (row // each).astype(np.int16)
            order = order[np.argsort(part[order], kind="stable")]
            bounds = np.append(0, np.cumsum(np.bincount(part, minlength=parts)))
        for number, (begin, end) in enumerate(zip(bounds[:-1], bounds[1:], strict=True)):
            some = order[begin:end]
            start = np.searchsorted(kind[some], np.arange(kinds + 1)).astype(np.int64)
            age, *others = (array[some] for array in rest)
            yield Events(start, row[some] - np.int32(number * each), age, *map(narrow, others))

    def awaited(self) -> Array | None:
        """Of open leads, what was taken in and counts later than `as_of`."""
        return None if self._as_of is None else np.concatenate(self._awaited)


def make_segment(
    key: str,
    rows: Rows,
    sent: Sequence[Sent],
    *,
    fields: Mapping[str, FieldType],
    dictionaries: Mapping[str, Dictionary],
    as_of: datetime | None = None,
    base_day: int | None = None,
) -> Segment:
    """A segment of these rows and of their events, among others.

    `as_of` makes it an open one, with ages before `base_day` (None: the day of `as_of`).
    """
    rows = rows.in_order()
    base = base_of(as_of, base_day)
    gathering = Gathering(rows, as_of, base)
    for some in sent:
        gathering.take(some)
    (events,) = gathering.events(len(dictionaries[KINDS]))
    return replace(segment_of(key, rows, events, fields, dictionaries, as_of, base), awaited=gathering.awaited())


def base_of(as_of: datetime | None, base_day: int | None = None) -> int:
    """Before which day the ages of events count."""
    return 0 if as_of is None else (day_of(as_of) if base_day is None else base_day)


def segment_of(
    key: str,
    rows: Rows,
    events: Events,
    fields: Mapping[str, FieldType],
    dictionaries: Mapping[str, Dictionary],
    as_of: datetime | None,
    base_day: int,
) -> Segment:
    """A segment of rows that are in the order of their ids, and of their events."""
    columns = {name: narrow(column) if fields[name] in CODED else column for name, column in rows.columns.items()}
    return Segment(
        key, as_of, base_day, dict(fields), rows.ids, rows.leads, columns, events, dictionaries, rows.decided, rows.flags
    )
