"""Hand-offs and rejections to look at; they are moved by the people they concern, on their own pages."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from handoff.clocks import is_overdue
from handoff.models import Handoff, HandoffEvent, RejectionReview
from handoff.states import OPEN
from leads import clock
from leads.admin.base import BoundedAdmin, FixedFilter, ReadOnlyAdmin
from leads.models import Lead
from leads.pages import reader
from leads.templatetags.accord import moment
from leads.wordsearch import matching


class EventInline(admin.TabularInline[HandoffEvent, Handoff]):
    model = HandoffEvent
    fields = ("at", "verb", "source", "target", "actor")
    readonly_fields = fields
    extra = 0
    can_delete = False
    verbose_name_plural = "what happened"

    def get_queryset(self, request: HttpRequest) -> QuerySet[HandoffEvent]:
        return super().get_queryset(request).select_related("actor")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return reader(request).has_perm("handoff.view_handoff")


class OverdueFilter(FixedFilter):
    """Those whose promise is past due, or not yet."""

    title = "deadline"
    parameter_name = "deadline"
    choices_of = {"overdue": "Overdue", "ahead": "Still ahead"}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        now, running = clock.now(), queryset.filter(state__in=OPEN)
        if self.value() == "overdue":
            return running.filter(is_overdue(now))
        return running.filter(~is_overdue(now), due_at__isnull=False) if self.value() == "ahead" else queryset


WHEN = (
    "opened_at", "offered_at", "seen_at", "answered_at", "contacted_at", "reached_at", "converted_at", "closed_at",
)  # fmt: skip


@admin.register(Handoff)
class HandoffAdmin(BoundedAdmin[Handoff], ReadOnlyAdmin[Handoff]):
    setup_group = "Hand-off"
    setup_intro = "Every time a lead was handed to sales. To reassign, withdraw or close one, open its packet."
    empty_hint = "They are made by themselves when a lead meets the criteria in force."
    inlines = (EventInline,)
    list_display = ("lead", "state", "owner", "score", "is_mqo", "due", "opened_at", "packet_link")
    list_filter = (OverdueFilter, "state", "is_mqo", "owner")
    list_select_related = ("lead", "owner")
    search_fields = ("lead",)  # so that there is a search box; `get_search_results` says what it finds
    search_help_text = "Name, company or e-mail of the lead"
    date_hierarchy = None
    fieldsets = (
        ("Which lead", {"fields": ("lead", "nth", "is_mqo", "score", "headline")}),
        ("Where it stands", {"fields": ("state", "owner", "queue_reason", "policy", "due_at")}),
        ("When", {"fields": WHEN}),
        ("What came of it", {"fields": ("closed_as", "reason", "note", "amount", "attempts_made", "moves")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Handoff]:
        seen: QuerySet[Handoff] = Handoff.objects.visible_to(reader(request))
        return seen.annotate(overdue=is_overdue(clock.now()))

    def get_ordering(self, request: HttpRequest) -> tuple[Any, ...]:
        """What is due first comes first where a deadline was asked for, else the newest; an index holds either."""
        return ("due_at", "-pk") if request.GET.get("deadline") else ("-pk",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Handoff], search_term: str
    ) -> tuple[QuerySet[Handoff], bool]:
        if search_term.strip():
            queryset = queryset.filter(lead__in=matching(Lead.objects.all(), search_term))
        return queryset, False

    @admin.display(description="due at")
    def due(self, handoff: Handoff) -> SafeString | str:
        late = handoff.state in OPEN and getattr(handoff, "overdue", False)
        if handoff.due_at is None and not late:
            return self.get_empty_value_display()
        said = moment(handoff.due_at) if handoff.due_at else "to be offered"
        return format_html('<span class="p-badge p-danger">Overdue</span> {}', said) if late else said

    @admin.display(description="packet")
    def packet_link(self, handoff: Handoff) -> SafeString:
        return format_html('<a href="{}">Open</a>', reverse("admin:handoff-packet", args=[handoff.pk]))


@admin.register(RejectionReview)
class RejectionReviewAdmin(BoundedAdmin[RejectionReview], ReadOnlyAdmin[RejectionReview]):
    setup_group = "Hand-off"
    setup_intro = "Marketing's verdicts on rejections. They are given on the page Rejections."
    empty_hint = "A verdict appears here as soon as marketing reviews a rejection."
    list_display = ("handoff", "verdict", "by", "at", "return_on", "is_settled")
    list_filter = ("verdict", "by")
    list_select_related = ("handoff__lead", "by")
    search_fields = ("handoff",)  # so that there is a search box; `get_search_results` says what it finds
    search_help_text = "Name, company or e-mail of the lead"
    fieldsets = (
        ("Which rejection", {"fields": ("handoff",)}),
        ("The verdict", {"fields": ("verdict", "note", "return_on", "by", "at")}),
        ("How a dispute ended", {"fields": ("settled_at", "settled_note")}),
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[RejectionReview], search_term: str
    ) -> tuple[QuerySet[RejectionReview], bool]:
        if search_term.strip():
            queryset = queryset.filter(handoff__lead__in=matching(Lead.objects.all(), search_term))
        return queryset, False

    @admin.display(description="settled", boolean=True)
    def is_settled(self, review: RejectionReview) -> bool | None:
        return review.settled_at is not None if review.verdict == RejectionReview.Verdict.DISPUTE else None
