"""Worker, web and database killed in the middle of an activation: the version before stays whole, then the new one is."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.db import connection

from config import embedded
from leads import clock, jobs
from leads.models import Job, LeadRevision
from scoring import partitions
from scoring.actions.activating import activate_version
from scoring.actions.versions import create_draft, create_model, write_content
from scoring.activation import activate_here
from scoring.models import Activation, LeadScore, ModelVersion, Qualification
from scoring.rescoring import score_dirty
from scoring.signoff import NOBODY
from tests.importing.samples import ROOT
from tests.importing.test_kill import address
from tests.scoring.samples import TOTAL, a_test, clause
from tests.settings import MARK

pytestmark = pytest.mark.faults
SIZE = a_test("size", 60, clause("company.employees", "between", low=100))
KNOWN = a_test("known", 40, clause("company.employees", "known"))
# Does what the phase does, says so before it is committed, and waits to be killed.
STOPS = """
import time
import django
django.setup()
from leads import jobs
from scoring import activation
right = activation.ActivationWork._{phase}
def stops(self):
    done = right(self)
    print("in the middle", flush=True)
    time.sleep(120)
    return done
activation.ActivationWork._{phase} = stops
jobs.run_once()
"""
# The same, but goes on when told to; who takes the job over meanwhile waits for the locks.
SLOW = """
import sys
import django
django.setup()
from leads import jobs
from scoring import activation
right = activation.ActivationWork._swap
def stops(self):
    done = right(self)
    print("in the middle", flush=True)
    sys.stdin.readline()
    return done
activation.ActivationWork._swap = stops
print(jobs.run_once(), flush=True)
"""
SECOND = """
import django
django.setup()
from leads import jobs
print(jobs.run_once(), flush=True)
"""
WEB = """
import time
import django
django.setup()
from django.db import transaction
from scoring.actions.activating import activate_version
from scoring.models import ModelVersion
with transaction.atomic():
    activate_version(ModelVersion.objects.get(pk={version}), actor=None, rev=1, reason="Better")
    print("in the middle", flush=True)
    time.sleep(120)
"""


def start(script, **environment):
    kept = {name: value for name, value in os.environ.items() if name != MARK}
    kept |= {"DATABASE_URL": address(), "DJANGO_SETTINGS_MODULE": "tests.settings"} | environment
    kept["SCORING_SNAPSHOT_DIR"] = str(django_settings.SCORING_SNAPSHOT_DIR)
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=ROOT,
        env=kept,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def kill_in_the_middle(process):
    """Wait until the process says that it is there, and kill it."""
    try:
        assert process.stdout.readline() == "in the middle\n"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(20)
        process.stdout.close()


def draft_of(criterion, before=None):
    version = (
        create_draft(before.model, actor=None, start="empty")
        if before
        else create_model("Main", actor=None, start="empty", signers=NOBODY)
    )
    write_content(version, {"decision": TOTAL, "criteria": [criterion]})
    return version


@pytest.fixture
def world(transactional_db, make):
    """Six leads scored by a version in force, and the next version ready to follow."""
    leads = [make.lead(company=make.company(employees=number)) for number in (10, 20, 30, 300, 400, 500)]
    first = draft_of(SIZE)
    activate_here(first, actor=None, reason="Go")
    while score_dirty():
        pass
    LeadRevision.objects.update(txid=1)
    return leads, first, draft_of(KNOWN, first)


def scores(version):
    return sorted(LeadScore.objects.filter(version=version).values_list("lead_id", "fit"))


def whole(leads, version):
    """Whether the version is the one in force, and every lead has its score by it."""
    active = ModelVersion.objects.get(status="active")
    wanted = 6 if version.criteria.get().key == "known" else 3
    return active == version and len(scores(version)) == 6 and sum(fit > 0 for _, fit in scores(version)) == wanted


@pytest.mark.parametrize("phase", ["before", "fill", "compare", "attach", "rest", "keep", "catch_up", "swap"])
def test_a_worker_killed_in_any_phase_leaves_the_version_before_and_another_goes_on(world, phase):
    leads, first, second = world
    asked = activate_version(second, actor=None, rev=1, reason="Better")
    kill_in_the_middle(start(STOPS.format(phase=phase)))
    wait_for_the_server_to_notice()
    assert whole(leads, first)
    assert Qualification.objects.count() == 3
    assert jobs.take() is None  # the dead worker's lease still holds
    Job.objects.update(lease_until=clock.now() - timedelta(seconds=1))
    jobs.run_once()
    while score_dirty():
        pass
    asked.refresh_from_db()
    assert (asked.step, asked.counts["entered"]) == (Activation.Step.SETTLED, 3)
    assert whole(leads, second)
    assert sorted(Qualification.objects.values_list("lead_id", flat=True)) == sorted(lead.pk for lead in leads)
    assert Qualification.objects.count() == 6


def test_a_worker_killed_as_it_hands_over_loses_nobody(world):
    leads, first, second = world
    activate_version(second, actor=None, rev=1, reason="Better")
    kill_in_the_middle(start(STOPS.format(phase="hand_over")))
    wait_for_the_server_to_notice()
    assert whole(leads, second)
    assert Qualification.objects.count() == 3
    Job.objects.update(lease_until=clock.now() - timedelta(seconds=1))
    jobs.run_once()
    assert sorted(Qualification.objects.values_list("lead_id", "cause")) == [(lead.pk, "activation") for lead in leads]


def test_a_worker_that_takes_over_in_the_last_moment_does_not_do_it_twice(world):
    leads, first, second = world
    asked = activate_version(second, actor=None, rev=1, reason="Better")
    slow = start(SLOW)
    try:
        assert slow.stdout.readline() == "in the middle\n"
        Job.objects.update(lease_until=clock.now() - timedelta(seconds=1))
        other = start(SECOND)
        try:
            wait_for_somebody_to_wait()
            assert whole(leads, first)
            before_the_last = slow.communicate("go on\n", timeout=30)[0]
            assert other.communicate(timeout=30)[0] == "2\n"
        finally:
            other.kill()
            other.communicate()
    finally:
        slow.kill()
        slow.communicate()
    # all phases before the one that it could not commit
    assert int(before_the_last) == Job.objects.get(pk=asked.job_id).total - 2
    assert whole(leads, second)
    assert Qualification.objects.count() == 6
    assert second.events.filter(verb="activated").count() == 1
    assert Activation.objects.get(version=second).counts["entered"] == 3


def wait_for_somebody_to_wait():
    """Until a process waits for what another one holds."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
            if cursor.fetchone()[0]:
                return
        time.sleep(0.05)
    raise AssertionError("nobody waits")


def wait_for_the_server_to_notice():
    """Until the killed process's transaction is over, which the server does when it reads from it the next time."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
            if not cursor.fetchone()[0]:
                return
        time.sleep(0.05)
    raise AssertionError("the killed process is still connected")


def test_a_web_process_killed_as_somebody_puts_a_version_into_force_has_done_nothing(world):
    leads, first, second = world
    kill_in_the_middle(start(WEB.format(version=second.pk)))
    wait_for_the_server_to_notice()
    second.refresh_from_db()
    assert (second.status, Activation.objects.filter(version=second).count()) == ("draft", 0)
    assert not Job.objects.exclude(state=Job.State.DONE).exists()
    activate_version(second, actor=None, rev=1, reason="Better")
    jobs.run_once()
    assert whole(leads, second)
    assert whole(leads, second)


def test_a_connection_cut_in_the_last_moment_is_taken_up_again_by_the_same_worker(world, monkeypatch):
    leads, first, second = world
    asked = activate_version(second, actor=None, rev=1, reason="Better")
    from scoring.activation import ActivationWork

    right, cuts = ActivationWork._swap, []

    def cut_once(self):
        done = right(self)
        if not cuts:
            cuts.append(True)
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return done

    monkeypatch.setattr(ActivationWork, "_swap", cut_once)
    jobs.run_once()
    asked.refresh_from_db()
    assert (cuts, asked.step) == ([True], Activation.Step.SETTLING)
    assert whole(leads, second)
    assert Qualification.objects.count() == 6


FIRST = """
import sys
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from tests.builders import Builders
from tests.faults.test_activation_killed import SIZE, KNOWN, draft_of
from scoring.activation import activate_here
from scoring.actions.activating import activate_version
make = Builders()
for number in (10, 20, 30, 300, 400, 500):
    make.lead(company=make.company(employees=number))
first = draft_of(SIZE)
activate_here(first, actor=None, reason="Go")
activate_version(draft_of(KNOWN, first), actor=None, rev=1, reason="Better")
print("in the middle", flush=True)
"""
LAST = """
import django
django.setup()
from leads import clock, jobs
from leads.models import Job
from scoring.models import LeadScore, ModelVersion, Qualification
before = ModelVersion.objects.get(status="active")
print(before.no, LeadScore.objects.filter(version=before).count(), Qualification.objects.count(), flush=True)
Job.objects.filter(state="running").update(lease_until=clock.now())
jobs.run_once()
after = ModelVersion.objects.get(status="active")
print(after.no, LeadScore.objects.filter(version=after).count(), Qualification.objects.count(), flush=True)
"""


@pytest.mark.parametrize("phase", ["fill", "swap"])
def test_a_database_killed_in_the_middle_comes_back_with_one_whole_version(tmp_path, phase):
    server = embedded.use(tmp_path / "own", say=lambda words: None)
    try:
        embedded.ensure_database(tmp_path / "own")
        place = {"DATABASE_URL": embedded.url(tmp_path / "own"), "SCORING_SNAPSHOT_DIR": str(tmp_path / "snapshot")}
        prepared = start(FIRST, **place)
        assert prepared.communicate(timeout=120)[0] == "in the middle\n"
        worker = start(STOPS.format(phase=phase), **place)
        try:
            assert worker.stdout.readline() == "in the middle\n"
            pid = embedded.running_pid(server.data)
            assert pid
            os.kill(pid, signal.SIGKILL)
        finally:
            worker.kill()
            worker.wait(20)
            worker.stdout.close()
        again = embedded.use(tmp_path / "own", say=lambda words: None)
        try:
            last = start(LAST, **place)
            assert last.communicate(timeout=120)[0].splitlines() == ["1 6 3", "2 6 6"]
        finally:
            again.leave()
    finally:
        server.leave()


def test_tables_of_killed_preparations_are_not_left_for_ever(world):
    leads, first, second = world
    asked = activate_version(second, actor=None, rev=1, reason="Better")
    kill_in_the_middle(start(STOPS.format(phase="compare")))
    wait_for_the_server_to_notice()
    assert second.pk in partitions.own_tables()
    from scoring.actions.signing import take_back
    from scoring.activation import drop_old_scores

    Job.objects.update(lease_until=clock.now() - timedelta(seconds=1))
    take_back(second, actor=None)
    drop_old_scores(clock.now())
    asked.refresh_from_db()
    assert (asked.step, second.pk in partitions.own_tables()) == (Activation.Step.CANCELLED, False)
    assert whole(leads, first)
