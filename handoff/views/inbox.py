"""The inbox: what a rep has in hand, most urgent first, and the quiet refresh that keeps it true."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_GET
from django_htmx.http import trigger_client_event

from handoff.desk import TABS, Desk, drawn_by_id, rows_of
from handoff.models import Handoff
from handoff.rejecting import branches
from handoff.states import ANSWER, ANSWERED
from handoff.views.attempting import ATTEMPT_CHOICES
from leads import clock
from leads.pages import page, reader, render

PAGE_SIZE = 50
POLL_MS = 15_000
JITTER_MS = 2_500
PULSE_FIELDS = ("since", "mark", "tab", "q")


@page(ANSWER)
@require_GET
def inbox(request: HttpRequest) -> HttpResponse:
    """The whole inbox or, for htmx, its list with the figures beside it."""
    now = clock.now()
    desk = Desk(reader(request), now)
    tab = request.GET.get("tab", "all")
    tab = tab if tab in dict(TABS) else "all"
    words = request.GET.get("q", "").strip()[:100]
    ids = desk.ids(tab)
    found = desk.search(ids, words)
    listed = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    undoable = just_answered(desk.user.pk, now)
    handoffs = drawn_by_id([*listed.object_list, *undoable])
    context = {
        **pulse_of(desk, since=now, tab=tab, words=words),
        "tab": tab,
        "words": words,
        "page": listed,
        "rows": rows_of(listed.object_list, handoffs, desk.faces),
        "answered": [handoffs[pk] for pk in undoable if pk in handoffs],
        "branches": branches(),
        "attempt_choices": ATTEMPT_CHOICES,
        "now": now,
    }
    return render(request, "handoff/inbox.html", context, title="My inbox", fragment="handoff/_inbox.html")


@page(ANSWER)
@require_GET
def inbox_pulse(request: HttpRequest) -> HttpResponse:
    """204 while the page that asks is still true; else the new figures, and how many hand-offs came since it was drawn."""
    desk = Desk(reader(request), clock.now())
    if request.GET.get("mark") == desk.mark:
        return HttpResponse(status=204)
    answer = render(request, "handoff/_inbox_changes.html", changes_of(request, desk), fragment="handoff/_inbox_changes.html")
    return with_badge(answer, desk)


def with_badge(answer: HttpResponse, desk: Desk) -> HttpResponse:
    """The answer, telling the navigation how many now wait."""
    return trigger_client_event(answer, "badge", {"key": "inbox", "count": desk.counts[0]})


def changes_of(request: HttpRequest, desk: Desk) -> dict[str, Any]:
    """What the page that asked must be told: figures and news, for the view it shows."""
    given = request.POST if request.method == "POST" else request.GET
    since = parse_since(given.get("since", ""))
    return {
        **pulse_of(desk, since=since or desk.now, tab=given.get("tab", "all"), words=given.get("q", "")),
        "fresh": desk.fresh_since(since),
    }


def pulse_of(desk: Desk, *, since: datetime, tab: str, words: str) -> dict[str, Any]:
    """The figures, the tabs, and what the page says when it asks again."""
    return {
        "figures": desk.figures,
        "tabs": desk.tabs(),
        "resumes_at": desk.resumes_at,
        "pulse": {"since": since.isoformat(), "mark": desk.mark, "tab": tab, "q": words},
        # Each page asks at its own pace, so that two hundred of them do not ask at once.
        "poll_ms": POLL_MS + random.randint(-JITTER_MS, JITTER_MS),  # noqa: S311
    }


def parse_since(text: str) -> datetime | None:
    """The instant a page was drawn; None when it does not say so readably."""
    try:
        since = parse_datetime(text.strip().replace(" ", "+"))
    except ValueError:
        return None
    return since if since is not None and since.tzinfo is not None else None


def just_answered(user_id: int, now: datetime) -> list[int]:
    """Answers that can still be taken back, also after the page was loaded anew: ids, the oldest first."""
    mine = Handoff.objects.filter(owner_id=user_id, state__in=ANSWERED, undo_until__gt=now)
    return list(mine.order_by("answered_at").values_list("pk", flat=True))
