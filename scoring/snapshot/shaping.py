"""From what the database answers to columns: raw values are read by the same readers as the reference evaluator's.

Few values are different ones, so each is read once and then found by its raw text.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import nan
from typing import Any

import numpy as np

from leads.choices import FieldType
from scoring.decay import MAX_DAYS
from scoring.operators import READERS, day_of
from scoring.snapshot.dictionaries import KINDS, Dictionary
from scoring.snapshot.segment import AWAITED, CODED, DAY, UNKNOWN_CODE, UNKNOWN_DAY, Array, Events, Segment, narrow

OLDEST = MAX_DAYS + 400  # older events reach no window, also not one looked at a year back
_TYPES: Mapping[FieldType, Any] = {FieldType.NUMBER: np.float64, FieldType.BOOLEAN: np.int8}

# An event as the database sends it: big-endian, instants in microseconds since 2000.
SENT = np.dtype(
    [("id", ">i8"), ("kind", ">i2"), ("occurred", ">i8"), ("known", ">i8"), ("asset", ">i4"), ("campaign", ">i4")]
)  # fmt: skip
BEGINNING = -(2**63)  # what stands for minus infinity there
SINCE_2000 = 946_684_800_000_000  # microseconds from 1970 to 2000


def microseconds(moment: datetime) -> int:
    """An aware instant in whole microseconds since 1970."""
    epoch = datetime.fromtimestamp(0, moment.tzinfo)
    return (moment - epoch) // timedelta(microseconds=1)


def _from_json(raw: str) -> object:
    """A fact from its JSON; text without escapes is what stands between the quotes."""
    return raw[1:-1] if raw[0] == '"' and "\\" not in raw else json.loads(raw)


class Coder(dict[str, Any]):
    """From raw text to a column's number; each different text is read once. The empty text is unknown.

    Raw values are the facts' JSON or, with `as_json` off, the texts themselves. `plain` is a coder of the same field for texts
    themselves, which then knows them already.
    """

    def __init__(self, kind: FieldType, dictionary: Dictionary, *, as_json: bool, plain: "Coder | None" = None) -> None:
        super().__init__()
        self.kind = kind
        self._read = READERS[kind]
        self._number = _numbering(kind, dictionary)
        self._parse: Callable[[str], object] = _from_json if as_json else str
        self._plain = plain
        self.unknown = self._number(None)

    def __missing__(self, raw: str) -> Any:
        fact = self._parse(raw) if raw else None
        shared = self._plain is not None and isinstance(fact, str)
        number = self[raw] = self._plain[fact] if shared else self._number(self._read(fact))  # type: ignore[index]
        return number

    def column(self, raw: Sequence[str]) -> Array:
        """The column of these raw values."""
        return np.fromiter(map(self.__getitem__, raw), _TYPES.get(self.kind, np.int32), len(raw))

    def parted(self, packed: str | None, separator: str, count: int) -> Array:
        """The column of `count` raw values that are parted by `separator`."""
        if not packed or len(packed) == count - 1 == packed.count(separator):
            return np.full(count, self.unknown, _TYPES.get(self.kind, np.int32))
        return self.column(packed.split(separator))


def _numbering(kind: FieldType, dictionary: Dictionary) -> Callable[[Any], Any]:
    """What stands in a column for a value that was read; None is unknown."""
    match kind:
        case FieldType.NUMBER:
            return lambda value: nan if value is None else value
        case FieldType.BOOLEAN:
            return lambda value: -1 if value is None else int(value)
        case FieldType.DATE:
            return lambda value: UNKNOWN_DAY if value is None else value
        case FieldType.MULTI:
            return lambda value: UNKNOWN_CODE if value is None else dictionary.code(tuple(sorted(value)))
    return lambda value: UNKNOWN_CODE if value is None else dictionary.code(value)


def coders(
    fields: Mapping[str, FieldType],
    dictionaries: dict[str, Dictionary],
    *,
    as_json: bool,
    plain: Mapping[str, Coder] | None = None,
) -> dict[str, Coder]:
    """A coder for each field; `plain` are those that read texts themselves. Fields with codes get a dictionary."""
    found = {}
    for key, kind in fields.items():
        dictionary = dictionaries.setdefault(key, Dictionary()) if kind in CODED else Dictionary()
        beside = (plain or {}).get(key) if kind in (FieldType.TEXT, FieldType.CHOICE) else None
        found[key] = Coder(kind, dictionary, as_json=as_json, plain=beside)
    return found


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows read, in any order; see `Segment` for the columns. `decided` and `flags` are None for open leads.

    Events from before `since` (microseconds since 2000, as an event is sent) are of an earlier engagement.
    """

    ids: Array
    leads: Array
    columns: Mapping[str, Array]
    since: Array
    decided: Array | None = None
    flags: Array | None = None

    def __len__(self) -> int:
        return len(self.ids)


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


def make_segment(
    key: str,
    rows: Rows,
    sent: Array,
    *,
    fields: Mapping[str, FieldType],
    dictionaries: Mapping[str, Dictionary],
    as_of: datetime | None = None,
    base_day: int | None = None,
) -> Segment:
    """A segment of these rows and events (of type `SENT`); events that do not count as of a row's moment are left out.

    `as_of` makes it an open one, with ages before `base_day` (None: the day of `as_of`).
    """
    order = np.argsort(rows.ids, kind="stable")
    base = 0 if as_of is None else (day_of(as_of) if base_day is None else base_day)
    ids = rows.ids[order]
    decided = None if rows.decided is None else rows.decided[order]
    events, awaited = _events(ids, rows.since[order], sent, decided, as_of, base, len(dictionaries[KINDS]))
    return Segment(
        key,
        as_of,
        base,
        dict(fields),
        ids,
        rows.leads[order],
        {name: _fitting(fields[name], column[order]) for name, column in rows.columns.items()},
        events,
        dictionaries,
        decided,
        None if rows.flags is None else rows.flags[order],
        awaited,
    )


def _fitting(kind: FieldType, column: Array) -> Array:
    return narrow(column) if kind in CODED else column


def _places(ids: Array, wanted: Array) -> tuple[Array, Array]:
    """Where these ids are among the ordered `ids`, and whether they are there at all; where not, the place is any."""
    if not len(ids):
        return np.zeros(len(wanted), np.int32), np.zeros(len(wanted), bool)
    first, span = int(ids[0]), int(ids[-1] - ids[0]) + 1
    if span > 8 * len(ids) + 1000 or len(wanted) < len(ids) // 8:
        row = np.searchsorted(ids, wanted)
        row[row == len(ids)] = 0
        return row, ids[row] == wanted
    table = np.full(span, -1, np.int32)  # looked up by id, as most numbers in between are ids
    table[ids - first] = np.arange(len(ids), dtype=np.int32)
    offset = wanted - first
    inside = (offset >= 0) & (offset < span)
    row = table[offset] if inside.all() else np.where(inside, table[np.where(inside, offset, 0)], -1)
    return row, row >= 0


def _events(
    ids: Array, since: Array, sent: Array, decided: Array | None, as_of: datetime | None, base: int, kinds: int
) -> tuple[Events, Array | None]:
    row, there = _places(ids, sent["id"].astype(np.int64))
    if len(ids) and since.max() > BEGINNING:
        there &= sent["occurred"] >= since[row]
    occurred, known = (sent[name].astype(np.int64) + SINCE_2000 for name in ("occurred", "known"))
    counts_from = np.maximum(occurred, known)
    if decided is not None:
        limit: Any = decided[row] if len(ids) else np.zeros(len(sent), np.int64)
        day: Any = limit // DAY
    else:
        assert as_of is not None
        limit, day = microseconds(as_of), base
    counted = there & (counts_from <= limit)
    awaited = None
    if decided is None:
        late = there & ~counted
        awaited = np.empty(int(late.sum()), AWAITED)
        awaited["lead"], awaited["at"] = sent["id"][late], counts_from[late]
    age = day - occurred // DAY
    kept = np.flatnonzero(counted & (age < OLDEST))
    kind, age = sent["kind"][kept].astype(np.int16), age[kept].astype(np.int16)
    # by age, then by kind: numbers of two bytes are sorted in time that grows with their count alone
    order = np.argsort(age, kind="stable")
    order = order[np.argsort(kind[order], kind="stable")]
    kept, kind = kept[order], kind[order]
    lag = np.maximum(known[kept] // DAY - occurred[kept] // DAY, 0)
    found = Events(
        np.searchsorted(kind, np.arange(kinds + 1)).astype(np.int64),
        row[kept].astype(np.int32, copy=False),
        age[order],
        narrow(lag),
        narrow(sent["asset"][kept]),
        narrow(sent["campaign"][kept]),
    )
    return found, awaited
