"""What reps rejected and what it says about the criteria: the list, the reasons against the time before, the findings."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import comb
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import Count, Q

from handoff.models import Handoff
from handoff.states import HandoffState
from leads import clock
from leads.models import Reason

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from leads.models import User

# Findings read the lines of the newest so many rejections.
READ_LINES = 2000
# Fewer rejections than this say nothing; a criterion that paid in less than this share of them is not worth a line, nor one that
# paid about as often in all hand-offs: so much more often it must be, and no oftener by chance than this.
LEAST_REJECTIONS = 3
LEAST_SHARE = 0.5
LEAST_LEAD = 0.15
MOST_CHANCE = 0.1
# The badge: how far back it looks, in days and in rejections.
RECENT_DAYS = 90
READ_NEWEST = 500
# Sources are offered as filters from the newest so many rejections.
READ_SOURCES = 2000


@dataclass(frozen=True, slots=True)
class ReasonBar:
    """One reason as a bar: rejections in the period, and as many before as the period is long."""

    code: str
    label: str
    value: int
    before: int | None
    url: str
    is_on: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """A criterion that paid for what was then rejected, and how often it paid in all hand-offs of the time."""

    reason: str
    count: int
    total: int
    points: int
    criterion: str
    everywhere: int
    handoffs: int

    @property
    def share(self) -> float:
        return self.count / self.total


def _given_back(user: User) -> QuerySet[Handoff]:
    return Handoff.objects.visible_to(user).filter(state__in=(HandoffState.REJECTED, HandoffState.RECYCLED))


def rejections(user: User) -> QuerySet[Handoff]:
    """Hand-offs that a rep rejected, whatever marketing did with them since, as far as `user` may see them."""
    return _given_back(user).filter(Q(state=HandoffState.REJECTED) | Q(review__isnull=False))


def unreviewed_count(user: User) -> int:
    """How many of the newest 500 rejections of the last 90 days wait for a verdict; the badge of the navigation.

    Read from the newest on, so that it costs the same however many rejections there ever were.
    """
    since = clock.now() - timedelta(days=RECENT_DAYS)
    recent = Handoff.objects.visible_to(user).filter(state=HandoffState.REJECTED, answered_at__gt=since)
    newest = recent.order_by("-answered_at", "-pk").values("pk")[:READ_NEWEST]
    return Handoff.objects.filter(pk__in=newest, review__isnull=True).count()


def listed(rows: QuerySet[Handoff]) -> QuerySet[Handoff]:
    """Rejections with all that the list draws, newest first."""
    return rows.select_related("lead__company", "lead__first_campaign", "reason", "owner", "review__by").order_by(
        "-answered_at", "-pk"
    )


def reason_bars(rows: QuerySet[Handoff], *, now: datetime, days: int | None, chosen: str, query: str) -> list[ReasonBar]:
    """Rejections by reason, most first, each with the number in the same time before; without a period, the number alone."""
    if days is None:
        counts = rows.values("reason__code", "reason__label").annotate(value=Count("pk"), before=Count("pk", filter=Q(pk=None)))
    else:
        start = now - timedelta(days=days)
        counts = (
            rows.filter(answered_at__gt=start - timedelta(days=days))
            .values("reason__code", "reason__label")
            .annotate(value=Count("pk", filter=Q(answered_at__gt=start)), before=Count("pk", filter=Q(answered_at__lte=start)))
        )
    bars = [
        ReasonBar(
            code=row["reason__code"],
            label=row["reason__label"],
            value=row["value"],
            before=None if days is None else row["before"],
            url=f"?{query}&reason={row['reason__code']}" if row["reason__code"] != chosen else f"?{query}",
            is_on=row["reason__code"] == chosen,
        )
        for row in counts.order_by("reason__label")
    ]
    return sorted(bars, key=lambda bar: -bar.value)


def answered(user: User) -> QuerySet[Handoff]:
    """Hand-offs a rep has answered, of the newest 2,000 that `user` may see: what the findings compare with.

    The newest by key, so that it costs the same however many there ever were.
    """
    newest = Handoff.objects.visible_to(user).order_by("-pk").values("pk")[:READ_LINES]
    return Handoff.objects.filter(pk__in=newest, answered_at__isnull=False)


def findings(rows: QuerySet[Handoff], everything: QuerySet[Handoff]) -> list[Finding]:
    """For each reason that names the facts it speaks about, the criterion on those facts that paid for what was rejected.

    "Too small" against points for size. It is told where it paid in half or more of the rejections for that reason, and clearly
    oftener there than in `everything`, all hand-offs of the same time: what nearly every lead gets is no cause. A reason without
    facts, such as "Not now", says nothing about criteria. Read from the lines stored with the qualifications, so it says what was,
    whatever the criteria are today.
    """
    newest = rows.filter(qualification__isnull=False).order_by("-answered_at", "-pk")[:READ_LINES]
    topics = {pk: keys for pk, keys in Reason.objects.values_list("pk", "field_keys") if keys}
    totals: Counter[int] = Counter()
    labels: dict[int, str] = {}
    paid: dict[int, dict[str, _Paid]] = defaultdict(dict)
    for reason_id, label, lines in newest.values_list("reason_id", "reason__label", "qualification__lines"):
        if reason_id not in topics:
            continue
        totals[reason_id] += 1
        labels[reason_id] = label
        for key, line in _best_lines(lines, topics[reason_id]).items():
            paid[reason_id].setdefault(key, _Paid(str(line.get("label", key)))).add(int(line["points"]))
    worth_asking = [(pk, total) for pk, total in totals.most_common() if total >= LEAST_REJECTIONS and paid[pk]]
    if not worth_asking:
        return []
    handoffs, often = _paid_everywhere(everything)
    found = []
    for reason_id, total in worth_asking:
        told = [
            Finding(labels[reason_id], one.count, total, one.points, one.label, often.get(key, 0), handoffs)
            for key, one in paid[reason_id].items()
            if is_cause(one.count, total, often.get(key, 0), handoffs)
        ]
        if told:
            found.append(max(told, key=lambda one: (one.share - one.everywhere / one.handoffs, one.count, one.points)))
    return found


def is_cause(count: int, total: int, everywhere: int, handoffs: int) -> bool:
    """Whether `count` of `total` rejections is clearly more than `everywhere` of all `handoffs`.

    Half of them at least, 15 points more than everywhere, and by chance alone at most once in ten (binomial tail).
    """
    if total < LEAST_REJECTIONS or not handoffs:
        return False
    usual = min(1.0, everywhere / handoffs)
    if count / total < max(LEAST_SHARE, usual + LEAST_LEAD):
        return False
    return sum(comb(total, n) * usual**n * (1 - usual) ** (total - n) for n in range(count, total + 1)) <= MOST_CHANCE


_PAID = """
SELECT line ->> 'key', count(DISTINCT q.id)
  FROM scoring_qualification q CROSS JOIN LATERAL jsonb_array_elements(q.lines) AS line
 WHERE q.id = ANY(%s) AND (line ->> 'points')::numeric > 0 AND COALESCE(line ->> 'kind', 'criterion') = 'criterion'
 GROUP BY 1
"""


def _paid_everywhere(everything: QuerySet[Handoff]) -> tuple[int, dict[str, int]]:
    """How many hand-offs there are, and in how many of them each criterion gave points."""
    ids = list(
        everything.filter(qualification__isnull=False).order_by("-pk").values_list("qualification_id", flat=True)[:READ_LINES]
    )
    with connection.cursor() as cursor:
        cursor.execute(_PAID, [ids])
        return len(ids), {str(key): int(count) for key, count in cursor.fetchall()}


@dataclass(slots=True)
class _Paid:
    label: str
    count: int = 0
    points: int = 0

    def add(self, points: int) -> None:
        self.count += 1
        self.points = max(self.points, points)


def _best_lines(lines: Iterable[Mapping[str, Any]], topic: list[str]) -> dict[str, Mapping[str, Any]]:
    """The criteria on the topic's facts that gave points, by key."""
    return {
        str(line["key"]): line
        for line in lines
        if line.get("kind", "criterion") == "criterion"
        and line.get("points", 0) > 0
        and line.get("key")
        and set(line.get("facts") or ()) & set(topic)
    }


def known_sources(user: User) -> list[str]:
    """The sources that the newest leads given back came from, by name."""
    newest = _given_back(user).order_by("-answered_at", "-pk").values_list("lead__first_source", flat=True)[:READ_SOURCES]
    return sorted(set(newest) - {""})
