"""The sweep: with nothing due, with many clocks due at once beside a bare update of the same rows, and with all of them due."""

import gc
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import cycle
from statistics import median

from django.db import connection

from config.bench.data import grow
from config.bench.measure import Probe, Result, check, interleave, median_ms, p95_ms
from config.bench.scratch import scratch_database
from handoff.defaults import install_defaults
from handoff.ladder import to_us
from handoff.models import Handoff, Rep, SlaEvent, SlaTarget, SlaTimer
from handoff.states import ClockKind, HandoffState
from handoff.sweep import sweep
from leads import clock
from leads.models import Lead, Outbox, Team, TeamMember, User

IDLE_ROUNDS = 50
IDLE_TARGET_MS = 5.0
DRAIN_SHARE = 1 / 12
DUE = 10_000
DRAIN_ROUNDS = 3
FLOOD_TARGET_MS = 60_000.0
TEAMS, REPS = 3, 8  # teams, each with a manager, and reps in each
# Rep and manager, each in the portal and by mail.
TOLD = 4
_ARM = """
UPDATE handoff_slatimer SET epoch = epoch + 1, due_at = %s, next_fire_at = %s, plan = %s::jsonb
"""
# From a breach a day ahead to one of an hour ago; the step after it stays ahead.
_MOVE_BACK = """
UPDATE handoff_slatimer SET next_fire_at = next_fire_at - interval '25 hours', due_at = due_at - interval '25 hours',
       plan = jsonb_build_array(jsonb_build_array((plan->0->>0)::bigint - 90000000000, plan->0->>1), plan->1)
 WHERE id = ANY(%s) RETURNING id
"""


def run(sizes: list[int]) -> Iterator[Result]:
    """Yields idle sweep and drain at each size of open clocks."""
    with scratch_database():
        install_defaults()
        reps = _sales()
        gc.freeze()  # as the worker does
        have = 0
        for size in sorted(sizes):
            have = grow(have, size, clock.now(), each=0)
            _clocks(size, reps)
            _arm()
            yield from _idle(size)
            yield from _drain(size)
            if size > DUE:
                yield _flood(size)


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


def _clocks(size: int, reps: list[User]) -> None:
    """Each lead an offered hand-off with a running clock."""
    now = clock.now()
    target = SlaTarget.objects.get(kind=ClockKind.ACCEPT)
    leads = Lead.objects.exclude(handoffs__isnull=False).values_list("pk", flat=True)[:size]
    due = now + timedelta(days=1)
    made = Handoff.objects.bulk_create(
        [
            Handoff(
                lead_id=pk, state=HandoffState.OFFERED, owner=rep, opened_at=now, offered_at=now, due_at=due, policy_id=target.policy_id,
                score=72, headline="Requested a demo, Read the pricing page",
            )
            for pk, rep in zip(leads, cycle(reps), strict=False)
        ],
        batch_size=2000,
    )  # fmt: skip
    SlaTimer.objects.bulk_create(
        [
            SlaTimer(
                handoff=one, kind=ClockKind.ACCEPT, target=target, owner_id=one.owner_id, target_us=target.duration_us, started_at=now,
                running_since=now, due_at=due, plan=[[to_us(due), "breach"]], next_fire_at=due,
            )
            for one in made
        ],
        batch_size=2000,
    )  # fmt: skip


def _arm() -> None:
    """Every clock as if started anew: its breach lies a day ahead, its reassignment another."""
    due = clock.now() + timedelta(days=1)
    plan = [[to_us(due), "breach"], [to_us(due + timedelta(days=1)), "reassign"]]
    with connection.cursor() as cursor:
        cursor.execute(_ARM, [due, due, json.dumps(plan)])
        cursor.execute("VACUUM ANALYZE")


def _idle(size: int) -> Iterator[Result]:
    scan = Probe("timer_scan", _scan)
    idle = Probe("idle_sweep", sweep)
    fired = SlaEvent.objects.filter(outcome="fired").count()
    interleave([scan, idle], IDLE_ROUNDS)
    check(SlaEvent.objects.filter(outcome="fired").count() == fired, "an idle sweep fired")
    typical = median_ms(idle.seconds)
    yield Result("timer_scan", size, median_ms(scan.seconds), p95_ms(scan.seconds))
    yield Result(
        "idle_sweep",
        size,
        typical,
        p95_ms(idle.seconds),
        None,
        "timer_scan",
        typical / median_ms(scan.seconds),
        IDLE_TARGET_MS,
        typical <= IDLE_TARGET_MS,
        "median_ms",
    )


def _drain(size: int) -> Iterator[Result]:
    count = min(DUE, size)
    rounds = []
    for number in range(DRAIN_ROUNDS):
        if number:
            _arm()
        rounds.append(_fall_due(count))
    bare, taken = (median(seconds) for seconds in zip(*rounds, strict=True))
    ratio = median(bare / taken for bare, taken in rounds)
    yield Result("bare_update", size, bare * 1000, None, count / bare)
    yield Result(
        "burst_drain", size, taken * 1000, None, count / taken, "bare_update", ratio, round(DRAIN_SHARE, 4), ratio >= DRAIN_SHARE
    )


def _flood(size: int) -> Result:
    """Every clock due at once, as after a long outage."""
    _arm()
    _, taken = _fall_due(size)
    return Result(
        "flood_drain", size, taken * 1000, None, size / taken, None, None, FLOOD_TARGET_MS, taken * 1000 <= FLOOD_TARGET_MS
    )


def _fall_due(count: int) -> tuple[float, float]:
    """Let clocks fall due at once; returns the seconds of the bare update that did it and of the sweeps that fired them."""
    ids = list(SlaTimer.objects.order_by("pk").values_list("pk", flat=True)[:count])
    with connection.cursor() as cursor:
        start = time.perf_counter()
        cursor.execute(_MOVE_BACK, [ids])
        bare = time.perf_counter() - start
    fired, told = SlaEvent.objects.filter(step="breach").count(), Outbox.objects.count()
    start = time.perf_counter()
    while sweep():
        pass
    taken = time.perf_counter() - start
    check(SlaEvent.objects.filter(step="breach").count() == fired + count, f"{count} clocks were due, not all fired once")
    check(Outbox.objects.count() == told + TOLD * count, "not everybody was told of every breach once")
    check(sweep() == 0, "something was left over")
    return bare, taken


def _scan() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT SUM(epoch) FROM handoff_slatimer")
