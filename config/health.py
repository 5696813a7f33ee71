"""Whether the portal is up, judged in one place: for `/healthz`, for the banner on every page, and for the health page."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import Error, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from config.figures import Core, core
from leads import heartbeats
from leads.models import User
from leads.slots import NavItem

PATH = "/healthz"
RESTARTS = 5  # in ten minutes; more is a part that cannot live
OVERDUE_S = 120.0
ASKED_EVERY = 5.0
logger = logging.getLogger("accord.health")


def down(found: Core) -> list[str]:
    """What is not as it has to be, a line each, for who operates the portal."""
    lines = []
    for life in found.lives:
        if not life.alive:
            since = "has never been seen" if life.age is None else f"silent for {life.age:.0f} s"
            lines.append(f"worker: {life.name} {since}")
    lines += [
        f"worker: {name} started again {number} times in 10 minutes"
        for name, number in sorted(found.restarted.items())
        if number > RESTARTS
    ]
    if found.overdue_s > OVERDUE_S:
        lines.append(f"timers: one is {found.overdue_s:.0f} s late")
    if found.dead.get("work"):
        lines.append(f"work: {found.dead['work']} reassigning or returning to the queue was given up")
    return lines


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when all is up, else 503 with `down` naming what is not and for how long."""
    answer: dict[str, Any] = {"web": "up", "database": "up", "worker": "up", "down": []}
    try:
        found = core()
    except Error as error:
        connection.close()
        logger.warning("the database does not answer: %s", error)
        answer |= {"database": "down", "worker": "unknown", "down": ["database: does not answer"]}
    else:
        answer["down"] = down(found)
        if any(line.startswith("worker: ") for line in answer["down"]):
            answer["worker"] = "down"
    return JsonResponse({"ok": not answer["down"], **answer}, status=503 if answer["down"] else 200)


@dataclass(frozen=True, slots=True)
class Silence:
    """What the banner says: `parts` that are silent, since when (None: they were never started), and what stands still."""

    number: int
    parts: str
    since: datetime | None
    stands_still: str
    is_whole: bool


def silence(lives: Sequence[heartbeats.Life]) -> Silence | None:
    """The silent parts in words; None when all of the worker lives."""
    silent = [life for life in lives if not life.alive]
    if not silent:
        return None
    seen = [life.at for life in silent if life.at is not None]
    still = [life.part.stands_still for life in silent]
    return Silence(
        number=len(silent),
        parts=_listed([life.part.label if place == 0 else life.part.label.lower() for place, life in enumerate(silent)]),
        since=min(seen) if seen else None,
        stands_still=_listed(still),
        is_whole=len(silent) == len(lives),
    )


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


class Banner:
    """The silence shown on every page, asked for at most once in five seconds a process."""

    def __init__(self, ask: Callable[[], Silence | None] = lambda: silence(heartbeats.lives())) -> None:
        self._ask = ask
        self._asked_at = float("-inf")
        self._found: Silence | None = None

    def now(self) -> Silence | None:
        if time.monotonic() - self._asked_at >= ASKED_EVERY:
            self._asked_at = time.monotonic()
            self._found = self._ask()
        return self._found

    def hold(self, found: Silence | None, *, for_seconds: float = float("inf")) -> None:
        """Show this for so long without asking."""
        self._found, self._asked_at = found, time.monotonic() + for_seconds


banner = Banner()


def _silent_parts(user: User) -> int:
    found = banner.now()
    return found.number if found else 0


SEE = "leads.view_heartbeat"
NAV = NavItem(
    key="health", label="Health", icon="alarm", url_name="admin:health", order=90, permissions=(SEE,), badge=_silent_parts
)
