"""A version's scores made anew as a whole: filled aside from columns, then exchanged for the table readers see, in one moment.

For when most of them are other ones: a table written once and indexed after is had in a fraction of the time of changing every
row. Until the moment everything is as it was, and a kill leaves no trace. Who newly qualifies is not exchanged but left to the
reference, as is who waits with newer facts: no score says more than the qualifications do. The history follows, see
`swap_history`, and the days on which leads are due again.
"""

import time
from collections.abc import Sequence

import numpy as np
from django.db import OperationalError, connection, transaction
from psycopg import sql

from scoring import mass, partitions, store, swap_history
from scoring.by_columns import Said
from scoring.columns import NEVER
from scoring.compiler import Live, live_question, live_versions
from scoring.filling import keep_scoring_out
from scoring.mass import Reading
from scoring.models import FLAG_MQL, FLAG_MQO
from scoring.questions import ask_all
from scoring.snapshot.reading import changed_leads
from scoring.snapshot.segment import Array
from scoring.stored_scores import places_in, rows_packed
from scoring.waiting import changed_ids, pending_activations, pending_question

MOST_LEFT = 20_000  # leads, from which on a table is not exchanged as too many would have to be scored one by one
SHARE_LEFT = 0.2  # of the leads, likewise
SAMPLE = 1000
SHARE = 0.3  # of a sample that has to differ
_TRIES, _WAIT = 6, "300ms"
# One number a lead: two bits of flags. Without OFFSET several processes would share the work and copy all to one another.
_QUALIFIED = sql.SQL("""
SELECT string_agg(int8send((lead_id << 2) | (flags & 3)), ''::bytea)
FROM (SELECT lead_id, flags FROM {table} WHERE flags & 1 = 1 OFFSET 0) s
""")
_DUE = sql.SQL("""
SELECT string_agg(int8send(lead_id) || int8send(rev) || int4send(coalesce(due_on - date '1970-01-01', {never})), ''::bytea)
FROM scoring_leadstate WHERE lead_id BETWEEN {first} AND {last}
""")
_STATE = np.dtype([("lead", ">i8"), ("rev", ">i8"), ("due", ">i4")])


def is_possible() -> bool:
    """Whether tables can be exchanged at all: not without the right to make them, not while leads are looked at for the first time
    under a version, and not while very many wait with newer facts.
    """
    versions = [live.version_id for live in live_versions(silent=True)]
    return bool(
        versions
        and partitions.may_create()
        and all(map(partitions.is_attached, versions))
        and not pending_activations()
        and len(changed_ids(MOST_LEFT)) < MOST_LEFT
    )


def most_differ(reading: Reading) -> bool:
    """Whether a good part of a sample of leads is stored with other scores than these by every version."""
    ids = reading.columns.ids
    if not len(ids) or not reading.lives:
        return False
    some = np.sort(np.random.default_rng().choice(len(ids), min(SAMPLE, len(ids)), replace=False))
    return all(
        _differing(live, said, ids, some) >= SHARE * len(some) for live, said in zip(reading.lives, reading.said, strict=True)
    )


def _differing(live: Live, said: Said, ids: Array, some: Array) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT lead_id, fit, engagement, coalesce(tier, -1), flags FROM scoring_leadscore"
            " WHERE version_id = %s AND lead_id = ANY(%s)",
            [live.version_id, ids[some].tolist()],
        )
        held = {row[0]: row[1:] for row in cursor.fetchall()}
    told = zip(ids[some].tolist(), *(column[some].tolist() for column in said.stored[:4]), strict=True)
    scope = said.in_scope[some].tolist()
    return sum(held.get(lead) != (tuple(rest) if inside else None) for (lead, *rest), inside in zip(told, scope, strict=True))


def qualified(live: Live) -> sql.Composed:
    """What to ask for who is stored as qualified by a version that has a table of its own."""
    return _QUALIFIED.format(table=sql.Identifier(partitions.name_of(live.version_id)))


def exchange_all(reading: Reading, qualified: Sequence[Array], *, compared: int = mass.COMPARED) -> list[int] | None:
    """Exchange the scores of every version for these; answers the leads that are left to be looked at one by one.

    `qualified` are the answers for each version. None, and nothing done, when very many are left or readers leave no gap. Raises
    `Differ` and, before a version, `Overtaken`.
    """
    swap_history.write_all()
    waiting = np.array(sorted({*changed_ids(MOST_LEFT), *reading.columns.unknown}), np.int64)
    ids = reading.columns.ids
    if len(waiting) > SHARE_LEFT * len(ids):
        return None
    sample, left = mass.Sample(reading, ids[~np.isin(ids, waiting)] if len(waiting) else ids, compared), waiting
    for live, said, before in zip(reading.lives, reading.said, qualified, strict=True):
        mine = np.union1d(waiting, _entering(live, said, ids, before))
        if len(mine) > MOST_LEFT or not _exchange(reading, live, said, mine, sample):
            return None
        left = np.union1d(left, mine)
    swap_history.look_again()
    return [int(lead_id) for lead_id in left]


def _entering(live: Live, said: Said, ids: Array, qualified: Array) -> Array:
    """Who would newly qualify."""
    if live.silent:
        return ids[:0]
    held = qualified.astype(np.int64)
    before = np.zeros(len(ids), np.int16)
    place = places_in(ids, held >> 2)
    before[place[place >= 0]] = (held & 3)[place >= 0]
    found: Array = ids[said.in_scope & ((said.flags & ~before & (FLAG_MQL | FLAG_MQO)) != 0)]
    return found


def _exchange(read: Reading, live: Live, said: Said, left: Array, sample: mass.Sample) -> bool:
    """One version's table, in one transaction; False when there was no gap. The reference is asked while the server sorts."""
    table = partitions.next_of(live.version_id)
    ids = read.columns.ids
    chosen = said.in_scope.copy()
    chosen[np.searchsorted(ids, left[np.isin(left, ids)])] = False
    with transaction.atomic():
        partitions.create(live.version_id, table)
        partitions.fill(table, live.version_id, ids[chosen], said.rows(chosen), said.gates, is_new=True)
        with partitions.finishing(live.version_id, table):
            sample.compare()
        for number in range(_TRIES):
            try:
                with transaction.atomic():
                    _at_once(read, live, left)
                    return True
            except OperationalError as error:
                if "lock timeout" not in str(error):
                    raise
            time.sleep(0.2 * number)
        transaction.set_rollback(True)
    return False


def _at_once(read: Reading, live: Live, left: Sequence[int] | Array) -> None:
    """The moment itself: who changed since the columns were read, or is left, keeps the score of now."""
    keep_scoring_out()
    lives, pending = ask_all(live_question(silent=True), pending_question())
    mass.check_current(read, lives, pending)
    partitions.shut(wait=_WAIT)
    kept = {*map(int, left), *changed_leads(read.columns.mark)}
    if kept:
        partitions.carry_over(live.version_id, sorted(kept))
    partitions.exchange(live.version_id)
    if live.silent:
        partitions.drop_before(live.version_id)
    else:
        swap_history.begin(live.version_id, read.as_of)


def note_due_days(read: Reading) -> list[int]:
    """Note for all leads when they are due again where that is another day; answers those that have no state at all. What is at
    another revision by then was looked at since, or waits for it.
    """
    ids, missing = read.columns.ids, []
    due = np.full(len(ids), NEVER, np.int32)
    for said in read.said:
        np.minimum(due, said.due, out=due)
    for first in range(0, len(ids), partitions.AT_ONCE):
        some = ids[first : first + partitions.AT_ONCE]
        asked = _DUE.format(never=sql.Literal(NEVER), first=sql.Literal(int(some[0])), last=sql.Literal(int(some[-1])))
        states = rows_packed(asked, _STATE)
        states = states[np.isin(states["lead"], some)]
        days = due[np.searchsorted(ids, states["lead"].astype(np.int64))]
        other = days != states["due"]
        if other.any():
            told = [None if day == NEVER else day for day in days[other].tolist()]
            store.note_due(states["lead"][other].tolist(), states["rev"][other].tolist(), told, read.as_of)
        missing += np.setdiff1d(some, states["lead"]).tolist()
    return missing
