"""One run of the snapshot's builder: reading rows into segments, and storing a generation."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache, partial
from itertools import chain
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeVar

import numpy as np

from leads import clock
from leads.choices import ACTIVITY_KINDS, FieldType
from scoring.snapshot import files, packing, reading, reading_leads
from scoring.snapshot.coding import Coder, coders
from scoring.snapshot.dictionaries import Dictionary
from scoring.snapshot.files import Writer
from scoring.snapshot.mark import Mark
from scoring.snapshot.outcomes import Decided
from scoring.snapshot.reader import Snapshot, arrays_of, assembled
from scoring.snapshot.segment import Array, Events, Segment
from scoring.snapshot.shaping import Gathering, Rows, Sent, base_of, joined, make_segment, segment_of

T = TypeVar("T")
_AHEAD = 3  # answers asked for before one is read

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

    def _answers(self, requests: Iterable[Callable[[], T]]) -> Generator[T]:
        """What these ask for, in their order. The server works on the next ones while one is read."""
        with ThreadPoolExecutor(1, "snapshot") as ahead:
            coming: deque[Future[T]] = deque()
            for request in requests:
                coming.append(ahead.submit(request))
                if len(coming) > _AHEAD:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()

    def _tell(self, rows: int) -> None:
        self.done += rows
        if self.progress is not None and self.total:
            self.progress(min(self.done, self.total), self.total)

    def anew(self, case_ids: Array, each: int) -> tuple[list[Segment], Segment]:
        """All of these cases, which are all or none, so many a segment, and all open leads. Activities are read once for both."""
        on = packing.session()
        of_cases = list(reading.ranges(case_ids))
        of_leads = reading.ranges_of("leads_lead", reading.AT_ONCE) or [range(1)]
        of_events = reading.ranges_of("leads_activity", reading.EVENTS_AT_ONCE)
        self.total = sum(map(len, (*of_cases, *of_leads, *of_events)))
        requests: list[Callable[[], Any]] = [partial(reading.ask_cases, piece, self._frozen, on) for piece in of_cases]
        requests.append(partial(reading_leads.ask_companies, None, self._core, on))
        requests += [partial(reading_leads.ask_leads, piece, self._core, self._own, on) for piece in of_leads]
        requests += [partial(reading.ask_events, piece, on) for piece in of_events]
        with closing(self._answers(requests)) as answers:
            cases = self._joined((reading.read_cases(next(answers), self._frozen), piece) for piece in of_cases)
            _forget(self._frozen)
            companies = reading_leads.read_companies(next(answers), self._core)
            leads = self._joined(
                (reading_leads.read_leads(next(answers), self._core, self._own, companies), piece) for piece in of_leads
            )
            _forget(self._core, self._own)
            assert leads is not None
            base = base_of(self.moment)
            gatherings = [Gathering(leads, self.moment, base)] + ([Gathering(cases, None, 0)] if cases else [])
            for piece in of_events:
                sent = reading.read_events(next(answers), self.kinds)
                for one in gatherings:
                    one.take(sent)
                self._tell(len(piece))
        (events,) = gatherings[0].events(len(self.kinds))
        opened = replace(self._made(leads, events, self.moment), awaited=gatherings[0].awaited())
        decided = []
        if cases is not None:
            for number, events in enumerate(gatherings[1].events(len(self.kinds), each)):
                decided.append(self._made(cases.taken(slice(number * each, (number + 1) * each)), events, None))
        return decided, opened

    def _joined(self, parts: Iterator[tuple[Rows, range]]) -> Rows | None:
        """The rows of all parts in the order of their ids, None when there are no parts."""
        found = []
        for rows, piece in parts:
            found.append(rows.in_order())
            self._tell(len(piece))
        return joined(found) if found else None

    def _made(self, rows: Rows, events: Events, as_of: datetime | None) -> Segment:
        return segment_of(token_hex(8), rows, events, self.fields, self.dictionaries, as_of, base_of(as_of))

    def _pieces(self, ids: Array) -> list[list[int]]:
        return [ids[first : first + reading.AT_ONCE].tolist() for first in range(0, max(len(ids), 1), reading.AT_ONCE)]

    def cases(self, ids: Array) -> Segment:
        """These cases."""
        on = packing.session()
        rows, sent = [], []
        pieces = self._pieces(ids)

        def ask(piece: list[int]) -> Iterator[Callable[[], Any]]:
            first = cache(lambda: reading.ask_cases(piece, self._frozen, on))
            yield first
            yield lambda: reading.ask_events(np.unique(reading.answered_leads(first())).tolist(), on)

        with closing(self._answers(chain.from_iterable(map(ask, pieces)))) as answers:
            for _ in pieces:
                rows.append(reading.read_cases(next(answers), self._frozen))
                sent.append(reading.read_events(next(answers), self.kinds))
        return self._segment(rows, sent, None, None)

    def leads(self, ids: Array, *, base_day: int) -> Segment:
        """Those of these leads that are open."""
        on = packing.session()
        rows, sent = [], []
        pieces = self._pieces(ids)

        def ask(piece: list[int]) -> Iterator[Callable[[], Any]]:
            first = cache(lambda: reading_leads.ask_leads(piece, self._core, self._own, on))
            yield first
            yield lambda: reading_leads.ask_companies(
                np.unique(reading_leads.answered_companies(first())).tolist(), self._core, on
            )
            yield lambda: reading.ask_events(reading_leads.answered_leads(first()), on)

        with closing(self._answers(chain.from_iterable(map(ask, pieces)))) as answers:
            for _ in pieces:
                answer, about = next(answers), next(answers)
                companies = reading_leads.read_companies(about, self._core)
                rows.append(reading_leads.read_leads(answer, self._core, self._own, companies))
                sent.append(reading.read_events(next(answers), self.kinds))
        return self._segment(rows, sent, self.moment, base_day)

    def _segment(self, rows: Sequence[Rows], sent: Sequence[Sent], as_of: datetime | None, base_day: int | None) -> Segment:
        return make_segment(
            token_hex(8),
            joined(rows),
            sent,
            fields=self.fields,
            dictionaries=self.dictionaries,
            as_of=as_of,
            base_day=base_day,
        )

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


def _forget(*coders: Mapping[str, Coder]) -> None:
    """Free the memory of all raw values met: with many different ones it is most of what a build needs."""
    for some in coders:
        for one in some.values():
            one.clear()
