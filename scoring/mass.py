"""Many leads scored at once, by columns: read as arrays, compared with what is stored, and only what differs is written.

What columns do not know is left to the reference, which is asked lead by lead: who is decided or held back by where they stand,
who newly qualifies or leaves a model's scope, whose qualification is kept back, and who changed since the columns were read.
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
from scoring.columns import NEVER, NotInSnapshot
from scoring.compiler import Live, live_question, live_versions
from scoring.due_days import due_days
from scoring.evaluate_numpy import Scores, evaluate
from scoring.facts import longest_window
from scoring.holds import HOLD_WORDS, perhaps_held
from scoring.locks import VERSIONS, sharing
from scoring.models import FLAG_MQL, FLAG_MQO, Qualification, ScoreChange
from scoring.operators import day_of
from scoring.questions import ask_all
from scoring.reference_scores import Differ, judged
from scoring.snapshot.building import refresh
from scoring.snapshot.reader import Snapshot
from scoring.snapshot.segment import Array
from scoring.waiting import Pending, pending_question

Cause = ScoreChange.Cause
COMPARED = 1000
_NEW = "scoring_mass"
_GATES = tuple(HOLD_WORDS)  # stored in place of a gate
_LEAD = np.dtype(
    [("lead", ">i8"), ("rev", ">i8"), ("txid", ">i8"), ("scored", ">i8"), ("due", ">i4"), ("created", ">i8"), ("at", ">i8")]
)
_SCORE = np.dtype([("lead", ">i8"), ("fit", ">i4"), ("engagement", ">i4"), ("tier", ">i2"), ("flags", ">i2"), ("gate", ">i2")])
_SINCE_2000 = 946_684_800_000_000  # microseconds, as the server counts
_READ_LEADS = sql.SQL("""
SELECT string_agg(int8send(l.id) || int8send(coalesce(r.rev, 0)) || int8send(coalesce(r.txid, 0)) || int8send(s.rev)
    || int4send(coalesce(s.due_on - date '1970-01-01', {never})) || timestamptz_send(l.created_at)
    || timestamptz_send(s.scored_at), ''::bytea ORDER BY l.id)
FROM leads_lead l JOIN scoring_leadstate s ON s.lead_id = l.id LEFT JOIN leads_leadrevision r ON r.lead_id = l.id
WHERE l.id = ANY(%s)
""")
_READ_SCORES = sql.SQL("""
SELECT string_agg(int8send(lead_id) || int4send(fit) || int4send(engagement) || int2send(coalesce(tier, -1)::int2)
    || int2send(flags) || int2send((CASE WHEN gate IS NULL THEN -1 ELSE coalesce(array_position(%s::text[], gate::text), -1) - 1 END)::int2),
    ''::bytea ORDER BY lead_id)
FROM scoring_leadscore WHERE version_id = %s AND lead_id = ANY(%s)
""")
_LOCK = "SELECT count(*) FROM (SELECT FROM scoring_leadstate WHERE lead_id = ANY(%s) ORDER BY lead_id FOR NO KEY UPDATE) s"
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
class Columns:
    """What the versions in force say of all open leads, as of one moment."""

    snapshot: Snapshot
    lives: tuple[Live, ...]
    scores: tuple[Scores, ...]
    due: Array


def read_columns() -> Columns | None:
    """The snapshot brought up to date and evaluated; None when a version asks for what never enters it."""
    lives, snapshot = live_versions(silent=True), refresh()
    segment = snapshot.leads
    due = np.full(len(segment), NEVER, np.int32)
    scores = []
    for live in lives:
        try:
            scores.append(evaluate(live.spec, segment))
        except NotInSnapshot:
            return None
        np.minimum(due, due_days(live.spec, segment, scores[-1].in_scope), out=due)
    return Columns(snapshot, tuple(lives), tuple(scores), due)


def score_by_columns(columns: Columns, lead_ids: Sequence[int], *, compared: int = 0) -> list[int]:
    """Score these leads, in the caller's transaction; answers those left to the reference.

    `compared` of them, drawn at random, are asked of the reference first. Raises `Differ`, and `Overtaken` before anything is
    written.
    """
    ids = list(lead_ids)
    _, lives, pending = ask_all(sharing(VERSIONS), live_question(silent=True), pending_question())
    by_model = {one.model_id: one for one in pending}
    _check_current(columns, lives, pending)
    store.make_states(ids, columns.snapshot.as_of)
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [ids])
        cursor.execute(_MAKE)
        cursor.execute("TRUNCATE scoring_mass")
    found = _array(_READ_LEADS.format(never=sql.Literal(NEVER)), [ids], _LEAD)
    chunk = _Chunk(columns, found)
    for place, live in enumerate(lives):
        chunk.judge(place, live, by_model.get(live.model_id))
    if compared:
        _compare(chunk, compared)
    for live in lives:
        chunk.write(live, by_model.get(live.model_id))
    chunk.note_states()
    done = set(chunk.done().tolist())
    return [lead_id for lead_id in ids if lead_id not in done]


def _check_current(columns: Columns, lives: Sequence[Live], pending: Sequence[Pending]) -> None:
    as_of = columns.snapshot.as_of
    same = [(live.version_id, live.silent) for live in lives] == [(live.version_id, live.silent) for live in columns.lives]
    if not same or day_of(as_of) != day_of(clock.now()) or any(as_of < one.activation.at for one in pending):
        raise Overtaken


class _Chunk:
    """Some leads as they stand, and what the columns say of them. `left` marks those for the reference."""

    def __init__(self, columns: Columns, found: Array) -> None:
        self.columns = columns
        self.found = found
        self.leads = found["lead"].astype(np.int64)
        ids = columns.snapshot.leads.ids
        self.rows = np.minimum(np.searchsorted(ids, self.leads), max(len(ids) - 1, 0))
        known = ids[self.rows] == self.leads if len(ids) else np.zeros(len(found), bool)
        self.left = ~known | columns.snapshot.mark.passed_by(found["txid"])
        kept_back = Qualification.objects.filter(closed_at=None, taken_at=None, release_at=None)
        self.left |= np.isin(self.leads, list(kept_back.values_list("lead_id", flat=True))) & (found["rev"] != found["scored"])
        self.new: dict[int, Array] = {}
        self.changed: dict[int, Array] = {}
        self.first_looks: dict[int, Array] = {}

    def judge(self, place: int, live: Live, pending: Pending | None) -> None:
        """Note what is new by this version, and leave to the reference whom the columns do not know well enough."""
        scores, rows = self.columns.scores[place], self.rows
        gates = [gate.key for gate in live.spec.gates]
        old = self._stored(live.version_id, gates)
        new = np.zeros(len(rows), _SCORE)
        new["lead"] = self.leads
        for name in ("fit", "engagement", "tier", "flags", "gate"):
            new[name] = getattr(scores, name)[rows]
        in_scope = scores.in_scope[rows]
        stored = old["lead"] == self.leads
        first = np.zeros(len(rows), bool)
        if pending is not None:
            first = (self.leads > pending.cursor) & (_moments(self.found["created"]) <= _moment(pending.activation.at))
            first &= (_moments(self.found["at"]) <= _moment(pending.activation.at)) | (self.found["scored"] == store.NEVER)
        meeting = self.leads[in_scope & ((new["flags"] & FLAG_MQL) != 0) & ~self.left]
        held = np.isin(self.leads, list(perhaps_held(meeting.tolist())))
        before = np.where(stored, old["flags"], 0)
        if first.any():
            assert pending is not None
            replaced = self._stored(pending.replaces[0], []) if pending.replaces else np.zeros(len(rows), _SCORE)
            before &= np.where(first, replaced["flags"], before)
        entering = (new["flags"] & ~before & (FLAG_MQL | FLAG_MQO)) != 0
        self.left |= held | (~in_scope & (stored | first))
        if not live.silent:
            self.left |= in_scope & entering
        self.new[live.version_id] = new
        self.first_looks[live.version_id] = first
        self.changed[live.version_id] = in_scope & ((old != new) | first)

    def _stored(self, version_id: int, gates: list[str]) -> Array:
        """The stored scores, a row for each lead; lead 0 where there is none."""
        rows = _array(_READ_SCORES, [[*gates, *_GATES], version_id, self.leads.tolist()], _SCORE)
        found = np.zeros(len(self.leads), _SCORE)
        found[np.searchsorted(self.leads, rows["lead"])] = rows
        return found

    def done(self) -> Array:
        return self.leads[~self.left]

    def write(self, live: Live, pending: Pending | None) -> None:
        """The history of what moves, and the scores."""
        picked = self.changed[live.version_id] & ~self.left
        if not picked.any():
            return
        new = self.new[live.version_id][picked]
        columns = [new[name].astype(np.int64) for name in ("fit", "engagement", "tier", "flags", "gate")]
        partitions.fill(_NEW, live.version_id, new["lead"].astype(np.int64), columns, [gate.key for gate in live.spec.gates])
        asked: dict[str, Any] = {"version": live.version_id}
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE scoring_mass")
            if not live.silent:
                first = self.leads[picked & self.first_looks[live.version_id]].tolist()
                replaced = pending.replaces[0] if pending and pending.replaces else None
                history = {"at": self.columns.snapshot.as_of, "never": store.NEVER, "first_looks": first, "replaced": replaced}
                history |= {"horizon": self._horizon()}
                history |= {str(cause): str(cause) for cause in Cause}
                cursor.execute(_HISTORY, asked | history)
            cursor.execute(_UPDATE, asked)
            cursor.execute(_INSERT, asked)

    def _horizon(self) -> datetime:
        return min(self.columns.snapshot.as_of - longest_window(live.spec) for live in self.columns.lives)

    def note_states(self) -> None:
        """The revision each was scored at and the day it is due again."""
        done = ~self.left
        due = self.columns.due[self.rows[done]]
        store.note_states(
            self.leads[done].tolist(),
            self.found["rev"][done].tolist(),
            [None if day == NEVER else int(day) for day in due],
            self.columns.snapshot.as_of,
        )


def _compare(chunk: _Chunk, count: int) -> None:
    snapshot = chunk.columns.snapshot
    ids = chunk.done()
    some = np.sort(np.random.default_rng().choice(ids, min(count, len(ids)), replace=False))
    places = np.searchsorted(chunk.leads, some)
    for number, live in enumerate(chunk.columns.lives):
        gates = [gate.key for gate in live.spec.gates]
        found = judged(live, some.tolist(), snapshot.as_of)
        in_scope = chunk.columns.scores[number].in_scope[chunk.rows]
        for lead_id, place in zip(some.tolist(), places.tolist(), strict=True):
            _, fit, engagement, tier, flags, gate = chunk.new[live.version_id][place].tolist()
            said = (fit, engagement, None if tier < 0 else tier, flags, gates[gate] if gate >= 0 else None)
            one = found.get(lead_id)
            wanted = None if one is None else one.score
            if wanted != (store.Score(*said) if in_scope[place] else None) and not snapshot.mark.passed_among([lead_id]):
                raise Differ(
                    f"The two ways of scoring differ on lead {lead_id}: {said} by columns, {wanted} by the reference.",
                    code="differ",
                )


def _moment(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)


def _moments(sent: Array) -> Array:
    found: Array = sent.astype(np.int64) + _SINCE_2000
    return found


def _array(statement: sql.Composable, parameters: Sequence[object], kind: "np.dtype[Any]") -> Array:
    """What a statement packs into one value, as rows. In binary: as the bytes are, not as twice as many digits."""
    connection.ensure_connection()
    with Cursor(connection.connection) as cursor:
        cursor.execute(sql.SQL("{}").format(statement), parameters, binary=True)
        row = cursor.fetchone()
    return np.frombuffer((row and row[0]) or b"", kind)
