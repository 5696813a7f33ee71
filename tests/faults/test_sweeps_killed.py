"""Sweeps and their database killed while 100,000 clocks fire, and a sweep that freezes: nothing lost, nothing doubled."""

import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from config import embedded
from config.bench.promises import first_clocks, let_fall_due, open_clocks
from handoff.models import SlaEvent, SlaTimer
from handoff.sweep import sweep
from tests.faults.test_activation_killed import start
from tests.faults.test_worker_killed import kin
from tests.importing.test_kill import wait_for

pytestmark = pytest.mark.faults
CLOCKS, KILLS, RESTARTS, SWEEPS = 100_000, 20, 3, 3
PREPARE = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("sync_roles", verbosity=0)
from config.bench.promises import first_clocks, let_fall_due, open_clocks
open_clocks({clocks})
let_fall_due(first_clocks({clocks}))
"""
# The loop of the worker that fires clocks, some times at once; one that dies is begun again, as a fork of what is loaded.
SWEEPERS = """
import gc
import os
import threading
import django
django.setup()
from config.management.commands.worker import limit_statements, repeat, until_due
from handoff.sweep import sweep
from leads.heartbeats import Pulse
def fire():
    limit_statements("30s", "10s")
    repeat("sweeper", threading.Event(), sweep, pulse=Pulse("sweeper"), pause=0.5, rest=until_due)
gc.freeze()
living = set()
while True:
    while len(living) < {sweeps}:
        pid = os.fork()
        if not pid:
            fire()
        living.add(pid)
    living.discard(os.wait()[0])
"""
FREEZES = """
import os
import signal
import django
django.setup()
from config.management.commands.worker import limit_statements
from handoff import sweep
limit_statements("30s", "2s")
right = sweep._write_events
def freeze(*told):
    done = right(*told)
    print("in the middle", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
    return done
sweep._write_events = freeze
sweep.sweep()
"""


@pytest.fixture
def folder():
    folder = Path(tempfile.mkdtemp(prefix="accord-sweeps-"))  # where the server's account may pass
    folder.chmod(0o755)
    yield folder / "own"
    shutil.rmtree(folder, ignore_errors=True)


class Server:
    """A server of its own that can be shut down at once, without writing anything more."""

    def __init__(self, folder):
        self.folder = folder
        self.uses = [embedded.use(folder, say=lambda words: None)]
        self.url = embedded.url(folder)
        self.database = None

    def ask(self, query):
        if self.database is None or self.database.closed:
            self.database = psycopg.connect(self.url, autocommit=True)
        return self.database.execute(query).fetchone()

    def restart(self):
        pid = embedded.running_pid(self.uses[-1].data)
        os.kill(pid, signal.SIGQUIT)  # an immediate shutdown
        wait_for(lambda: embedded.running_pid(self.uses[-1].data) is None, 30)
        self.database.close()
        self.uses.append(embedded.use(self.folder, say=lambda words: None))

    def leave(self):
        if self.database is not None:
            self.database.close()
        for use in reversed(self.uses):
            use.leave()


def test_sweeps_and_the_database_are_killed_while_clocks_fire(folder):
    server, sweepers = Server(folder), None
    try:
        assert start(PREPARE.format(clocks=CLOCKS), DATABASE_URL=server.url).wait(120) == 0
        assert server.ask("SELECT count(*) FROM handoff_slatimer WHERE next_fire_at < now()") == (CLOCKS,)
        sweepers = start(SWEEPERS.format(sweeps=SWEEPS), DATABASE_URL=server.url)
        stops = [CLOCKS * place // (KILLS + 2) for place in range(1, KILLS + 1)]
        killed = restarted = 0
        for place, fired in enumerate(stops, 1):
            wait_for(
                lambda fired=fired: server.ask("SELECT count(*) FROM handoff_slaevent WHERE step = 'breach'")[0] >= fired, 60
            )
            os.kill(kin(sweepers.pid)[place % SWEEPS], signal.SIGKILL)
            killed += 1
            if place % (KILLS // RESTARTS) == 0:
                server.restart()
                restarted += 1
        assert server.ask("SELECT count(*) FROM handoff_slatimer WHERE next_fire_at < now()") > (0,), "they were done before"
        wait_for(lambda: server.ask("SELECT count(*) FROM handoff_slatimer WHERE next_fire_at < now()") == (0,), 120)
        assert (killed, restarted) == (KILLS, RESTARTS)
        once = server.ask(
            "SELECT count(*), count(DISTINCT timer_id), min(outcome), max(outcome) FROM handoff_slaevent WHERE step = 'breach'"
        )
        assert once == (CLOCKS, CLOCKS, "fired", "fired")
        told = "SELECT count(*), count(DISTINCT key), count(DISTINCT timer_id), count(DISTINCT (timer_id, channel, recipient_id)) FROM leads_outbox"
        assert server.ask(told) == (4 * CLOCKS, 4 * CLOCKS, CLOCKS, 4 * CLOCKS)
        assert server.ask("SELECT count(*) FROM handoff_slatimer WHERE fails > 0 OR jsonb_array_length(plan) <> 1") == (0,)
        assert server.ask("SELECT count(*) FROM leads_incident WHERE kind = 'prevented'") == (0,)
    finally:
        if sweepers is not None:
            living = kin(sweepers.pid)
            sweepers.kill()
            sweepers.wait()
            for pid in living:
                os.kill(pid, signal.SIGKILL)
        server.leave()


def test_a_sweep_that_freezes_lets_go_of_its_clocks(transactional_db):
    open_clocks(50)
    let_fall_due(first_clocks(50))
    frozen = start(FREEZES)
    try:
        assert frozen.stdout.readline() == "in the middle\n"
        began = time.monotonic()
        assert sweep() == 0  # another waits for nobody
        wait_for(lambda: sweep() == 50, 10)
        assert time.monotonic() - began < 5
        frozen.send_signal(signal.SIGCONT)
        assert frozen.wait(20) != 0  # its transaction is gone, and with it what it had written
    finally:
        frozen.kill()
        frozen.communicate()
    assert SlaEvent.objects.filter(step="breach", outcome="fired").count() == 50
    assert not SlaTimer.objects.filter(fails__gt=0).exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), count(DISTINCT timer_id) FROM leads_outbox")
        assert cursor.fetchone() == (200, 50)
