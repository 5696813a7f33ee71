"""Signs of life: each part of the worker says when it last lived, and health reads it. Times are the database's."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from leads import clock
from leads.models import Heartbeat, Incident


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the worker: seconds of silence after which it counts as down, its name for people, and what then stands still."""

    allowed: int
    label: str
    stands_still: str


PARTS: Mapping[str, Part] = {
    "sweeper": Part(5, "Timers", "reminders, warnings and breaches are late"),
    "outbox": Part(60, "Messages", "mail and reassignments wait"),
    "pipeline": Part(15, "Scoring and routing", "new leads are neither scored nor offered"),
    "jobs": Part(15, "Long jobs", "imports and activations wait"),
    "snapshot": Part(60, "Preview data", "previews of criteria get old"),
    "q2": Part(15, "Background tasks", "the safety net under timers and messages is away"),
    "backstop": Part(150, "Schedules", "nothing is tidied up"),
}
TASKS = "q2:"  # before the process id of one that runs background tasks
OWNER = "q2-owner"  # the lease of the one host that runs them, `started_at` when it did


def host() -> str:
    """This host's name in signs of life, at most 120 characters."""
    name: str = settings.WORKER_HOST
    return name[:120]


def beat(name: str, *, busy_for: timedelta | None = None) -> None:
    """Says that `name` lives on this host now, and may be silent for `busy_for`."""
    at = clock.now()
    Heartbeat.objects.update_or_create(
        name=name,
        host=host(),
        defaults={"at": at, "busy_until": at + busy_for if busy_for else None},
        create_defaults={"at": at, "busy_until": at + busy_for if busy_for else None, "started_at": at},
    )


class Pulse:
    """Beats at most once in `every` seconds, so that a busy loop can call it as often as it likes."""

    def __init__(self, name: str, *, every: float = 1.0, busy_for: timedelta | None = None) -> None:
        self.name = name
        self.every = every
        self.busy_for = busy_for
        self._last = float("-inf")

    def __call__(self) -> None:
        if time.monotonic() - self._last >= self.every:
            beat(self.name, busy_for=self.busy_for)
            self._last = time.monotonic()


def note_incident(kind: Incident.Kind, name: str, *, number: int = 1) -> None:
    """Keeps what went wrong here and was healed, for the health page and the metrics."""
    Incident.objects.create(kind=kind, name=name[:40], host=host(), at=clock.now(), number=number)


@dataclass(frozen=True, slots=True)
class Life:
    """How a part does: when it last gave a sign on any host (None: never), seconds since, and whether that is in order.

    `hosts` are the seconds since the last sign of each host that was seen, newest first.
    """

    name: str
    age: float | None
    alive: bool
    at: datetime | None = None
    hosts: tuple[tuple[str, float], ...] = ()

    @property
    def part(self) -> Part:
        return PARTS[self.name]


def lives(at: datetime | None = None) -> list[Life]:
    """Every part of the worker, in a fixed order. One host's life is enough.

    Schedules come round once a minute: they have time from the last start of the background tasks on.
    """
    at = at or clock.now()
    signs: dict[str, list[Heartbeat]] = {name: [] for name in PARTS}
    started = None
    for row in Heartbeat.objects.filter(Q(name__in=(*PARTS, OWNER)) | Q(name__startswith=TASKS)).order_by("-at"):
        if row.name == OWNER:
            started = row.started_at
        else:
            signs["q2" if row.name.startswith(TASKS) else row.name].append(row)
    return [_life(name, rows, at, started if name == "backstop" else None) for name, rows in signs.items()]


def _life(name: str, signs: list[Heartbeat], at: datetime, started: datetime | None) -> Life:
    """`signs` are those of one part, newest first."""
    allowed = timedelta(seconds=PARTS[name].allowed)
    begins = started is not None and at - started <= allowed
    if not signs:
        return Life(name, None, begins)
    hosts: dict[str, float] = {}
    for row in signs:
        hosts.setdefault(row.host, max(0.0, (at - row.at).total_seconds()))
    busy = any(row.busy_until is not None and row.busy_until > at for row in signs)
    alive = busy or begins or at - signs[0].at <= allowed
    return Life(name, next(iter(hosts.values())), alive, signs[0].at, tuple(hosts.items()))
