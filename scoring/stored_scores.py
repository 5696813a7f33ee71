"""What is stored of very many leads, as arrays: packed by the server into one value, which a thread can wait for meanwhile."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from psycopg import sql

from scoring.by_columns import Said, gates_of
from scoring.compiler import Live
from scoring.snapshot import packing
from scoring.snapshot.segment import Array

if TYPE_CHECKING:
    from scoring.mass import Reading

T = TypeVar("T")
_ALL = sql.SQL("TRUE")

SCORE = np.dtype([("lead", "i8"), ("fit", "i4"), ("engagement", "i4"), ("tier", "i2"), ("flags", "i2"), ("gate", "i2")])
"""A stored score: `tier` -1: none; `gate` is a position among those of `gates_of`, -1: none, -2: another one."""

WORDS = np.dtype(">i8")
# Two numbers a row, as each value packed on its own takes the server about as long as reading the row. Of the first the lowest 14
# bits are the gate, 3 the flags and 7 the tier. Without OFFSET several processes would share the work and copy all to one another.
_READ = sql.SQL("""
SELECT string_agg(
    int8send((lead_id << 24) | ((coalesce(tier, -1) + 1) << 17) | (flags::int << 14)
        | CASE WHEN gate IS NULL THEN 0 ELSE coalesce(array_position({gates}::text[], gate::text) + 1, 1) END)
    || int8send((fit::bigint << 32) | (engagement::bigint & 4294967295)), ''::bytea)
FROM (SELECT * FROM scoring_leadscore WHERE version_id = {version} AND {which} OFFSET 0) s
""")


def rows_packed(statement: sql.Composable, kind: "np.dtype[Any]", on: packing.Session | None = None) -> Array:
    """What a statement packs into one value, as rows."""
    (packed,) = packing.ask(sql.SQL("{}").format(statement), [], on)
    return np.frombuffer(packed or b"", kind)


def beside(doing: Callable[[], T], statements: Sequence[sql.Composable], kind: "np.dtype[Any]") -> tuple[T, list[Array]]:
    """What `doing` answers, which asks the database nothing, and the rows each statement packs, worked out by the server meanwhile."""
    session = packing.session()
    with ThreadPoolExecutor(1) as thread:
        asked = [thread.submit(rows_packed, statement, kind, session) for statement in statements]
        done = doing()
        return done, [one.result() for one in asked]


def question(live: Live, which: sql.Composable = _ALL) -> sql.Composed:
    """What to ask for the scores stored by a version, all of them or some."""
    return _READ.format(gates=sql.Literal(list(gates_of(live))), version=sql.Literal(live.version_id), which=which)


def stored_scores(live: Live, which: sql.Composable) -> Array:
    """Some of the scores stored by a version, rows of `SCORE`."""
    sent = rows_packed(question(live, which), WORDS).reshape(-1, 2)
    first, second = sent[:, 0].astype(np.int64), sent[:, 1].astype(np.int64)
    found = np.empty(len(sent), SCORE)
    found["lead"] = first >> 24
    found["fit"], found["engagement"] = second >> 32, second.astype(np.int32)
    found["tier"], found["flags"], found["gate"] = (first >> 17 & 127) - 1, first >> 14 & 7, _gates(first)
    return found


def _gates(first: Array) -> Array:
    code = first & 16383
    found: Array = np.where(code == 0, -1, np.where(code == 1, -2, code - 2))
    return found


def _as_sent(ids: Array, said: Said) -> tuple[Array, Array]:
    """The two numbers of each lead, if just this were stored of it."""
    first = ids << 24
    first |= (said.tier.astype(np.int64) + 1) << 17
    first |= said.flags.astype(np.int64) << 14
    first |= np.where(said.gate < 0, 0, said.gate.astype(np.int64) + 2)
    second = said.fit.astype(np.int64) << 32
    second |= said.engagement.astype(np.int64) & 0xFFFFFFFF
    return first, second


def places_in(ids: Array, leads: Array) -> Array:
    """The place of each of these leads among ids in order, -1 where it is not among them."""
    if not len(ids):
        return np.full(len(leads), -1, np.int64)
    if ids[-1] < 4 * len(ids) and len(leads) > len(ids) // 8:  # nearly all numbers are taken: looked up, not searched
        table = np.full(int(ids[-1]) + 2, -1, np.int32)
        table[ids] = np.arange(len(ids), dtype=np.int32)
        found: Array = table[np.minimum(leads, ids[-1] + 1)]
        return found
    place = np.minimum(np.searchsorted(ids, leads), len(ids) - 1)
    return np.where(ids[place] == leads, place, -1)


def differing(reading: "Reading", held: Sequence[Array]) -> list[int]:
    """The leads, in order, of whom something else is stored than this by any version; `held` are the answers to each `question`."""
    ids = reading.columns.ids
    found = np.zeros(len(ids), bool)
    strangers: set[int] = set()
    for said, words in zip(reading.said, held, strict=True):
        sent = words.reshape(-1, 2)
        first, second = sent[:, 0].astype(np.int64), sent[:, 1].astype(np.int64)
        lead = first >> 24
        place = places_in(ids, lead)
        if (place < 0).any():
            known = place >= 0
            strangers.update(lead[~known].tolist())
            first, second, place = first[known], second[known], place[known]
        wanted, wanted_too = _as_sent(ids, said)
        other = said.in_scope.copy()
        other[place] = (first != wanted[place]) | (second != wanted_too[place]) | ~said.in_scope[place]
        found |= other
    return sorted({*ids[found].tolist(), *strangers})
