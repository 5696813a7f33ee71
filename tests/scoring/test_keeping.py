"""The snapshot is kept up to date by a process of the worker, on time and on demand, and outlives what is done to it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings as django_settings
from django.db import connection

from config.bench.scratch import database_url
from leads.models import Lead
from leads.revisions import touch_revisions
from scoring.snapshot import building, files, keeping
from scoring.snapshot.files import builders_lock
from scoring.snapshot.keeping import AT_ONCE, KEEPER, PROGRESS, WANTED, Keeper, Progress, ask, built_at_once, standing
from scoring.snapshot.reader import open_snapshot

NOW = datetime(2026, 6, 8, 9, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def folder(tmp_path, settings):
    settings.SCORING_SNAPSHOT_DIR = tmp_path / "snapshot"
    return settings.SCORING_SNAPSHOT_DIR


@pytest.fixture
def keeper(db, folder):
    return Keeper(folder)


def number(folder):
    found = files.current(folder)
    return found and found[0]


def test_the_first_step_builds_and_the_next_waits_a_minute(keeper, folder, make, monkeypatch):
    lead = make.lead()
    assert keeper.step() == 1
    first = number(folder)
    Lead.objects.filter(pk=lead.pk).update(job_title="Another")
    touch_revisions([lead.pk])
    assert keeper.step() == 0
    assert number(folder) == first
    right = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: right() + 61)
    assert keeper.step() == 1
    assert number(folder) == first + 1
    monkeypatch.setattr(time, "monotonic", lambda: right() + 122)
    assert keeper.step() == 0  # nothing changed


def test_who_asks_is_served_at_once(keeper, folder, make):
    keeper.step()
    make.lead()
    ask(folder)
    assert standing().building == Progress()
    assert keeper.step() == 1
    assert len(standing().snapshot.leads) == 1
    assert standing().building is None
    assert not (folder / WANTED).exists()


def test_at_night_open_leads_are_read_anew(folder, make, freeze, keeper):
    clock = freeze(NOW)
    make.lead()
    keeper.step()
    assert open_snapshot(folder).leads.base_day == int(NOW.timestamp() // 86_400)
    clock.advance(timedelta(hours=15))  # 00:30 of the next day: looked at as of then, not read anew yet
    ask(folder)
    keeper.step()
    assert open_snapshot(folder).leads.base_day == int(NOW.timestamp() // 86_400)
    clock.advance(timedelta(hours=2))
    ask(folder)
    keeper.step()
    assert open_snapshot(folder).leads.base_day == int(NOW.timestamp() // 86_400) + 1


def test_a_damaged_snapshot_is_said_to_be_and_built_anew(keeper, folder, make):
    make.lead()
    keeper.step()
    entry = next(files.entries(open_snapshot(folder).manifest))
    (folder / entry["name"]).write_bytes(b"x")
    found = standing(look=lambda: open_snapshot(folder))
    assert (found.snapshot, found.damaged) == (None, True)
    ask(folder)
    keeper.step()
    assert len(standing(look=lambda: open_snapshot(folder)).snapshot.leads) == 1


def test_a_second_keeper_stands_by(keeper, folder, make):
    keeper.step()
    other = Keeper(folder)
    make.lead()
    ask(folder)
    assert other.step() == 0
    assert (folder / WANTED).exists()
    keeper._lock.close()  # as the kernel does for a process that dies
    assert other.step() == 1


def test_a_wish_that_meets_another_builder_is_kept(keeper, folder):
    ask(folder)
    with builders_lock(folder):
        (folder / PROGRESS).write_text(json.dumps([3, 10]))
        assert standing().building == Progress(3, 10)
        assert keeper.step() == 0
    assert (folder / WANTED).exists()
    assert keeper.step() == 1


def test_what_a_killed_builder_told_is_not_believed(folder, db):
    building.refresh()
    (folder / PROGRESS).write_text(json.dumps([3, 10]))
    assert standing().building is None


def test_few_rows_are_built_while_one_waits(folder, make, monkeypatch):
    make.lead()
    assert len(built_at_once().leads) == 1
    make.lead()
    assert len(built_at_once().leads) == 2
    monkeypatch.setattr(keeping, "AT_ONCE", 1)
    monkeypatch.setattr(keeping, "has_keeper", lambda *_: True)
    assert built_at_once() is None
    assert (folder / WANTED).exists()
    assert AT_ONCE == 20_000


@pytest.mark.django_db(transaction=True)
def test_without_a_keeper_the_process_that_asks_builds_by_itself(folder, make):
    make.lead()
    ask(folder)
    for thread in threading.enumerate():
        if thread.name == "snapshot":
            thread.join(30)
    assert len(standing().snapshot.leads) == 1


@pytest.mark.faults
@pytest.mark.django_db(transaction=True)
def test_a_keeper_killed_while_building_leaves_the_old_generation_and_another_goes_on(folder, make, tmp_path):
    make.lead()
    before = building.refresh()
    for _ in range(300):
        make.lead(job_title="VP of many things")
    gate = tmp_path / "go"
    environment = os.environ | {
        "DATABASE_URL": database_url(str(connection.settings_dict["NAME"])), "SCORING_SNAPSHOT_DIR": str(folder),
        "DJANGO_SETTINGS_MODULE": "config.settings", "VAR_DIR": str(tmp_path), "SECRET_KEY": "x" * 60,
    }  # fmt: skip
    slowly = (
        "import sys, time, pathlib; sys.argv = ['manage.py', 'worker', '--only', 'snapshot']\n"
        "import django; django.setup()\n"
        "from scoring.snapshot import writing\n"
        "right = writing.Writer.publish\n"
        "def publish(self, manifest):\n"
        f"    pathlib.Path({str(gate)!r}).touch(); time.sleep(60)\n"
        "writing.Writer.publish = publish\n"
        "from django.core.management import execute_from_command_line; execute_from_command_line(sys.argv)\n"
    )

    def started(*command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-W", "ignore", *command], cwd=django_settings.BASE_DIR, env=environment)

    def wait_for(holds) -> None:
        until = time.monotonic() + 40
        while not holds():
            assert time.monotonic() < until
            time.sleep(0.05)

    first = started("-c", slowly)
    try:
        wait_for(gate.exists)
        assert standing().building is not None
        assert len(open_snapshot(folder).leads) == 1  # readers go on with the old one
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait(20)
    left = open_snapshot(folder)
    assert left.number == before.number
    files.verify(folder, left.manifest)
    assert standing().building is None
    second = started("manage.py", "worker", "--only", "snapshot")
    try:
        wait_for(lambda: len(open_snapshot(folder).leads) == 301)
        assert (folder / KEEPER).exists()
    finally:
        second.terminate()
        assert second.wait(30) == 0
    files.verify(folder, open_snapshot(folder).manifest)
