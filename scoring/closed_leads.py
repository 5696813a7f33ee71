"""What scoring very many leads needs beside the snapshot's open ones: the leads that are won, lost or disqualified, as columns, and
where everybody stands who may be held back.

Kept in the memory of the process that scores and brought up to date by what changed since; never in files. A lead that was won
or lost qualifies again by what it did since, so that its events are there a second time, with the earlier ones left out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from secrets import token_hex

import numpy as np
from psycopg import sql

from leads import clock
from leads.choices import ACTIVITY_KINDS, SCORED_OPEN, FieldType, Stage
from scoring.holds import HELD_STAGES
from scoring.operators import day_of
from scoring.snapshot import packing, reading, reading_leads
from scoring.snapshot.building import REREAD_AFTER, fields_kept
from scoring.snapshot.coding import alone, coders
from scoring.snapshot.dictionaries import Dictionary
from scoring.snapshot.mark import Mark
from scoring.snapshot.merging import due_of, merge, places_of
from scoring.snapshot.reader import snapshot_folder
from scoring.snapshot.segment import Array, Segment
from scoring.snapshot.shaping import BEGINNING, Gathering, Rows, joined, segment_of
from scoring.vocabulary import load_registry

STAGES = sorted(str(stage) for stage in HELD_STAGES)
NO_DAY = 2**31 - 1
# Where a lead stands that may be held back: position of its stage in `STAGES` (-1: another), the UTC day on which it returns, and
# since when it stands there, in microseconds since 2000.
STANDING = np.dtype([("lead", ">i8"), ("stage", ">i2"), ("reachable", ">i2"), ("back", ">i4"), ("since", ">i8")])
_CLOSED = sorted(str(stage) for stage in frozenset(Stage) - SCORED_OPEN)
_SHARE_ANEW = 0.3  # of the leads that, once so many changed, are all read again
_READ = sql.SQL("""
SELECT string_agg(int8send(r.id) || int2send((coalesce(array_position({stages}::text[], r.stage::text), 0) - 1)::int2)
    || int2send(r.contactable::int::int2) || int4send(coalesce(r.return_on - date '1970-01-01', {no_day}))
    || timestamptz_send(r.stage_since), ''::bytea)
FROM leads_lead r WHERE (r.stage = ANY({stages}) OR NOT r.contactable) AND {which}
""")


@dataclass(frozen=True, eq=False, slots=True)
class ClosedLeads:
    """`leads` with all they did and `since` with what they did since they stand where they stand, the same rows in both.

    `standings` are rows of `STANDING` by lead, also of open leads. All that had been committed at `mark` is in.
    """

    source: tuple[Path, str, Mapping[str, FieldType]]
    mark: Mark
    dictionaries: Mapping[str, Dictionary]
    standings: Array
    leads: Segment
    since: Segment

    @property
    def as_of(self) -> datetime:
        assert self.leads.as_of is not None
        return self.leads.as_of


_kept: ClosedLeads | None = None


def closed_leads(*, anew: bool = False) -> ClosedLeads:
    """As they are now: brought up to date, read whole for the first time in a process, after some days and with `anew`."""
    global _kept
    mark = Mark.now()  # before anything is read
    fields = fields_kept(load_registry())
    source = (snapshot_folder(), reading.database(), fields)
    before, _kept = _kept, None  # forgotten until all went well: dictionaries grow on the way
    now = clock.now()
    if before is not None and not anew and before.source == source and before.mark.oldest <= mark.oldest:
        age = day_of(now) - before.leads.base_day
        _kept = _brought_up_to_date(before, mark, now) if 0 <= age < REREAD_AFTER else None
    if _kept is None:
        with packing.roomy():
            _kept = _Reading(source, mark, now, {}, day_of(now)).all()
    return _kept


def _brought_up_to_date(held: ClosedLeads, mark: Mark, now: datetime) -> ClosedLeads | None:
    changed = np.array(sorted(reading.changed_leads(held.mark)), np.int64)
    changed = np.union1d(changed, due_of(held.leads, now))
    if len(changed) > max(len(held.leads) * _SHARE_ANEW, reading.AT_ONCE):
        return None
    leads, since, standings = held.leads, held.since, held.standings
    if len(changed):
        read = _Reading(held.source, mark, now, {**held.dictionaries}, leads.base_day)
        fresh = read.standings(changed)
        standings = np.concatenate([standings[~np.isin(standings["lead"], changed)], fresh])
        standings = standings[np.argsort(standings["lead"], kind="stable")]
        closed = fresh["lead"][_is_closed(fresh)].astype(np.int64)
        if len(closed) or len(places_of(leads.ids, changed)):
            whole, later = read.segments(closed, fresh)
            leads, since = merge(token_hex(8), leads, changed, whole), merge(token_hex(8), since, changed, later)
    return replace(
        held, mark=mark, standings=standings, leads=replace(leads, as_of=now), since=replace(since, as_of=now),
        dictionaries=leads.dictionaries,
    )  # fmt: skip


def _is_closed(standings: Array) -> Array:
    found: Array = np.isin(standings["stage"], [STAGES.index(stage) for stage in _CLOSED])
    return found


def _pieces(ids: Array, ranged: bool) -> Iterable[Sequence[int] | range]:
    """What to read of the ordered ids at a time: these, or all from the first to the last."""
    if not ranged or not len(ids):
        return [ids[first : first + reading.AT_ONCE].tolist() for first in range(0, max(len(ids), 1), reading.AT_ONCE)]
    first, end = int(ids[0]), int(ids[-1]) + 1
    return [range(one, min(one + reading.AT_ONCE, end)) for one in range(first, end, reading.AT_ONCE)]


@dataclass
class _Reading:
    """One reading, as of `now`. The dictionaries grow by what is met."""

    source: tuple[Path, str, Mapping[str, FieldType]]
    mark: Mark
    now: datetime
    dictionaries: dict[str, Dictionary]
    base_day: int

    def all(self) -> ClosedLeads:
        standings = self.standings(None)
        leads, since = self.segments(standings["lead"][_is_closed(standings)].astype(np.int64), standings, ranged=True)
        return ClosedLeads(self.source, self.mark, self.dictionaries, standings, leads, since)

    def standings(self, lead_ids: Array | None) -> Array:
        """Of these leads, or of all, those that may be held back, by lead."""
        which = sql.SQL("TRUE") if lead_ids is None else sql.SQL("r.id = ANY(%s)")
        query = _READ.format(stages=sql.Literal(STAGES), no_day=sql.Literal(NO_DAY), which=which)
        (packed,) = packing.ask(sql.SQL("{}").format(query), [] if lead_ids is None else [lead_ids.tolist()])
        found = np.frombuffer(packed or b"", STANDING)
        return found[np.argsort(found["lead"], kind="stable")]

    def segments(self, lead_ids: Array, standings: Array, *, ranged: bool = False) -> tuple[Segment, Segment]:
        """Those of these leads that are closed, twice: with all their events, and with those since they are. `ranged`: all closed
        ones from the first to the last, which is read faster than very many one by one.
        """
        fields = dict(self.source[2])
        own = {key: kind for key, kind in fields.items() if key.startswith("custom.")}
        read = coders(fields, self.dictionaries, of_facts=False, careful=fields)
        read |= coders(own, self.dictionaries, of_facts=True, careful=fields)
        bundles = alone(reading_leads.texts_of(read))
        kinds = reading.known_kinds(ACTIVITY_KINDS, self.dictionaries)
        on, parts = packing.session(), []
        companies: reading_leads.Companies | None = None
        for piece in _pieces(lead_ids, ranged):
            answer = reading_leads.ask_leads(piece, read, bundles, on, _CLOSED)
            if companies is None or not ranged:  # once all, for ranges
                some = None if ranged else np.unique(reading_leads.answered_companies(answer)).tolist()
                companies = reading_leads.read_companies(reading_leads.ask_companies(some, read, on), read)
            parts.append(reading_leads.read_leads(answer, read, bundles, companies))
        rows = joined(parts).in_order()
        stands = np.append(standings["since"].astype(np.int64), BEGINNING)  # the last: of who changed in between
        place = np.searchsorted(standings["lead"], rows.ids)
        place[np.append(standings["lead"], -1)[place] != rows.ids] = len(standings)
        later = replace(rows, since=np.maximum(rows.since, stands[place]))
        both = [Gathering(one, self.now, self.base_day) for one in (rows, later)]
        every = reading.ranges_of("leads_activity", reading.EVENTS_AT_ONCE) if ranged else [rows.ids.tolist()]
        for asked in every:
            sent = reading.read_events(reading.ask_events(asked, on), kinds)
            for gathering in both:
                gathering.take(sent)
        return self._made(rows, both[0], len(kinds)), self._made(later, both[1], len(kinds))

    def _made(self, rows: Rows, gathering: Gathering, kinds: int) -> Segment:
        (events,) = gathering.events(kinds)
        fields = dict(self.source[2])
        made = segment_of(token_hex(8), rows, events, fields, self.dictionaries, self.now, self.base_day)
        return replace(made, awaited=gathering.awaited())
