"""The preview, the snapshot and the live path, beside a scan of the leads (S) and an update of all narrow score rows (U)."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from django.conf import settings
from django.db import connection, transaction
from django.test import override_settings

from config.bench.measure import Measured, Probe, Result, check, interleave, load_result, median_ms, p95_ms
from config.bench.past import make_past
from config.bench.rescores import Rescores, activate, change
from config.bench.scratch import database_url, scratch_database
from config.bench.twenty import model
from leads import clock
from leads.models import Case, Lead
from leads.revisions import touch_revisions
from scoring.actions.versions import create_model, write_content
from scoring.activation import activate_here
from scoring.column_cache import ColumnCache
from scoring.evaluate_numpy import evaluate
from scoring.evaluate_python import Facts
from scoring.evaluate_python import evaluate as reference
from scoring.facts import load_case_facts, load_facts
from scoring.looking import score_now
from scoring.models import LeadScore, ScoreChange
from scoring.preview.asking import preview
from scoring.preview.counting import judge
from scoring.preview.criteria import figures_of
from scoring.preview.flips import flips_of
from scoring.preview.population import population_of
from scoring.preview.replay import REPLAYED, Replay
from scoring.preview.result import Preview
from scoring.registry import Registry
from scoring.rescoring import score_dirty
from scoring.signoff import NOBODY
from scoring.snapshot import building
from scoring.snapshot.reader import Snapshot, open_snapshot
from scoring.spec import Spec
from scoring.spec_reader import read_spec
from scoring.suggest import suggest
from scoring.vocabulary import load_registry

SAMPLE = 1000
# Targets at a million leads, as multiples of the limit; smaller sizes have a floor, as what every call costs weighs more there.
TARGETS: dict[str, tuple[str, float]] = {
    "full_preview": ("S", 1.5),
    "edit_condition": ("S", 0.5),
    "edit_points": ("S", 0.4),
    "edit_threshold": ("S", 0.15),
    "lifts": ("S", 0.15),
    "snapshot_build": ("S", 40.0),
    "snapshot_refresh_1pct": ("S", 1.0),
    "rescore_all": ("U", 1.0),
    "rescore_in_place": ("U", 4.0),
    "rescore_1pct": ("U", 0.8),
}
OF_U = ("rescore_history", "rescore_facts_1pct", "activation", "activation_swap")  # beside it, without a target
FLOOR_MS = 15.0
LIMIT_MS = {"one_lead": 5.0, "thousand_leads": 150.0}
GROWTH = 1.3


@dataclass
class Bench:
    """One size: its snapshot, its warm cache, and a counter that makes every edit a new one."""

    size: int
    seed: int
    folder: Path
    snapshot: Snapshot
    warm: ColumnCache
    live: Spec
    registry: Registry
    turn: int = 0

    def spec(self, **more: Any) -> Spec:
        return read_spec(model(**more), self.registry)

    def ask(self, draft: Spec, cache: ColumnCache | None = None, snapshot: Snapshot | None = None) -> Preview:
        kept = self.warm if cache is None else cache  # an empty cache is false
        return preview(draft, self.live, snapshot=snapshot or self.snapshot, capacity=100, cache=kept)

    def from_nothing(self) -> None:
        snapshot = open_snapshot(self.folder)
        assert snapshot is not None
        self.ask(self.spec(low=60), _cache(), snapshot)

    def replay(self) -> None:
        """All weeks that a page replays, one after the other, by the version in force."""
        weeks = Replay(self.snapshot)
        for place in range(REPLAYED):
            weeks.entries(self.live, place)

    def next(self) -> int:
        self.turn += 1
        return self.turn


def _cache() -> ColumnCache:
    """An empty cache as large as a web process has it."""
    return ColumnCache(settings.SCORING_CACHE_MB * 2**20)


def run(sizes: list[int], *, seed: int, rounds: int, quick: bool = False, keep: bool = False) -> Iterator[Result]:
    """Yields the limits and steps at each size, then how they grow. Raises `CheckFailed` before any figure of a size that is wrong."""
    medians: dict[str, dict[int, float]] = {}
    slack = 2.0 if quick else 1.0
    for size in sorted(sizes):
        with scratch_database(keep=keep) as name, tempfile.TemporaryDirectory() as folder:
            with override_settings(SCORING_SNAPSHOT_DIR=Path(folder) / "snapshot"):
                for result in _one_size(size, seed, rounds, slack, name):
                    if result.median_ms is not None:
                        medians.setdefault(result.step, {})[size] = result.median_ms
                    yield result
    yield from _growth(medians)


def _one_size(size: int, seed: int, rounds: int, slack: float, name: str) -> Iterator[Result]:
    make_past(size, clock.now(), seed)
    version = create_model("Bench", actor=None, start="empty", signers=NOBODY)
    write_content(version, model())
    activate_here(version, actor=None, reason="To be measured.", wave="none")
    registry = load_registry()
    live = read_spec(model(), registry)
    snapshot = building.rebuild()
    bench = Bench(size, seed, snapshot.folder, snapshot, _cache(), live, registry)
    _check(bench)
    _narrow_table(size)
    scan, update = Probe("S", _scan), Probe("U", _update, after=_vacuum)
    rng, ids = Random(seed), list(Lead.objects.order_by("pk").values_list("pk", flat=True))  # noqa: S311 - a sample to measure
    bench.ask(live)
    population = population_of(snapshot, "won", "all", bench.warm)
    judged, other = judge(live, population, bench.warm), bench.spec(points=20, edges=(30, 60))
    judged_otherwise = judge(other, population, bench.warm)
    steps = [
        Probe("full_preview", bench.from_nothing),
        Probe("edit_condition", lambda: bench.ask(bench.spec(low=70 + bench.next()))),
        Probe("edit_points", lambda: bench.ask(bench.spec(points=15 + bench.next()))),
        Probe("edit_threshold", lambda: bench.ask(bench.spec(edges=(20 + bench.next() % 30, 60)))),
        Probe("lifts", lambda: figures_of(live, judged, {})),
        Probe("flips", lambda: flips_of(other, live, judged_otherwise, judged, {})),
        Probe("suggestions", lambda: suggest(live, bench.snapshot, cache=bench.warm)),
        Probe("replay", bench.replay),
        Probe("one_lead", lambda: score_now(touched(1)), items=1),
        Probe("thousand_leads", lambda: score_now(touched(min(1000, size // 10))), items=1000),
    ]
    touch: list[int] = []

    def touched(count: int) -> list[int]:
        return touch[:count]

    def prepare() -> None:
        touch[:] = rng.sample(ids, min(1000, size // 10))
        _touch(touch)

    for step in steps[-2:]:
        step.before = prepare
    while score_dirty():  # as the worker does once a version is in force
        pass
    interleave([scan, *steps[:4], update, *steps[4:]], rounds)
    # what builds and refreshes changes the generation, so it comes last and fewer times
    build = Probe("snapshot_build", building.rebuild)
    refresh = Probe("snapshot_refresh_1pct", building.refresh, partial(change, rng.sample(ids, max(1, size // 100)), rng))
    interleave([scan, build, refresh, update], max(1, rounds // 3))
    rescores = Rescores(rng, ids).probes()
    interleave([step for one in rescores for step in (one, update)], max(1, rounds // 3))
    activated = activate(version, model(points=16), ids)
    limits = {"S": median_ms(scan.seconds), "U": median_ms(update.seconds)}
    yield Result("S", size, limits["S"], p95_ms(scan.seconds))
    yield Result("U", size, limits["U"], p95_ms(update.seconds))
    for step in [*steps, build, refresh, *rescores, *activated]:
        yield _result(step, size, limits, slack)
    memory = _memory(snapshot.folder, name)
    yield Result(
        "web_memory_mb", size, rate_per_s=None, limit="MB", ratio=memory, target=300.0, met=memory <= 300, target_of="ratio"
    )
    yield load_result(size)


def _result(step: Probe, size: int, limits: dict[str, float], slack: float) -> Result:
    median, p95 = median_ms(step.seconds), p95_ms(step.seconds)
    if step.step in LIMIT_MS:
        target = LIMIT_MS[step.step] * slack
        of: Measured = "p95_ms"
        return Result(step.step, size, median, p95, target=target, met=p95 <= target, target_of=of)
    if step.step not in TARGETS:
        beside = "U" if step.step in OF_U else "S"
        return Result(step.step, size, median, p95, limit=beside, ratio=median / limits[beside])
    limit, factor = TARGETS[step.step]
    ratio = median / limits[limit]
    met = ratio <= factor * slack or (size < 1_000_000 and step.step != "snapshot_build" and median <= FLOOR_MS * slack)
    return Result(step.step, size, median, p95, limit=limit, ratio=ratio, target=factor * slack, met=met, target_of="ratio")


def _growth(medians: dict[str, dict[int, float]]) -> Iterator[Result]:
    """How time grows with size, as an exponent: 1 is in proportion."""
    for step, by_size in medians.items():
        big = sorted(size for size in by_size if size >= 100_000)
        if step in ("S", "U") or len(big) < 2:
            continue
        first, last = big[0], big[-1]
        exponent = float(np.log(by_size[last] / by_size[first]) / np.log(last / first))
        yield Result(
            f"growth_{step}",
            last,
            limit=f"from {first:,}",
            ratio=exponent,
            target=GROWTH,
            met=exponent <= GROWTH,
            target_of="ratio",
        )


# --- Limits -------------------------------------------------------------------------------------------------------------


def _scan() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET enable_indexonlyscan = off; SET enable_indexscan = off; SET enable_bitmapscan = off")
        cursor.execute("SELECT sum(company_id) FROM leads_lead")
        cursor.execute("RESET enable_indexonlyscan; RESET enable_indexscan; RESET enable_bitmapscan")


def _narrow_table(size: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_narrow (LIKE scoring_leadscore INCLUDING INDEXES) WITH (fillfactor = 60)")
        cursor.execute(
            "INSERT INTO bench_narrow (version_id, lead_id, fit, engagement, tier, flags) SELECT 1, i, 20, 10, 0, 0"
            " FROM generate_series(1, %s) i",
            [size],
        )
        cursor.execute("VACUUM ANALYZE bench_narrow")


def _update() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE bench_narrow SET fit = fit + 1")


def _vacuum() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM bench_narrow")


# --- Changes ------------------------------------------------------------------------------------------------------------


def _touch(ids: list[int]) -> None:
    with transaction.atomic():
        touch_revisions(ids)


_READ = """
import sys, django
from config.memory import return_large_blocks
return_large_blocks()  # as the web server does
django.setup()
from pathlib import Path
from scoring.preview.asking import preview
from scoring.snapshot.reader import open_snapshot
from scoring.spec_reader import read_spec
from scoring.suggest import suggest
from scoring.vocabulary import load_registry
from config.bench.twenty import model
import config.urls
snapshot = open_snapshot(Path(sys.argv[1]))
live = read_spec(model(), load_registry())
for edit in range(40):  # more than the cache holds
    preview(read_spec(model(low=50 + edit // 2, points=10 + edit), load_registry()), live, snapshot=snapshot)
lines = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(int(lines["RssAnon"].split()[0]) / 1024, int(lines["VmRSS"].split()[0]) / 1024)
"""


def _memory(folder: Path, name: str) -> float:
    """Megabytes resident in a process that serves previews, the mapped files among them."""
    environment = os.environ | {"DATABASE_URL": database_url(name), "DJANGO_SETTINGS_MODULE": "config.settings"}
    told = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-W", "ignore", "-c", _READ, str(folder)], env=environment, capture_output=True, text=True, check=True
    )
    return float(told.stdout.split()[1])


# --- Checks -------------------------------------------------------------------------------------------------------------


def _check(bench: Bench) -> None:
    """Refuse all figures of this size unless what is measured is right."""
    snapshot, spec = bench.snapshot, bench.spec(low=60, edges=(30, 55))
    none = ColumnCache(0)
    rng = Random(bench.seed)  # noqa: S311 - a sample to check
    picked = sorted(rng.sample(range(len(snapshot.leads)), min(SAMPLE, len(snapshot.leads))))
    ids = snapshot.leads.ids[picked].tolist()
    known = load_facts(ids)
    _same(spec, evaluate(spec, snapshot.leads, cache=none), picked, [(known[one], snapshot.as_of) for one in ids])
    for some in snapshot.cases[:1]:
        rows = sorted(rng.sample(range(len(some.segment)), min(SAMPLE, len(some.segment))))
        cases = Case.objects.in_bulk(some.segment.ids[rows].tolist())
        facts = load_case_facts(cases.values())
        wanted = [(facts[one], cases[one].decided_at) for one in some.segment.ids[rows].tolist()]
        _same(spec, evaluate(spec, some.segment, cache=none), rows, wanted)
    first = bench.ask(spec)
    rows_in_all = len(snapshot.leads) + snapshot.case_count
    for histogram in (first.draft.fit, first.draft.engagement, first.draft.total):
        check(sum(map(sum, histogram.counts.values())) == rows_in_all, "a histogram does not hold every row once")
    flips = first.flips
    check(flips is not None, "two versions were not compared")
    assert flips is not None
    population = population_of(snapshot, "won", "all", bench.warm)
    pairs = zip(judge(spec, population, bench.warm), judge(bench.live, population, bench.warm), strict=True)
    differing = sum(
        int(np.count_nonzero((one.mql ^ other.mql) & (True if one.part.counted is None else one.part.counted)))
        for one, other in pairs
    )
    check(flips.entering.count + flips.leaving.count == differing, "flips are not those who differ")
    for row in (*flips.entering.rows, *flips.leaving.rows):
        check(sum(line.after - line.before for line in row.lines) == row.delta, "the lines of a flip do not sum to it")
    trial = next(one for one in first.criteria if one.key == "trial")
    check(trial.hit.rows == 0, "what was known only after the decision was counted")
    again = building.rebuild()
    anew = preview(spec, bench.live, snapshot=again, capacity=100, cache=_cache())
    check(replace(anew, basis=first.basis) == first, "a rebuild changed a figure")
    bench.snapshot = again
    some_ids = ids[:200]
    score_now(some_ids)
    before = ScoreChange.objects.count(), list(LeadScore.objects.filter(lead_id__in=some_ids).order_by("lead_id").values_list())
    score_now(some_ids)
    check(
        before
        == (ScoreChange.objects.count(), list(LeadScore.objects.filter(lead_id__in=some_ids).order_by("lead_id").values_list())),
        "scoring the same facts again wrote something",
    )


def _same(spec: Spec, scores: Any, rows: list[int], wanted: list[tuple[Facts, Any]]) -> None:
    for row, (facts, at) in zip(rows, wanted, strict=True):
        said = reference(spec, facts, at)
        found = (int(scores.fit[row]), int(scores.engagement[row]), bool(scores.mql[row]))
        check(found == (said.fit, said.engagement, said.mql), f"columns and reference differ: {found}, not {said}")
        total = sum(line.points for line in said.lines)
        check(total == said.total, "the lines of a lead do not sum to its score")
