"""Scores of very many leads changed in place, with the history of what moves: sent in one piece, as they stand in memory."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from django.db import connection

from scoring.models import ScoreChange
from scoring.snapshot.segment import Array
from scoring.stored_scores import SCORE

Cause = ScoreChange.Cause
# What is written of each lead, -1 where there is no tier or gate. `was_` is what was stored or, for who had not been looked at since
# a version came into force, what the one before said; `moved` tells why it goes into the history.
_MAKE = """
CREATE TEMP TABLE IF NOT EXISTS scoring_mass (lead_id bigint, fit int, engagement int, tier smallint, flags smallint, gate smallint,
    was_fit int, was_engagement int, was_tier smallint, was_flags smallint, moved smallint, scored_at timestamptz)
    ON COMMIT DELETE ROWS
"""
_FIELDS = [
    ("lead", ">i8"), ("fit", ">i4"), ("engagement", ">i4"), ("tier", ">i2"), ("flags", ">i2"), ("gate", ">i2"),
    ("was_fit", ">i4"), ("was_engagement", ">i4"), ("was_tier", ">i2"), ("was_flags", ">i2"), ("moved", ">i2"), ("at", ">i8"),
]  # fmt: skip
_ROW = np.dtype(
    [("count", ">i2"), *((f"{name}{end}", kind) for name, of in _FIELDS for end, kind in (("_size", ">i4"), ("", of)))]
)
NOT, WITH_VERSION, WITH_TIME, WITH_NEWS = range(4)  # `moved`
BEGINNING = -(2**63)  # "-infinity": of who was never scored all is newer
_NONE_BEFORE = -1  # `was_flags` of who had no score
_HISTORY = """
INSERT INTO scoring_scorechange (at, lead_id, version_id, cause, old_fit, old_engagement, old_tier, old_flags,
    new_fit, new_engagement, new_tier, new_flags)
SELECT %(at)s, n.lead_id, %(version)s, CASE
        WHEN n.moved = 1 THEN %(activation)s
        WHEN EXISTS (SELECT FROM leads_submission u JOIN leads_importrun i ON i.id = u.import_run_id WHERE u.lead_id = n.lead_id
            AND coalesce(i.options ->> 'hand_over', 'false') <> 'true' AND u.received_at >= n.scored_at)
            THEN %(import)s
        WHEN n.moved = 2 THEN %(time)s
        WHEN EXISTS (SELECT FROM leads_activity a WHERE a.lead_id = n.lead_id AND a.occurred_at >= %(horizon)s
            AND a.known_at >= n.scored_at) THEN %(event)s
        ELSE %(facts)s END,
    CASE WHEN n.was_flags >= 0 THEN n.was_fit END, CASE WHEN n.was_flags >= 0 THEN n.was_engagement END,
    nullif(n.was_tier, -1), nullif(n.was_flags, -1), n.fit, n.engagement, nullif(n.tier, -1), n.flags
FROM scoring_mass n WHERE n.moved > 0
"""
_UPDATE = """
UPDATE scoring_leadscore o SET fit = n.fit, engagement = n.engagement, tier = nullif(n.tier, -1), flags = n.flags,
    gate = (%(gates)s::varchar[])[n.gate + 1]
FROM scoring_mass n WHERE o.version_id = %(version)s AND o.lead_id = n.lead_id
AND (o.fit, o.engagement, o.tier, o.flags, o.gate)
    IS DISTINCT FROM (n.fit, n.engagement, nullif(n.tier, -1), n.flags, (%(gates)s::varchar[])[n.gate + 1])
"""
_INSERT = """
INSERT INTO scoring_leadscore (version_id, lead_id, fit, engagement, tier, flags, gate)
SELECT %(version)s, n.lead_id, n.fit, n.engagement, nullif(n.tier, -1), n.flags, (%(gates)s::varchar[])[n.gate + 1]
FROM scoring_mass n
WHERE NOT EXISTS (SELECT FROM scoring_leadscore o WHERE o.version_id = %(version)s AND o.lead_id = n.lead_id)
"""


def send(new: Array, was: Array, scored_at: Array, why: Array) -> None:
    """Have these rows of `SCORE`, and no others, in the table that the statements read; `was` has lead 0 where nothing was.

    `scored_at` counts microseconds since 2000; `why` is what goes into the history of who moved. In the caller's transaction.
    """
    rows = np.zeros(len(new), _ROW)
    rows["count"] = len(_FIELDS)
    for name, kind in _FIELDS:
        rows[f"{name}_size"] = np.dtype(kind).itemsize
    for name in SCORE.names or ():
        rows[name] = new[name]
    none = was["lead"] == 0
    moved = none.copy()
    for name in ("fit", "engagement", "tier", "flags"):
        rows[f"was_{name}"] = was[name]
        moved |= was[name] != new[name]
    rows["was_tier"][none] = rows["was_flags"][none] = _NONE_BEFORE
    rows["moved"] = np.where(moved, why, NOT)
    rows["at"] = scored_at
    with connection.cursor() as cursor:
        cursor.execute(_MAKE)
        cursor.execute("TRUNCATE scoring_mass")
        with cursor.copy("COPY scoring_mass FROM STDIN (FORMAT binary)") as sent:
            sent.write(b"PGCOPY\n\xff\r\n\0" + bytes(8) + rows.tobytes() + b"\xff\xff")


def note_changes(version_id: int, at: datetime, horizon: datetime) -> None:
    """Add what moves by what was sent to the history; no count of the versions in force reaches back behind `horizon`."""
    with connection.cursor() as cursor:
        cursor.execute(
            _HISTORY, {str(cause): str(cause) for cause in Cause} | {"version": version_id, "at": at, "horizon": horizon}
        )


def write_scores(version_id: int, gates: Sequence[str], *, all_stored: bool) -> None:
    """Write what was sent where it is another score, and, unless all have one, where there is none."""
    asked: dict[str, Any] = {"version": version_id, "gates": list(gates)}
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE, asked)
        if not all_stored:
            cursor.execute(_INSERT, asked)
