"""The first day on which time alone may change what a spec says, for all open leads at once."""

import numpy as np

from scoring.columns import NEVER, next_day_of
from scoring.lowering import Column, columns_of, lower
from scoring.snapshot.segment import DAY, Array, Segment
from scoring.spec import Spec


def due_days(spec: Spec, segment: Segment, in_scope: Array) -> Array:
    """For each row a UTC day number (int32) after the segment's own day, or `NEVER`. It may be too early, never too late."""
    lowered = lower(spec)
    anywhere = _first(columns_of(lowered.scope), segment)
    due = np.where(in_scope, _first(lowered.columns(), segment), anywhere)
    assert segment.awaited is not None
    assert segment.as_of_day is not None
    if len(segment.awaited):
        rows = np.searchsorted(segment.ids, segment.awaited["lead"])
        days = np.maximum(segment.awaited["at"] // DAY, segment.as_of_day + 1)
        np.minimum.at(due, rows, days.astype(np.int32))
    return due


def _first(columns: list[Column], segment: Segment) -> Array:
    first = np.full(len(segment), NEVER, np.int32)
    for column in columns:
        day = next_day_of(column, segment)
        if day is not None:
            np.minimum(first, day, out=first)
    return first
