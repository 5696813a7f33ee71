"""Many leads scored at once, by columns: read as arrays, compared with what is stored, and only what differs is written.

What columns do not know is left to the reference, which is asked lead by lead: who newly qualifies or leaves a model's scope,
whose qualification is kept back, and who changed since the columns were read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
from psycopg import sql

from leads import clock
from scoring import store, written
from scoring.by_columns import Columns, Said, gates_of, read_columns
from scoring.columns import NEVER, NotInSnapshot
from scoring.compiler import Live, live_question, live_versions
from scoring.facts import longest_window
from scoring.locks import VERSIONS, sharing
from scoring.models import FLAG_MQL, FLAG_MQO, Qualification
from scoring.operators import day_of
from scoring.questions import ask_all
from scoring.reference_scores import Differ, Known, judge_known, known_of
from scoring.snapshot.segment import Array
from scoring.stored_scores import SCORE, WORDS, beside, rows_packed, stored_scores
from scoring.waiting import Pending, pending_question, scored_up_to

COMPARED = 1000
_SINCE_2000 = 946_684_800_000_000  # microseconds, as the server counts
_STATE = np.dtype([("lead", ">i8"), ("scored", ">i8"), ("due", ">i4"), ("at", ">i8")])
_REVISION = np.dtype([("lead", ">i8"), ("rev", ">i8"), ("txid", ">i8")])
_CREATED = np.dtype([("lead", ">i8"), ("created", ">i8")])
# Locked and read in one: two who score the same lead do so one after the other.
_LOCK_STATES = sql.SQL("""
SELECT string_agg(int8send(lead_id) || int8send(rev) || int4send(coalesce(due_on - date '1970-01-01', {never}))
    || timestamptz_send(scored_at), ''::bytea)
FROM (SELECT * FROM scoring_leadstate WHERE {which} ORDER BY lead_id FOR NO KEY UPDATE) s
""")
_READ_REVISIONS = sql.SQL("""
SELECT string_agg(int8send(lead_id) || int8send(rev) || int8send(txid), ''::bytea) FROM leads_leadrevision
WHERE {which} AND txid >= {since}
""")
_READ_CREATED = sql.SQL("""
SELECT string_agg(int8send(id) || timestamptz_send(created_at), ''::bytea) FROM leads_lead WHERE {which}
""")


class Overtaken(Exception):
    """The versions in force are others than those the columns were read for, or the day is another one: to be begun anew."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the versions in force say of leads, open and closed, as of one moment."""

    columns: Columns
    lives: tuple[Live, ...]
    said: tuple[Said, ...]

    @property
    def as_of(self) -> datetime:
        return self.columns.as_of


def read(lead_ids: Sequence[int] | None = None) -> Reading | None:
    """What is to be said of these leads, or of all; None when a version asks for what never enters the columns."""
    return _evaluated(tuple(live_versions(silent=True)), read_columns(lead_ids))


def read_beside(question: Callable[[Live], sql.Composable]) -> tuple[Reading | None, list[Array]]:
    """What is to be said of all leads, and what the server, asked meanwhile, packs for each version into numbers."""
    lives, columns = tuple(live_versions(silent=True)), read_columns()
    return beside(lambda: _evaluated(lives, columns), [question(live) for live in lives], WORDS)


def _evaluated(lives: tuple[Live, ...], columns: Columns) -> Reading | None:
    try:
        return Reading(columns, lives, tuple(columns.said_by(live) for live in lives))
    except NotInSnapshot:
        return None


def score_by_columns(reading: Reading, lead_ids: Sequence[int], *, compared: int = 0) -> list[int]:
    """Score these leads, ordered by id, in the caller's transaction; answers those left to the reference.

    `compared` of them, drawn at random, are asked of the reference first. Raises `Differ`, and `Overtaken` before anything is
    written.
    """
    ids = np.array(lead_ids, np.int64)
    _, lives, pending = ask_all(sharing(VERSIONS), live_question(silent=True), pending_question())
    check_current(reading, lives, pending)
    chunk = _Chunk(reading, ids, pending)
    for place in range(len(lives)):
        chunk.judge(place)
    if compared:
        Sample(reading, chunk.done(), compared).compare()
    for place in range(len(lives)):
        chunk.write(place)
    chunk.note_states()
    done = chunk.done()
    left: list[int] = ids[~np.isin(ids, done)].tolist()
    return left


def check_current(reading: Reading, lives: Sequence[Live], pending: Sequence[Pending]) -> None:
    """Refuse what was read for other versions or another day. Raises `Overtaken`."""
    as_of = reading.as_of
    same = [(live.version_id, live.silent) for live in lives] == [(live.version_id, live.silent) for live in reading.lives]
    if not same or day_of(as_of) != day_of(clock.now()) or any(as_of < one.activation.at for one in pending):
        raise Overtaken


def _named(column: str, ids: Array) -> sql.Composable:
    """Which rows to read for these ordered ids: as a range, where that is hardly more."""
    name = sql.Identifier(*column.split("."))
    if not len(ids):
        return sql.SQL("FALSE")
    first, last = int(ids[0]), int(ids[-1])
    if last - first < 2 * len(ids):
        return sql.SQL("{} BETWEEN {} AND {}").format(name, first, last)
    return sql.SQL("{} = ANY({}::bigint[])").format(name, sql.Literal(ids.tolist()))


class _Chunk:
    """Some leads as they stand, and what the columns say of them. `left` marks those for the reference."""

    def __init__(self, reading: Reading, ids: Array, pending: Sequence[Pending]) -> None:
        self.reading = reading
        self.ids = ids
        self.pending = {one.model_id: one for one in pending}
        found = self._states()
        if len(found) < len(ids):
            store.make_states(ids.tolist(), reading.as_of)
            found = self._states()
        self.found = found
        self.leads = found["lead"].astype(np.int64)
        # The revisions after the lock, so that they are those of now. They are what was scored of whom no later transaction changed.
        unseen = bool((found["scored"] == store.NEVER).any())
        since = 0 if unseen else min(scored_up_to(), reading.columns.mark.oldest)
        revisions = self._rows(_READ_REVISIONS, _REVISION, "lead_id", since=sql.Literal(since))
        self.rev = self._of_each(revisions, "rev")
        self.rev = np.where(self._of_each(revisions, "txid") == 0, 0 if unseen else found["scored"], self.rev)
        self.created = self._of_each(self._rows(_READ_CREATED, _CREATED, "id") if pending else None, "created")
        known = reading.columns.ids
        self.rows = np.minimum(np.searchsorted(known, self.leads), max(len(known) - 1, 0))
        there = known[self.rows] == self.leads if len(known) else np.zeros(len(found), bool)
        self.left = ~there | reading.columns.mark.passed_by(self._of_each(revisions, "txid"))
        self.left |= self._kept_back()
        self.new: dict[int, Array] = {}
        self.was: dict[int, Array] = {}
        self.all_stored: dict[int, bool] = {}
        self.changed: dict[int, Array] = {}
        self.first_looks: dict[int, Array] = {}

    def _kept_back(self) -> Array:
        """Whose facts are newer and whose qualification is kept back: sales may be to get it now."""
        newer: Array = self.rev != self.found["scored"]
        if not newer.any():
            return newer
        held = Qualification.objects.filter(
            closed_at=None, taken_at=None, release_at=None, lead_id__in=self.leads[newer].tolist()
        )
        newer &= np.isin(self.leads, list(held.values_list("lead_id", flat=True)))
        return newer

    def _states(self) -> Array:
        """Where these leads stand, by id."""
        found = self._rows(_LOCK_STATES, _STATE, "lead_id", never=sql.Literal(NEVER))
        return found[np.argsort(found["lead"], kind="stable")]

    def _rows(self, statement: sql.SQL, kind: "np.dtype[Any]", column: str, **more: sql.Composable) -> Array:
        """What is asked of these leads, without those that only lie between them."""
        found = rows_packed(statement.format(which=_named(column, self.ids), **more), kind)
        mine: Array = found[np.isin(found["lead"], self.ids)]
        return mine

    def _of_each(self, rows: Array | None, name: str) -> Array:
        """One number for each lead, 0 where there is no row of it."""
        column = np.zeros(len(self.leads), np.int64)
        if rows is not None and len(self.leads):
            place = np.minimum(np.searchsorted(self.leads, rows["lead"].astype(np.int64)), len(self.leads) - 1)
            there = self.leads[place] == rows["lead"]
            column[place[there]] = rows[name][there]
        return column

    def judge(self, place: int) -> None:
        """Note what is new by this version, and leave to the reference whom the columns do not know well enough."""
        live, said, rows = self.reading.lives[place], self.reading.said[place], self.rows
        pending = self.pending.get(live.model_id)
        old = self._stored(live)
        new = np.zeros(len(rows), SCORE)
        in_scope = np.zeros(len(rows), bool)
        new["lead"] = self.leads
        if len(self.reading.columns.ids):
            in_scope = said.in_scope[rows]
            for name, column in zip(SCORE.names[1:], said.stored, strict=True):  # type: ignore[index]
                new[name] = column[rows]
        stored = old["lead"] == self.leads
        first = np.zeros(len(rows), bool)
        if pending is not None:
            first = (self.leads > pending.cursor) & (_moments(self.created) <= _moment(pending.activation.at))
            first &= (_moments(self.found["at"]) <= _moment(pending.activation.at)) | (self.found["scored"] == store.NEVER)
        was, before = old, np.where(stored, old["flags"], 0)
        if first.any():
            assert pending is not None
            replaced = (
                self._stored(replace(live, version_id=pending.replaces[0])) if pending.replaces else np.zeros(len(rows), SCORE)
            )
            before &= np.where(first, replaced["flags"], before)
            was = np.where(first, replaced, old)
        entering = (new["flags"] & ~before & (FLAG_MQL | FLAG_MQO)) != 0
        self.left |= ~in_scope & (stored | first)
        if not live.silent:
            self.left |= in_scope & entering
        self.new[live.version_id] = new
        self.was[live.version_id] = was
        self.first_looks[live.version_id] = first
        self.changed[live.version_id] = in_scope & ((old != new) | first)
        self.all_stored[live.version_id] = bool(stored[self.changed[live.version_id]].all())

    def _stored(self, live: Live) -> Array:
        """The stored scores, a row for each lead; lead 0 where there is none."""
        rows = stored_scores(live, _named("lead_id", self.leads))
        rows = rows[np.isin(rows["lead"], self.leads)]
        found = np.zeros(len(self.leads), SCORE)
        found[np.searchsorted(self.leads, rows["lead"])] = rows
        return found

    def done(self) -> Array:
        return self.leads[~self.left]

    def write(self, place: int) -> None:
        """The history of what moves, and the scores."""
        live = self.reading.lives[place]
        picked = self.changed[live.version_id] & ~self.left
        if not picked.any():
            return
        found = self.found[picked]
        by_time = self.rev[picked] == found["scored"]
        written.send(
            self.new[live.version_id][picked],
            self.was[live.version_id][picked],
            np.where(found["scored"] == store.NEVER, written.BEGINNING, found["at"]),
            np.where(
                self.first_looks[live.version_id][picked],
                written.WITH_VERSION,
                np.where(by_time, written.WITH_TIME, written.WITH_NEWS),
            ),
        )
        if not live.silent:
            written.note_changes(live.version_id, self.reading.as_of, self._horizon())
        written.write_scores(live.version_id, gates_of(live), all_stored=self.all_stored[live.version_id])

    def _horizon(self) -> datetime:
        return min(self.reading.as_of - longest_window(live.spec) for live in self.reading.lives)

    def note_states(self) -> None:
        """The revision each was scored at and the day it is due again, where that is another one or a version is new."""
        due = np.full(len(self.rows), NEVER, np.int32)
        for said in self.reading.said:
            if len(said.due):
                np.minimum(due, said.due[self.rows], out=due)
        found = self.found
        last = max((_moment(one.activation.at) for one in self.pending.values()), default=-(2**62))
        news = (self.rev != found["scored"]) | (due != found["due"]) | (_moments(found["at"]) <= last)
        news &= ~self.left
        if news.any():
            days = [None if day == NEVER else day for day in due[news].tolist()]
            store.note_states(self.leads[news].tolist(), self.rev[news].tolist(), days, self.reading.as_of)


class Sample:
    """Some leads drawn at random, with their facts, of whom the reference is asked: the facts are read at once."""

    def __init__(self, reading: Reading, among: Array, count: int) -> None:
        self.reading = reading
        some = np.sort(among[np.random.default_rng().choice(len(among), min(count, len(among)), replace=False)])
        self.leads: list[int] = some.tolist()
        self.places = np.searchsorted(reading.columns.ids, some).tolist()
        horizon = min((reading.as_of - longest_window(live.spec) for live in reading.lives), default=reading.as_of)
        self.known: Known = known_of(self.leads, horizon)

    def compare(self) -> None:
        """Raises `Differ` when the reference says something else of one of them and no newer change explains that."""
        reading = self.reading
        for live, said in zip(reading.lives, reading.said, strict=True):
            found = judge_known(live, self.known, reading.as_of)
            for lead_id, place in zip(self.leads, self.places, strict=True):
                fit, engagement, tier, flags, gate = (int(column[place]) for column in said.stored)
                told = store.Score(fit, engagement, None if tier < 0 else tier, flags, said.gates[gate] if gate >= 0 else None)
                one = found.get(lead_id)
                wanted = None if one is None else one.score
                if wanted != (told if said.in_scope[place] else None) and not reading.columns.mark.passed_among([lead_id]):
                    raise Differ(
                        f"The two ways of scoring differ on lead {lead_id}: {told} by columns, {wanted} by the reference.",
                        code="differ",
                    )


def _moment(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)


def _moments(sent: Array) -> Array:
    found: Array = sent.astype(np.int64) + _SINCE_2000
    return found
