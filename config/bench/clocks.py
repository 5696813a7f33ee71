"""The sweep: with nothing due, and with many clocks due at once, beside a bare update of the same rows."""

import time
from collections.abc import Iterator
from datetime import timedelta

from django.db import connection

from config.bench.data import grow
from config.bench.measure import Probe, Result, check, interleave, median_ms, p95_ms
from config.bench.scratch import scratch_database
from handoff.defaults import install_defaults
from handoff.models import Handoff, SlaEvent, SlaTarget, SlaTimer
from handoff.states import ClockKind, HandoffState
from handoff.sweep import sweep
from leads import clock
from leads.models import Lead, User

IDLE_ROUNDS = 50
IDLE_TARGET_MS = 5.0
DRAIN_SHARE = 1 / 12
DUE = 10_000
_MOVE_BACK = """
UPDATE handoff_slatimer SET next_fire_at = next_fire_at - interval '2 days', due_at = due_at - interval '2 days',
       plan = jsonb_build_array(jsonb_build_array((plan->0->>0)::bigint - 172800000000, plan->0->>1))
 WHERE id = ANY(%s) RETURNING id
"""


def run(sizes: list[int]) -> Iterator[Result]:
    """Yields idle sweep and drain at each size of open clocks."""
    with scratch_database():
        install_defaults()
        owner = User.objects.create_user("rep@accord.example", full_name="Rep")
        have = 0
        for size in sorted(sizes):
            have = grow(have, size, clock.now(), each=0)
            _clocks(size, owner)
            with connection.cursor() as cursor:
                cursor.execute("VACUUM ANALYZE")
            yield from _idle(size)
            yield from _drain(size)


def _clocks(size: int, owner: User) -> None:
    """Each lead an offered hand-off with a running clock whose breach lies a day ahead."""
    now = clock.now()
    target = SlaTarget.objects.get(kind=ClockKind.ACCEPT)
    leads = Lead.objects.exclude(handoffs__isnull=False).values_list("pk", flat=True)[:size]
    made = Handoff.objects.bulk_create(
        [
            Handoff(
                lead_id=pk, state=HandoffState.OFFERED, owner=owner, opened_at=now, offered_at=now, policy_id=target.policy_id
            )
            for pk in leads
        ],
        batch_size=2000,
    )
    due = now + timedelta(days=1)
    plan = [[int(due.timestamp() * 1_000_000), "breach"]]
    SlaTimer.objects.bulk_create(
        [
            SlaTimer(
                handoff=one,
                kind=ClockKind.ACCEPT,
                target=target,
                owner=owner,
                target_us=target.duration_us,
                started_at=now,
                running_since=now,
                due_at=due,
                plan=plan,
                next_fire_at=due,
            )
            for one in made
        ],
        batch_size=2000,
    )


def _idle(size: int) -> Iterator[Result]:
    scan = Probe("timer_scan", _scan)
    idle = Probe("idle_sweep", sweep)
    interleave([scan, idle], IDLE_ROUNDS)
    check(SlaEvent.objects.filter(outcome="fired").count() == 0 or size > 0, "an idle sweep fired")
    median = median_ms(idle.seconds)
    yield Result("timer_scan", size, median_ms(scan.seconds), p95_ms(scan.seconds))
    yield Result(
        "idle_sweep",
        size,
        median,
        p95_ms(idle.seconds),
        None,
        "timer_scan",
        median / median_ms(scan.seconds),
        IDLE_TARGET_MS,
        median <= IDLE_TARGET_MS,
    )


def _drain(size: int) -> Iterator[Result]:
    count = min(DUE, size)
    ids = list(SlaTimer.objects.filter(next_fire_at__isnull=False).order_by("pk").values_list("pk", flat=True)[:count])
    with connection.cursor() as cursor:
        start = time.perf_counter()
        cursor.execute(_MOVE_BACK, [ids])
        bare = time.perf_counter() - start
    fired = SlaEvent.objects.filter(step="breach").count()
    start = time.perf_counter()
    while sweep():
        pass
    taken = time.perf_counter() - start
    check(SlaEvent.objects.filter(step="breach").count() == fired + count, f"{count} clocks were due, not all fired once")
    check(sweep() == 0, "something was left over")
    ratio = bare / taken
    yield Result("bare_update", size, bare * 1000, None, count / bare)
    yield Result(
        "burst_drain", size, taken * 1000, None, count / taken, "bare_update", ratio, round(DRAIN_SHARE, 4), ratio >= DRAIN_SHARE
    )


def _scan() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT SUM(epoch) FROM handoff_slatimer")
