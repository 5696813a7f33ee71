"""Opening the current generation: mapped read-only, shared by the threads of a process, exchanged when a new one is there."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from django.conf import settings

from leads.choices import FieldType, Outcome
from scoring.column_cache import column_cache
from scoring.snapshot import files
from scoring.snapshot.dictionaries import Dictionary
from scoring.snapshot.mark import Mark
from scoring.snapshot.merging import whole
from scoring.snapshot.segment import AWAITED, EVENT_ARRAYS, Array, Events, Segment

OUTCOMES: tuple[str, ...] = tuple(str(outcome) for outcome in Outcome)
GOALS = ("won", "accepted")
_TRIES = 5


def counted_bit(goal: str, *, labelled: bool = True, dated: bool = False) -> int:
    """The bit of `Cases.counted` for the one case that stands for its lead: the latest that is labelled for the goal or, of
    leads that have none, the latest of all; with `dated` of those cases alone whose facts are as of a decision.
    """
    return 1 << (GOALS.index(goal) + (0 if labelled else 2) + (4 if dated else 0))


@dataclass(frozen=True, eq=False, slots=True)
class Cases:
    """A decided segment with what may still change: `outcome` (int8, position in `OUTCOMES`, -1 another), `reason` (int32, id or
    0), `counted` (uint8, bits of `counted_bit`).
    """

    segment: Segment
    outcome: Array
    reason: Array
    counted: Array


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A generation, open for reading. Usable as long as it is held, also when a newer one has replaced it.

    `open` are the open leads: those of the last full reading and, after them, those read again since. Rows of the former that
    no longer hold are marked in `Segment.stale`.
    """

    number: int
    folder: Path
    manifest: Mapping[str, Any]
    cases: tuple[Cases, ...]
    open: tuple[Segment, ...]
    dictionaries: Mapping[str, Dictionary]

    @cached_property
    def leads(self) -> Segment:
        """All open leads in one segment, in memory where there are several. For who goes through all of them once."""
        return whole(self.open)

    @property
    def open_count(self) -> int:
        """How many leads are open."""
        return sum(one.valid_count for one in self.open)

    def let_go(self) -> None:
        """Have the pages of the segments' files leave this process's memory: columns made of them are kept, they need not be."""
        for segment in (*self.open, *(one.segment for one in self.cases)):
            files.let_go(segment.ids)

    @property
    def as_of(self) -> datetime:
        """The moment whose facts the open leads show."""
        moment = self.open[0].as_of
        assert moment is not None
        return moment

    @property
    def built_at(self) -> datetime:
        return datetime.fromisoformat(self.manifest["built_at"])

    @property
    def mark(self) -> Mark:
        """All that had been committed then is in."""
        return self.marks[0]

    @property
    def marks(self) -> tuple[Mark, Mark]:
        """`mark`, and the one up to which cases are settled: who changes their history later notes it at the case, as every
        transaction that was open at `mark` began after that case was there to be seen.
        """
        mark, settled = files.looked(self.folder, self.number) or (self.manifest["mark"], self.manifest["settled"])
        return Mark(mark), Mark(settled)

    @property
    def case_count(self) -> int:
        return sum(len(some.segment) for some in self.cases)


def snapshot_folder() -> Path:
    return Path(settings.SCORING_SNAPSHOT_DIR)


def open_snapshot(folder: Path, held: Snapshot | None = None) -> Snapshot | None:
    """The current generation, `held` itself while it still is; None when nothing was built yet. Raises `Damaged`.

    Segments and dictionaries that `held` has as well are not read again.
    """
    problem: files.Damaged | None = None
    for _ in range(_TRIES):  # a generation may be replaced and swept between reading its name and its files
        named = files.current(folder)
        if named is None:
            return None
        if held is not None and held.folder == folder and (held.number, held.manifest["digest"]) == named:
            return held
        try:
            return _open(folder, *named, held)
        except files.Damaged as error:
            problem = error
            if files.current(folder) == named:
                raise
    assert problem is not None
    raise problem


def _open(folder: Path, number: int, digest: str, held: Snapshot | None) -> Snapshot:
    manifest = files.read_manifest(folder, number, digest)
    before = {} if held is None else held.dictionaries
    parts_before = {} if held is None else held.manifest["dictionaries"]
    dictionaries = {
        field: files.read_dictionary(folder, parts, (parts_before[field], before[field]) if field in before else None)
        for field, parts in manifest["dictionaries"].items()
    }
    return assembled(folder, number, manifest | {"digest": digest}, dictionaries, held)


def assembled(
    folder: Path, number: int, manifest: Mapping[str, Any], dictionaries: Mapping[str, Dictionary], held: Snapshot | None
) -> Snapshot:
    """A generation of these dictionaries, with the segments that `held` has as well taken from there. Raises `Damaged`."""
    fields = {key: FieldType(kind) for key, kind in manifest["fields"].items()}
    mapped = {} if held is None else {one.key: one for one in (*held.open, *(some.segment for some in held.cases))}
    cases, leads = [], []
    for entry in manifest["segments"]:
        known = mapped.get(entry["key"])
        segment = _map(folder, entry, fields, dictionaries) if known is None else replace(known, dictionaries=dictionaries)
        if entry["as_of"]:
            stale = files.map_arrays(folder, entry["stale"])["row"] if "stale" in entry else None
            leads.append(segment.without(stale, datetime.fromisoformat(entry["as_of"])))
        else:
            changing = files.map_arrays(folder, entry["changing"])
            cases.append(Cases(segment, changing["outcome"], changing["reason"], changing["counted"]))
    if not leads:
        raise files.Damaged(f"generation {number} has no open leads")
    return Snapshot(number, folder, manifest, tuple(cases), tuple(leads), dictionaries)


def _map(
    folder: Path, entry: Mapping[str, Any], fields: Mapping[str, FieldType], dictionaries: Mapping[str, Dictionary]
) -> Segment:
    arrays = files.map_arrays(folder, entry["file"])
    return Segment(
        entry["key"],
        datetime.fromisoformat(entry["as_of"]) if entry["as_of"] else None,
        entry["base_day"],
        fields,
        arrays["row"],
        arrays["lead"],
        {key: arrays[f"f.{key}"] for key in fields},
        Events(*(arrays[f"ev.{name}"] for name in EVENT_ARRAYS)),
        dictionaries,
        arrays.get("decided"),
        arrays.get("flags"),
        arrays["awaited"].view(AWAITED) if "awaited" in arrays else None,
    )


def arrays_of(segment: Segment) -> dict[str, Array]:
    """The arrays of a segment by the names they are stored under."""
    found: dict[str, Array] = {"row": segment.ids, "lead": segment.leads}
    found |= {f"f.{key}": column for key, column in segment.columns.items()}
    found |= {f"ev.{name}": getattr(segment.events, name) for name in EVENT_ARRAYS}
    awaited = None if segment.awaited is None else segment.awaited.view(np.int64)
    rest = {"decided": segment.decided, "flags": segment.flags, "awaited": awaited}
    return found | {name: array for name, array in rest.items() if array is not None}


_held: Snapshot | None = None
_lock = Lock()


def current_snapshot() -> Snapshot | None:
    """The current generation of this host, for a request or a job: looked for anew each time, mapped once a process.

    None when there is none yet. Raises `Damaged`: then it has to be rebuilt.
    """
    global _held
    with _lock:
        found = open_snapshot(snapshot_folder(), _held)
        if found is not _held and found is not None:
            column_cache().keep_only({one.key for one in (*found.open, *(some.segment for some in found.cases))})
        _held = found
        return found
