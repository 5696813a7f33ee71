"""A sales team's open clocks in any number, copied inside the database, and clocks that fall due when they are told to."""

from collections.abc import Sequence
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import Model
from psycopg import sql

from config.bench.data import grow
from handoff.defaults import install_defaults
from handoff.models import Handoff, Rep, SlaTarget, SlaTimer
from handoff.states import ClockKind, HandoffState
from leads import clock
from leads.models import Lead, Team, TeamMember, User

TEAMS, REPS = 3, 8  # teams, each with a manager, and reps in each
# Rep and manager, each in the portal and by mail.
TOLD = 4
TAKEN_IN = 500  # leads that come in as any; the others are their copies

# The breach lies a day ahead, the reassignment another.
_ARM = """
UPDATE handoff_slatimer SET epoch = epoch + 1, due_at = at, next_fire_at = at, plan = jsonb_build_array(
       jsonb_build_array((extract(epoch FROM at) * 1000000)::bigint, 'breach'),
       jsonb_build_array((extract(epoch FROM at) * 1000000)::bigint + 86400000000, 'reassign'))
  FROM (SELECT now() + interval '1 day' AS at) moment
"""
# The limit: what the sweep has to write of the clocks themselves, here from a breach a day ahead to one an hour ago.
_MOVE_BACK = """
UPDATE handoff_slatimer SET next_fire_at = next_fire_at - interval '25 hours', due_at = due_at - interval '25 hours',
       plan = jsonb_build_array(jsonb_build_array((plan->0->>0)::bigint - 90000000000, plan->0->>1), plan->1)
 WHERE id = ANY(%s) RETURNING id
"""
_ONE_BY_ONE = """
UPDATE handoff_slatimer SET due_at = at, next_fire_at = at, plan = jsonb_build_array(
       jsonb_build_array((extract(epoch FROM at) * 1000000)::bigint, 'breach'), plan->1)
  FROM (SELECT id AS pk, clock_timestamp() + (%(first)s + (row_number() OVER (ORDER BY id) - 1) / %(rate)s::float8)
        * interval '1 second' AS at FROM handoff_slatimer WHERE id = ANY(%(ids)s)) v
 WHERE id = v.pk
"""


def open_clocks(number: int, *, tidy: bool = True) -> list[User]:
    """`number` leads, each offered to one of the reps with a running clock to answer; returns the reps.

    `tidy` arms the clocks and vacuums, which cannot be done inside a transaction.
    """
    install_defaults()
    reps = _sales()
    base = min(number, TAKEN_IN)
    grow(0, base, clock.now(), each=0)
    _first_offer(reps[0])
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")
        if number > base:
            made = {"email": "n || '.' || email", "email_key": "n || '.' || email_key", "phone_e164": "''", "search": "''"}
            cursor.execute(
                sql.SQL(
                    "INSERT INTO leads_lead ({columns}) SELECT {values} FROM generate_series(1, %(number)s) AS n"
                    " JOIN (SELECT row_number() OVER (ORDER BY id) AS place, * FROM leads_lead ORDER BY id LIMIT %(of)s) one"
                    " ON place = n %% %(of)s + 1"
                ).format(**_copied(Lead, made)),
                {"number": number - base, "of": base},
            )
        made = {"lead_id": "lead.id", "owner_id": "(%(reps)s::bigint[])[1 + lead.id %% %(many)s]"}
        cursor.execute(
            sql.SQL(
                "INSERT INTO handoff_handoff ({columns}) SELECT {values}"
                " FROM leads_lead lead CROSS JOIN (SELECT * FROM handoff_handoff ORDER BY id LIMIT 1) one"
                " WHERE NOT EXISTS (SELECT FROM handoff_handoff h WHERE h.lead_id = lead.id)"
            ).format(**_copied(Handoff, made)),
            {"reps": [rep.pk for rep in reps], "many": len(reps)},
        )
        made = {"handoff_id": "h.id", "owner_id": "h.owner_id"}
        cursor.execute(
            sql.SQL(
                "INSERT INTO handoff_slatimer ({columns}) SELECT {values}"
                " FROM handoff_handoff h CROSS JOIN (SELECT * FROM handoff_slatimer ORDER BY id LIMIT 1) one"
                " WHERE NOT EXISTS (SELECT FROM handoff_slatimer t WHERE t.handoff_id = h.id)"
            ).format(**_copied(SlaTimer, made))
        )
    if tidy:
        arm_all()
    return reps


def _copied(model: type[Model], made: dict[str, str]) -> dict[str, sql.Composed]:
    """Every column of the model but its number, and their values: `made` anew, the others as they are in `one`."""
    columns = [str(field.column) for field in model._meta.concrete_fields if not field.primary_key]
    values = [sql.SQL(made[name]) if name in made else sql.SQL("one.{}").format(sql.Identifier(name)) for name in columns]
    return {"columns": sql.SQL(", ").join(map(sql.Identifier, columns)), "values": sql.SQL(", ").join(values)}


def _sales() -> list[User]:
    """The reps of teams that each have a manager, who hears of every breach as well."""
    reps = []
    for number in range(TEAMS):
        team = Team.objects.create(name=f"Sales {number}")
        manager = User.objects.create_user(f"manager{number}@accord.example", full_name=f"Manager {number}")
        TeamMember.objects.create(team=team, user=manager, is_manager=True)
        for place in range(REPS):
            rep = User.objects.create_user(f"rep{number}.{place}@accord.example", full_name=f"Rep {number}.{place}")
            Rep.objects.create(user=rep)
            TeamMember.objects.create(team=team, user=rep)
            reps.append(rep)
    return reps


def _first_offer(rep: User) -> None:
    """The hand-off and the clock that all others are copies of."""
    now = clock.now()
    due = now + timedelta(days=1)
    target = SlaTarget.objects.get(kind=ClockKind.ACCEPT, policy__key="standard")
    handoff = Handoff.objects.create(
        lead=Lead.objects.order_by("pk")[0], state=HandoffState.OFFERED, owner=rep, opened_at=now, offered_at=now, due_at=due,
        policy_id=target.policy_id, score=72, headline="Requested a demo, Read the pricing page",
    )  # fmt: skip
    SlaTimer.objects.create(
        handoff=handoff, kind=ClockKind.ACCEPT, target=target, owner=rep, target_us=target.duration_us, started_at=now, running_since=now,
        due_at=due, plan=[[0, "breach"]], next_fire_at=due,
    )  # fmt: skip


def arm_all() -> None:
    """Every clock as if started anew: nothing is due for a day."""
    with connection.cursor() as cursor:
        cursor.execute(_ARM)
        cursor.execute("VACUUM ANALYZE")


def first_clocks(number: int) -> list[int]:
    return list(SlaTimer.objects.order_by("pk").values_list("pk", flat=True)[:number])


def let_fall_due(ids: Sequence[int]) -> None:
    """These clocks are an hour late, by one bare UPDATE .. RETURNING."""
    with connection.cursor() as cursor:
        cursor.execute(_MOVE_BACK, [list(ids)])
        cursor.fetchall()


def fall_due_one_by_one(ids: Sequence[int], *, first: float, rate: float) -> None:
    """These clocks fall due `rate` a second, from `first` seconds from now on."""
    with connection.cursor() as cursor:
        cursor.execute(_ONE_BY_ONE, {"ids": list(ids), "first": first, "rate": rate})
