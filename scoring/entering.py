"""Who enters with a version: counted as it comes into force, then looked at, the best first, and released as its wave says.

That a lead entered is told from its scores by the version and by the one before, which stay as they were: until the lead is
looked at for the first time since, nothing is lost, whoever looks and however often somebody is killed.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from psycopg import sql

from scoring import store
from scoring.models import FLAG_MQL, FLAG_MQO, Activation
from scoring.qualifying import Cause, Kind
from scoring.slots import slots

WEEKLY_UNKNOWN = 25  # released a week by a spread wave where nobody knows what the reps can take

_FLAGS: dict[str, Any] = {"mql": FLAG_MQL, "both": FLAG_MQL | FLAG_MQO, "never": store.NEVER, "mql_kind": str(Kind.MQL)}
_ENTERING = sql.SQL("""(
    SELECT n.*, n.flags & ~coalesce(o.flags, 0::smallint) & %(both)s AS entered FROM scoring_leadscore n
    LEFT JOIN scoring_leadscore o ON o.version_id = %(old)s AND o.lead_id = n.lead_id
    WHERE n.version_id = %(new)s AND n.flags & %(mql)s <> 0 AND n.flags & ~coalesce(o.flags, 0::smallint) & %(both)s <> 0
) AS n""")
_UNSEEN = sql.SQL("""
SELECT n.lead_id FROM {entering} LEFT JOIN scoring_leadstate s ON s.lead_id = n.lead_id
WHERE s.lead_id IS NULL OR s.rev = %(never)s OR s.scored_at <= %(at)s
ORDER BY n.tier DESC NULLS LAST, n.fit + n.engagement DESC, n.lead_id
""")
# Who was brought by an import not meant for sales, or did something since the preparation began, enters by that and not by the
# version. Both are looked for among those only whose facts are newer than that, or than their last score.
_COUNT = sql.SQL("""
SELECT
    (SELECT count(*) FROM scoring_leadscore WHERE version_id = %(new)s),
    (SELECT count(*) FROM scoring_leadscore o
     LEFT JOIN scoring_leadscore n ON n.version_id = %(new)s AND n.lead_id = o.lead_id
     WHERE o.version_id = %(old)s AND o.flags & %(mql)s <> 0 AND coalesce(n.flags, 0::smallint) & %(mql)s = 0),
    (SELECT count(*) FROM {entering} LEFT JOIN leads_leadrevision r ON r.lead_id = n.lead_id
     LEFT JOIN scoring_leadstate t ON t.lead_id = n.lead_id AND t.rev <> %(never)s
     WHERE n.entered & %(mql)s <> 0
     AND NOT EXISTS (SELECT FROM scoring_qualification q
        WHERE q.lead_id = n.lead_id AND q.model_id = %(model)s AND q.kind = %(mql_kind)s AND q.closed_at IS NULL)
     AND NOT (coalesce(r.txid >= %(mark)s, false) AND EXISTS (
        SELECT FROM leads_activity a WHERE a.lead_id = n.lead_id AND a.known_at >= %(begun)s))
     AND NOT ((r.txid >= %(mark)s OR t.rev IS DISTINCT FROM coalesce(r.rev, 0)) AND EXISTS (
        SELECT FROM leads_submission s JOIN leads_importrun i ON i.id = s.import_run_id
        WHERE s.lead_id = n.lead_id AND coalesce(i.options ->> 'hand_over', 'false') <> 'true'
        AND (t.lead_id IS NULL OR s.received_at >= least(t.scored_at, %(begun)s)))))
""")
_SPREAD = """
UPDATE scoring_qualification q SET release_at = %(at)s::timestamptz + r.number * %(gap)s::interval
FROM (SELECT id, row_number() OVER (ORDER BY tier DESC NULLS LAST, fit + engagement DESC, lead_id, kind) - 1 AS number
      FROM scoring_qualification WHERE version_id = %(version)s AND cause = %(activation)s) AS r
WHERE q.id = r.id AND q.release_at IS NULL AND q.closed_at IS NULL
"""


def unseen(activation: Activation) -> list[int]:
    """The leads that entered with this version and were not looked at since, the best first."""
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("{}").format(_UNSEEN.format(entering=_ENTERING)),
            _FLAGS | {"new": activation.version_id, "old": activation.from_version_id, "at": activation.at},
        )
        return [row[0] for row in cursor.fetchall()]


def counted(activation: Activation) -> dict[str, int]:
    """How many leads the version scores, how many left with it, and how many get an MQL qualification by it and nothing else."""
    version = activation.version
    asked: dict[str, Any] = {"new": version.pk, "old": activation.from_version_id, "model": version.model_id}
    asked |= {"mark": activation.counts["mark"], "begun": datetime.fromisoformat(activation.counts["begun"])}
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("{}").format(_COUNT.format(entering=_ENTERING)), _FLAGS | asked)
        return dict(zip(("scored", "left", "entered"), cursor.fetchone(), strict=True))


def spread(activation: Activation) -> None:
    """Release those who entered with a version one by one, where its wave is to be spread: the best of them first.

    Who was released before stays so; done again it changes nothing.
    """
    if activation.wave != Activation.Wave.SPREAD:
        return
    gap = timedelta(days=7) / (slots.capacity() or WEEKLY_UNKNOWN)
    asked: dict[str, Any] = {
        "version": activation.version_id,
        "at": activation.at,
        "gap": gap,
        "activation": str(Cause.ACTIVATION),
    }
    with connection.cursor() as cursor:
        cursor.execute(_SPREAD, asked)
