"""A long step keeps its lease while its worker lives, and a hung one loses it without having done anything."""

import time
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from django.db import connection

from leads import jobs, upkeep
from leads.models import Job

pytestmark = pytest.mark.django_db(transaction=True)
LEASE = timedelta(seconds=0.6)


class Slow(jobs.Work):
    """One step that takes three leases and notes who else could have taken the job meanwhile."""

    taken: list[Job | None]

    def step(self) -> bool:
        time.sleep(3 * LEASE.total_seconds())
        self.taken.append(jobs.take())
        self.job.position = 1
        return False


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Job:
    monkeypatch.setattr(jobs, "LEASE", LEASE)
    monkeypatch.setitem(jobs.works, "slow", Slow)
    monkeypatch.setattr(Slow, "taken", [], raising=False)
    return jobs.enqueue("slow", actor=None)


def test_a_step_longer_than_its_lease_is_not_taken_over(slow: Job) -> None:
    beats: list[Any] = []
    assert jobs.run_once(beat=lambda: beats.append(1)) == 1
    slow.refresh_from_db()
    assert (slow.state, slow.position, Slow.taken) == (Job.State.DONE, 1, [None])
    assert len(beats) >= 4  # one before the step, the others while it ran


def test_a_step_that_hangs_loses_its_lease_and_writes_nothing(slow: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "LONGEST", 0.1)
    right = jobs.take()
    assert right is not None
    taken_by: list[Job | None] = []

    def hang(self: Slow) -> bool:
        time.sleep(2 * LEASE.total_seconds())
        other = Thread(target=take_beside, args=[taken_by])
        other.start()
        other.join()
        self.job.position = 1
        return False

    monkeypatch.setattr(Slow, "step", hang)
    assert jobs.work_on(right) == 0
    slow.refresh_from_db()
    (second,) = taken_by
    assert second is not None
    assert (slow.state, slow.position, slow.lease) == (Job.State.RUNNING, 0, second.lease)


def take_beside(taken: list[Job | None]) -> None:
    try:
        taken.append(jobs.take())
    finally:
        connection.close()
