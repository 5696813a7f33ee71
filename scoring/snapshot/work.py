"""One run of the snapshot's builder: reading rows into segments, and storing a generation."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

import numpy as np

from leads import clock
from leads.choices import ACTIVITY_KINDS, FieldType
from scoring.snapshot import files, reading
from scoring.snapshot.dictionaries import Dictionary
from scoring.snapshot.files import Writer
from scoring.snapshot.outcomes import Decided
from scoring.snapshot.reader import Snapshot, arrays_of, open_snapshot
from scoring.snapshot.segment import Array, Segment
from scoring.snapshot.shaping import SENT, Rows, coders, joined, make_segment

Progress = Callable[[int, int], None]
"""Told how many rows of how many are read."""


@dataclass
class Work:
    """One run of the builder. The mark is taken first, before the moment and before any row is read."""

    folder: Path
    number: int
    fields: dict[str, FieldType]
    progress: Progress | None = None
    dictionaries: dict[str, Dictionary] = field(default_factory=dict)
    mark: int = field(default_factory=lambda: reading.oldest_open_transaction())
    database: str = field(default_factory=reading.database)
    moment: datetime = field(default_factory=clock.now)
    done: int = 0
    total: int = 0

    def __post_init__(self) -> None:
        self.writer = Writer(self.folder, self.number)
        self.entries: dict[str, dict[str, Any]] = {}  # of segments that are in files
        self.parts: dict[str, list[dict[str, Any]]] = {}  # of dictionaries
        self._prepare()

    def _prepare(self) -> None:
        core = {key: kind for key, kind in self.fields.items() if not key.startswith("custom.")}
        own = {key: kind for key, kind in self.fields.items() if key.startswith("custom.")}
        self._core = coders(core, self.dictionaries, as_json=False)
        self._own = coders(own, self.dictionaries, as_json=True)
        self._frozen = coders(self.fields, self.dictionaries, as_json=True)
        self.kinds = reading.known_kinds(ACTIVITY_KINDS, self.dictionaries)

    def take_over(self, held: Snapshot) -> None:
        """Go on from a generation's dictionaries and files."""
        self.dictionaries = dict(held.dictionaries)
        self.parts = dict(held.manifest["dictionaries"])
        self.entries = {entry["key"]: entry for entry in held.manifest["segments"]}
        self._prepare()

    def _pieces(self, ids: Array, ranged: bool) -> Iterable[Sequence[int] | range]:
        if ranged:
            return reading.ranges(ids)
        return [ids[first : first + reading.AT_ONCE].tolist() for first in range(0, len(ids), reading.AT_ONCE)]

    def _segment(self, ids: Array, ranged: bool, of_cases: bool, base_day: int | None) -> Segment:
        rows: list[Rows] = []
        events = [np.empty(0, SENT)]
        for piece in self._pieces(ids, ranged) if len(ids) else [[]]:
            rows.append(reading.read_cases(piece, self._frozen) if of_cases else reading.read_leads(piece, self._core, self._own))
            events.append(reading.read_events(piece, self.kinds, of_cases=of_cases))
            self.done += len(rows[-1])
            if self.progress is not None and self.total:
                self.progress(min(self.done, self.total), self.total)
        return make_segment(
            token_hex(8),
            joined(rows),
            np.concatenate(events),
            fields=self.fields,
            dictionaries=self.dictionaries,
            as_of=None if of_cases else self.moment,
            base_day=base_day,
        )

    def cases(self, ids: Array, *, ranged: bool = False) -> Segment:
        """These cases; `ranged`: all between the first and the last."""
        return self._segment(ids, ranged, True, None)

    def leads(self, ids: Array, *, ranged: bool = False, base_day: int | None = None) -> Segment:
        """Those of these leads that are open."""
        return self._segment(ids, ranged, False, base_day)

    def publish(self, decided: Sequence[Decided], leads: Segment, kept: Sequence[Snapshot] = ()) -> Snapshot:
        """Store what is not in files yet, make it the current generation, and remove what neither it nor `kept` needs."""
        segments = []
        for one in decided:
            entry = self._stored(one.segment) | {"sealed": one.sealed}
            changing = {"outcome": one.outcome, "reason": one.reason, "counted": one.counted}
            entry["changing"] = self.writer.arrays(f"gen/{self.number:06}/{one.segment.key}.bin", changing)
            segments.append(entry)
        segments.append(self._stored(leads) | {"as_of": self.moment.isoformat()})
        manifest = {
            "format": files.FORMAT,
            "built_at": clock.now().isoformat(),
            "database": self.database,
            "mark": self.mark,
            "fields": {key: str(kind) for key, kind in self.fields.items()},
            "segments": segments,
            "dictionaries": {
                key: self.writer.dictionary(key, one, self.parts.get(key, [])) for key, one in sorted(self.dictionaries.items())
            },
        }
        self.writer.publish(manifest)
        files.sweep(self.folder, [(self.number, manifest), *((one.number, one.manifest) for one in kept)])
        found = open_snapshot(self.folder)
        assert found is not None
        return found

    def _stored(self, segment: Segment) -> dict[str, Any]:
        held = self.entries.get(segment.key)
        if held is not None:
            return dict(held)
        return {
            "key": segment.key,
            "rows": len(segment),
            "as_of": segment.as_of and segment.as_of.isoformat(),
            "base_day": segment.base_day,
            "file": self.writer.arrays(f"seg/{segment.key}.bin", arrays_of(segment)),
        }
