"""The portal's one clock: the database's, so that all processes and hosts agree, and replaceable in tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

from django.db import connection

_frozen: ContextVar[datetime | None] = ContextVar("frozen_clock", default=None)


def now() -> datetime:
    """The current instant, aware, in UTC, as the database sees it."""
    instant = held()
    if instant is not None:
        return instant
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: datetime = cursor.fetchone()[0]
    return found.astimezone(UTC)


def held() -> datetime | None:
    """The instant the clock is held at, None while it runs: for statements that ask for the time among other things."""
    return _frozen.get()


def at_hand() -> datetime:
    """About now, without asking the database: for words on pages such as "3 h ago", never for a rule."""
    return _frozen.get() or datetime.now(UTC)


@contextmanager
def frozen(at: datetime) -> Iterator["Hands"]:
    """Hold the clock at `at` (aware); the yielded hands move it."""
    if at.tzinfo is None:
        raise ValueError("the clock needs an aware time")
    token = _frozen.set(at.astimezone(UTC))
    try:
        yield Hands()
    finally:
        _frozen.reset(token)


class Hands:
    """Moves a held clock."""

    def move_to(self, at: datetime) -> None:
        _frozen.set(at.astimezone(UTC))

    def advance(self, by: timedelta) -> None:
        held = _frozen.get()
        if held is None:
            raise RuntimeError("the clock is not held")
        _frozen.set(held + by)
