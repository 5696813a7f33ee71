"""A worker that dies in the middle of an import, for real: another takes over and no row is taken twice or lost."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from django.db import connection

from leads import clock, jobs
from leads.importing import actions
from leads.models import ImportRun, Job, Lead, LeadField, Submission
from tests.importing.samples import ROOT, text
from tests.settings import MARK

ROWS = 12_000
NAME = "accord-worker-to-be-killed"
WORKER = "import django; django.setup(); from leads import jobs; jobs.run_once()"


def address():
    settings = connection.settings_dict
    where = f"?host={settings['HOST']}" if settings["HOST"].startswith("/") else ""
    host = "" if where else f"{settings['HOST']}:{settings['PORT']}"
    return f"postgres://{settings['USER']}:{settings['PASSWORD']}@{host}/{settings['NAME']}{where}"


def start_worker(media):
    code = WORKER.replace("from leads", f"from django.conf import settings; settings.MEDIA_ROOT = {str(media)!r}; from leads", 1)
    environment = {name: value for name, value in os.environ.items() if name != MARK}  # else it would look for the server itself
    environment |= {"DATABASE_URL": address(), "DJANGO_SETTINGS_MODULE": "tests.settings", "PGAPPNAME": NAME}
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment)


def wait_for(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.django_db(transaction=True)
def test_a_killed_worker_is_resumed_without_doubling(make, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    content = "Email,Name,City\n" + "".join(f"lead{n}@company{n % 50}.io,Ivy {n},Oslo {n % 9}\n" for n in range(ROWS))
    run = actions.upload(text(content), name="large.csv", kind="leads", actor=None)
    run = actions.start(run, actor=None)
    worker = start_worker(tmp_path)
    try:
        wait_for(lambda: ImportRun.objects.get(pk=run.pk).received >= 2_000)
        worker.send_signal(signal.SIGKILL)
    finally:
        worker.kill()
        worker.wait()
    wait_for(lambda: not is_connected())
    half = ImportRun.objects.get(pk=run.pk)
    assert 2_000 <= half.received < ROWS
    assert half.received == half.created == Lead.objects.count() == Submission.objects.count() == Job.objects.get().position
    assert jobs.take() is None  # the dead worker's lease still holds
    Job.objects.update(lease_until=clock.now() - timedelta(seconds=1))
    jobs.run_once()
    run.refresh_from_db()
    assert (run.state, run.received, run.created, run.refused) == ("done", ROWS, ROWS, 0)
    assert Lead.objects.count() == Submission.objects.filter(import_run=run).count() == ROWS
    assert Submission.objects.values("line").distinct().count() == ROWS
    assert LeadField.objects.get().key == "city"
    assert len(LeadField.objects.get().choices) == 9


def is_connected():
    """Whether the database still knows the dead worker; what it had open is rolled back only then."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", [NAME])
        return cursor.fetchone()[0]
