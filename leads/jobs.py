"""Long work as rows of `Job`: any number of workers, progress, stop, and resumption after a kill without doing anything twice.

A job is worked in steps. Each step is one transaction that holds what it wrote, the new position and the lease; a worker whose
lease was taken over cannot commit. So a step either happened, with its position, or did not happen at all. While a step
runs its lease is kept up from beside (`leads.upkeep`), so that a long one is not taken for dead.
"""

import logging
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, close_old_connections, connection, transaction
from django.db.models import Q

from leads import clock
from leads.errors import AccordError, Conflict
from leads.models import Job, User
from leads.upkeep import Upkeep

log = logging.getLogger("accord.jobs")
LEASE = timedelta(seconds=45)
TURN = timedelta(seconds=20)  # a job that others wait for goes back into the queue after so long
MAX_CRASHES = 4
MAX_RETRIES = 4


class Work(ABC):
    """How one kind of job is done. Made anew from the job's row whenever a worker takes it: what must last is in the database.

    To make one reads nothing and cannot fail: also a job that cannot begin is stopped, failed and resumed through it.
    """

    def __init__(self, job: Job) -> None:
        self.job = job

    def begin(self) -> None:  # noqa: B027 - a hook that may stay empty
        """Load and open what the steps need. AccordError ends the job with its message."""

    @abstractmethod
    def step(self) -> bool:
        """Do one batch in the transaction that is open, and set the job's position, total and texts. False when all is done.

        A step should be short: others wait for it to stop or to give way. AccordError ends the job with its message.
        """

    def done(self) -> None:  # noqa: B027 - a hook that may stay empty
        """In the transaction that marks the job done."""

    def stopped(self) -> None:  # noqa: B027 - a hook that may stay empty
        """In the transaction that marks the job stopped because somebody asked, perhaps before it began."""

    def failed(self, error: AccordError) -> None:  # noqa: B027 - a hook that may stay empty
        """In the transaction that marks the job failed, perhaps because it could not begin."""

    def resumed(self) -> None:  # noqa: B027 - a hook that may stay empty
        """In the transaction that puts a stopped or failed job back into the queue; Conflict where it may not go on."""

    def gives_way(self) -> bool:
        """Whether the job may be interrupted here for others: only where nothing of its turn has to be done again."""
        return True

    def close(self) -> None:  # noqa: B027 - a hook that may stay empty
        """Let go of files and the like."""


works: dict[str, Callable[[Job], Work]] = {}


def enqueue(kind: str, *, actor: User | None, payload: dict[str, Any] | None = None, total: int | None = None) -> Job:
    """A new job for the worker, in the caller's transaction."""
    return Job.objects.create(kind=kind, payload=payload or {}, total=total, created_by=actor, created_at=clock.now())


def hold(job: Job) -> Job:
    """Give a new job to the caller instead of the worker: it is running under a lease from the start."""
    at = clock.now()
    job.state, job.lease, job.lease_until, job.started_at, job.attempts = Job.State.RUNNING, uuid.uuid4(), at + LEASE, at, 1
    job.save(update_fields=("state", "lease", "lease_until", "started_at", "attempts"))
    return job


def ask_stop(job: Job) -> Job:
    """The job stops after the step it is in; one that waits stops at once. Conflict when it has ended already."""
    with transaction.atomic():
        waiting = Job.objects.filter(pk=job.pk, state=Job.State.QUEUED).update(state=Job.State.STOPPED, stop_asked=True)
        if not waiting and not Job.objects.filter(pk=job.pk, state=Job.State.RUNNING).update(stop_asked=True):
            raise Conflict("It has ended already.", code="job_ended")
        job.refresh_from_db()
        if waiting and job.kind in works:
            works[job.kind](job).stopped()
    return job


def resume(job: Job) -> Job:
    """A stopped or failed job goes on where it was. Conflict when it is neither, or what it worked on has moved on."""
    with transaction.atomic():
        hit = Job.objects.filter(pk=job.pk, state__in=(Job.State.STOPPED, Job.State.FAILED)).update(
            state=Job.State.QUEUED, stop_asked=False, error="", attempts=0, finished_at=None
        )
        if hit != 1:
            raise Conflict("It is not stopped.", code="job_not_stopped")
        job.refresh_from_db()
        job.payload.pop("crashes", None)
        job.result.pop("code", None)
        job.save(update_fields=("payload", "result"))
        if job.kind in works:
            works[job.kind](job).resumed()
    return job


def run_once(*, beat: Callable[[], None] | None = None, stopping: Callable[[], bool] | None = None) -> int:
    """Take the next job and work it until it ends, its turn is over or `stopping` says so; the number of steps done (0:
    nothing to do).
    """
    job = take()
    return work_on(job, beat=beat, stopping=stopping) if job else 0


def take() -> Job | None:
    """The next job under a fresh lease: waiting, or left behind by a worker that died. Two workers never get the same one."""
    with transaction.atomic():
        at = clock.now()
        due = Q(state=Job.State.QUEUED) | Q(state=Job.State.RUNNING, lease_until__lt=at)
        job = Job.objects.filter(due, kind__in=works).select_for_update(skip_locked=True).order_by("attempts", "id").first()
        if job is None:
            return None
        crashed = job.state == Job.State.RUNNING
        crashes = job.payload.get("crashes", 0) + crashed
        if crashed:
            job.payload = {**job.payload, "crashes": crashes}
        job.state = Job.State.RUNNING
        job.lease = uuid.uuid4()
        job.lease_until = at + LEASE
        job.attempts = min(job.attempts + 1, 30_000)
        job.started_at = job.started_at or at
        job.save(update_fields=("state", "lease", "lease_until", "attempts", "started_at", "payload"))
    return job


def work_on(
    job: Job,
    *,
    beat: Callable[[], None] | None = None,
    stopping: Callable[[], bool] | None = None,
    give_way: bool = True,
) -> int:
    """Work a job one holds the lease of; see `run_once`. Without `give_way` others wait until it has ended."""
    if job.payload.get("crashes", 0) >= MAX_CRASHES:
        _end(job, None, AccordError("The worker died several times at this place. It was given up.", code="job_crashes"))
        return 1
    with Upkeep(job.pk, job.lease, LEASE, beat) as upkeep:
        return _work_on(job, upkeep, beat, stopping, give_way)


def _work_on(
    job: Job, upkeep: Upkeep, beat: Callable[[], None] | None, stopping: Callable[[], bool] | None, give_way: bool
) -> int:
    steps = retries = 0
    turn_ends: datetime | None = None
    work: Work | None = None
    try:
        while True:
            upkeep.step_begins()
            if beat:
                beat()
            try:
                if work is None:
                    work = works[job.kind](job)
                    work.begin()
                more = _step(job, work)
            except Conflict as conflict:
                if conflict.code == "lease_lost":
                    log.warning("job %s was taken over by another worker", job.pk)
                    return steps
                retries += 1
                if conflict.code != "busy" or retries > MAX_RETRIES:
                    _end(job, work, conflict)
                    return steps + 1
                # Others wrote the same leads at this moment: the step did not happen, so once more from what is committed.
                _close(work)
                work = None
                job.refresh_from_db()
                continue
            except AccordError as error:
                _end(job, work, error)
                return steps + 1
            except (OperationalError, InterfaceError) as error:
                # A deadlock, or the connection is gone: the step did not happen. Start again from what is committed.
                retries += 1
                log.warning("job %s: %s", job.pk, error)
                _close(work)
                work = None
                if connection.connection is not None and connection.connection.closed:
                    close_old_connections()
                if retries > MAX_RETRIES:
                    _end(job, None, AccordError(f"The database refused the work several times: {error}", code="job_database"))
                    return steps + 1
                job.refresh_from_db()
                continue
            except DatabaseError as error:
                log.exception("job %s failed", job.pk)
                _end(job, work, AccordError(f"The database refused the work: {error}", code="job_database"))
                return steps + 1
            except Exception as error:  # the loop outlives what one job does wrong
                log.exception("job %s failed", job.pk)
                _end(job, work, AccordError(f"An unforeseen fault stopped the work: {error!r}", code="job_fault"))
                return steps + 1
            steps += 1
            retries = 0
            if not more:
                return steps
            # The turn begins after the first step: to open the file and find the place again is not part of it.
            turn_ends = turn_ends or clock.now() + TURN
            over = give_way and clock.now() > turn_ends and work.gives_way() and _others_wait()
            if over or (stopping and stopping()):
                _give_back(job)
                return steps
    finally:
        _close(work)


def _step(job: Job, work: Work) -> bool:
    """One step, committed with the job's position under our lease; whether there is more to do."""
    with transaction.atomic():
        more = work.step()
        held = (
            Job.objects.select_for_update().filter(pk=job.pk, lease=job.lease, state=Job.State.RUNNING).only("stop_asked").first()
        )
        if held is None:
            raise Conflict("Another worker holds this job.", code="lease_lost")
        at = clock.now()
        job.lease_until = at + LEASE
        if more and held.stop_asked:
            work.stopped()
            job.state, job.lease, job.lease_until, more = Job.State.STOPPED, None, None, False
        elif not more:
            work.done()
            job.state, job.lease, job.lease_until, job.finished_at = Job.State.DONE, None, None, at
        if job.payload.pop("crashes", None) is not None:
            log.info("job %s goes on after a worker died", job.pk)
        job.save(
            update_fields=(
                "state", "payload", "position", "total", "progress_text", "result", "lease", "lease_until", "finished_at",
            )
        )  # fmt: skip
    return more


def _end(job: Job, work: Work | None, error: AccordError) -> None:
    """Mark the job failed with what went wrong, unless another worker has it by now. What it counted so far stays.

    That it fails does not depend on what its kind does about it: a job that could not even fail would be taken for ever.
    """
    with transaction.atomic():
        held = Job.objects.select_for_update().filter(pk=job.pk, lease=job.lease, state=Job.State.RUNNING).first()
        if held is None:
            return
        held.state, held.error, held.finished_at = Job.State.FAILED, error.message, clock.now()
        held.lease = held.lease_until = None
        held.result = {**held.result, "code": error.code}
        held.save(update_fields=("state", "error", "finished_at", "lease", "lease_until", "result"))
        job.refresh_from_db()
        try:
            with transaction.atomic():
                (work or works[job.kind](job)).failed(error)
        except Exception:
            log.exception("job %s failed, and what belongs to it was not told", job.pk)


def _give_back(job: Job) -> None:
    Job.objects.filter(pk=job.pk, lease=job.lease, state=Job.State.RUNNING).update(
        state=Job.State.QUEUED, lease=None, lease_until=None
    )


def _others_wait() -> bool:
    return Job.objects.filter(state=Job.State.QUEUED, kind__in=works).exists()


def _close(work: Work | None) -> None:
    if work is not None:
        work.close()
