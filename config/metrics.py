"""`/metrics` in the text format of Prometheus 0.0.4, for who shows METRICS_TOKEN as `Authorization: Bearer ...`."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from config.figures import Core, Rest, core, rest
from config.health import down

PATH = "/metrics"
CONTENT = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.5, 1.0, 2.0, 5.0, 10.0, 60.0, 300.0, 3600.0)  # seconds late
# No transaction that wrote an event is open for longer, so all numbers below one that old are there.
SETTLED = timedelta(minutes=10)

_COUNT = """
SELECT t.kind, e.step, e.outcome, width_bucket(extract(epoch FROM e.fired_at - e.due_at)::float8, %s::float8[]) AS bucket,
       count(*), coalesce(sum(extract(epoch FROM e.fired_at - e.due_at)), 0)::float8
FROM handoff_slaevent e JOIN handoff_slatimer t ON t.id = e.timer_id WHERE e.id > %s AND e.id <= %s GROUP BY 1, 2, 3, 4
"""
_UP_TO = "SELECT coalesce(max(id) FILTER (WHERE fired_at < %s), %s), coalesce(max(id), %s) FROM handoff_slaevent WHERE id > %s"


@dataclass(slots=True)
class Tally:
    """What became of all steps of all clocks. Events are only ever added, so each process counts the old ones once.

    `events` counts by clock, step and outcome; `late` counts, of steps that were fired, those up to each of `BUCKETS` and above.
    """

    upto: int = 0
    events: dict[tuple[str, str, str], int] = field(default_factory=dict)
    late: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    late_sum: float = 0.0

    def read(self, at: datetime) -> Tally:
        """Everything as of now; what is old enough to be complete is kept for the next time."""
        with connection.cursor() as cursor:
            cursor.execute(_UP_TO, [at - SETTLED, self.upto, self.upto, self.upto])
            settled, last = cursor.fetchone()
        self._add(self.upto, settled)
        self.upto = settled
        now = Tally(settled, dict(self.events), list(self.late), self.late_sum)
        now._add(settled, last)
        return now

    def _add(self, after: int, upto: int) -> None:
        if upto <= after:
            return
        with connection.cursor() as cursor:
            cursor.execute(_COUNT, [list(BUCKETS), after, upto])
            for kind, step, outcome, bucket, number, seconds in cursor.fetchall():
                key = (kind, step, outcome)
                self.events[key] = self.events.get(key, 0) + number
                if outcome == "fired":
                    self.late[bucket] += number
                    self.late_sum += seconds


_tally = Tally()


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """404 unless a token is set, 401 without it."""
    if not settings.METRICS_TOKEN:
        return HttpResponse("There are no metrics without METRICS_TOKEN.\n", status=404, content_type="text/plain")
    shown = request.headers.get("Authorization", "").encode()
    if not secrets.compare_digest(shown, f"Bearer {settings.METRICS_TOKEN}".encode()):
        refused = HttpResponse("The token is missing or wrong.\n", status=401, content_type="text/plain")
        refused["WWW-Authenticate"] = "Bearer"
        return refused
    found = core()
    lines = exposition(found, rest(found.at), _tally.read(found.at))
    return HttpResponse("\n".join(lines) + "\n", content_type=CONTENT)


def exposition(found: Core, more: Rest, tally: Tally) -> Iterator[str]:
    """The lines of the page. Durations are seconds, instants seconds since 1970."""
    yield from _gauge("accord_up", "1 when all is up, as /healthz says.", [({}, 0 if down(found) else 1)])
    yield from _gauge(
        "accord_part_age_seconds", "Since the last sign of life, by part and host.",
        (({"part": life.name, "host": host}, age) for life in found.lives for host, age in life.hosts),
    )  # fmt: skip
    yield from _gauge("accord_part_alive", "1 while a part lives.", (({"part": one.name}, int(one.alive)) for one in found.lives))
    yield from _gauge(
        "accord_part_restarts_24h", "Times a part was started again in 24 hours.",
        (({"part": one.name}, more.restarts_today.get(one.name, 0)) for one in found.lives),
    )  # fmt: skip
    yield from _gauge("accord_clock_skew_seconds", "This host's clock less the database's.", [({}, found.skew_s)])
    yield from _gauge("accord_timers_due", "Clocks that should have fired.", [({}, more.timers_due)])
    yield from _gauge("accord_timers_overdue_seconds", "Of the first of them.", [({}, found.overdue_s)])
    yield from _gauge("accord_timers_parked", "Clocks that failed and are tried again later.", [({}, more.parked)])
    yield from _gauge("accord_timers_prevented_24h", "Steps kept from firing twice in 24 hours.", [({}, more.prevented_today)])
    yield from _gauge(
        "accord_leaks", "What must not be: 0 unless a program is wrong.",
        (({"kind": name}, number) for name, number in asdict(more.leaks).items()),
    )  # fmt: skip
    yield from _lanes(more)
    yield from _gauge(
        "accord_messages_dead",
        "Messages given up, by channel.",
        (({"channel": name}, n) for name, n in sorted(found.dead.items())),
    )
    queue = [({"state": "ready"}, more.queue_ready), ({"state": "locked"}, more.queue_locked)]
    yield from _gauge("accord_queue_tasks", "Background tasks in the queue.", queue)
    yield from _gauge("accord_unanswered", "Hand-offs offered and not answered.", [({}, more.unanswered)])
    if more.oldest_unanswered is not None:
        age = (found.at - more.oldest_unanswered).total_seconds()
        yield from _gauge("accord_oldest_unanswered_seconds", "Since the oldest of them was offered.", [({}, age)])
    days = [({"calendar": name}, (last - found.at.date()).days) for name, last in more.holidays_until.items() if last]
    yield from _gauge("accord_holidays_known_days", "How far ahead holidays are known.", days)
    if more.snapshot_age_s is not None:
        yield from _gauge("accord_snapshot_age_seconds", "Of the preview's data on this host.", [({}, more.snapshot_age_s)])
    yield from _events(tally)


def _lanes(more: Rest) -> Iterator[str]:
    lanes = [({"lane": lane.name}, lane) for lane in more.lanes]
    yield from _gauge("accord_messages_due", "Messages due, by destination.", ((label, lane.due) for label, lane in lanes))
    yield from _gauge(
        "accord_messages_overdue_seconds", "Of the first due message.", ((label, lane.oldest_s) for label, lane in lanes)
    )
    yield from _gauge(
        "accord_lane_paused",
        "1 while a destination rests.",
        ((label, int(lane.paused_until is not None)) for label, lane in lanes),
    )


def _events(tally: Tally) -> Iterator[str]:
    yield "# HELP accord_timer_events_total Steps of clocks, by what became of them."
    yield "# TYPE accord_timer_events_total counter"
    for (clock, step, outcome), number in sorted(tally.events.items()):
        yield f"accord_timer_events_total{_labels({'clock': clock, 'step': step, 'outcome': outcome})} {number}"
    name, so_far = "accord_timer_lateness_seconds", 0
    yield f"# HELP {name} From when a step was due to when it fired."
    yield f"# TYPE {name} histogram"
    for bound, number in zip((*BUCKETS, "+Inf"), tally.late, strict=True):
        so_far += number
        yield f'{name}_bucket{{le="{bound}"}} {so_far}'
    yield f"{name}_sum {tally.late_sum:.6f}"
    yield f"{name}_count {so_far}"


def _gauge(name: str, about: str, values: Iterable[tuple[Mapping[str, str], float]]) -> Iterator[str]:
    yield f"# HELP {name} {about}"
    yield f"# TYPE {name} gauge"
    for labels, value in values:
        yield f"{name}{_labels(labels)} {value:.6g}" if isinstance(value, float) else f"{name}{_labels(labels)} {value}"


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    escaped = (
        f'{key}="' + value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") + '"' for key, value in labels.items()
    )
    return "{" + ",".join(escaped) + "}"
