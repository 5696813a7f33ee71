"""Reading and writing stored scores, always many rows in one statement and in the order of lead ids."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from django.db import connection
from psycopg import sql

from leads.lib.numbers import array_text
from scoring.models import Activation
from scoring.questions import Question, ask

SETTLING = int(Activation.Step.SETTLING)
NEVER = -1  # the revision of a state that was made before the lead was ever scored


_SCORES = sql.SQL(
    "SELECT version_id, lead_id, fit, engagement, tier, flags, gate FROM {table} WHERE version_id = ANY(%s) AND lead_id = ANY(%s::bigint[])"
)


class Score(NamedTuple):
    """A stored score. `gate` names what bars the lead, if anything does."""

    fit: int
    engagement: int
    tier: int | None
    flags: int
    gate: str | None


class State(NamedTuple):
    rev: int
    scored_at: datetime


class Change(NamedTuple):
    lead_id: int
    version_id: int
    old: Score | None
    new: Score
    cause: str


def states_of(lead_ids: Sequence[int]) -> Question[dict[int, State]]:
    """The states of these leads, locked until the transaction ends: two who score the same lead do so one after the other."""
    return Question(
        sql.SQL(
            "SELECT lead_id, rev, scored_at FROM scoring_leadstate WHERE lead_id = ANY(%s::bigint[]) ORDER BY lead_id FOR NO KEY UPDATE"
        ),
        [array_text(lead_ids)],
        lambda rows: {lead_id: State(rev, scored_at) for lead_id, rev, scored_at in rows},
    )


def with_missing(held: dict[int, State], lead_ids: Sequence[int], at: datetime) -> dict[int, State]:
    """The locked states of these leads once those that have none got one; of a lead that does not exist there is none."""
    if len(held) == len(set(lead_ids)):
        return held
    make_states(lead_ids, at)
    return ask(states_of(lead_ids))


def make_states(lead_ids: Sequence[int], at: datetime) -> None:
    """A state for each of these leads that exists and has none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO scoring_leadstate (lead_id, rev, scored_at)"
            " SELECT l.id, %s, %s FROM leads_lead l WHERE l.id = ANY(%s)"
            " AND NOT EXISTS (SELECT FROM scoring_leadstate s WHERE s.lead_id = l.id)"
            " ORDER BY l.id ON CONFLICT (lead_id) DO NOTHING",
            [NEVER, at, list(lead_ids)],
        )


def lock_states(lead_ids: Sequence[int], at: datetime) -> dict[int, State]:
    """The states of these leads, missing ones made, locked until the transaction ends."""
    return with_missing(ask(states_of(lead_ids)), lead_ids, at)


def revisions_of(lead_ids: Sequence[int]) -> Question[dict[int, int]]:
    """The revisions of these leads' facts; to be read before the facts, so that what is newer only comes again."""
    return Question(
        sql.SQL("SELECT lead_id, rev FROM leads_leadrevision WHERE lead_id = ANY(%s::bigint[])"), [array_text(lead_ids)], dict
    )


def scores_of(
    lead_ids: Sequence[int], version_ids: Sequence[int], table: str = "scoring_leadscore"
) -> Question[dict[tuple[int, int], Score]]:
    """Stored scores by (version, lead); `table` names a version's own one that is not attached yet."""
    return Question(_SCORES.format(table=sql.Identifier(table)), [list(version_ids), array_text(lead_ids)], _scores)


def _scores(rows: Sequence[tuple[Any, ...]]) -> dict[tuple[int, int], Score]:
    return {(version_id, lead_id): Score(*score) for version_id, lead_id, *score in rows}


def write_scores(scores: Mapping[tuple[int, int], Score]) -> None:
    """Insert or overwrite these scores, by (version, lead)."""
    if not scores:
        return
    keys = sorted(scores)
    columns = [[key[0] for key in keys], [key[1] for key in keys]]
    columns += [[getattr(scores[key], name) for key in keys] for name in Score._fields]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO scoring_leadscore (version_id, lead_id, fit, engagement, tier, flags, gate)"
            " SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::int[],"
            " %s::smallint[], %s::smallint[], %s::varchar[])"
            " ON CONFLICT (version_id, lead_id) DO UPDATE SET fit = excluded.fit, engagement = excluded.engagement,"
            " tier = excluded.tier, flags = excluded.flags, gate = excluded.gate",
            columns,
        )


def delete_scores(keys: Iterable[tuple[int, int]]) -> None:
    """Delete the scores of these (version, lead) pairs."""
    pairs = sorted(keys)
    if not pairs:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM scoring_leadscore s USING unnest(%s::bigint[], %s::bigint[]) AS gone (version_id, lead_id)"
            " WHERE s.version_id = gone.version_id AND s.lead_id = gone.lead_id",
            [[pair[0] for pair in pairs], [pair[1] for pair in pairs]],
        )


def delete_leads(lead_ids: Sequence[int]) -> None:
    """Forget the scores and states of leads that are gone or merged."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM scoring_leadscore WHERE lead_id = ANY(%s)", [list(lead_ids)])
        cursor.execute("DELETE FROM scoring_leadstate WHERE lead_id = ANY(%s)", [list(lead_ids)])


def delete_orphans() -> int:
    """Forget the scores and states of leads that no longer exist; answers how many states there were."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM scoring_leadscore s WHERE NOT EXISTS (SELECT FROM leads_lead l WHERE l.id = s.lead_id)")
        cursor.execute("DELETE FROM scoring_leadstate s WHERE NOT EXISTS (SELECT FROM leads_lead l WHERE l.id = s.lead_id)")
        return int(cursor.rowcount)


def write_changes(changes: Sequence[Change], at: datetime) -> None:
    """Add what moved to the history."""
    if not changes:
        return
    nothing = (None,) * 5
    olds = [[(change.old or nothing)[number] for change in changes] for number in range(4)]
    news = [[change.new[number] for change in changes] for number in range(4)]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO scoring_scorechange (at, lead_id, version_id, cause, old_fit, old_engagement, old_tier, old_flags,"
            " new_fit, new_engagement, new_tier, new_flags)"
            " SELECT %s, * FROM unnest(%s::bigint[], %s::bigint[], %s::varchar[], %s::int[], %s::int[], %s::smallint[],"
            " %s::smallint[], %s::int[], %s::int[], %s::smallint[], %s::smallint[])",
            [
                at,
                [change.lead_id for change in changes],
                [change.version_id for change in changes],
                [str(change.cause) for change in changes],
                *olds,
                *news,
            ],
        )


def write_states(states: Mapping[int, tuple[int, date | None]], at: datetime) -> None:
    """Note for each lead the revision it was scored at and the day on which it is due again."""
    ids = sorted(states)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE scoring_leadstate s SET rev = n.rev, due_on = n.due_on, scored_at = %s"
            " FROM unnest(%s::bigint[], %s::bigint[], %s::date[]) AS n (lead_id, rev, due_on) WHERE s.lead_id = n.lead_id",
            [
                at,
                array_text(ids),
                array_text(states[lead_id][0] for lead_id in ids),
                array_text(states[lead_id][1] for lead_id in ids),
            ],
        )


def note_states(lead_ids: Sequence[int], revs: Sequence[int], due_days: Sequence[int | None], at: datetime) -> None:
    """Like `write_states` for many: `due_days` are UTC day numbers. Who is at that revision, due that day and was looked at since
    the last version came into force, stays as it is.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE scoring_leadstate s SET rev = n.rev, due_on = date '1970-01-01' + n.due, scored_at = %s"
            " FROM unnest(%s::bigint[], %s::bigint[], %s::int[]) AS n (lead_id, rev, due) WHERE s.lead_id = n.lead_id"
            " AND ((s.rev, s.due_on) IS DISTINCT FROM (n.rev, date '1970-01-01' + n.due)"
            " OR s.scored_at <= (SELECT max(at) FROM scoring_activation WHERE step = %s))",
            [at, list(lead_ids), list(revs), list(due_days), SETTLING],
        )


def note_due(lead_ids: Sequence[int], revs: Sequence[int], due_days: Sequence[int | None], at: datetime) -> None:
    """Note the day (UTC day number) each is due again where it is still at that revision: who is not was looked at since."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE scoring_leadstate s SET due_on = date '1970-01-01' + n.due, scored_at = %s"
            " FROM unnest(%s::bigint[], %s::bigint[], %s::int[]) AS n (lead_id, rev, due)"
            " WHERE s.lead_id = n.lead_id AND s.rev = n.rev AND s.scored_at < %s",
            [at, list(lead_ids), list(revs), list(due_days), at],
        )
