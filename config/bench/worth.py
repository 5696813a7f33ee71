"""Scoring: a pass with nothing to do, one lead, a thousand changed ones, and all of them, beside a scan and an update."""

import time
from collections.abc import Iterator
from functools import partial
from random import Random

from django.db import connection, transaction

from config.bench.data import grow
from config.bench.measure import Probe, Result, check, interleave, median_ms, p95_ms
from config.bench.scratch import scratch_database
from leads import clock
from leads.models import Lead
from leads.revisions import touch_revisions
from scoring.actions.versions import create_model
from scoring.activation import activate_here
from scoring.models import LeadScore, LeadState, Qualification
from scoring.rescoring import score_dirty
from scoring.signoff import NOBODY

ROUNDS = 20  # so that the 95th percentile is not the slowest round
THOUSAND = 1000
GROWTH = 2.0  # the most an idle pass may cost at the largest size, as a multiple of the smallest


def prepare_model() -> None:
    """A model in force, made from the fuller starter."""
    version = create_model("Bench", actor=None, start="fit_engagement", signers=NOBODY)
    activate_here(version, actor=None, reason="To be measured.", wave="none")


def score_all(leads: int) -> float:
    """Score what waits until nothing does; returns seconds."""
    start = time.perf_counter()
    while score_dirty():
        pass
    check(LeadState.objects.count() == leads, "not every lead was scored")
    return time.perf_counter() - start


def run(sizes: list[int]) -> Iterator[Result]:
    """Yields the steps at each size."""
    rng = Random(5)  # noqa: S311 - a sample to measure
    idle_ms: dict[int, float] = {}
    with scratch_database():
        prepare_model()
        have = 0
        for size in sorted(sizes):
            grown = size - have
            have = grow(have, size, clock.now())
            seconds = score_all(size)
            check(LeadScore.objects.count() == size, "not every lead has a score")
            _take_up()
            _copy_scores()
            _analyse()
            ids = list(Lead.objects.values_list("pk", flat=True))
            scan = Probe("scan", _scan)
            update = Probe("update", _update)
            idle = Probe("idle_pass", score_dirty, score_dirty)  # the one before notes what the others left
            one = Probe("one_lead", score_dirty, partial(_touch_some, rng, ids, 1))
            thousand = Probe("thousand_leads", score_dirty, partial(_touch_some, rng, ids, THOUSAND), THOUSAND)
            probes = [scan, update, idle, one, thousand]
            interleave(probes, ROUNDS)
            before = LeadScore.objects.order_by("lead_id").values_list("lead_id", "fit", "engagement", "flags")
            frozen = list(before[:500])
            _touch([row[0] for row in frozen])
            score_dirty()
            check(list(before[:500]) == frozen, "scoring the same facts again changed a score")
            yield Result("scan", size, median_ms(scan.seconds), p95_ms(scan.seconds))
            yield Result(
                "update", size, median_ms(update.seconds), p95_ms(update.seconds), size / (median_ms(update.seconds) / 1000)
            )
            yield Result(
                "first_score_all",
                size,
                seconds * 1000,
                None,
                grown / seconds,
                "update",
                (seconds * 1000) / median_ms(update.seconds),
            )
            yield _step(idle, size, update, target=None)
            yield _step(one, size, update, target=5.0)
            yield _step(thousand, size, update, target=1000.0)
            idle_ms[size] = median_ms(idle.seconds)
    growth = idle_ms[max(idle_ms)] / idle_ms[min(idle_ms)]
    yield Result("idle_growth", max(idle_ms), limit=f"at {min(idle_ms):,}", ratio=growth, target=GROWTH, met=growth <= GROWTH)


def _step(probe: Probe, size: int, limit: Probe, *, target: float | None) -> Result:
    p95 = p95_ms(probe.seconds)
    rate = probe.items / (median_ms(probe.seconds) / 1000)
    return Result(
        probe.step,
        size,
        median_ms(probe.seconds),
        p95,
        rate,
        "update",
        median_ms(probe.seconds) / median_ms(limit.seconds),
        target,
        None if target is None else p95 <= target,
    )


def _touch_some(rng: Random, ids: list[int], count: int) -> None:
    _touch(rng.sample(ids, count))


def _touch(ids: list[int]) -> None:
    with transaction.atomic():
        touch_revisions(ids)


def _scan() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT SUM(fit) FROM scoring_leadscore")


def _take_up() -> None:
    """As the hand-off layer has done a second later: what waits for it is read by every pass."""
    Qualification.objects.filter(taken_at=None).update(taken_at=clock.now())


def _copy_scores() -> None:
    """The table to update: the portal never rewrites all scores, and its own table shall not be full of what that leaves."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_leadscore")
        cursor.execute("CREATE TABLE bench_leadscore (LIKE scoring_leadscore INCLUDING INDEXES) WITH (fillfactor = 60)")
        cursor.execute("INSERT INTO bench_leadscore SELECT * FROM scoring_leadscore")


def _update() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE bench_leadscore SET fit = fit")


def _analyse() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
