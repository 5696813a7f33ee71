"""Many leads scored at once, by columns: read as arrays, compared with what is stored, and only what differs is written.

What columns do not know is left to the reference, which is asked lead by lead: who newly qualifies or leaves a model's scope,
whose qualification is kept back, and who changed since the columns were read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from django.db import connection
from psycopg import Cursor, sql

from leads import clock
from scoring import partitions, store
from scoring.by_columns import Columns, Said, read_columns
from scoring.columns import NEVER, NotInSnapshot
from scoring.compiler import Live, live_question, live_versions
from scoring.facts import longest_window
from scoring.locks import VERSIONS, sharing
from scoring.models import FLAG_MQL, FLAG_MQO, Qualification, ScoreChange
from scoring.operators import day_of
from scoring.questions import ask_all
from scoring.reference_scores import Differ, judged
from scoring.snapshot.segment import Array
from scoring.waiting import Pending, pending_question

Cause = ScoreChange.Cause
COMPARED = 1000
_NEW = "scoring_mass"
_LEAD = np.dtype(
    [("lead", ">i8"), ("rev", ">i8"), ("txid", ">i8"), ("scored", ">i8"), ("due", ">i4"), ("created", ">i8"), ("at", ">i8")]
)
_SCORE = np.dtype([("lead", ">i8"), ("fit", ">i4"), ("engagement", ">i4"), ("tier", ">i2"), ("flags", ">i2"), ("gate", ">i2")])
_SINCE_2000 = 946_684_800_000_000  # microseconds, as the server counts
_READ_LEADS = sql.SQL("""
SELECT string_agg(int8send(l.id) || int8send(coalesce(r.rev, 0)) || int8send(coalesce(r.txid, 0)) || int8send(s.rev)
    || int4send(coalesce(s.due_on - date '1970-01-01', {never})) || timestamptz_send({created})
    || timestamptz_send(s.scored_at), ''::bytea)
FROM leads_lead l JOIN scoring_leadstate s ON s.lead_id = l.id LEFT JOIN leads_leadrevision r ON r.lead_id = l.id
WHERE {which}
""")
_READ_SCORES = sql.SQL("""
SELECT string_agg(int8send(lead_id) || int4send(fit) || int4send(engagement) || int2send(coalesce(tier, -1)::int2)
    || int2send(flags) || int2send((CASE WHEN gate IS NULL THEN -1 ELSE coalesce(array_position({gates}::text[], gate::text), -1) - 1 END)::int2),
    ''::bytea)
FROM scoring_leadscore WHERE version_id = {version} AND {which}
""")
_LOCK = sql.SQL("SELECT count(*) FROM (SELECT FROM scoring_leadstate WHERE {which} ORDER BY lead_id FOR NO KEY UPDATE) s")
_MAKE = "CREATE TEMP TABLE IF NOT EXISTS scoring_mass (LIKE scoring_leadscore INCLUDING DEFAULTS) ON COMMIT DELETE ROWS"
# What moved, against what was stored or, for who had not been looked at since a version came into force, what the one before said.
_HISTORY = """
INSERT INTO scoring_scorechange (at, lead_id, version_id, cause, old_fit, old_engagement, old_tier, old_flags,
    new_fit, new_engagement, new_tier, new_flags)
SELECT %(at)s, n.lead_id, n.version_id, CASE
        WHEN n.first_look THEN %(activation)s
        WHEN EXISTS (SELECT FROM leads_submission u JOIN leads_importrun i ON i.id = u.import_run_id WHERE u.lead_id = n.lead_id
            AND coalesce(i.options ->> 'hand_over', 'false') <> 'true' AND (s.rev = %(never)s OR u.received_at >= s.scored_at))
            THEN %(import)s
        WHEN s.rev = coalesce(r.rev, 0) THEN %(time)s
        WHEN EXISTS (SELECT FROM leads_activity a WHERE a.lead_id = n.lead_id AND a.occurred_at >= %(horizon)s
            AND (s.rev = %(never)s OR a.known_at >= s.scored_at)) THEN %(event)s
        ELSE %(facts)s END,
    o.fit, o.engagement, o.tier, o.flags, n.fit, n.engagement, n.tier, n.flags
FROM (
    SELECT m.*, (t.lead_id IS NOT NULL) AS first_look FROM scoring_mass m
    LEFT JOIN unnest(%(first_looks)s::bigint[]) AS t (lead_id) ON t.lead_id = m.lead_id
) n
JOIN scoring_leadstate s ON s.lead_id = n.lead_id
LEFT JOIN leads_leadrevision r ON r.lead_id = n.lead_id
LEFT JOIN scoring_leadscore o ON o.lead_id = n.lead_id
    AND o.version_id = CASE WHEN n.first_look THEN %(replaced)s::bigint ELSE n.version_id END
WHERE n.version_id = %(version)s
AND (o.fit, o.engagement, o.tier, o.flags) IS DISTINCT FROM (n.fit, n.engagement, n.tier, n.flags)
"""
_UPDATE = """
UPDATE scoring_leadscore o SET fit = n.fit, engagement = n.engagement, tier = n.tier, flags = n.flags, gate = n.gate
FROM scoring_mass n WHERE n.version_id = %(version)s AND o.version_id = %(version)s AND o.lead_id = n.lead_id
AND (o.fit, o.engagement, o.tier, o.flags, o.gate) IS DISTINCT FROM (n.fit, n.engagement, n.tier, n.flags, n.gate)
"""
_INSERT = """
INSERT INTO scoring_leadscore SELECT n.* FROM scoring_mass n WHERE n.version_id = %(version)s
AND NOT EXISTS (SELECT FROM scoring_leadscore o WHERE o.version_id = %(version)s AND o.lead_id = n.lead_id)
"""


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
    lives, columns = live_versions(silent=True), read_columns(lead_ids)
    try:
        return Reading(columns, tuple(lives), tuple(columns.said_by(live) for live in lives))
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
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("{}").format(_LOCK.format(which=_named("lead_id", ids))))
        cursor.execute(_MAKE)
        cursor.execute("TRUNCATE scoring_mass")
    chunk = _Chunk(reading, ids, pending)
    for place in range(len(lives)):
        chunk.judge(place)
    if compared:
        compare(reading, chunk.done(), compared)
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


def differing(reading: Reading) -> list[int]:
    """The leads, in order, of whom something else is stored than this by any version: all is read once, as it is stored."""
    ids = reading.columns.ids
    found = np.zeros(len(ids), bool)
    strangers: set[int] = set()
    for live, said in zip(reading.lives, reading.said, strict=True):
        held = stored_scores(live.version_id, said.gates, sql.SQL("TRUE"))
        lead = held["lead"].astype(np.int64)
        place = np.minimum(np.searchsorted(ids, lead), max(len(ids) - 1, 0))
        known = ids[place] == lead if len(ids) else np.zeros(len(lead), bool)
        strangers.update(lead[~known].tolist())
        held, place = held[known], place[known]
        same = said.in_scope[place]
        for name, column in zip(_SCORE.names[1:], said.stored, strict=True):  # type: ignore[index]
            same = same & (held[name] == column[place])
        other = said.in_scope.copy()
        other[place] = ~same
        found |= other
    return sorted({*ids[found].tolist(), *strangers})


def stored_scores(version_id: int, gates: Sequence[str], which: sql.Composable) -> Array:
    """What is stored by a version: rows of lead, fit, engagement, tier (-1: none), flags and gate (position in `gates`, -1: none)."""
    return rows_packed(_READ_SCORES.format(gates=sql.Literal(list(gates)), version=sql.Literal(version_id), which=which), _SCORE)


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
        known = reading.columns.ids
        self.rows = np.minimum(np.searchsorted(known, self.leads), max(len(known) - 1, 0))
        there = known[self.rows] == self.leads if len(known) else np.zeros(len(found), bool)
        self.left = ~there | reading.columns.mark.passed_by(found["txid"])
        self.left |= self._kept_back()
        self.new: dict[int, Array] = {}
        self.changed: dict[int, Array] = {}
        self.first_looks: dict[int, Array] = {}

    def _kept_back(self) -> Array:
        """Whose facts are newer and whose qualification is kept back: sales may be to get it now."""
        newer: Array = self.found["rev"] != self.found["scored"]
        if not newer.any():
            return newer
        held = Qualification.objects.filter(
            closed_at=None, taken_at=None, release_at=None, lead_id__in=self.leads[newer].tolist()
        )
        newer &= np.isin(self.leads, list(held.values_list("lead_id", flat=True)))
        return newer

    def _states(self) -> Array:
        """Where these leads stand, by id. When each was made is looked up only where that says something."""
        created = sql.SQL("l.created_at") if self.pending else sql.SQL("'-infinity'::timestamptz")
        which = _named("s.lead_id", self.ids)
        found = rows_packed(_READ_LEADS.format(never=sql.Literal(NEVER), created=created, which=which), _LEAD)
        return self._mine(found)

    def _mine(self, found: Array) -> Array:
        mine: Array = found[np.isin(found["lead"], self.ids)]
        in_order: Array = mine[np.argsort(mine["lead"], kind="stable")]
        return in_order

    def judge(self, place: int) -> None:
        """Note what is new by this version, and leave to the reference whom the columns do not know well enough."""
        live, said, rows = self.reading.lives[place], self.reading.said[place], self.rows
        pending = self.pending.get(live.model_id)
        old = self._stored(live.version_id, said.gates)
        new = np.zeros(len(rows), _SCORE)
        in_scope = np.zeros(len(rows), bool)
        new["lead"] = self.leads
        if len(self.reading.columns.ids):
            in_scope = said.in_scope[rows]
            for name, column in zip(_SCORE.names[1:], said.stored, strict=True):  # type: ignore[index]
                new[name] = column[rows]
        stored = old["lead"] == self.leads
        first = np.zeros(len(rows), bool)
        if pending is not None:
            first = (self.leads > pending.cursor) & (_moments(self.found["created"]) <= _moment(pending.activation.at))
            first &= (_moments(self.found["at"]) <= _moment(pending.activation.at)) | (self.found["scored"] == store.NEVER)
        before = np.where(stored, old["flags"], 0)
        if first.any():
            assert pending is not None
            replaced = self._stored(pending.replaces[0], ()) if pending.replaces else np.zeros(len(rows), _SCORE)
            before &= np.where(first, replaced["flags"], before)
        entering = (new["flags"] & ~before & (FLAG_MQL | FLAG_MQO)) != 0
        self.left |= ~in_scope & (stored | first)
        if not live.silent:
            self.left |= in_scope & entering
        self.new[live.version_id] = new
        self.first_looks[live.version_id] = first
        self.changed[live.version_id] = in_scope & ((old != new) | first)

    def _stored(self, version_id: int, gates: Sequence[str]) -> Array:
        """The stored scores, a row for each lead; lead 0 where there is none."""
        rows = stored_scores(version_id, gates, _named("lead_id", self.leads))
        rows = rows[np.isin(rows["lead"], self.leads)]
        found = np.zeros(len(self.leads), _SCORE)
        found[np.searchsorted(self.leads, rows["lead"])] = rows
        return found

    def done(self) -> Array:
        return self.leads[~self.left]

    def write(self, place: int) -> None:
        """The history of what moves, and the scores."""
        live, pending = self.reading.lives[place], self.pending.get(self.reading.lives[place].model_id)
        picked = self.changed[live.version_id] & ~self.left
        if not picked.any():
            return
        new = self.new[live.version_id][picked]
        columns = [new[name].astype(np.int64) for name in ("fit", "engagement", "tier", "flags", "gate")]
        partitions.fill(_NEW, live.version_id, new["lead"].astype(np.int64), columns, self.reading.said[place].gates)
        asked: dict[str, Any] = {"version": live.version_id}
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE scoring_mass")
            if not live.silent:
                first = self.leads[picked & self.first_looks[live.version_id]].tolist()
                replaced = pending.replaces[0] if pending and pending.replaces else None
                history = {"at": self.reading.as_of, "never": store.NEVER, "first_looks": first, "replaced": replaced}
                history |= {"horizon": self._horizon()}
                history |= {str(cause): str(cause) for cause in Cause}
                cursor.execute(_HISTORY, asked | history)
            cursor.execute(_UPDATE, asked)
            cursor.execute(_INSERT, asked)

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
        news = (found["rev"] != found["scored"]) | (due != found["due"]) | (_moments(found["at"]) <= last)
        news &= ~self.left
        if news.any():
            days = [None if day == NEVER else day for day in due[news].tolist()]
            store.note_states(self.leads[news].tolist(), found["rev"][news].tolist(), days, self.reading.as_of)


def compare(reading: Reading, known: Array, count: int) -> None:
    """Ask the reference of so many of these known leads, drawn at random. Raises `Differ` when it says something else of one and
    no newer change explains that.
    """
    some = np.sort(known[np.random.default_rng().choice(len(known), min(count, len(known)), replace=False)])
    places = np.searchsorted(reading.columns.ids, some)
    for live, said in zip(reading.lives, reading.said, strict=True):
        found = judged(live, some.tolist(), reading.as_of)
        for lead_id, place in zip(some.tolist(), places.tolist(), strict=True):
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


def rows_packed(statement: sql.Composable, kind: "np.dtype[Any]") -> Array:
    """What a statement packs into one value, as rows. In binary: as the bytes are, not as twice as many digits."""
    connection.ensure_connection()
    with Cursor(connection.connection) as cursor:
        cursor.execute(sql.SQL("{}").format(statement), binary=True)
        row = cursor.fetchone()
    return np.frombuffer((row and row[0]) or b"", kind)
