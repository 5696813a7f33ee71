"""The worker as it runs in production while its parts, its host and its database are taken away: nothing lost, nothing doubled."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django_q.tasks import async_task

from config import embedded
from handoff.supervisor import members
from tests.faults.test_activation_killed import start
from tests.importing.samples import ROOT
from tests.importing.test_kill import wait_for

pytestmark = pytest.mark.faults
CLOCKS = 40
AWAY_S = 25
PREPARE = """
import django
django.setup()
from types import SimpleNamespace
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("sync_roles", verbosity=0)
from django.db import connection
from handoff.defaults import install_defaults
from leads import clock
from leads.models import Team, TeamMember
from tests.builders import Builders
from tests.handoff.conftest import Work
install_defaults()
make = Builders()
rep, manager = make.user("rita@accord.test", "Rita Rep", "rep"), make.user("mona@accord.test", "Mona Manager", "sales_manager")
team = Team.objects.create(name="North")
TeamMember.objects.create(team=team, user=manager, is_manager=True)
TeamMember.objects.create(team=team, user=rep)
work = Work(make, SimpleNamespace(rep=rep))
work.rep(rep, open_cap=500, weekly_capacity=500)
for number in range({clocks}):
    work.qualification(at=clock.now())
from handoff.actions.opening import open_handoffs
from handoff.routing import route_waiting
open_handoffs()
assert route_waiting() == {clocks}
with connection.cursor() as cursor:
    cursor.execute("CREATE TABLE marks (name text, at timestamptz DEFAULT clock_timestamp())")
    cursor.execute("UPDATE handoff_slatimer SET plan = '[]', next_fire_at = NULL WHERE kind <> 'accept'")
    # Far ahead, whatever the hour of the test: each is moved to when it is needed.
    cursor.execute("UPDATE handoff_slatimer SET next_fire_at = now() + interval '30 days' WHERE kind = 'accept'")
"""
# The next clocks' first steps fall due so many seconds from now, and nothing else of theirs for long.
DUE = """
UPDATE handoff_slatimer SET next_fire_at = at, plan = jsonb_build_array(
    jsonb_build_array((extract(epoch FROM at) * 1000000)::bigint, plan -> 0 -> 1),
    jsonb_build_array((extract(epoch FROM at + interval '30 days') * 1000000)::bigint, plan -> -1 -> 1))
FROM (SELECT clock_timestamp() + %s * interval '1 second' AS at) moment
WHERE id IN (SELECT id FROM handoff_slatimer WHERE kind = 'accept' AND next_fire_at > now() + interval '20 days'
             AND NOT EXISTS (SELECT FROM handoff_slaevent e WHERE e.timer_id = handoff_slatimer.id AND outcome = 'fired')
             ORDER BY id LIMIT %s) RETURNING id
"""


class Place:
    """A server of its own with a sales team's clocks on it, and the workers that are started there."""

    def __init__(self, folder):
        self.folder, self.workers = folder, {}
        self.server = embedded.use(folder, say=lambda words: None)
        embedded.ensure_database(folder)
        self.url = embedded.url(folder)
        self.database = None

    def sql(self, statement, *values):
        """One statement on a connection that is made anew when the server was away."""
        if self.database is None or self.database.closed:
            self.database = psycopg.connect(self.url, autocommit=True)
        found = self.database.execute(statement, values)
        return found.fetchall() if found.description else []

    def worker(self, host):
        environment = {
            **os.environ, "DATABASE_URL": self.url, "VAR_DIR": str(self.folder), "SECRET_KEY": settings.SECRET_KEY, "WORKER_HOST": host,
            "DJANGO_SETTINGS_MODULE": "config.settings", "EMAIL_URL": "dummymail://", "LOG_LEVEL": "CRITICAL",
        }  # fmt: skip
        self.workers[host] = subprocess.Popen([sys.executable, "manage.py", "worker"], cwd=ROOT, env=environment)

    def enqueue(self, *names, seconds=0.0, key=None):
        """Tasks that leave a mark, signed as the worker signs them, or with another key."""
        place = self

        class Queue:
            list_key = settings.Q_CLUSTER["name"]

            def enqueue(self, payload):
                place.sql("INSERT INTO django_q_ormq (key, payload, lock) VALUES (%s, %s, now())", self.list_key, key or payload)
                return 0

        for name in names:
            async_task("tests.faults.tasks.mark", name, seconds, broker=Queue())

    def marks(self):
        return sorted(name for (name,) in self.sql("SELECT name FROM marks"))

    def group(self):
        """The process group of the cluster that the lease names; None while there is none."""
        return self.sql("SELECT pgid FROM leads_heartbeat WHERE name = 'q2-owner'")[0][0]

    def works(self, name, within):
        """Seconds until a task is done."""
        began = time.monotonic()
        self.enqueue(name)
        wait_for(lambda: name in self.marks(), within)
        return time.monotonic() - began

    def make_due(self, in_seconds, number=5):
        return [pk for (pk,) in self.sql(DUE, in_seconds, number)]

    def fired(self, ids):
        """How late each of these clocks fired, once each."""
        query = "SELECT timer_id, extract(epoch FROM fired_at - due_at)::float8 FROM handoff_slaevent WHERE timer_id = ANY(%s) AND outcome = 'fired'"
        rows = self.sql(query, ids)
        assert len({pk for pk, _ in rows}) == len(rows), "a step fired twice"
        return dict(rows)

    def leave(self):
        for process in self.workers.values():
            process.kill()
            process.wait()
        if self.database is not None:
            self.database.close()
        self.server.leave()


@pytest.fixture
def place():
    folder = Path(tempfile.mkdtemp(prefix="accord-worker-"))  # where the server's account may pass, whatever else is tested
    folder.chmod(0o755)
    place = Place(folder / "own")
    try:
        script = start(PREPARE.format(clocks=CLOCKS), DATABASE_URL=place.url)
        assert script.wait(120) == 0
        yield place
    finally:
        place.leave()
        shutil.rmtree(folder, ignore_errors=True)


def kin(pid):
    return [
        int(word)
        for word in subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split()
    ]


def test_the_worker_survives_what_is_done_to_it(place):
    # Queued under a key that is no longer known: dropped by the queue, and no clock or message depends on it.
    place.enqueue("never", "never", key="signed:by:another")
    overdue = place.make_due(-60)
    place.worker("a")
    wait_for(lambda: len(place.fired(overdue)) == len(overdue), 30)
    place.works("first", 30)
    assert place.sql("SELECT count(*) FROM leads_outbox WHERE next_attempt_at < now() - interval '10 seconds'") == [(0,)]
    group = place.group()

    # The idle processes that take from the queue are killed, and with them its locks: healed in 20 s, clocks go on.
    (sentinel,) = kin(group)
    for pid in kin(sentinel):
        os.kill(pid, signal.SIGKILL)
    began, names = time.monotonic(), [f"healed{number}" for number in range(5)]
    due = place.make_due(3)
    place.enqueue(*names)
    wait_for(lambda: set(names) <= set(place.marks()), 40)
    assert time.monotonic() - began < 20
    late = place.fired(due)
    assert len(late) == len(due)
    assert max(late.values()) < 2
    assert members(group) == [] or place.group() == group  # replaced as a whole, or its own sentinel was faster

    # The database is away: nobody who is well is killed, and what fell due meanwhile fires at once.
    group = place.group()
    due = place.make_due(5)
    place.database.close()
    place.server.leave()
    time.sleep(AWAY_S)
    place.server = embedded.use(place.folder, say=lambda words: None)
    (returned,) = place.sql("SELECT clock_timestamp()")[0]
    assert place.works("after", 30) < 15
    fired = place.sql(
        "SELECT extract(epoch FROM fired_at - %s)::float8 FROM handoff_slaevent WHERE timer_id = ANY(%s) AND outcome = 'fired'",
        returned,
        due,
    )
    assert len(fired) == len(due)
    assert max(seconds for (seconds,) in fired) < 2
    assert place.group() == group

    # Its guard, its main process, its whole group: another cluster each time, and nobody of the old one.
    # It had been started again before, so the pauses have grown to 1, 2 and 4 s; what is more is for noticing.
    for victims_of in (kin, lambda group: [group], members):
        before = place.group()
        victims = victims_of(before)
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda before=before: place.group() not in (before, None), 8)
        assert members(before) == []
    place.works("replaced", 30)

    # Another host waits; the worker of the first is killed, so no one stops its cluster in order.
    place.worker("b")
    wait_for(lambda: place.sql("SELECT 1 FROM leads_heartbeat WHERE name = 'sweeper' AND host = 'b'"), 30)
    group, due = place.group(), place.make_due(2)
    place.workers["a"].send_signal(signal.SIGKILL)
    began = time.monotonic()
    place.workers["a"].wait()
    wait_for(lambda: len(place.fired(due)) == len(due), 10)
    assert max(place.fired(due).values()) < 5
    place.works("moved", 30)
    assert time.monotonic() - began < 25
    assert members(group) == []

    # Asked to stop in the middle of many tasks: in order, and nothing is left locked.
    place.enqueue(*[f"many{number}" for number in range(20)], seconds=0.5)
    wait_for(lambda: any(name.startswith("many") for name in place.marks()), 20)
    group = place.group()
    place.workers["b"].send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert place.workers["b"].wait(80) == 0
    assert time.monotonic() - began < 70
    assert place.sql("SELECT count(*) FROM django_q_ormq WHERE lock > now()") == [(0,)]
    left = place.sql("SELECT count(*) FROM django_q_ormq")[0][0]
    marks = place.marks()
    assert len(set(marks)) == len(marks), "a task was done twice"
    assert "never" not in marks
    assert sum(name.startswith("many") for name in marks) + left >= 20
    assert members(group) == []
    assert place.sql("SELECT count(*) FROM leads_incident WHERE kind = 'prevented'") == [(0,)]
