"""Signs of life: each part of the worker says when it last lived, and health reads it. Times are the database's."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from leads import clock
from leads.models import Heartbeat

# Seconds of silence after which a part counts as down; one host's life is enough.
ALLOWED: Mapping[str, int] = {"sweeper": 5, "outbox": 60, "pipeline": 15, "jobs": 15, "snapshot": 60}


def beat(name: str, *, busy_for: timedelta | None = None) -> None:
    """Says that `name` lives on this host now, and may be silent for `busy_for`."""
    at = clock.now()
    Heartbeat.objects.update_or_create(
        name=name,
        host=socket.gethostname(),
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


@dataclass(frozen=True, slots=True)
class Life:
    """How a part does: seconds since its last sign on any host (None: never seen), and whether that is in order."""

    name: str
    age: float | None
    alive: bool


def lives() -> list[Life]:
    """Every part of the worker, in a fixed order."""
    at = clock.now()
    newest: dict[str, Life] = {name: Life(name, None, False) for name in ALLOWED}
    for row in Heartbeat.objects.filter(name__in=ALLOWED):
        age = (at - row.at).total_seconds()
        busy = row.busy_until is not None and row.busy_until > at
        known = newest[row.name]
        if known.age is None or age < known.age:
            newest[row.name] = Life(row.name, age, known.alive or busy or age <= ALLOWED[row.name])
    return list(newest.values())
