"""How the portal runs, in numbers: read by `/healthz`, the health page and `/metrics`, so that all three say the same."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db.models import Count, Exists, Min, OuterRef, Q, Sum
from django_q.models import OrmQ

from handoff.holidaybook import ends as holiday_ends
from handoff.models import Handoff, SlaTarget, SlaTimer
from handoff.states import OPEN, OWNER_CLOCKS, ClockKind, HandoffState
from handoff.sweep import next_due
from leads import clock, heartbeats
from leads.models import Incident, Lane, Outbox

LATELY = timedelta(minutes=10)
DAY = timedelta(days=1)
CHANNELS: dict[str, str] = dict(Outbox.Channel.choices)
OPEN_CLOCKS = (SlaTimer.State.RUNNING, SlaTimer.State.PAUSED)


@dataclass(frozen=True, slots=True)
class Core:
    """What decides whether the portal is up. Durations in seconds.

    `skew_s`: the host's clock less the database's. `overdue_s`: of the clock that should have fired first, 0 when none is due.
    `restarted`: how often each part was started again in the last ten minutes. `dead`: messages given up, by channel.
    """

    at: datetime
    skew_s: float
    lives: list[heartbeats.Life]
    restarted: dict[str, int]
    overdue_s: float
    dead: dict[str, int]


@dataclass(frozen=True, slots=True)
class LaneFigures:
    """Messages of one destination that are due, how long the first of them has been, and whether the destination rests."""

    name: str
    due: int
    oldest_s: float
    paused_until: datetime | None
    fails: int
    last_ok_at: datetime | None

    @property
    def label(self) -> str:
        return CHANNELS.get(self.name, self.name)


@dataclass(frozen=True, slots=True)
class Leaks:
    """What must not be: each of these is 0 unless a program is wrong."""

    unarmed: int  # running clocks with steps to fire and no instant to fire them at
    unclocked: int  # hand-offs waiting for a rep or an answer whose policy promises one, without a clock
    left_running: int  # running clocks of hand-offs that are over
    ownerless: int  # running clocks of people who can no longer sign in


@dataclass(frozen=True, slots=True)
class Rest:
    """What is worth watching besides. Durations in seconds."""

    timers_due: int
    parked: int
    lanes: list[LaneFigures]
    queue_ready: int
    queue_locked: int
    restarts_today: dict[str, int]
    prevented_today: int
    leaks: Leaks
    unanswered: int
    oldest_unanswered: datetime | None
    holidays_until: dict[str, date | None]  # by calendar with a country: None without any
    snapshot_age_s: float | None


def core() -> Core:
    """Six statements, each read from an index."""
    before = time.time()
    at = clock.now()
    skew = (before + time.time()) / 2 - at.timestamp()
    first = next_due()
    overdue = max(0.0, (at - first).total_seconds()) if first else 0.0
    restarted = Incident.objects.filter(at__gt=at - LATELY, kind=Incident.Kind.RESTART).order_by().values_list("name")
    dead = Outbox.objects.filter(state=Outbox.State.DEAD).order_by().values_list("channel")
    return Core(
        at, skew, heartbeats.lives(at), dict(restarted.annotate(Sum("number"))), overdue, dict(dead.annotate(Count("pk")))
    )  # fmt: skip


def rest(at: datetime) -> Rest:
    due = SlaTimer.objects.filter(next_fire_at__lte=at).count()
    parked = SlaTimer.objects.filter(next_fire_at__isnull=False, fails__gt=0).count()
    queue = OrmQ.objects.filter(key=settings.Q_CLUSTER["name"]).aggregate(
        ready=Count("pk", filter=Q(lock__lte=at)), locked=Count("pk", filter=Q(lock__gt=at))
    )
    today = {
        (kind, name): number
        for kind, name, number in Incident.objects.filter(at__gt=at - DAY)
        .order_by()
        .values_list("kind", "name")
        .annotate(Sum("number"))
    }
    waiting = Handoff.objects.filter(state=HandoffState.OFFERED).aggregate(number=Count("pk"), oldest=Min("offered_at"))
    return Rest(
        timers_due=due,
        parked=parked,
        lanes=_lanes(at),
        queue_ready=queue["ready"],
        queue_locked=queue["locked"],
        restarts_today={name: number for (kind, name), number in today.items() if kind == Incident.Kind.RESTART},
        prevented_today=sum(number for (kind, _), number in today.items() if kind == Incident.Kind.PREVENTED),
        leaks=_leaks(),
        unanswered=waiting["number"],
        oldest_unanswered=waiting["oldest"],
        holidays_until={row.name: end for row, end in holiday_ends().items()},
        snapshot_age_s=_snapshot_age(),
    )


def _lanes(at: datetime) -> list[LaneFigures]:
    due = Outbox.objects.filter(next_attempt_at__lte=at).order_by().values_list("lane")
    found = {lane: (number, oldest) for lane, number, oldest in due.annotate(Count("pk"), Min("next_attempt_at"))}
    lanes = []
    for lane in Lane.objects.order_by("name"):
        number, oldest = found.get(lane.name, (0, at))
        paused = lane.paused_until if lane.paused_until and lane.paused_until > at else None
        lanes.append(LaneFigures(lane.name, number, (at - oldest).total_seconds(), paused, lane.fails, lane.last_ok_at))
    return lanes


def _leaks() -> Leaks:
    running = SlaTimer.objects.filter(state=SlaTimer.State.RUNNING)
    clocks = SlaTimer.objects.filter(handoff=OuterRef("pk"), state__in=OPEN_CLOCKS)
    promised = SlaTarget.objects.filter(policy=OuterRef("policy"))
    unclocked = sum(
        Handoff.objects.filter(Exists(promised.filter(kind=kind)), ~Exists(clocks.filter(kind=kind)), state=state).count()
        for state, kind in ((HandoffState.QUEUED, ClockKind.OFFER), (HandoffState.OFFERED, ClockKind.ACCEPT))
    )
    return Leaks(
        unarmed=running.filter(next_fire_at=None).exclude(plan=[]).count(),
        unclocked=unclocked,
        left_running=running.filter(kind__in=OWNER_CLOCKS).exclude(handoff__state__in=OPEN).count(),
        ownerless=running.filter(owner__is_active=False).count(),
    )


def _snapshot_age() -> float | None:
    """Since the preview's data on this host was last brought up to date; its two files say so by their time."""
    folder = Path(settings.SCORING_SNAPSHOT_DIR)
    seen = [path.stat().st_mtime for name in ("CURRENT", "LOOKED") if (path := folder / name).exists()]
    return max(0.0, time.time() - max(seen)) if seen else None
