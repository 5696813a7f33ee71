"""Runs django-q2's cluster on one host at a time and heals it: by itself it may look alive and do nothing, for good.

Who holds the lease runs the cluster, watches the stamps its tasks leave and nobody else's, and starts it anew when they end.
A second cluster's stamps would hide the death of the first, and giving back what a dead one had taken assumes that it was alone.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import time
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.db.models import Max, Q
from django_q.models import OrmQ
from django_q.tasks import async_task

from handoff.supervisor import Child, members
from handoff.tasks import BACKSTOP, BEAT
from leads import clock, heartbeats
from leads.models import Heartbeat

logger = logging.getLogger("accord.cluster")

OWNER = heartbeats.OWNER
TOKEN = "ACCORD_CLUSTER"  # noqa: S105 - the environment variable that tells our processes from strangers with their numbers
LOOK_EVERY = 1.0
LEASE = timedelta(seconds=15)
RENEW = timedelta(seconds=3)
CONFIRM = timedelta(seconds=2.5)  # a lease that ended is looked at for so long: after an outage its holder comes first
BEAT_EVERY = timedelta(seconds=3)
BEAT_LOST = timedelta(seconds=30)
UNSEEN = timedelta(seconds=6)
SILENT = timedelta(seconds=12)
STARTING = timedelta(seconds=20)
SCHEDULES_STALE = timedelta(seconds=150)


class Keeper:
    """Keeps the lease, and while it is ours, the cluster `child`. `step()` is called often and returns whether it started it again."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.token = secrets.token_hex(16)
        child.environment[TOKEN] = self.token
        child.before_restart = release_queue
        self.is_owner = False
        self._looked = float("-inf")
        self._seen_at: datetime | None = None  # the last look that came through
        self._ended: tuple[str, datetime, datetime] | None = None  # a lease that is over: its token, its end, since when we know
        self._since: datetime | None = None  # when the cluster was started or the database came back; None: to be set
        self._beat_at: datetime | None = None  # when the beat was asked for that has not come
        self._stale_at: datetime | None = None  # when it was started again because of its schedules

    def step(self) -> bool:
        restarted = False
        if self.is_owner and self.child.supervise():
            self._since = self._beat_at = None
            restarted = True
        if time.monotonic() - self._looked >= LOOK_EVERY:
            self._looked = time.monotonic()
            self.look(clock.now())
        return restarted

    def look(self, at: datetime) -> None:
        """Keeps or takes the lease; judges and beats the cluster when it is ours. `at` is the database's time.

        While nobody could look, as while the database was away, nobody could beat: that is no silence of the cluster's.
        """
        if self._seen_at is None or at - self._seen_at > UNSEEN:
            self._since = self._beat_at = self._ended = None
        self._seen_at = at
        if self._holds(at) and self.child.pid is not None:
            if self._since is None:
                self._since = at
                Heartbeat.objects.filter(name=OWNER, host="", token=self.token).update(pgid=self.child.pid, started_at=at)
            self._judge(at, self._since)

    def finish(self) -> None:
        """After the cluster has stopped: lets another host begin at once."""
        if self.is_owner:
            self.is_owner = False
            with suppress(OperationalError, InterfaceError):
                Heartbeat.objects.filter(name=OWNER, host="", token=self.token).update(token="", pgid=None)

    def _holds(self, at: datetime) -> bool:
        lease, _ = Heartbeat.objects.get_or_create(name=OWNER, host="", defaults={"at": at})
        if self.is_owner:
            if lease.token == self.token and at - lease.at < RENEW:
                return True
            if Heartbeat.objects.filter(pk=lease.pk, token=self.token).update(at=at):
                return True
            logger.error("another host has taken over the background tasks; the cluster here ends")
            self.is_owner = False
            self.child.end()
            return False
        if lease.token and not self._is_over(lease, at):
            return False
        return self._take(lease, at)

    def _is_over(self, lease: Heartbeat, at: datetime) -> bool:
        if lease.at + LEASE > at:
            self._ended = None
            return False
        if self._ended is None or self._ended[:2] != (lease.token, lease.at):
            self._ended = (lease.token, lease.at, at)
        return at - self._ended[2] >= CONFIRM

    def _take(self, lease: Heartbeat, at: datetime) -> bool:
        """Ours, unless somebody was faster; what its last holder left on this machine ends first."""
        mine = Heartbeat.objects.filter(pk=lease.pk, token=lease.token, at=lease.at)
        if not mine.update(token=self.token, at=at, pgid=None, started_at=at):
            return False
        end_group(lease.pgid, lease.token)
        release_queue()
        self.is_owner, self._since, self._beat_at = True, None, None
        self.child.start()
        return True

    def _judge(self, at: datetime, since: datetime) -> None:
        stamps = Heartbeat.objects.filter(host=heartbeats.host(), pgid=self.child.pid).aggregate(
            last=Max("at", filter=Q(name__startswith=heartbeats.TASKS)),
            busy=Max("busy_until", filter=Q(name__startswith=heartbeats.TASKS)),
            beat=Max("at", filter=Q(name=BEAT)),
        )
        last, is_up = stamps["last"] or since, stamps["last"] is not None and stamps["last"] > since
        is_busy = stamps["busy"] is not None and stamps["busy"] > at
        if not is_busy and at - max(last, since) > (SILENT if is_up else STARTING):
            logger.error("no sign of life of the background tasks since %s: starting them again", last)
            self.child.kill()
            return
        if self._are_schedules_stale(at, since) and is_up:
            logger.error("the schedules of the background tasks stand still: starting them again once")
            self._stale_at = at
            self.child.kill()
            return
        if self._beat_at and stamps["beat"] and stamps["beat"] >= self._beat_at:
            self._beat_at = None if at - self._beat_at >= BEAT_EVERY else self._beat_at
        elif self._beat_at and at - self._beat_at >= BEAT_LOST:
            self._beat_at = None
        if self._beat_at is None:
            self._beat_at = at
            async_task("handoff.tasks.beat")

    def _are_schedules_stale(self, at: datetime, since: datetime) -> bool:
        """Only once: a malformed schedule is not healed by starting again, and health says so from then on."""
        last = Heartbeat.objects.filter(name=BACKSTOP).aggregate(last=Max("at"))["last"]
        if self._stale_at is not None and last is not None and last > self._stale_at:
            self._stale_at = None
        return self._stale_at is None and at - max(last or since, since) > SCHEDULES_STALE


def release_queue() -> None:
    """Gives back what a dead cluster had taken, instead of leaving it locked until `retry` is over."""
    at = clock.now()
    OrmQ.objects.filter(key=settings.Q_CLUSTER["name"], lock__gt=at).update(lock=at)


def end_group(pgid: int | None, token: str) -> list[int]:
    """Kills what lives of a group on this machine and carries the token, and nothing else; returns whom."""
    mark = f"{TOKEN}={token}\0".encode()
    ended = []
    for pid in members(pgid) if pgid and token else []:
        with suppress(OSError):
            if mark in Path(f"/proc/{pid}/environ").read_bytes():
                os.kill(pid, signal.SIGKILL)
                ended.append(pid)
    return ended
