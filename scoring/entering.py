"""Who enters with a version: written down beforehand batch by batch, and made qualifications in one statement as it comes into force.

An entrant holds what its qualification will say and the revision it was read from. One whose facts, score or day moved on
since is stale and is read again, so that nothing is handed over that the version in force would not say.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from psycopg import sql

from leads import clock
from scoring import store
from scoring.compiler import Live
from scoring.models import FLAG_MQL, FLAG_MQO, Activation, Entrant, ModelVersion
from scoring.qualifying import Cause, Kind
from scoring.questions import ask
from scoring.reference_scores import score_again
from scoring.slots import slots
from scoring.vocabulary import load_wording

WEEKLY_UNKNOWN = 25  # released a week by a spread wave where nobody knows what the reps can take

_FLAGS = {"mql": FLAG_MQL, "both": FLAG_MQL | FLAG_MQO}
_ENTERING = sql.SQL("""(
    SELECT n.*, n.flags & ~coalesce(o.flags, 0::smallint) & %(both)s AS entered FROM scoring_leadscore n
    LEFT JOIN scoring_leadscore o ON o.version_id = %(old)s AND o.lead_id = n.lead_id
    WHERE n.version_id = %(new)s AND n.flags & %(mql)s <> 0 AND n.flags & ~coalesce(o.flags, 0::smallint) & %(both)s <> 0
) AS n""")
_NEXT = sql.SQL("SELECT n.lead_id FROM {entering} WHERE n.lead_id > %(after)s ORDER BY n.lead_id LIMIT %(limit)s")
_STALE = sql.SQL("""
SELECT n.lead_id FROM {entering}
LEFT JOIN scoring_entrant e ON e.version_id = %(new)s AND e.lead_id = n.lead_id
LEFT JOIN leads_leadrevision r ON r.lead_id = n.lead_id
WHERE (%(among)s::bigint[] IS NULL OR n.lead_id = ANY(%(among)s))
AND ((e.rev, e.fit, e.engagement, e.tier, e.flags)
    IS DISTINCT FROM (coalesce(r.rev, 0), n.fit, n.engagement, n.tier, n.flags) OR e.due_on <= %(today)s)
ORDER BY n.lead_id LIMIT %(limit)s
""")
_WRITE = """
INSERT INTO scoring_entrant (version_id, lead_id, rev, due_on, news_at, fit, engagement, tier, flags, lines)
SELECT %s, n.lead_id, n.rev, n.due_on, n.news_at, n.fit, n.engagement, n.tier, n.flags, n.lines::jsonb
FROM unnest(%s::bigint[], %s::bigint[], %s::date[], %s::timestamptz[], %s::int[], %s::int[], %s::smallint[], %s::smallint[],
    %s::text[]) AS n (lead_id, rev, due_on, news_at, fit, engagement, tier, flags, lines)
ON CONFLICT (version_id, lead_id) DO UPDATE SET rev = excluded.rev, due_on = excluded.due_on, news_at = excluded.news_at,
    fit = excluded.fit, engagement = excluded.engagement, tier = excluded.tier, flags = excluded.flags, lines = excluded.lines
"""
# Sorted without the lines, which are wide. Who was brought by an import not meant for sales, or did something since the
# preparation began, enters by that and not by the version.
_QUALIFY = sql.SQL("""
WITH entering AS (
    SELECT n.lead_id, e.tier, e.fit + e.engagement AS total, e.news_at >= %(begun)s AS has_news, n.entered & e.flags AS flags
    FROM {entering} JOIN scoring_entrant e ON e.version_id = %(new)s AND e.lead_id = n.lead_id
), imported AS (
    SELECT DISTINCT s.lead_id FROM leads_submission s JOIN leads_importrun r ON r.id = s.import_run_id
    LEFT JOIN scoring_leadstate t ON t.lead_id = s.lead_id AND t.rev <> %(never)s
    WHERE s.lead_id IN (SELECT lead_id FROM entering)
    AND coalesce(r.options ->> 'hand_over', 'false') <> 'true' AND (t.lead_id IS NULL OR s.received_at >= t.scored_at)
), caused AS (
    SELECT e.*, k.kind,
        CASE WHEN i.lead_id IS NOT NULL THEN %(import)s WHEN e.has_news THEN %(event)s ELSE %(activation)s END AS cause
    FROM entering e JOIN (VALUES (%(mql_kind)s, %(mql)s), (%(mqo_kind)s, %(mqo)s)) AS k (kind, flag) ON e.flags & k.flag <> 0
    LEFT JOIN imported i ON i.lead_id = e.lead_id
    WHERE NOT EXISTS (SELECT FROM scoring_qualification q
        WHERE q.lead_id = e.lead_id AND q.model_id = %(model)s AND q.kind = k.kind AND q.closed_at IS NULL)
), numbered AS (
    SELECT *, row_number() OVER (PARTITION BY cause ORDER BY tier DESC NULLS LAST, total DESC, lead_id, kind) - 1 AS number
    FROM caused
), made AS (
    INSERT INTO scoring_qualification
        (lead_id, model_id, version_id, kind, nth, cause, at, fit, engagement, tier, lines, release_at)
    SELECT m.lead_id, %(model)s, %(new)s, m.kind,
        1 + (SELECT count(*) FROM scoring_qualification q
             WHERE q.lead_id = m.lead_id AND q.model_id = %(model)s AND q.kind = m.kind),
        m.cause, %(at)s, e.fit, e.engagement, e.tier, e.lines,
        CASE m.cause WHEN %(activation)s THEN %(first)s::timestamptz + m.number * %(gap)s::interval
            WHEN %(import)s THEN NULL ELSE %(at)s END
    FROM numbered m JOIN scoring_entrant e ON e.version_id = %(new)s AND e.lead_id = m.lead_id
    ORDER BY m.number
    RETURNING cause
)
SELECT count(*) FROM made WHERE cause = %(activation)s
""")
_LEFT = """
SELECT count(*) FROM scoring_leadscore o LEFT JOIN scoring_leadscore n ON n.version_id = %(new)s AND n.lead_id = o.lead_id
WHERE o.version_id = %(old)s AND o.flags & %(mql)s <> 0 AND coalesce(n.flags, 0::smallint) & %(mql)s = 0
"""


def entering(new: int, old: int | None, after: int, limit: int) -> list[int]:
    """The next leads by id that meet the new version and not the old one (None: there was none), by their stored scores."""
    return _leads(_NEXT, {"new": new, "old": old, "after": after, "limit": limit})


def stale(new: int, old: int | None, limit: int, among: Sequence[int] | None = None) -> list[int]:
    """Up to `limit` leads that enter and are not written down as they are now, of all or `among` some."""
    asked: dict[str, Any] = {"new": new, "old": old, "limit": limit, "today": clock.now().date()}
    return _leads(_STALE, asked | {"among": None if among is None else list(among)})


def _leads(statement: sql.SQL, asked: dict[str, Any]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("{}").format(statement.format(entering=_ENTERING)), asked | _FLAGS)
        return [row[0] for row in cursor.fetchall()]


def write_down(live: Live, lead_ids: Sequence[int]) -> None:
    """Judge these leads by the version as they are now, and write down what the qualification of who meets it will hold.

    In the caller's transaction; a bounded number of leads, please.
    """
    at = clock.now()
    revisions = ask(store.revisions_of(lead_ids))  # before the facts, so that what is newer makes it stale
    wording = load_wording()
    rows = []
    for lead_id, one in sorted(score_again(live, lead_ids, at).items()):
        if one.score is not None and one.score.flags & FLAG_MQL:
            news_at = max((event.known_at for event in one.facts.events), default=None)
            fit, engagement, tier, flags, _ = one.score
            lines = json.dumps(wording.lines(one.result.lines))
            rows.append((lead_id, revisions.get(lead_id, 0), one.result.due_on, news_at, fit, engagement, tier, flags, lines))
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_WRITE, [live.version_id, *(list(column) for column in zip(*rows, strict=True))])


def forget_entrants(version_id: int) -> None:
    """Nobody is written down for the version any more."""
    Entrant.objects.filter(version_id=version_id).delete()


def qualify_entrants(activation: Activation, version: ModelVersion, old: int | None, at: datetime) -> int:
    """Make a qualification of each entrant that has none open, the best first; answers of how many the version is the cause.

    Entrants are written down as they are now; afterwards there are none. In the transaction that puts the version into force.
    """
    first = None if activation.wave == Activation.Wave.NONE else at
    asked: dict[str, Any] = {"new": version.pk, "old": old, "model": version.model_id, "at": at}
    asked |= {"first": first, "gap": _gap(activation.wave)}
    asked |= {"begun": datetime.fromisoformat(activation.counts["begun"]), "never": store.NEVER, "mqo": FLAG_MQO}
    asked |= {"mql_kind": str(Kind.MQL), "mqo_kind": str(Kind.MQO)}
    asked |= {name: str(Cause(name)) for name in ("import", "event", "activation")}
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("{}").format(_QUALIFY.format(entering=_ENTERING)), asked | _FLAGS)
        made = int(cursor.fetchone()[0])
    forget_entrants(version.pk)
    return made


def _gap(wave: str) -> timedelta:
    """Between one release of a wave and the next."""
    if wave != Activation.Wave.SPREAD:
        return timedelta(0)
    return timedelta(days=7) / (slots.capacity() or WEEKLY_UNKNOWN)


def counted(new: int, old: int | None) -> dict[str, int]:
    """How many leads are scored by the new version, and how many left with the old one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM scoring_leadscore WHERE version_id = %s", [new])
        scored = cursor.fetchone()[0]
        cursor.execute(_LEFT, {"new": new, "old": old, "mql": FLAG_MQL})
        return {"scored": scored, "left": cursor.fetchone()[0]}
