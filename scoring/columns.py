"""Computing a primitive for all rows of a segment. Text is looked at once for each different value, not for each row."""

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from itertools import repeat
from operator import contains

import numpy as np

from leads.choices import FieldType
from scoring.column_cache import ColumnCache, column_cache
from scoring.decay import next_steps, weights
from scoring.lowering import Column, CountColumn, DecayedColumn, FieldColumn
from scoring.snapshot.dictionaries import KINDS, Dictionary, Value
from scoring.snapshot.segment import CODED, UNKNOWN_DAY, Array, Segment
from scoring.spec import EventFilter

_AGE_BITS = 12  # no window is longer than 2^12 days


class NotInSnapshot(Exception):
    """The spec asks for fields the snapshot does not hold: personal ones never enter it, new ones with the next rebuild."""

    def __init__(self, fields: Sequence[str]) -> None:
        super().__init__(f"not in the snapshot: {', '.join(fields)}")
        self.fields = tuple(fields)


def column_of(column: Column, segment: Segment, day: int | None = None, cache: ColumnCache | None = None) -> Array:
    """The column over the segment's rows: bool for fields, whole numbers for counts and summed weights. From the cache if kept.

    `day` is the UTC day an open segment is looked at on, by default its own; cases are always as of their decision.
    Raises `NotInSnapshot`; ValueError for a day given for cases.
    """
    if day is not None and not segment.is_open:
        raise ValueError("cases are judged as of their decision, not of another day")
    at = segment.as_of_day if day is None else day
    if isinstance(column, FieldColumn) and column.field not in segment.columns:
        raise NotInSnapshot([column.field])
    key = (segment.key, at if column.moves_with_time else None, column.fingerprint)
    kept = column_cache() if cache is None else cache
    return kept.get(key, lambda: _computed(column, segment, at))


def _computed(column: Column, segment: Segment, at: int | None) -> Array:
    if isinstance(column, FieldColumn):
        made = _field(column, segment, at)
    elif isinstance(column, CountColumn):
        made = _count(column, segment, at)
    else:
        made = _decayed(column, segment, at)
    made.flags.writeable = False
    return made


# --- Fields -------------------------------------------------------------------------------------------------------------


def _field(column: FieldColumn, segment: Segment, day: int | None) -> Array:
    values = segment.columns[column.field]
    if column.type in CODED:
        return _of_code(column, segment.dictionaries[column.field])[values]
    if column.type == FieldType.BOOLEAN:
        return values >= 0 if column.asks == "known" else values == int(column.flag is True)
    if column.type == FieldType.NUMBER:
        return ~np.isnan(values) if column.asks == "known" else _between(values, column.low, column.high)
    known: Array = values != UNKNOWN_DAY
    if column.asks == "known":
        return known
    if column.asks == "between":
        return known & _between(values, column.low, column.high)
    # an age from low to high is a day from today - high to today - low
    today = segment.days().astype(np.int64) if day is None else np.int64(day)
    found = known
    if column.low is not None:
        found = found & (values <= today - int(column.low))
    if column.high is not None:
        found = found & (values >= today - int(column.high))
    return found


def _between(values: Array, low: float | None, high: float | None) -> Array:
    """Ends included; not a number lies nowhere."""
    found: Array = values == values
    if low is not None:
        found &= values >= low
    if high is not None:
        found &= values <= high
    return found


def _of_code(column: FieldColumn, dictionary: Dictionary) -> Array:
    """For each code whether it matches, with one more at the end, where -1 points: unknown matches nothing."""
    table = np.zeros(len(dictionary) + 1, bool)
    if column.asks == "known":
        table[:-1] = True
        return table
    if column.asks == "in_set":
        text = column.type == FieldType.TEXT
        table[dictionary.find_all([f" {value} " if text else value for value in column.values])] = True
        return table
    if column.asks in ("words", "part"):
        texts = [value or "" for value in dictionary.values]
        for wanted in column.values:
            sought = f" {wanted} " if column.asks == "words" else wanted
            table[:-1] |= np.fromiter(map(contains, texts, repeat(sought)), bool, len(texts))
        return table
    matches = _matcher(column)
    for code, known in enumerate(dictionary.values):
        table[code] = known is not None and matches(known)
    return table


def _matcher(column: FieldColumn) -> Callable[[Value], bool]:
    keys = frozenset(column.values)
    match column.asks:
        case "has_any":
            return lambda value: not keys.isdisjoint(value)
        case "has_all":
            return lambda value: keys.issubset(value)
    raise ValueError(f"{column.type} has no column {column.asks!r}")


# --- Events -------------------------------------------------------------------------------------------------------------


def _recent(segment: Segment, wanted: EventFilter, days: int, day: int | None) -> tuple[Array, Array]:
    """Row and age of the events that fit, with `0 <= age < days` on that day; kind after kind, in each the newest first."""
    shift = 0 if day is None else day - segment.base_day
    events = segment.events
    kinds = segment.dictionaries[KINDS]
    codes = [kinds.find(kind) for kind in wanted.kinds] if wanted.kinds else range(len(events.start) - 1)
    limits = np.iinfo(events.age.dtype)
    # in the type of the ages: another one would copy them all
    ends = np.clip([-shift, days - shift], limits.min, limits.max).astype(events.age.dtype)
    before = segment.as_of_day is not None and day is not None and day < segment.as_of_day
    rows, ages = [], []
    for code in codes:
        if code is None or code >= len(events.start) - 1:
            continue
        first, last = int(events.start[code]), int(events.start[code + 1])
        low, high = first + np.searchsorted(events.age[first:last], ends)
        found, age = events.row[low:high], events.age[low:high].astype(np.int32) + shift
        fits = _of(events.asset[low:high], wanted.of_assets)
        if wanted.campaigns:
            of_campaign = _of(events.campaign[low:high], wanted.campaigns)
            fits = of_campaign if fits is None else fits & of_campaign
        if before:  # what became known after that day did not count on it
            known = age >= events.lag[low:high]
            fits = known if fits is None else fits & known
        rows.append(found if fits is None else found[fits])
        ages.append(age if fits is None else age[fits])
    if not rows:
        return np.empty(0, np.int32), np.empty(0, np.int32)
    return np.concatenate(rows), np.concatenate(ages)


def _of(values: Array, ids: Collection[int]) -> Array | None:
    return np.isin(values, list(ids)) if ids else None


def _count(column: CountColumn, segment: Segment, day: int | None) -> Array:
    """In the smallest type that holds the largest count, so that none is cut off."""
    rows, _ = _recent(segment, column.event, column.days, day)
    counts = np.bincount(rows, minlength=len(segment))
    return counts.astype(np.min_scalar_type(int(counts.max(initial=0))))


def _decayed(column: DecayedColumn, segment: Segment, day: int | None) -> Array:
    rows, ages = _recent(segment, column.event, column.days, day)
    if column.most is not None:
        crowded = np.bincount(rows, minlength=1)[rows] > column.most
        if crowded.any():
            few = ~crowded
            kept_rows, kept_ages = _newest(rows[crowded], ages[crowded], column.most)
            rows, ages = np.concatenate([rows[few], kept_rows]), np.concatenate([ages[few], kept_ages])
    return np.bincount(rows, _weights(column.half_life)[ages], len(segment)).astype(np.int64)


def _newest(rows: Array, ages: Array, most: int) -> tuple[Array, Array]:
    """Of each row the `most` events of the smallest age."""
    # sorted as one number by row, then age: many times faster than sorting by two
    both = np.sort(rows.astype(np.int64) << _AGE_BITS | ages)
    rows, ages = both >> _AGE_BITS, both & (2**_AGE_BITS - 1)
    place = np.arange(len(rows))
    place -= np.maximum.accumulate(np.where(np.diff(rows, prepend=-1) != 0, place, 0))  # 0 for a row's newest event
    newest = place < most
    return rows[newest], ages[newest]


@lru_cache(maxsize=64)
def _weights(half_life: int) -> Array:
    """The decay table as floats: whole numbers far below 2^53, so sums of them are exact."""
    return np.array(weights(half_life), np.float64)


# --- Days to come -------------------------------------------------------------------------------------------------------

NEVER = 2**31 - 1  # as a day number


def next_day_of(column: Column, segment: Segment) -> Array | None:
    """For each row of an open segment the first day (int32) after its own on which time alone may change the column, `NEVER` if
    none will; None when it moves for no row. It may be too early, never too late: the first event to leave a window counts,
    whether the count matters or not.
    """
    today = segment.as_of_day
    if today is None:
        raise ValueError("cases are as of their decision for good")
    if not column.moves_with_time:
        return None
    return column_cache().get((segment.key, today, f"next {column.fingerprint}"), lambda: _next_day(column, segment, today))


def _next_day(column: Column, segment: Segment, today: int) -> Array:
    found = np.full(len(segment), NEVER, np.int32)
    if isinstance(column, FieldColumn):
        values = segment.columns[column.field].astype(np.int64)
        edges = [] if column.low is None else [values + int(column.low)]
        edges += [] if column.high is None else [values + int(column.high) + 1]
        for edge in edges:
            to_come = (values != UNKNOWN_DAY) & (edge > today)
            found[to_come] = np.minimum(found[to_come], edge[to_come])
        return found
    rows, ages = _recent(segment, column.event, column.days, today)
    lasts = np.full(len(ages), column.days)
    if isinstance(column, DecayedColumn):
        np.minimum(lasts, np.array(next_steps(column.half_life))[ages], out=lasts)
    np.minimum.at(found, rows, (today + lasts - ages).astype(np.int32))
    return found
