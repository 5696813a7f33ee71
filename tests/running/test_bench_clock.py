"""`manage.py bench_clock`: every step once for real, and no figure when a check fails."""

import io
import json
from contextlib import contextmanager

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from config.bench import clocks, promptness
from handoff.models import SlaEvent

STEPS = {"load", "timer_scan", "idle_sweep", "bare_update", "burst_drain", "burst_time", "plan_deadlines", "mail_delivery"}


def run(*args):
    out = io.StringIO()
    call_command("bench_clock", *args, stdout=out, stderr=io.StringIO())
    return out.getvalue()


@pytest.fixture
def here(monkeypatch, transactional_db):
    """In the tests' own database, which is emptied after each test; both databases of a run are this one, filled once."""
    filled = []

    @contextmanager
    def this_one():
        yield str(connection.settings_dict["NAME"])

    monkeypatch.setattr(clocks, "scratch_database", this_one)
    fill = clocks.open_clocks
    monkeypatch.setattr(clocks, "open_clocks", lambda number: filled or filled.append(fill(number)))


def test_every_step_is_measured_and_a_lost_clock_leaves_no_figures(here, monkeypatch):
    steps = "idle_sweep,burst_drain,plan_deadlines,mail_delivery"
    told = json.loads(run("--quick", "--only", steps, "--json").splitlines()[-1])
    assert told["checks_passed"] is True
    assert {one["step"] for one in told["results"]} == STEPS
    assert all(one["median_ms"] > 0 for one in told["results"] if one["step"] != "load")
    mail = next(one for one in told["results"] if one["step"] == "mail_delivery")
    assert (mail["size"], mail["target_of"]) == (60, "rate_per_s")
    sweep = clocks.sweep

    def loses_one():
        swept = sweep()
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM handoff_slaevent WHERE id = (SELECT max(id) FROM handoff_slaevent)")
        return swept

    monkeypatch.setattr(clocks, "sweep", loses_one)
    with pytest.raises(CommandError, match="no figures: 1000 clocks were due, not all fired once"):
        run("--quick", "--only", "burst_drain")


def test_lateness_counts_until_it_is_seen(transactional_db, monkeypatch):
    """With a worker that sweeps in this thread: what fired is late by when somebody else sees it, and one lost is told."""
    from handoff.sweep import sweep

    @contextmanager
    def no_other(database, folder):
        from leads.heartbeats import beat

        beat("sweeper")
        yield

    clocks.open_clocks(20)
    monkeypatch.setattr(promptness, "_worker", no_other)
    monkeypatch.setattr(promptness, "AHEAD_S", 0.0)
    look = promptness._look
    monkeypatch.setattr(promptness, "_look", lambda *told: sweep() and look(*told) or look(*told))
    result = promptness.lateness("", 20, 50.0)
    assert (result.size, result.met, result.target_of) == (20, True, "p99_ms")
    assert 0 < result.median_ms <= result.p95_ms <= result.p99_ms < 2000
    assert SlaEvent.objects.filter(step="breach").count() == 20


@pytest.mark.parametrize("wrong", [("--due", "0"), ("--timers", "10", "--due", "11"), ("--timers", "0"), ("--only", "sweeping")])
def test_what_cannot_be_measured_is_told(wrong):
    with pytest.raises(CommandError, match="--"):
        run(*wrong)
