"""Asking PostgreSQL for many rows at once: each column comes as one value, packed by the server, not row by row.

What takes the server long is asked on a session that is passed along, so that a thread can wait for the next answer while the
last one is made into columns.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import psycopg
from django.db import OperationalError, connection
from psycopg import Cursor, sql

from leads.lib.numbers import array_text
from scoring.snapshot.coding import PART, ROW
from scoring.snapshot.segment import Array

SINCE = sql.SQL("string_agg(timestamptz_send(coalesce(r.engagement_from, '-infinity')), ''::bytea)")
_BETWEEN = sql.SQL("r.id BETWEEN %s AND %s")
_THESE = sql.SQL("r.id = ANY(%s::bigint[])")

Session = psycopg.Connection[Any]
Answer = tuple[Any, ...]
# two sessions and the builder are enough for two cores: workers of the server's own would only be started and waited for
_ROOM = "SELECT set_config('work_mem', %s, false), set_config('max_parallel_workers_per_gather', '0', false)"
_WORK_MEMORY = "64MB"  # for joins with every company or case: more than the usual few, held for seconds by one a host


def session() -> Session:
    """This thread's connection to the database, also for a thread that is started for it: statements wait for each other."""
    connection.ensure_connection()
    raw: Session = connection.connection
    return raw


@contextmanager
def sessions() -> Iterator[list[Session]]:
    """This thread's session and a second one, so that the server does two things at once. The first alone within a transaction,
    as no other sees what it wrote, and where the server takes no more connections.
    """
    if connection.in_atomic_block:
        yield [session()]
        return
    second = connection.copy()
    try:
        with suppress(OperationalError), second.cursor() as cursor:
            cursor.execute(_ROOM, [_WORK_MEMORY])
        yield [session(), second.connection] if second.connection is not None else [session()]
    finally:
        second.close()


@contextmanager
def roomy() -> Iterator[None]:
    """Let the server join in memory meanwhile, and without help."""
    with connection.cursor() as cursor:
        cursor.execute(_ROOM, [_WORK_MEMORY])
    try:
        yield
    finally:
        with suppress(psycopg.Error), Cursor(session()) as cursor:  # a transaction that failed takes it back by itself
            cursor.execute("RESET work_mem")
            cursor.execute("RESET max_parallel_workers_per_gather")


def ask(query: sql.Composed, parameters: Sequence[object], on: Session | None = None) -> Answer:
    """The one row of an answer."""
    (row,) = ask_all(query, parameters, on)
    return row


def ask_all(query: sql.Composed, parameters: Sequence[object], on: Session | None = None) -> list[Answer]:
    """An answer. In binary: packed bytes come as they are, not as twice as many hexadecimal digits."""
    with Cursor(on or session()) as cursor:
        cursor.execute(sql.SQL("{}").format(query), parameters, binary=True)
        return cursor.fetchall()


def rows_named(ids: Sequence[int] | range) -> tuple[sql.SQL, list[object]]:
    if isinstance(ids, range):
        return _BETWEEN, [ids.start, ids.stop - 1]
    return _THESE, [array_text(ids)]


def numbers(packed: bytes | None, kind: str) -> Array:
    """Numbers packed big-endian, as the machine has them."""
    found = np.frombuffer(packed or b"", kind)
    return found.astype(found.dtype.newbyteorder("="))


def pack(expression: sql.Composable) -> sql.Composed:
    return sql.SQL("string_agg({}, ''::bytea)").format(expression)


def pack_texts(texts: Sequence[sql.Composable]) -> sql.Composed:
    """These texts of each row, for a `Bundle`."""
    of_row = [sql.SQL("coalesce({}, '')").format(text) for text in texts]
    return sql.SQL("string_agg({}, {})").format(sql.SQL(" || E'\\x1e' || ").join(of_row), sql.Literal(ROW))


def cleaned(text: sql.Composable) -> sql.Composed:
    """A text without what parts texts."""
    return sql.SQL("replace(replace({}, {}, ' '), {}, ' ')").format(text, sql.Literal(PART), sql.Literal(ROW))
