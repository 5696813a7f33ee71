"""Up to where the database is read: the transactions that had ended when reading began.

Not only the oldest one still open: where a transaction stays open for long, of whatever database of the server, all that ended
meanwhile would count as changed again and again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Self

from django.db import connection
from psycopg import sql

if TYPE_CHECKING:
    from scoring.snapshot.segment import Array


class Mark(NamedTuple):
    """A snapshot of PostgreSQL's as text, "xmin:xmax:xip,..."."""

    text: str

    @classmethod
    def nothing(cls) -> Self:
        """No transaction is behind this."""
        return cls("1:1:")

    @classmethod
    def now(cls) -> Self:
        """To be taken before reading. What the caller's own transaction wrote is not behind it, as it may go on writing."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT txid_current_snapshot()::text, txid_current_if_assigned()")
            text, own = cursor.fetchone()
        return cls(text) if own is None else cls(text).without(own)

    def without(self, txid: int) -> Self:
        """The same as if this transaction were still open."""
        oldest, following, still_open = self.text.split(":")
        if txid >= int(following):
            return self
        numbers = sorted({txid, *map(int, filter(None, still_open.split(",")))})
        return type(self)(f"{min(txid, int(oldest))}:{following}:{','.join(map(str, numbers))}")

    def passed_among(self, lead_ids: Sequence[int]) -> set[int]:
        """Which of these leads have changed by a transaction that is not behind this."""
        with connection.cursor() as cursor:
            cursor.execute(
                sql.SQL("SELECT lead_id FROM leads_leadrevision WHERE lead_id = ANY({}) AND {}").format(
                    list(lead_ids), self.is_passed
                )
            )
            return {row[0] for row in cursor.fetchall()}

    def passed_by(self, txids: Array) -> Array:
        """Which of these transactions (int64) are not behind this (bool)."""
        import numpy as np  # loaded by who works on columns, not by every process that starts

        still_open = [int(number) for number in self.text.split(":")[2].split(",") if number]
        return (txids >= self.following) | np.isin(txids, still_open)

    @property
    def is_calm(self) -> bool:
        """Whether no transaction was open: who ends later began later, and saw all that is behind this."""
        return self.oldest == self.following

    @property
    def following(self) -> int:
        """The first transaction that had not begun."""
        return int(self.text.split(":")[1])

    @property
    def oldest(self) -> int:
        """The oldest transaction that had not ended."""
        return int(self.text.split(":")[0])

    @property
    def is_passed(self) -> sql.Composed:
        """Whether the row's `txid` is not behind this: SQL for a WHERE, which begins in the index of `txid`."""
        return sql.SQL("txid >= {} AND NOT txid_visible_in_snapshot(txid, {}::txid_snapshot)").format(self.oldest, self.text)
