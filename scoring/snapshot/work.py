"""One run of the snapshot's builder: reading rows into segments, and storing a generation."""

from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from secrets import token_hex
from typing import Any, TypeVar

import numpy as np

from leads import clock
from leads.choices import ACTIVITY_KINDS, FieldType
from scoring.snapshot import files, packing, reading, reading_leads
from scoring.snapshot.coding import alone, bundled, coders
from scoring.snapshot.dictionaries import Dictionary
from scoring.snapshot.mark import Mark
from scoring.snapshot.outcomes import Decided
from scoring.snapshot.packing import Answer, Session
from scoring.snapshot.reader import OUTCOMES, Snapshot, arrays_of, assembled
from scoring.snapshot.segment import Array, Events, Segment
from scoring.snapshot.shaping import Gathering, Rows, Sent, base_of, joined, make_segment, segment_of
from scoring.snapshot.writing import Writer

T = TypeVar("T")
_AHEAD = 3  # answers asked for before one is read
_SAMPLE = 2000  # rows, spread over all, that tell which fields have few values

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
    careful: Collection[str] = ()  # fields with a text that was ambiguous
    done: int = 0
    total: int = 0

    def __post_init__(self) -> None:
        self.writer = Writer(self.folder, self.number)
        self.entries: dict[str, dict[str, Any]] = {}  # of segments that are in files
        self.parts: dict[str, list[dict[str, Any]]] = {}  # of dictionaries
        self.held: Snapshot | None = None
        self._prepare()

    def _prepare(self) -> None:
        own = {key: kind for key, kind in self.fields.items() if key.startswith("custom.")}
        core = {key: kind for key, kind in self.fields.items() if key not in own}
        columns = coders(core, self.dictionaries, of_facts=False, careful=self.careful)
        self._facts = coders(self.fields, self.dictionaries, of_facts=True, careful=self.careful, plain=columns)
        self._coders = {key: columns.get(key, self._facts[key]) for key in self.fields}
        self._of_cases = alone(self._facts)
        self._of_leads = alone(reading_leads.texts_of(self._coders))
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

    def _answers(self, requests: Iterable[Callable[[Session], T]], sessions: Sequence[Session]) -> Generator[T]:
        """What these ask for, in their order. The server works on the next ones while one is read."""
        free: SimpleQueue[Session] = SimpleQueue()
        for one in sessions:
            free.put(one)

        def answer(request: Callable[[Session], T]) -> T:
            on = free.get()
            try:
                return request(on)
            finally:
                free.put(on)

        with ThreadPoolExecutor(len(sessions), "snapshot") as ahead:
            coming: deque[Future[T]] = deque()
            for request in requests:
                coming.append(ahead.submit(answer, request))
                if len(coming) > _AHEAD:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()

    def _tell(self, rows: int) -> None:
        self.done += rows
        if self.progress is not None and self.total:
            self.progress(min(self.done, self.total), self.total)

    def anew(self, each: int | None = None) -> tuple[Segment, list[Segment], Array]:
        """All open leads; and, unless `each` is None, all cases, so many a segment, with what became of them, as
        `reading.read_outcomes` has it. Activities are read once for both.
        """
        of_cases = reading.ranges_of("leads_case", reading.AT_ONCE) if each else []
        of_leads = reading.ranges_of("leads_lead", reading.AT_ONCE) or [range(1)]
        of_events = reading.ranges_of("leads_activity", reading.EVENTS_AT_ONCE)
        self.total = sum(map(len, (*of_cases, *of_leads, *of_events)))
        self._bundle(_spread(of_cases), _spread(of_leads))
        requests: list[Callable[[Session], Any]] = [self._ask_cases(piece) for piece in of_cases]
        requests.append(self._ask_companies(None))
        requests += [self._ask_leads(piece) for piece in of_leads]
        requests += [partial(reading.ask_events, piece) for piece in of_events]
        requests += [partial(reading.read_outcomes, piece, OUTCOMES) for piece in of_cases]
        with packing.sessions() as several, closing(self._answers(requests, several)) as answers:
            cases = self._joined((reading.read_cases(next(answers), self._of_cases), piece) for piece in of_cases)
            companies = reading_leads.read_companies(next(answers), self._coders)
            leads = self._joined((self._read_leads(next(answers), companies), piece) for piece in of_leads)
            for some in (*self._of_cases, *self._of_leads, *self._coders.values()):
                some.clear()  # with many different raw values this is most of what a build needs
            assert leads is not None
            base = base_of(self.moment)
            gatherings = [Gathering(leads, self.moment, base)] + ([Gathering(cases, None, 0)] if cases else [])
            for piece in of_events:
                sent = reading.read_events(next(answers), self.kinds)
                for one in gatherings:
                    one.take(sent)
                self._tell(len(piece))
            outcomes = [next(answers) for _ in of_cases]
        (events,) = gatherings[0].events(len(self.kinds))
        opened = replace(self._made(leads, events, self.moment), awaited=gatherings[0].awaited())
        self._store(opened)
        decided = []
        if cases is not None and each:
            for number, events in enumerate(gatherings[1].events(len(self.kinds), each)):
                decided.append(self._made(cases.taken(slice(number * each, (number + 1) * each)), events, None))
                self._store(decided[-1])
        return opened, decided, np.concatenate(outcomes) if outcomes else np.empty(0, reading.OUTCOME_SENT)

    def _bundle(self, case_ids: Sequence[int], lead_ids: Sequence[int]) -> None:
        """Have fields of few values travel together, as a sample of rows tells which those are."""
        on = packing.session()
        if case_ids:
            sample = reading.read_cases(self._ask_cases(case_ids)(on), self._of_cases)
            self._of_cases = bundled(self._facts, sample.columns)
        nobody = reading_leads.read_companies(self._ask_companies([])(on), self._coders)
        sample = self._read_leads(self._ask_leads(lead_ids)(on), nobody)
        self._of_leads = bundled(reading_leads.texts_of(self._coders), sample.columns)

    def _ask_cases(self, ids: Sequence[int] | range) -> Callable[[Session], Answer]:
        return partial(reading.ask_cases, ids, self._of_cases)

    def _ask_companies(self, ids: Sequence[int] | None) -> Callable[[Session], Answer]:
        return partial(reading_leads.ask_companies, ids, self._coders)

    def _ask_leads(self, ids: Sequence[int] | range) -> Callable[[Session], Answer]:
        return partial(reading_leads.ask_leads, ids, self._coders, self._of_leads)

    def _read_leads(self, answer: Answer, companies: reading_leads.Companies) -> Rows:
        return reading_leads.read_leads(answer, self._coders, self._of_leads, companies)

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
        for piece in self._pieces(ids):
            rows.append(reading.read_cases(self._ask_cases(piece)(on), self._of_cases))
            sent.append(reading.read_events(reading.ask_events(np.unique(rows[-1].leads).tolist(), on), self.kinds))
        return self._segment(rows, sent, None, None)

    def leads(self, ids: Array, *, base_day: int) -> Segment:
        """Those of these leads that are open."""
        rows, sent = [], []
        many = len(ids) > _SAMPLE
        if self.held is not None and many:  # enough to look at those there were
            before = self.held.open[0]
            sample = {key: column[:: max(len(before) // _SAMPLE, 1)] for key, column in before.columns.items()}
            self._of_leads = bundled(reading_leads.texts_of(self._coders), sample)
        with packing.sessions() if many else nullcontext([packing.session()]) as several, ThreadPoolExecutor(1) as beside:
            for piece in self._pieces(ids):
                events = beside.submit(reading.ask_events, piece, several[-1])
                answer = self._ask_leads(piece)(several[0])
                employers = np.unique(reading_leads.answered_companies(answer)).tolist()
                companies = reading_leads.read_companies(self._ask_companies(employers)(several[0]), self._coders)
                rows.append(self._read_leads(answer, companies))
                sent.append(reading.read_events(events.result(), self.kinds))
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
        self.writer.finish()
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
        if segment.key not in self.entries:
            self._store(segment)
        return dict(self.entries[segment.key])

    def _store(self, segment: Segment) -> None:
        """Begin to write a new segment."""
        self.entries[segment.key] = {
            "key": segment.key,
            "rows": len(segment),
            "as_of": segment.as_of and segment.as_of.isoformat(),
            "base_day": segment.base_day,
            "file": self.writer.arrays(f"seg/{segment.key}.bin", arrays_of(segment)),
        }


def _spread(ranges: Sequence[range]) -> list[int]:
    """Some of the numbers of ranges that follow each other, spread over all."""
    if not ranges:
        return []
    every = range(ranges[0].start, ranges[-1].stop)
    return list(every[:: max(len(every) // _SAMPLE, 1)])
