"""Locks across processes, behind one small module so that another database's may take their place."""

from functools import lru_cache
from hashlib import sha256

from django.db import connection
from psycopg import sql

from scoring.questions import Question

SCORER = "scoring"  # held by the one process that scores what waits
VERSIONS = "scoring.versions"  # shared by all who score, alone by who changes which versions they score by


@lru_cache
def _number(name: str) -> int:
    return int.from_bytes(sha256(f"accord.{name}".encode()).digest()[:8], "big", signed=True)


def try_lock(name: str) -> bool:
    """Take the named lock until the transaction ends; False when another session holds it. Needs a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_number(name)])
        return bool(cursor.fetchone()[0])


def sharing(name: str) -> Question[None]:
    """Takes the named lock like `lock`, beside others who share it: only who takes it alone waits, and is waited for."""
    return Question(sql.SQL("SELECT pg_advisory_xact_lock_shared(%s)"), [_number(name)], lambda rows: None)


def lock(name: str) -> None:
    """Take the named lock until the transaction ends, waiting for who holds it. Needs a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_number(name)])
