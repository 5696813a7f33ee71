"""A segment: rows with their facts as columns and their events sorted so that "the last D days" of a kind are one slice."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from leads.choices import FieldType
from scoring.operators import day_of
from scoring.snapshot.dictionaries import Dictionary

Array = npt.NDArray[Any]

UNKNOWN_CODE = -1
UNKNOWN_DAY = -(2**31)
HAS_ACTIVITY = 1  # the row's history is there; else no event is unknown rather than none
DATED = 2  # the facts are as of a decision, not of an import
DAY = 86_400_000_000  # microseconds

CODED = frozenset({FieldType.TEXT, FieldType.CHOICE, FieldType.MULTI})


@dataclass(frozen=True, eq=False, slots=True)
class Events:
    """Events sorted by kind, then age. Those of kind code k are `start[k]` to `start[k + 1]`.

    `row` is the position of their row in the segment, `age` days before the row's day (of an open segment: before its base day),
    `lag` the days from when they happened to when they were known; `asset` and `campaign` are ids, 0 for none.
    """

    start: Array
    row: Array
    age: Array
    lag: Array
    asset: Array
    campaign: Array


EVENT_ARRAYS = ("start", "row", "age", "lag", "asset", "campaign")


@dataclass(frozen=True, eq=False, slots=True)
class Segment:
    """Cases as of their decisions, or open leads as of a moment; rows in the order of `ids`, all arrays one entry a row.

    `ids` (int64) are case ids, or lead ids in an open segment. `columns` by field key: codes of the field's dictionary and -1
    for text, choice and multi; float64 and NaN for numbers; -1, 0, 1 (int8) for booleans; UTC day numbers (int32) and
    `UNKNOWN_DAY` for dates. `decided` (int64 microseconds of the epoch) and `flags` are there for cases only.
    `awaited` are leads with an event that counts later than `as_of`, and from when (microseconds). `stale` (bool; None: none) are
    rows of an open segment that hold no longer: their leads are in a later segment of the generation, or not open any more.
    """

    key: str
    as_of: datetime | None  # None: each row as of its decision
    base_day: int
    fields: Mapping[str, FieldType]
    ids: Array
    leads: Array
    columns: Mapping[str, Array]
    events: Events
    dictionaries: Mapping[str, Dictionary]
    decided: Array | None = None
    flags: Array | None = None
    awaited: Array | None = None
    stale: Array | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def is_open(self) -> bool:
        return self.as_of is not None

    @property
    def as_of_day(self) -> int | None:
        """The UTC day an open segment is as of, None for cases."""
        return None if self.as_of is None else day_of(self.as_of)

    @property
    def valid_count(self) -> int:
        """Rows that still hold."""
        return len(self) - (0 if self.stale is None else int(np.count_nonzero(self.stale)))

    def without(self, rows: Array | None, as_of: datetime) -> "Segment":
        """The open segment as of another moment, with these rows (positions; None: none) stale."""
        stale: Array | None = None
        if rows is not None and len(rows):
            stale = np.zeros(len(self), bool)
            stale[rows] = True
            stale.flags.writeable = False
        return replace(self, as_of=as_of, stale=stale)

    def days(self) -> Array:
        """The UTC day number of each case's decision. Raises ValueError for an open segment."""
        if self.decided is None:
            raise ValueError("open leads have no day of decision")
        return (self.decided // DAY).astype(np.int32)

    def has_activity(self) -> Array | None:
        """For each row whether its history is there; None when all are."""
        if self.flags is None:
            return None
        known: Array = (self.flags & HAS_ACTIVITY) != 0
        return None if bool(known.all()) else known


AWAITED = np.dtype([("lead", np.int64), ("at", np.int64)])


def narrow(values: Array) -> Array:
    """The same whole numbers in the smallest signed type that holds them."""
    if not len(values):
        return values.astype(np.int8)
    low, high = int(values.min()), int(values.max())
    for kind in (np.int8, np.int16, np.int32):
        limits = np.iinfo(kind)
        if limits.min <= low and high <= limits.max:
            return values.astype(kind, copy=False)
    return values.astype(np.int64, copy=False)
