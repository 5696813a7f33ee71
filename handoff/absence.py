"""Who is away, and until when: the one place that reads leave for clocks."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from handoff.models import Leave


def away_until(now: datetime, people: Collection[int] | None = None) -> dict[int, datetime]:
    """Those of these people, or of all, who are away at `now`, each with when they are back, leave that follows at once included;
    one query."""
    leave = Leave.objects.filter(ends_at__gt=now).order_by("starts_at")
    if people is not None:
        leave = leave.filter(rep__in=people)
    back: dict[int, datetime] = {}
    for rep_id, starts_at, ends_at in leave.values_list("rep_id", "starts_at", "ends_at"):
        if starts_at <= back.get(rep_id, now):
            back[rep_id] = max(ends_at, back.get(rep_id, ends_at))
    return back
