"""Asking PostgreSQL for many rows at once: each column comes as one value, packed by the server, not row by row.

What takes the server long is asked on a session that is passed along, so that a thread can wait for the next answer while the
last one is made into columns.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import psycopg
from django.db import connection
from psycopg import Cursor, sql

from scoring.snapshot.segment import Array

SEPARATOR = "\x1f"  # parts words in a folded text and is escaped in JSON, so no raw value needs it
SINCE = sql.SQL("string_agg(timestamptz_send(coalesce(r.engagement_from, '-infinity')), ''::bytea)")
_BETWEEN = sql.SQL("r.id BETWEEN %s AND %s")
_THESE = sql.SQL("r.id = ANY(%s)")

Session = psycopg.Connection[Any]
Answer = tuple[Any, ...]
_WORK_MEMORY = "64MB"  # for joins with every company or case: more than the usual few, held for seconds by one a host


def session() -> Session:
    """This thread's connection to the database, also for a thread that is started for it: statements wait for each other."""
    connection.ensure_connection()
    raw: Session = connection.connection
    return raw


@contextmanager
def roomy() -> Iterator[None]:
    """Let the server join in memory meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('work_mem', %s, false)", [_WORK_MEMORY])
    try:
        yield
    finally:
        with suppress(psycopg.Error), Cursor(session()) as cursor:  # a transaction that failed takes it back by itself
            cursor.execute("RESET work_mem")


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
    return _THESE, [list(ids)]


def numbers(packed: bytes | None, kind: str) -> Array:
    """Numbers packed big-endian, as the machine has them."""
    found = np.frombuffer(packed or b"", kind)
    return found.astype(found.dtype.newbyteorder("="))


def pack(expression: sql.Composable) -> sql.Composed:
    return sql.SQL("string_agg({}, ''::bytea)").format(expression)


def pack_text(expression: sql.Composable) -> sql.Composed:
    return sql.SQL("string_agg(coalesce({}, ''), {})").format(expression, sql.Literal(SEPARATOR))
