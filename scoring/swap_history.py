"""The history of what moved when a version's whole table of scores was replaced: told from the table before and the one of now.

It is written after the moment, a range of leads a transaction, by whoever comes to it first; the table before goes with the last
range. Who was scored again since the moment has a row of that in the history, which says what the lead had in between.
"""

import json
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Max
from psycopg import sql

from scoring import partitions
from scoring.locks import try_lock
from scoring.models import ScoreChange

AT_ONCE = 50_000  # lead ids of a transaction
_LOCK = "scoring.history"
_WRITE = sql.SQL("""
INSERT INTO scoring_scorechange (at, lead_id, version_id, cause, old_fit, old_engagement, old_tier, old_flags,
    new_fit, new_engagement, new_tier, new_flags)
SELECT {at}, p.lead_id, {version}, {cause}, p.fit, p.engagement, p.tier, p.flags,
    coalesce(p.new_fit, 0), coalesce(p.new_engagement, 0), p.new_tier, coalesce(p.new_flags, 0)
FROM (
    SELECT coalesce(o.lead_id, n.lead_id) AS lead_id, o.fit, o.engagement, o.tier, o.flags,
        CASE WHEN c.lead_id IS NULL THEN n.fit ELSE c.old_fit END AS new_fit,
        CASE WHEN c.lead_id IS NULL THEN n.engagement ELSE c.old_engagement END AS new_engagement,
        CASE WHEN c.lead_id IS NULL THEN n.tier ELSE c.old_tier END AS new_tier,
        CASE WHEN c.lead_id IS NULL THEN n.flags ELSE c.old_flags END AS new_flags
    FROM (SELECT * FROM {before} WHERE version_id = {version} AND lead_id BETWEEN {first} AND {last}) o
    FULL JOIN (SELECT * FROM scoring_leadscore WHERE version_id = {version} AND lead_id BETWEEN {first} AND {last}) n
        ON n.lead_id = o.lead_id
    LEFT JOIN (
        SELECT DISTINCT ON (lead_id) lead_id, old_fit, old_engagement, old_tier, old_flags FROM scoring_scorechange
        WHERE version_id = {version} AND lead_id BETWEEN {first} AND {last} AND at >= {at} AND id > {after} ORDER BY lead_id, id
    ) c ON c.lead_id = coalesce(o.lead_id, n.lead_id)
) p JOIN leads_lead l ON l.id = p.lead_id
WHERE (p.fit, p.engagement, p.tier, p.flags) IS DISTINCT FROM (p.new_fit, p.new_engagement, p.new_tier, p.new_flags)
ORDER BY p.lead_id
""")
_LAST = sql.SQL(
    "SELECT greatest((SELECT max(lead_id) FROM {before}), (SELECT max(lead_id) FROM scoring_leadscore WHERE version_id = {version}))"
)
_is_open: bool | None = None  # None: this process has not looked yet


def begin(version_id: int, at: datetime) -> None:
    """Note where the history begins, in the transaction that replaces the table and keeps everybody from scoring."""
    after = ScoreChange.objects.aggregate(last=Max("pk"))["last"] or 0
    partitions.note(version_id, json.dumps({"at": at.isoformat(), "after": after, "done": 0}))


def look_again() -> None:
    """Have this process look for histories that are still to be written."""
    global _is_open
    _is_open = None


def write_some() -> int:
    """Write the history of a range of leads, if any is to be written; answers how many rows of it, at least 1 while there is more."""
    global _is_open
    if _is_open is False:
        return 0
    with transaction.atomic():
        if not try_lock(_LOCK):
            return 0
        waiting = partitions.replaced_tables()
        _is_open = bool(waiting)
        return max(_write(*waiting[0]), 1) if waiting else 0


def write_all() -> None:
    """Write whatever history is still to be written."""
    look_again()
    while write_some():
        pass


def _write(version_id: int, words: str) -> int:
    noted = json.loads(words)
    before = sql.Identifier(partitions.before_of(version_id))
    version = sql.Literal(version_id)
    first, last = noted["done"] + 1, noted["done"] + AT_ONCE
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("{}").format(
                _WRITE.format(
                    before=before,
                    version=version,
                    at=sql.Literal(datetime.fromisoformat(noted["at"])),
                    after=sql.Literal(noted["after"]),
                    cause=sql.Literal(str(ScoreChange.Cause.TIME)),
                    first=sql.Literal(first),
                    last=sql.Literal(last),
                )
            )
        )
        written = int(cursor.rowcount)
        cursor.execute(sql.SQL("{}").format(_LAST.format(before=before, version=version)))
        (end,) = cursor.fetchone()
    if end is None or end <= last:
        partitions.drop_before(version_id)
    else:
        partitions.note(version_id, json.dumps(noted | {"done": last}))
    return written
