"""A long step of a job keeps its lease: renewed meanwhile by a thread with a connection of its own.

The step's transaction can say nothing before it is committed, and one statement may run longer than the lease.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType
from typing import Self

from django.db import DatabaseError, InterfaceError, connection, transaction

from leads import clock
from leads.models import Job

log = logging.getLogger("accord.jobs")
LONGEST = 600.0  # seconds after which a step counts as hung: its lease runs out, and another worker takes the job


class Upkeep:
    """While entered, renews the lease `lease` of a job whenever a third of it is over, and calls `beat`, in a thread.

    `step_begins` is to be called before each step.
    """

    def __init__(self, pk: int, lease: uuid.UUID | None, length: timedelta, beat: Callable[[], None] | None = None) -> None:
        self._pk, self._lease, self._length, self._beat = pk, lease, length, beat
        self._over = threading.Event()
        self._since = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=f"upkeep-{pk}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def step_begins(self) -> None:
        self._since = time.monotonic()

    def _run(self) -> None:
        try:
            while not self._over.wait(self._length.total_seconds() / 3):
                if time.monotonic() - self._since < LONGEST:
                    self._renew()
        finally:
            connection.close()

    def _renew(self) -> None:
        try:
            with transaction.atomic():
                # Who holds the row is the step being committed, which renews the lease itself, or somebody taking it over.
                rows = Job.objects.select_for_update(skip_locked=True)
                held = rows.filter(pk=self._pk, lease=self._lease, state=Job.State.RUNNING).only("pk").first()
                if held is not None:
                    held.lease_until = clock.now() + self._length
                    held.save(update_fields=("lease_until",))
            if self._beat:
                self._beat()
        except (DatabaseError, InterfaceError) as error:
            log.warning("the lease of job %s was not renewed: %s", self._pk, error)
            connection.close()
