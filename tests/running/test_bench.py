"""`manage.py bench`: what it prints, that it prints nothing when a check fails, and one part for real."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command

from config.bench import intake
from config.bench.measure import CheckFailed, Probe, Result, check, interleave, table
from config.bench.meeting import Inputs
from config.management.commands import bench
from tests.importing.samples import ROOT
from tests.importing.test_kill import address

KEYS = ["step", "size", "median_ms", "p95_ms", "rate_per_s", "limit", "ratio", "target", "met", "target_of"]
SCAN = Result("scan", 1000, 1.23456, 2.0)
STEP = Result("thousand_leads", 1000, 700.0, 812.345, 1428.6, "scan", 567.00009, 1000.0, True, "p95_ms")


@pytest.fixture
def part(monkeypatch):
    """Puts a part of one's own in the place of scoring."""
    return lambda run: monkeypatch.setitem(bench.PARTS, "score", run)


def run(*args, **options):
    out, said = io.StringIO(), io.StringIO()
    call_command("bench", "score", *args, stdout=out, stderr=said, **options)
    return out.getvalue(), said.getvalue()


def test_the_last_line_is_json_with_every_key(part):
    asked = []
    part(lambda sizes: asked.append(sizes) or iter([SCAN, STEP]))
    out, said = run("--leads", "1000,20000", "--json")
    assert asked == [[1000, 20000]]
    told = json.loads(out.splitlines()[-1])
    assert list(told) == ["checks_passed", "results"]
    assert told["checks_passed"] is True
    assert [list(one) for one in told["results"]] == [KEYS, KEYS]
    scan, step = told["results"]
    assert list(scan.values()) == ["scan", 1000, 1.23, 2.0, None, None, None, None, None, None]
    assert list(step.values()) == ["thousand_leads", 1000, 700.0, 812.35, 1428.6, "scan", 567.0001, 1000.0, True, "p95_ms"]
    assert "thousand_leads at 1,000: done" in said


def test_without_json_there_is_the_table_alone_and_it_says_what_the_target_is_of(part):
    part(lambda sizes: iter([SCAN, STEP]))
    head, scan, step = run()[0].splitlines()
    assert "target of" in head
    assert step.split()[-3:] == ["1,000.000", "p95_ms", "met"]
    assert len({len(line) for line in (head, scan, step)}) == 1
    assert "NOT MET" in table([Result("slow", 1, target=1.0, met=False, target_of="ratio")])


def test_a_failed_check_leaves_no_figures(part, capsys):
    def broken(sizes):
        yield STEP
        check(2 + 2 == 5, "two and two are not five")

    part(broken)
    with pytest.raises(SystemExit) as ended:
        bench.Command().run_from_argv(["manage.py", "bench", "score", "--json"])
    said = capsys.readouterr()
    assert ended.value.code == 1
    assert said.out == ""
    assert "two and two are not five" in said.err


@pytest.mark.parametrize("leads", ["many", "", "1000,", "999", "-1000", "1e4", "10000,5"])
def test_sizes_nobody_can_measure_are_told(part, leads):
    part(lambda sizes: pytest.fail("it was run"))
    with pytest.raises(CommandError, match="--leads"):
        run("--leads", leads)


def test_an_unknown_part_is_told():
    with pytest.raises(CommandError, match="invalid choice"):
        call_command("bench", "everything")


def test_a_probe_is_prepared_and_checked_outside_the_clock():
    log = []
    probe = Probe("step", lambda: log.append("run"), lambda: log.append("before"), after=lambda: log.append("after"))
    interleave([probe], 2)
    assert log == ["before", "run", "after"] * 2
    assert len(probe.seconds) == 2


def test_a_copy_that_wrote_nothing_or_too_much_is_found():
    posted = {"leads_lead": 2000, "leads_company": 900}
    intake.check_copied(posted, dict(posted))
    for copied in ({"leads_lead": 1000, "leads_company": 900}, {"leads_lead": 2000, "leads_company": 901}):
        with pytest.raises(CheckFailed, match="COPY"):
            intake.check_copied(posted, copied)


@pytest.mark.slow
def test_scoring_is_measured_for_real(django_db_setup):
    environment = os.environ | {"DATABASE_URL": address(), "SECRET_KEY": "only for this run", "LOG_LEVEL": "WARNING"}
    environment["DJANGO_SETTINGS_MODULE"] = "config.settings"
    short = "import django; django.setup(); from config.bench import worth; worth.ROUNDS = 3; import manage; manage.main()"
    done = subprocess.run(
        [sys.executable, "-c", short, "bench", "score", "--leads", "1000", "--json"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=550,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["checks_passed"] is True
    steps = {one["step"]: one for one in told["results"]}
    assert {"scan", "update", "first_score_all", "one_lead", "thousand_leads"} <= steps.keys()
    assert all(list(one) == KEYS and one["size"] == 1000 for one in told["results"])
    assert steps["thousand_leads"]["target"] == 1000.0
    assert steps["thousand_leads"]["median_ms"] > steps["one_lead"]["median_ms"] > 0


FORM = b"""<form id="other"><input name="no" value="1"></form>
<form id="part"><input type="hidden" name="rev" value="7"><input name="size-low" value="50"><input type="checkbox" name="kinds" value="a">
<input type="checkbox" name="kinds" value="b" checked><input type="radio" name="mode" value="all" checked>
<select name="op"><option value="in">in<option value="between" selected>between</select><select name="first"><option value="">none<option value="x">x</select>
<button name="redraw" value="add">Another</button></form>"""


def test_a_form_is_sent_as_a_browser_would():
    sent = [("rev", "7"), ("size-low", "50"), ("kinds", "b"), ("mode", "all"), ("op", "between"), ("first", "")]
    assert Inputs.of(FORM, "part") == sent
    with pytest.raises(CheckFailed):
        Inputs.of(FORM, "third")


def test_only_the_workshop_keeps_its_data():
    with pytest.raises(CommandError, match="--keep"):
        call_command("bench", "score", "--keep")
