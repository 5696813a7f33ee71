"""One run of the snapshot's builder: reading rows into segments, and storing a generation."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

import numpy as np

from leads import clock
from leads.choices import ACTIVITY_KINDS, FieldType
from scoring.snapshot import files, packing, reading, reading_leads
from scoring.snapshot.dictionaries import Dictionary
from scoring.snapshot.files import Writer
from scoring.snapshot.mark import Mark
from scoring.snapshot.outcomes import Decided
from scoring.snapshot.reader import Snapshot, arrays_of, assembled
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
    mark: Mark = field(default_factory=lambda: Mark.now())
    database: str = field(default_factory=reading.database)
    moment: datetime = field(default_factory=clock.now)
    done: int = 0
    total: int = 0

    def __post_init__(self) -> None:
        self.writer = Writer(self.folder, self.number)
        self.entries: dict[str, dict[str, Any]] = {}  # of segments that are in files
        self.parts: dict[str, list[dict[str, Any]]] = {}  # of dictionaries
        self.held: Snapshot | None = None
        self._companies: reading_leads.Companies | None = None
        self._prepare()

    def _prepare(self) -> None:
        core = {key: kind for key, kind in self.fields.items() if not key.startswith("custom.")}
        own = {key: kind for key, kind in self.fields.items() if key.startswith("custom.")}
        self._core = coders(core, self.dictionaries, as_json=False)
        self._own = coders(own, self.dictionaries, as_json=True)
        self._frozen = coders(self.fields, self.dictionaries, as_json=True, plain=self._core)
        self.kinds = reading.known_kinds(ACTIVITY_KINDS, self.dictionaries)

    def take_over(self, held: Snapshot, dictionaries: Mapping[str, Dictionary] | None = None) -> None:
        """Go on from a generation's files and dictionaries; `dictionaries` are the builder's own, where it has them still."""
        self.held = held
        self.dictionaries = (
            {key: one.copy() for key, one in held.dictionaries.items()} if dictionaries is None else {**dictionaries}
        )
        self.parts = dict(held.manifest["dictionaries"])
        self.entries = {entry["key"]: entry for entry in held.manifest["segments"]}
        self._prepare()

    def settled(self) -> Mark:
        """Up to where cases are settled once this run is done; see `Snapshot.marks`."""
        if self.mark.is_calm:
            return self.mark
        if self.held is None:
            return Mark.nothing()
        before, settled = self.held.marks
        return before if before.following <= self.mark.oldest else settled

    def _pieces(self, ids: Array, ranged: bool) -> Iterable[Sequence[int] | range]:
        if ranged:
            return reading.ranges(ids)
        return [ids[first : first + reading.AT_ONCE].tolist() for first in range(0, len(ids), reading.AT_ONCE)]

    def _asked(
        self, pieces: Iterable[Sequence[int] | range], of_cases: bool
    ) -> Iterator[tuple[packing.Answer, packing.Answer | None, Array]]:
        """Rows, their companies and events of the pieces as they are sent. The server works on the next piece while the last one
        is read; all companies are asked for once for all ranges of leads.
        """
        on = packing.session()
        all_companies = False

        def ask(piece: Sequence[int] | range) -> tuple[packing.Answer, packing.Answer | None, Array]:
            nonlocal all_companies
            if of_cases:
                answer, companies = reading.ask_cases(piece, self._frozen, on), None
                return answer, companies, reading.read_events(piece, self.kinds, on, of_cases=True)
            answer, companies = reading_leads.ask_leads(piece, self._core, self._own, on), None
            if not isinstance(piece, range):
                piece = sorted(reading_leads.answered_leads(answer))
                known = np.unique(reading_leads.answered_companies(answer))
                companies = reading_leads.ask_companies(known.tolist(), self._core, on)
            elif not all_companies:
                companies, all_companies = reading_leads.ask_companies(None, self._core, on), True
            return answer, companies, reading.read_events(piece, self.kinds, on, of_cases=False)

        with ThreadPoolExecutor(1, "snapshot") as ahead:
            coming: Future[tuple[packing.Answer, packing.Answer | None, Array]] | None = None
            for piece in pieces:
                found, coming = coming, ahead.submit(ask, piece)
                if found is not None:
                    yield found.result()
            if coming is not None:
                yield coming.result()

    def _segment(self, ids: Array, ranged: bool, of_cases: bool, base_day: int | None) -> Segment:
        rows: list[Rows] = []
        events = [np.empty(0, SENT)]
        for answer, companies, sent in self._asked(self._pieces(ids, ranged) if len(ids) else [[]], of_cases):
            if of_cases:
                rows.append(reading.read_cases(answer, self._frozen))
            else:
                rows.append(self._read_leads(answer, companies))
            events.append(sent)
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

    def _read_leads(self, answer: packing.Answer, companies: packing.Answer | None) -> Rows:
        if companies is not None:
            self._companies = reading_leads.read_companies(companies, self._core)
        assert self._companies is not None
        return reading_leads.read_leads(answer, self._core, self._own, self._companies)

    def cases(self, ids: Array, *, ranged: bool = False) -> Segment:
        """These cases; `ranged`: all between the first and the last."""
        return self._segment(ids, ranged, True, None)

    def leads(self, ids: Array, *, ranged: bool = False, base_day: int | None = None) -> Segment:
        """Those of these leads that are open."""
        return self._segment(ids, ranged, False, base_day)

    def publish(self, decided: Sequence[Decided], leads: Sequence[Segment], kept: Sequence[Snapshot] = ()) -> Snapshot:
        """Store what is not in files yet, make it the current generation, and remove what neither it nor `kept` needs."""
        segments = []
        for one in decided:
            segments.append(self._stored(one.segment) | {"sealed": one.sealed, "changing": self._changing(one)})
        for part in leads:
            entry = self._stored(part) | {"as_of": self.moment.isoformat()}
            entry.pop("stale", None)
            if part.stale is not None:
                rows = np.flatnonzero(part.stale).astype(np.int32)
                entry["stale"] = self.writer.arrays(f"gen/{self.number:06}/{part.key}.stale.bin", {"row": rows})
            segments.append(entry)
        parts = {key: self.writer.dictionary(key, one, self.parts.get(key, [])) for key, one in sorted(self.dictionaries.items())}
        manifest = {
            "format": files.FORMAT,
            "built_at": clock.now().isoformat(),
            "database": self.database,
            "mark": self.mark.text,
            "settled": self.settled().text,
            "fields": {key: str(kind) for key, kind in self.fields.items()},
            "segments": segments,
            "dictionaries": parts,
        }
        digest = self.writer.publish(manifest)
        files.sweep(self.folder, [(self.number, manifest), *((one.number, one.manifest) for one in kept)])
        return assembled(self.folder, self.number, manifest | {"digest": digest}, self._for_readers(parts), self.held)

    def _changing(self, one: Decided) -> dict[str, Any]:
        """What may still change in a decided segment; the file of an earlier generation where nothing did."""
        before = self.held and next((some for some in self.held.cases if some.segment.key == one.segment.key), None)
        if before and before.outcome is one.outcome and before.reason is one.reason and before.counted is one.counted:
            found: dict[str, Any] = self.entries[one.segment.key]["changing"]
            return found
        changing = {"outcome": one.outcome, "reason": one.reason, "counted": one.counted}
        return self.writer.arrays(f"gen/{self.number:06}/{one.segment.key}.bin", changing)

    def _for_readers(self, parts: Mapping[str, Any]) -> dict[str, Dictionary]:
        """Dictionaries of a generation's own: the builder's grow on."""
        held = self.held.manifest["dictionaries"] if self.held else {}
        return {
            key: self.held.dictionaries[key] if self.held and held.get(key) == parts[key] else one.copy()
            for key, one in self.dictionaries.items()
        }

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
