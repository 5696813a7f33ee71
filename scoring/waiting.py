"""Which leads wait to be scored: by revision, by day, by a version that came into force.

A mark is the oldest transaction that may still have been open at the last look: what it wrote, however late it commits, is
at or after the mark. "Newer than the last one seen" would lose rows that commit late.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.db import connection
from psycopg import sql

from scoring.entering import spread
from scoring.models import Activation, Mark
from scoring.operators import day_of
from scoring.questions import Question, ask
from scoring.snapshot.mark import Mark as ReadMark
from scoring.store import NEVER

CHANGED = "scoring.changed"
DUE = "scoring.due"  # its number is a day: up to which UTC day all due leads were scored
MANY = 20_000  # leads, from which on they are scored by columns
SETTLED = timedelta(minutes=5)  # by then what was scored just before midnight is committed

Step = Activation.Step

_CHANGED = """
SELECT r.lead_id, r.txid FROM leads_leadrevision r LEFT JOIN scoring_leadstate s ON s.lead_id = r.lead_id
WHERE r.txid >= %s AND (s.lead_id IS NULL OR s.rev < r.rev) ORDER BY r.txid, r.lead_id LIMIT %s
"""
# Only past rows that are there: a mark moved by an idle pass would be written, and moved again by that, every second.
_MOVE_ON = """
INSERT INTO scoring_mark (consumer, txid)
SELECT %s, %s WHERE EXISTS (SELECT FROM leads_leadrevision WHERE txid >= %s AND txid < %s)
ON CONFLICT (consumer) DO UPDATE SET txid = excluded.txid
"""
_ALL = """
SELECT r.lead_id FROM leads_leadrevision r LEFT JOIN scoring_leadstate s ON s.lead_id = r.lead_id
WHERE r.txid >= %(mark)s AND (s.lead_id IS NULL OR s.rev < r.rev)
UNION SELECT lead_id FROM scoring_leadstate WHERE %(is_looked_for)s AND due_on <= date '1970-01-01' + %(today)s
UNION SELECT l.id FROM leads_lead l LEFT JOIN scoring_leadstate s ON s.lead_id = l.id
WHERE l.id > %(cursor)s AND (s.lead_id IS NULL OR s.rev = %(never)s OR s.scored_at <= %(since)s)
ORDER BY 1
"""
_BACKLOG = """
SELECT l.id FROM leads_lead l LEFT JOIN scoring_leadstate s ON s.lead_id = l.id
WHERE l.id > %s AND (s.lead_id IS NULL OR s.rev = %s OR s.scored_at <= %s) ORDER BY l.id LIMIT %s
"""
_PENDING = sql.SQL("""
SELECT a.id, v.model_id FROM scoring_activation a JOIN scoring_modelversion v ON v.id = a.version_id WHERE a.step = %s
""")


def _mark(consumer: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT txid FROM scoring_mark WHERE consumer = %s", [consumer])
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def _set_mark(consumer: str, number: int) -> None:
    Mark.objects.update_or_create(pk=consumer, defaults={"txid": number})


def _oldest_open() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT txid_snapshot_xmin(txid_current_snapshot())")
        return int(cursor.fetchone()[0])


def _stamp_anew() -> None:
    """After a restored dump transactions count from lower numbers: all revisions get one of this database's own."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE leads_leadrevision SET txid = txid_current()")
        cursor.execute("UPDATE scoring_leadstate SET rev = -1")


def oldest_open_transaction() -> int:
    """All that was committed before this transaction is seen now; what it or a later one writes may come yet."""
    return _oldest_open()


def changed_since(mark: ReadMark, after: tuple[int, int], limit: int) -> list[tuple[int, int]]:
    """Up to `limit` (lead, transaction) pairs of leads whose change is not behind `mark`, behind the place `after`."""
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "SELECT lead_id, txid FROM leads_leadrevision WHERE {} AND (txid, lead_id) > ({}, {}) ORDER BY txid, lead_id LIMIT {}"
            ).format(mark.is_passed, *after, limit)
        )
        found: list[tuple[int, int]] = cursor.fetchall()
    return found


def changed_leads(limit: int) -> list[int]:
    """Up to `limit` leads whose facts are newer than their score, oldest change first. Moves the mark as far as is safe.

    Inside the caller's transaction, which scores them.
    """
    oldest = _oldest_open()  # before the rows are read: what is open now comes again
    mark = _mark(CHANGED)
    if oldest < mark:
        _stamp_anew()
        mark = 0
        _set_mark(CHANGED, 0)
    with connection.cursor() as cursor:
        cursor.execute(_CHANGED, [mark, limit])
        rows = cursor.fetchall()
    seen = rows[-1][1] if len(rows) == limit else oldest
    reached = min(oldest, seen)
    with connection.cursor() as cursor:
        cursor.execute(_MOVE_ON, [CHANGED, reached, mark, reached])
    return [row[0] for row in rows]


def scored_up_to() -> int:
    """The first transaction of which a change may not have been scored yet."""
    return _mark(CHANGED)


def changed_ids(limit: int) -> list[int]:
    """Up to `limit` leads whose facts are newer than their score."""
    with connection.cursor() as cursor:
        cursor.execute(_CHANGED, [_mark(CHANGED), limit])
        return [row[0] for row in cursor.fetchall()]


def due_leads(now: datetime, limit: int) -> list[int]:
    """Up to `limit` leads whose day has come; looked for until the day is a little old, as scoring sets no day that is past."""
    today = day_of(now)
    if limit <= 0 or _mark(DUE) >= today:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT lead_id FROM scoring_leadstate WHERE due_on <= date '1970-01-01' + %s ORDER BY lead_id LIMIT %s",
            [today, limit],
        )
        ids = [row[0] for row in cursor.fetchall()]
    if len(ids) < limit and now - datetime.combine(now.date(), time(), UTC) > SETTLED:
        _set_mark(DUE, today)
    return ids


def many_waiting(now: datetime) -> "tuple[list[int], Pending | None]":
    """What `all_waiting` answers when there are more than `MANY` of them, else none."""
    ids, pending = all_waiting(now)
    return (ids, pending) if len(ids) > MANY else ([], None)


def all_waiting(now: datetime) -> "tuple[list[int], Pending | None]":
    """The ids, in order, of all leads that wait; and the version for which they do, if they do for one."""
    pending = next(iter(pending_activations()), None)
    with connection.cursor() as cursor:
        cursor.execute(
            _ALL,
            {
                "mark": _mark(CHANGED),
                "today": day_of(now),
                "is_looked_for": _mark(DUE) < day_of(now),
                "cursor": pending.cursor if pending else None,
                "since": pending.activation.at if pending else None,
                "never": NEVER,
            },
        )
        ids = [row[0] for row in cursor.fetchall()]
    return ids, pending


@dataclass(slots=True)
class Pending:
    """A version that came into force and of which not every lead's history and next day are written yet."""

    activation: Activation
    model_id: int

    @property
    def replaces(self) -> list[int]:
        """The versions whose scores say where a lead stood before, newest first."""
        return list(self.activation.counts.get("replaces", []))

    @property
    def cursor(self) -> int:
        return int(self.activation.counts.get("cursor", 0))

    @property
    def begun(self) -> datetime:
        """When its preparation began: who did something since enters by that and not by the version."""
        return datetime.fromisoformat(self.activation.counts["begun"])

    def covers(self, lead_id: int, created_at: datetime) -> bool:
        """Whether the lead was there when the version came into force and was not reached yet."""
        return lead_id > self.cursor and created_at <= self.activation.at

    def is_open(self) -> bool:
        """Whether it is still so; what others noted meanwhile is read."""
        self.activation.refresh_from_db(fields=["counts", "step"])
        return self.activation.step == Step.SETTLING

    def note(self, **counts: Any) -> None:
        self.activation.counts |= counts
        self.activation.save(update_fields=["counts"])

    def finish(self) -> None:
        spread(self.activation)
        self.activation.step = Step.SETTLED
        self.activation.save(update_fields=["step"])


def pending_question() -> Question[list[Pending]]:
    """What to ask for the versions that came into force lately; nearly always there are none."""
    return Question(_PENDING, [Step.SETTLING], _read_pending)


def _read_pending(rows: list[tuple[Any, ...]]) -> list[Pending]:
    if not rows:
        return []
    models = dict(rows)
    return [Pending(activation, models[activation.pk]) for activation in Activation.objects.filter(pk__in=models).order_by("pk")]


def pending_activations() -> list[Pending]:
    return ask(pending_question())


def backlog(pending: Pending, limit: int) -> list[int]:
    """The next leads, by id, that were not looked at since the version came into force."""
    with connection.cursor() as cursor:
        cursor.execute(_BACKLOG, [pending.cursor, NEVER, pending.activation.at, max(limit, 0)])
        return [row[0] for row in cursor.fetchall()]
