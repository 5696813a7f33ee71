"""What the hand-off adds to pages of the layers below: a card of the lead page, a column of the lead list, a section of the API's
lead, a card of the home page."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import django_filters as filters
from django.db.models import Count, Exists, Min, OuterRef, Q, Subquery
from django.urls import reverse
from django.utils.html import format_html

from handoff.api_shapes import LatestHandoff
from handoff.clocks import faces_of, is_overdue
from handoff.holidaybook import ends, is_short
from handoff.models import Handoff
from handoff.routewords import routed
from handoff.states import ASSIGN, OPEN, HandoffState, state_words
from leads import clock
from leads.filters import choice_filter
from leads.pages import reader
from leads.slots import LeadColumn, LeadPanel, slots

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

    from leads.models import Lead

SHOWN_HANDOFFS = 10
QUEUE_REASONS = 6
LABELS = dict(HandoffState.choices)


def lead_panel(request: HttpRequest, lead: Lead) -> dict[str, Any] | None:
    """Every time the lead was handed over, newest first; those the reader may open are links."""
    handoffs = list(lead.handoffs.select_related("owner", "reason").order_by("-nth", "-pk")[:SHOWN_HANDOFFS])
    if not handoffs:
        return None
    visible = set(Handoff.objects.visible_to(reader(request)).filter(lead=lead).values_list("pk", flat=True))
    faces = faces_of([one for one in handoffs if one.state in OPEN], clock.now())
    rows = [
        {"handoff": one, "face": faces.get(one.pk), "is_visible": one.pk in visible, "decided": routed(one).decided}
        for one in handoffs
    ]
    return {"rows": rows}


def _latest() -> QuerySet[Handoff]:
    return Handoff.objects.filter(lead=OuterRef("pk")).order_by("-nth", "-pk")


def with_handoff(leads: QuerySet[Lead]) -> QuerySet[Lead]:
    """The state of the latest hand-off and whose it is, in the list's own query."""
    return leads.annotate(
        handoff_state=Subquery(_latest().values("state")[:1]),
        handoff_reached=Subquery(_latest().values("reached_at")[:1]),
        handoff_closed=Subquery(_latest().values("closed_as")[:1]),
        handoff_owner=Subquery(_latest().values("owner__full_name")[:1]),
    )


def handoff_words(lead: Lead) -> str:
    """ "Offered, Rita Rep"; "" for a lead never handed over."""
    state = getattr(lead, "handoff_state", None)
    if not state:
        return ""
    owner, reached = getattr(lead, "handoff_owner", None), getattr(lead, "handoff_reached", None) is not None
    words = state_words(state, reached=reached, closed_as=getattr(lead, "handoff_closed", None) or "")
    return ", ".join(part for part in (words, owner) if part)


def handoff_filters() -> dict[str, filters.Filter]:
    choices = [("open", "Any open"), *HandoffState.choices, ("never", "Never handed over")]
    return {"handoff": choice_filter("Hand-off", choices, _in_state)}


def _in_state(leads: Any, name: str, value: str) -> Any:
    """By the latest hand-off; "open" asks the hand-offs, of which a lead has one open at most."""
    if value == "open":
        return leads.filter(Exists(Handoff.objects.filter(lead=OuterRef("pk"), state__in=sorted(OPEN))))
    if value == "never":
        return leads.filter(~Exists(Handoff.objects.filter(lead=OuterRef("pk"))))
    later = Handoff.objects.filter(lead=OuterRef("lead"), nth__gt=OuterRef("nth"))
    return leads.filter(Exists(Handoff.objects.filter(~Exists(later), lead=OuterRef("pk"), state=value)))


def api_section(lead_ids: Sequence[int]) -> dict[int, Any]:
    """The latest hand-off of each lead as JSON; leads never handed over are left out."""
    latest = (
        Handoff.objects.filter(lead_id__in=list(lead_ids))
        .select_related("owner", "reason")
        .order_by("lead_id", "-nth", "-pk")
        .distinct("lead_id")
    )
    return {
        one.lead_id: {
            "id": one.pk,
            "nth": one.nth,
            "state": one.state,
            "mqo": one.is_mqo,
            "rep": one.owner.email if one.owner else None,
            "score": one.score,
            "opened_at": one.opened_at.isoformat(),
            "offered_at": one.offered_at.isoformat() if one.offered_at else None,
            "answered_at": one.answered_at.isoformat() if one.answered_at else None,
            "due_at": one.due_at.isoformat() if one.due_at else None,
            "reason": one.reason.code if one.reason else None,
        }
        for one in latest
    }


def home_card(request: HttpRequest) -> dict[str, Any] | None:
    """For who assigns hand-offs: where the open ones stand, whose rep was switched off, the longest overdue, why the queue waits."""
    user = reader(request)
    if not user.has_perm(ASSIGN):
        return None
    now = clock.now()
    open_now = Handoff.objects.visible_to(user).filter(state__in=sorted(OPEN))
    counts = open_now.aggregate(
        **{state.value: Count("pk", filter=Q(state=state)) for state in HandoffState if state in OPEN},
        overdue=Count("pk", filter=Q(is_overdue(now))),
        left=Count("pk", filter=Q(owner__is_active=False)),
    )
    left = open_now.filter(owner__is_active=False).select_related("lead__company", "owner").order_by("offered_at", "pk")
    late = list(
        open_now.filter(is_overdue(now), owner__isnull=False)
        .select_related("lead__company", "owner")
        .order_by("due_at", "pk")[:QUEUE_REASONS]
    )
    faces = faces_of(late, now)
    queue = (
        open_now.filter(state=HandoffState.QUEUED)
        .values("queue_reason")
        .annotate(count=Count("pk"), since=Min("opened_at"))
        .order_by("since")
    )
    listed = reverse("admin:handoff_handoff_changelist") if user.has_perm("handoff.view_handoff") else ""
    states = [
        (LABELS[state], counts[state.value], f"{listed}?state__exact={state.value}" if listed else "")
        for state in HandoffState
        if state in OPEN
    ]
    return {
        "states": states,
        "list_url": listed,
        "list_words": "All hand-offs" if user.has_perm("leads.see_all_leads") else "Team's hand-offs",
        "overdue": counts["overdue"],
        "left": list(left[:QUEUE_REASONS]),
        "left_count": counts["left"],
        "late": [(one, faces[one.pk]) for one in late],
        "queue": list(queue[:QUEUE_REASONS]),
        "total": sum(count for _, count, _ in states),
    }


def holidays_card(request: HttpRequest) -> dict[str, Any] | None:
    """For who sets up calendars: those whose public holidays run out, the first first."""
    if not reader(request).has_perm("handoff.change_workcalendar"):
        return None
    today = clock.now().date()
    short = [(calendar, end) for calendar, end in ends().items() if is_short(end, today)]
    return {"rows": sorted(short, key=lambda row: row[1] or today)} if short else None


def connect() -> None:
    """Called once, when the app is ready."""
    slots.lead_panels.append(LeadPanel(key="handoffs", order=30, template="handoff/_lead_panel.html", context=lead_panel))
    slots.lead_columns.append(
        LeadColumn(
            key="handoff", label="Hand-off", order=60, annotate=with_handoff, value=handoff_words, ordering=("handoff_state",),
            draw=partial(format_html, '<span class="p-clip" title="{0}">{0}</span>'), filters=handoff_filters,
        )
    )  # fmt: skip
    slots.api_sections["handoff"] = api_section
    slots.api_shapes["handoff"] = LatestHandoff
    slots.home_cards.append((15, "handoff/_home_holidays.html", holidays_card))
    slots.home_cards.append((20, "handoff/_home_card.html", home_card))
