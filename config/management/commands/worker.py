"""`manage.py worker`: the clocks and the messages in this process, everything that computes for long in children of its own."""

from __future__ import annotations

import gc
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import InterfaceError, OperationalError, connections

from config import limits
from handoff import supervisor
from leads import clock
from leads.heartbeats import Pulse, note_incident
from leads.models import Incident

logger = logging.getLogger("accord.worker")

CLUSTER = "qcluster"
CHILDREN = (CLUSTER, "pipeline", "jobs", "snapshot")
SENDERS = 4
SENDER_STUCK = 60.0  # seconds at one `deliver`, which starts no message after 25 s, before a sender counts as lost
PATIENCE = 70.0
DATABASE_AWAY = 1.0  # seconds between two tries to reach it
SHORTEST_SLEEP, LONGEST_SLEEP = 0.1, 1.0  # of the sweep, in seconds
STOPPING = (signal.SIGTERM, signal.SIGINT)


class Command(BaseCommand):
    help = "Run the clocks, the outbox, scoring, routing and long jobs. Any number may run, on any number of hosts."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--only", choices=CHILDREN, help="run one of the children alone; the worker does this itself")

    def handle(self, *args: Any, only: str | None = None, **options: Any) -> None:
        if only is not None:
            run_part(only)
            return
        limit_statements("30s", "10s")
        worker = Worker()
        gc.freeze()  # what is loaded stays: no sweep is held up by looking through it, and the children share its memory
        worker.start_children()  # by fork, so before there are threads
        supervisor.stop_with_parent()
        worker.run()


def run_part(only: str) -> None:
    """One child of the worker, until SIGTERM."""
    supervisor.stop_with_parent()
    stop = stop_on_signal()
    if only == CLUSTER:
        limit_statements("30s", "60s")
        run_cluster(stop)
    elif only == "pipeline":
        limit_statements("30s", "60s")
        from handoff.pipeline import run_once

        repeat("pipeline", stop, run_once, pulse=Pulse("pipeline", busy_for=timedelta(seconds=60)), pause=0.5)
    elif only == "jobs":
        limit_statements("10min", "0")
        from leads import jobs

        pulse = Pulse("jobs", busy_for=timedelta(seconds=120))
        repeat("jobs", stop, lambda: jobs.run_once(beat=pulse, stopping=stop.is_set), pulse=pulse, pause=0.5)
    elif only == "snapshot":
        limit_statements("10min", "0")
        from config.memory import give_back
        from scoring.snapshot.keeping import Keeper  # numpy stays out of the other processes

        keeper = Keeper()

        def step() -> int:
            done = keeper.step()
            if done:  # a build takes several times what the process needs afterwards
                give_back()
            return done

        repeat("snapshot", stop, step, pulse=Pulse("snapshot", every=5.0, busy_for=timedelta(minutes=5)), pause=0.5)


def stop_on_signal() -> threading.Event:
    stop = threading.Event()
    for number in STOPPING:
        signal.signal(number, lambda number, frame: stop.set())
    return stop


def limit_statements(statement: str, idle: str) -> None:
    """What hangs in the database ends by itself; connections made from now on carry these limits."""
    connections.close_all()
    limits.keep_within(statement=statement, idle=idle)


def repeat(
    name: str,
    stop: threading.Event,
    step: Callable[[], int],
    *,
    pulse: Callable[[], None],
    pause: float,
    rest: Callable[[], float] | None = None,
) -> None:
    """Calls `step` until `stop`: again at once while there was something to do, else after `rest()` or `pause` seconds.

    No error ends it. One of its own is tried again after longer and longer pauses. A database that is away is asked every
    second, so that what fell due meanwhile is done within two seconds of its return, and is told of once.
    """
    failures, away = 0, False
    while not stop.is_set():
        try:
            pulse()
            wait = 0.0 if step() else rest() if rest else pause
            if away:
                logger.warning("%s: the database is back", name)
            failures, away = 0, False
        except (OperationalError, InterfaceError) as error:
            if not away:
                logger.warning("%s: the database: %s", name, str(error).strip())
            connections.close_all()
            away, wait = True, DATABASE_AWAY
        except Exception:
            logger.exception("%s failed", name)
            failures += 1
            wait = min(10.0, pause * 2 ** min(failures, 5))
        if wait:
            stop.wait(wait)
    connections.close_all()


def until_due() -> float:
    """How long the sweep sleeps when nothing is due, in seconds: until the next clock fires, but 0.1 to 1."""
    from handoff.sweep import next_due

    due = next_due()
    left = (due - clock.now()).total_seconds() if due is not None else LONGEST_SLEEP
    return min(LONGEST_SLEEP, max(SHORTEST_SLEEP, left))


def run_cluster(stop: threading.Event) -> None:
    """django-q2's cluster, until `stop`.

    Its own handler of SIGTERM stops it inside the handler, where a second signal hangs it for good; so ours only notes the wish.
    """
    from django_q.cluster import Cluster

    ours = [signal.getsignal(number) for number in STOPPING]
    cluster = Cluster()
    for number, handler in zip(STOPPING, ours, strict=True):
        signal.signal(number, handler)
    cluster.start()
    while cluster.sentinel.is_alive() and not stop.wait(0.5):
        pass
    cluster.stop()


class Sender:
    """A thread with its own connection that delivers messages, second by second."""

    def __init__(self, number: int, stop: threading.Event) -> None:
        self.since: float | None = None
        self.retired = threading.Event()
        self._stop = stop
        self._pulse = Pulse("outbox", every=5.0)
        self.thread = threading.Thread(target=self._run, name=f"sender-{number}", daemon=True)
        self.thread.start()

    @property
    def is_stuck(self) -> bool:
        since = self.since
        return since is not None and time.monotonic() - since > SENDER_STUCK

    def _run(self) -> None:
        from leads.notify.outbox import deliver

        def step() -> int:
            if self.retired.is_set():
                raise SystemExit
            self.since = time.monotonic()
            try:
                return deliver()
            finally:
                self.since = None

        repeat("outbox", self._stop, step, pulse=self._pulse, pause=1.0)


def _command(name: str) -> list[str]:
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), "worker", "--only", name]


class Worker:
    """The parent: fires clocks, watches its senders and children, and stops them in order."""

    def __init__(self) -> None:
        from handoff.cluster import Keeper

        self.stop = stop_on_signal()
        self.children = [self._child(name) for name in CHILDREN if name != CLUSTER]
        # Never a fork: it is started when the lease is ours, and its environment tells its processes from others.
        self.keeper = Keeper(supervisor.Child("q2", _command(CLUSTER)))
        self.restarted: list[str] = []  # to be noted as soon as the database can
        self.senders: list[Sender] = []
        self.lost = 0

    @staticmethod
    def _child(name: str) -> supervisor.Child:
        return supervisor.Child(name, _command(name), forked=partial(run_part, name))

    def start_children(self) -> None:
        for child in self.children:
            child.start()

    def run(self) -> None:
        from handoff.defaults import install_defaults
        from handoff.sweep import sweep
        from handoff.tasks import ensure_schedule

        pulse, begun = Pulse("sweeper"), False

        def live() -> None:
            nonlocal begun
            self.supervise()  # first, as it needs no database
            if not begun:
                install_defaults()
                ensure_schedule()
                begun = True
            pulse()
            if self.keeper.step():
                self.restarted.append("q2")
            while self.restarted:
                note_incident(Incident.Kind.RESTART, self.restarted[0])
                del self.restarted[0]

        try:
            self.senders = [Sender(number, self.stop) for number in range(SENDERS)]
            logger.info("the worker runs")
            repeat("sweeper", self.stop, sweep, pulse=live, pause=0.5, rest=until_due)
        finally:
            self.stop.set()
            self.finish()

    def supervise(self) -> None:
        self.restarted += [child.name for child in self.children if child.supervise()]
        for place, sender in enumerate(self.senders):
            if sender.is_stuck:
                sender.retired.set()
                self.lost += 1
                self.restarted.append("outbox")
                logger.error("a sender hangs and is replaced (%s so far)", self.lost)
                self.senders[place] = Sender(SENDERS + self.lost, self.stop)
        if self.lost >= 3:
            raise SystemExit(1)

    def finish(self) -> None:
        children = [*self.children, self.keeper.child]
        for child in children:
            child.ask_to_stop()
        for sender in self.senders:
            sender.thread.join(25)
        supervisor.stop_all(children, PATIENCE)
        self.keeper.finish()
        logger.info("the worker has stopped")
