"""The clocks: a sweep with nothing due, many due at once beside a bare update of the same rows, and deadlines planned."""

import gc
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection

from config.bench.measure import Probe, Result, check, interleave, load_result, median_ms, p95_ms
from config.bench.promises import TOLD, arm_all, first_clocks, let_fall_due, open_clocks
from config.bench.promptness import lateness, mail_delivery
from config.bench.scratch import scratch_database
from handoff.businesstime import MICROSECOND, between
from handoff.models import Handoff, SlaEvent, SlaTimer
from handoff.policybook import PolicyBook
from handoff.sla import Clocks
from handoff.states import ClockKind
from handoff.sweep import sweep
from leads import clock
from leads.models import Outbox

IDLE_TARGET_MS = 5.0
DRAIN_TARGET_MS = 60_000.0
DRAIN_SHARE = 1 / 12
PLAN_TARGET_MS = 2_000.0
STEPS = ("idle_sweep", "burst_drain", "plan_deadlines", "lateness", "mail_delivery")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured: open clocks, those of them due at once, and for how long and how many the other steps go on."""

    timers: int = 1_000_000
    due: int = 100_000
    idle_rounds: int = 50
    planned: int = 10_000
    plan_rounds: int = 5
    seconds: float = 60.0
    rate: float = 50.0
    mails: int = 1_000


QUICK = Sizes(timers=2_000, due=1_000, idle_rounds=10, planned=500, plan_rounds=2, seconds=2.0, mails=60)


def run(sizes: Sizes, steps: tuple[str, ...] = STEPS) -> Iterator[Result]:
    """Yields the steps asked for, each with its limit before it. Clocks in great number have a database of their own."""
    yield load_result(sizes.timers)
    if {"idle_sweep", "burst_drain", "plan_deadlines"} & set(steps):
        with scratch_database():
            open_clocks(max(sizes.timers, sizes.planned))
            gc.freeze()  # as the worker does
            if "idle_sweep" in steps:
                yield from _idle(sizes)
            if "burst_drain" in steps:
                yield from _drain(sizes)
            if "plan_deadlines" in steps:
                yield from _plan(sizes)
    if {"lateness", "mail_delivery"} & set(steps):
        number = int(sizes.seconds * sizes.rate)
        with scratch_database() as name:
            open_clocks(max(number, sizes.mails))
            if "lateness" in steps:
                yield lateness(name, number, sizes.rate)
            if "mail_delivery" in steps:
                yield mail_delivery(sizes.mails)
    yield load_result(sizes.timers)


def _idle(sizes: Sizes) -> Iterator[Result]:
    scan = Probe("timer_scan", _scan)
    idle = Probe("idle_sweep", sweep)
    fired = SlaEvent.objects.filter(outcome="fired").count()
    interleave([scan, idle], sizes.idle_rounds)
    check(SlaEvent.objects.filter(outcome="fired").count() == fired, "an idle sweep fired")
    typical, limit = median_ms(idle.seconds), median_ms(scan.seconds)
    yield Result("timer_scan", sizes.timers, limit, p95_ms(scan.seconds))
    yield Result(
        "idle_sweep", sizes.timers, typical, p95_ms(idle.seconds), limit="timer_scan", ratio=typical / limit,
        target=IDLE_TARGET_MS, met=typical <= IDLE_TARGET_MS, target_of="median_ms",
    )  # fmt: skip


def _scan() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT SUM(epoch) FROM handoff_slatimer")


def _drain(sizes: Sizes) -> Iterator[Result]:
    """Both targets have a line: the time, and the share of what the database does in a bare update of the same rows."""
    ids = first_clocks(sizes.due)
    start = time.perf_counter()
    let_fall_due(ids)
    bare = time.perf_counter() - start
    fired, told = SlaEvent.objects.filter(step="breach").count(), Outbox.objects.count()
    start = time.perf_counter()
    while sweep():
        pass
    taken = time.perf_counter() - start
    check(SlaEvent.objects.filter(step="breach").count() == fired + sizes.due, f"{sizes.due} clocks were due, not all fired once")
    check(Outbox.objects.count() == told + TOLD * sizes.due, "not everybody was told of every breach once")
    once = SlaEvent.objects.filter(timer_id__in=ids, step="breach", outcome="fired").values("timer_id").distinct().count()
    check(once == sizes.due, "a breach is lost or doubled")
    check(not SlaTimer.objects.filter(fails__gt=0).exists(), "a clock was parked")
    check(sweep() == 0, "something was left over")
    yield Result("bare_update", sizes.due, bare * 1000, None, sizes.due / bare)
    ms, rate, share = taken * 1000, sizes.due / taken, bare / taken
    yield Result(
        "burst_drain", sizes.due, ms, None, rate, "bare_update", share, round(DRAIN_SHARE, 4), share >= DRAIN_SHARE, "ratio"
    )
    yield Result("burst_time", sizes.due, ms, target=DRAIN_TARGET_MS, met=ms <= DRAIN_TARGET_MS, target_of="median_ms")
    arm_all()


def _plan(sizes: Sizes) -> Iterator[Result]:
    """Every clock an offered hand-off may have, with all steps, on the calendar of its rep."""
    rows = Handoff.objects.order_by("pk").values_list("pk", "policy_id", "owner_id")[: sizes.planned]
    handoffs, now = list(rows), clock.now()
    # Offered over a working week, so that every shape of a day is met.
    instants = [now + timedelta(minutes=place % 10_080) for place in range(len(handoffs))]
    planned: list[Clocks] = []

    def plan() -> None:
        book = PolicyBook(now)
        book.read_reps({owner for _, _, owner in handoffs if owner})
        clocks = Clocks(book, now)
        for (pk, policy, owner), at in zip(handoffs, instants, strict=True):
            for kind in (ClockKind.ACCEPT, ClockKind.MQO_FOLLOWUP):
                ladder = book.ladder(policy, kind)
                if ladder is not None:
                    calendar = book.calendar_id_for(ladder, owner, policy)
                    clocks.start(pk, ladder, at=at, owner_id=owner, calendar_id=calendar)
        planned.append(clocks)

    def right() -> None:
        clocks = planned.pop()
        check(len(clocks.started) == 2 * len(handoffs), "a clock was not planned")
        for timer in clocks.started:
            open_time = between(clocks.book.calendar(timer.calendar_id), timer.started_at, timer.due_at)
            check(open_time // MICROSECOND == timer.target_us, "a deadline is not its target away")
            check(timer.plan == sorted(timer.plan), "the steps of a clock are out of order")

    probe = Probe("plan_deadlines", plan, after=right, items=len(handoffs))
    interleave([probe], sizes.plan_rounds)
    typical = median_ms(probe.seconds)
    yield Result(
        "plan_deadlines", len(handoffs), typical, p95_ms(probe.seconds), len(handoffs) / typical * 1000, target=PLAN_TARGET_MS,
        met=typical <= PLAN_TARGET_MS, target_of="median_ms",
    )  # fmt: skip
