"""`manage.py bench_scoring`: every step once for real, and no figure when a check fails."""

import io
import json
from contextlib import contextmanager

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from config.bench import scoring
from scoring.column_cache import ColumnCache
from scoring.preview import counting

STEPS = {
    "S", "U", "full_preview", "edit_condition", "edit_points", "edit_threshold", "lifts", "flips",
    "suggestions", "one_lead", "thousand_leads",
    "snapshot_build", "snapshot_refresh_1pct", "rescore_all", "rescore_history", "rescore_in_place", "rescore_1pct",
    "rescore_facts_1pct", "activation", "activation_swap", "replay", "web_memory_mb", "load",
}  # fmt: skip


def run(*args):
    out = io.StringIO()
    call_command("bench_scoring", *args, stdout=out, stderr=io.StringIO())
    return out.getvalue()


@pytest.fixture
def here(monkeypatch, transactional_db):
    """In the tests' own database, which is migrated already and emptied after each test."""

    @contextmanager
    def this_one(*, keep):
        yield str(connection.settings_dict["NAME"])

    monkeypatch.setattr(scoring, "scratch_database", this_one)
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_narrow")


@pytest.mark.slow
def test_every_step_is_measured_and_checked(here):
    told = json.loads(run("--quick", "--json").splitlines()[-1])
    assert told["checks_passed"] is True
    assert {one["step"] for one in told["results"]} == STEPS
    assert all(one["median_ms"] > 0 for one in told["results"] if one["step"] not in ("web_memory_mb", "load"))


def test_a_wrong_figure_prints_none(monkeypatch, here):
    right = counting._group_of

    def one_row_nowhere(one, sums):
        group = right(one, sums)
        group[:1] = counting.STALE
        return group

    monkeypatch.setattr(counting, "_group_of", one_row_nowhere)
    with pytest.raises(CommandError, match="no figures: a histogram does not hold every row once"):
        run("--leads", "1000", "--rounds", "1")


@pytest.mark.parametrize(("given", "said"), [("few", "is no list of numbers"), ("10", "the smallest size is 1000")])
def test_nonsense_is_named(given, said, monkeypatch):
    monkeypatch.setattr(scoring, "run", lambda *args, **more: pytest.fail("it ran"))
    with pytest.raises(CommandError, match=said):
        run("--leads", given)


def test_a_preview_from_nothing_is_not_given_the_warm_cache(monkeypatch):
    given = []
    monkeypatch.setattr(scoring, "preview", lambda *args, cache, **more: given.append(cache))
    warm, empty = ColumnCache(1000), ColumnCache(1000)
    bench = scoring.Bench(1000, 42, None, None, warm, None, None)
    bench.ask(None, empty)
    bench.ask(None)
    assert given == [empty, warm]
