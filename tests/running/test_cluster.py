"""The cluster's keeper: one host runs it, silence is healed and slowness is not, and what a dead holder left is ended."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from django.conf import settings
from django_q.models import OrmQ

from handoff import cluster, supervisor
from handoff.cluster import OWNER, TOKEN, Keeper, end_group, release_queue
from leads import clock, heartbeats
from leads.models import Heartbeat
from tests.running.test_supervisor import SLEEPER, is_alive, wait_until

SECOND = timedelta(seconds=1)


class Pretended:
    """A child that lives until it is killed and is there again at the next look."""

    _numbers = iter(range(900_001, 999_999))

    def __init__(self):
        self.environment, self.pid, self.before_restart = {}, None, None
        self.killed = self.ended = 0

    def start(self):
        self.pid = next(self._numbers)

    def kill(self):
        self.killed += 1
        self.pid = None

    def end(self):
        self.ended += 1
        self.pid = None

    def supervise(self):
        if self.pid is not None:
            return False
        self.before_restart()
        self.start()
        return True


class World:
    """Keepers looking once a second of the held clock, each on a host of its own."""

    def __init__(self, hands, settings, monkeypatch):
        self.hands, self.settings = hands, settings
        self.keepers, self.asked = {}, []
        monkeypatch.setattr(cluster, "async_task", lambda name: self.asked.append(clock.now()))

    def keeper(self, host):
        self.keepers[host] = Keeper(Pretended())
        return self.keepers[host]

    def seconds(self, number, *, each=1, alive=(), away=()):
        """Time goes by: `alive` hosts' clusters do their beats, keepers of hosts that are `away` do nothing."""
        for _ in range(0, number, each):
            self.hands.advance(each * SECOND)
            for host, keeper in self.keepers.items():
                if host in away:
                    continue
                self.settings.WORKER_HOST = host
                keeper._looked = float("-inf")
                keeper.step()
                if host in alive and keeper.child.pid:
                    at = clock.now()
                    for name in ("q2:1", "beat"):
                        sign = {"at": at, "pgid": keeper.child.pid}
                        Heartbeat.objects.update_or_create(name=name, host=host, defaults=sign)

    def outage(self, number):
        """For so many seconds nobody reaches the database."""
        self.hands.advance(number * SECOND)

    def owners(self):
        return [host for host, keeper in self.keepers.items() if keeper.is_owner]


@pytest.fixture
def world(db, freeze, settings, monkeypatch):
    return World(freeze(), settings, monkeypatch)


def test_beats_are_asked_for_every_three_seconds_and_never_two_at_once(world):
    world.keeper("a")
    world.seconds(19)
    assert world.owners() == ["a"]
    assert len(world.asked) == 1  # nobody did it, so no other is asked for
    world.asked.clear()
    world.seconds(31, alive="a")
    gaps = {later - before for before, later in zip(world.asked, world.asked[1:], strict=False)}
    assert gaps == {3 * SECOND}
    # One that was lost while other work goes on is asked for again after 30 s.
    Heartbeat.objects.filter(name="beat").delete()
    Heartbeat.objects.filter(name="q2:1").update(busy_until=clock.now() + 100 * SECOND)
    world.asked.clear()
    world.seconds(65)
    assert len(world.asked) == 2
    assert world.keepers["a"].child.killed == 0


def test_a_cluster_that_does_nothing_is_killed_and_what_it_had_taken_is_given_back(world):
    keeper = world.keeper("a")
    world.seconds(40, alive="a")
    assert keeper.child.killed == 0
    later = clock.now() + timedelta(minutes=3)
    for number in range(5):
        OrmQ.objects.create(key=settings.Q_CLUSTER["name"], payload=str(number), lock=later)
    world.seconds(11)
    assert keeper.child.killed == 0
    world.seconds(2)
    assert keeper.child.killed == 1
    world.seconds(1)
    assert keeper.child.pid is not None
    assert not OrmQ.objects.filter(lock__gt=clock.now()).exists()
    world.seconds(19)  # a fresh one has 20 s
    assert keeper.child.killed == 1
    world.seconds(2)
    assert keeper.child.killed == 2


def test_long_tasks_are_not_silence_but_another_clusters_life_is_no_excuse(world):
    keeper = world.keeper("a")
    world.seconds(5, alive="a")
    for _ in range(4):  # four tasks of 25 s, one after the other
        Heartbeat.objects.filter(name="q2:1").update(at=clock.now(), busy_until=clock.now() + 60 * SECOND)
        world.seconds(25)
    assert keeper.child.killed == 0
    Heartbeat.objects.filter(name="q2:1").update(at=clock.now(), busy_until=None, pgid=4711)
    Heartbeat.objects.create(name="q2:9", host="b", at=clock.now() + 90 * SECOND, pgid=keeper.child.pid)
    world.seconds(14)
    assert keeper.child.killed == 1


def test_a_database_that_was_away_is_not_silence(world):
    keeper = world.keeper("a")
    world.seconds(5, alive="a")
    pid = keeper.child.pid
    world.outage(25)
    world.seconds(12)  # its own processes need up to 11 s to come back
    world.seconds(15, alive="a")
    assert (keeper.child.pid, keeper.child.killed) == (pid, 0)


def test_only_the_holder_runs_a_cluster_and_a_dead_ones_lease_moves_in_twenty_seconds(world):
    first, second = world.keeper("a"), world.keeper("b")
    world.seconds(60, alive="ab")
    assert world.owners() == ["a"]
    assert second.child.pid is None
    moved = 0
    while world.owners() != ["a", "b"]:  # the dead one does not know
        world.seconds(1, alive="b", away="a")
        moved += 1
    assert 15 <= moved <= 20
    world.seconds(3, alive="ab")
    assert world.owners() == ["b"]
    assert first.child.ended == 1
    world.seconds(30, alive="ab")
    assert (world.owners(), first.child.pid, second.child.killed) == (["b"], None, 0)
    second.finish()
    world.keepers.pop("b")
    world.seconds(1)
    assert world.owners() == ["a"]  # given back, so at once


def test_after_an_outage_for_all_the_holder_comes_first(world):
    first = world.keeper("a")
    world.keeper("b")
    world.seconds(10, alive="ab")
    pid = first.child.pid
    world.outage(25)
    world.seconds(2, away="a", alive="b")  # the other one is back two seconds sooner
    world.seconds(20, alive="ab")
    assert (world.owners(), first.child.pid) == (["a"], pid)


def test_schedules_that_stand_still_are_a_restart_once_and_then_a_report(world):
    keeper = world.keeper("a")
    world.seconds(140, each=5, alive="a")
    assert "backstop" not in [life.name for life in heartbeats.lives() if not life.alive]
    world.seconds(50, each=5, alive="a")
    assert keeper.child.killed == 1
    world.seconds(400, each=5, alive="a")
    assert keeper.child.killed == 1
    life = next(life for life in heartbeats.lives() if life.name == "backstop")
    assert (life.alive, life.at) == (False, None)
    Heartbeat.objects.create(name="backstop", host="a", at=clock.now())
    world.seconds(170, each=5, alive="a")
    assert keeper.child.killed == 2  # it had come round in between: once more


def test_what_a_dead_cluster_had_taken_is_given_back(db):
    later = clock.now() + timedelta(minutes=3)
    name = settings.Q_CLUSTER["name"]
    OrmQ.objects.create(key=name, payload="taken", lock=later)
    OrmQ.objects.create(key="another", payload="not ours", lock=later)
    release_queue()
    assert OrmQ.objects.get(key=name).lock <= clock.now()
    assert OrmQ.objects.get(key="another").lock == later


def test_what_the_last_holder_left_is_ended_and_a_stranger_with_its_number_is_not(world):
    left = subprocess.Popen(SLEEPER, process_group=0, env={**os.environ, TOKEN: "old"})
    stranger = subprocess.Popen(SLEEPER, process_group=0, env={**os.environ, TOKEN: "older"})
    try:
        assert end_group(stranger.pid, "old") == []
        assert end_group(stranger.pid, "") == end_group(None, "old") == []
        Heartbeat.objects.create(name=OWNER, at=clock.now() - timedelta(minutes=1), token="old", pgid=left.pid)
        world.keeper("a")
        world.seconds(5)
        assert world.owners() == ["a"]
        wait_until(lambda: not is_alive(left.pid))
        assert is_alive(stranger.pid)
    finally:
        for process in (left, stranger):
            process.kill()
            process.wait()


def test_a_group_has_left_before_the_next_is_started(tmp_path):
    note = tmp_path / "grandchild"
    script = (
        f"import subprocess, time; p = subprocess.Popen({SLEEPER!r}); open({str(note)!r}, 'w').write(str(p.pid)); time.sleep(60)"
    )
    one = supervisor.Child("part", [sys.executable, "-c", script])
    one.start()
    try:
        wait_until(lambda: note.exists() and note.read_text())
        assert supervisor.members(one.pid) == sorted([one.pid, int(note.read_text())])
        group = one.pid
        one.kill()
        wait_until(lambda: one._has_ended(group))
        assert one.supervise()
        assert supervisor.members(group) == []
        assert one.pid not in (None, group)
    finally:
        one.end()
