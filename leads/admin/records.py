"""What the portal writes by itself, to be looked at: activities, the audit, jobs and messages. Lists that may be very long."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from leads.actions.machine import resume_job, send_again, stop_job
from leads.admin.base import BoundedAdmin, ReadOnlyAdmin, confirmed_action
from leads.errors import Conflict
from leads.lib.folding import email_key
from leads.models import Activity, Job, Lead, LeadEvent, Outbox, User
from leads.pages import reader

M = TypeVar("M", bound=Model)


class OfLeadsAdmin(BoundedAdmin[M], ReadOnlyAdmin[M]):
    """Records of leads, searched by the lead's address only."""

    search_help_text = "The whole e-mail address of a lead."
    search_fields = ("lead",)  # so that there is a search box; `get_search_results` says what it finds

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[M], search_term: str) -> tuple[QuerySet[M], bool]:
        if search_term.strip():
            found = Lead.objects.filter(email_key=email_key(search_term)).exclude(email_key="")
            queryset = queryset.filter(lead__in=list(found.values_list("pk", flat=True)[:1]))
        return queryset, False

    @admin.display(description="lead")
    def of_lead(self, row: Any) -> SafeString:
        return format_html('<a href="{}"><bdi>{}</bdi></a>', reverse("admin:lead-detail", args=[row.lead_id]), row.lead.name)


@admin.register(Activity)
class ActivityAdmin(OfLeadsAdmin[Activity]):
    setup_group = "System"
    setup_intro = "Everything leads did, as it came in. Nothing here is ever changed."
    empty_text = "Nothing has happened yet."
    empty_hint = "Activities come in by imports and the API."
    list_display = ("label", "of_lead", "asset", "campaign", "occurred_at", "known_at", "source")
    list_display_links = ("label",)
    list_select_related = ("lead", "asset", "campaign")

    @admin.display(description="what")
    def label(self, activity: Activity) -> str:
        return activity.label


@admin.register(LeadEvent)
class LeadEventAdmin(OfLeadsAdmin[LeadEvent]):
    setup_group = "System"
    setup_intro = "Who changed what about which lead, when and why."
    empty_text = "Nothing was changed yet."
    list_display = ("at", "of_lead", "kind", "actor", "changed", "reason")
    list_select_related = ("lead", "actor")

    @admin.display(description="what")
    def changed(self, event: LeadEvent) -> str:
        return ", ".join(event.changes)


@admin.register(Job)
class JobAdmin(BoundedAdmin[Job], ReadOnlyAdmin[Job]):
    setup_group = "System"
    setup_intro = "Long work of the worker: imports, re-scoring. A stopped job keeps what it did and goes on where it was."
    empty_text = "No jobs yet."
    empty_hint = "An import or a new version in force makes one."
    list_display = ("kind", "state", "done", "created_by", "created_at", "finished_at", "error")
    list_filter = ("state", "kind")
    list_select_related = ("created_by",)
    actions = ("stop", "go_on")

    @admin.display(description="done")
    def done(self, job: Job) -> str:
        return f"{job.position:,} of {job.total:,}" if job.total else f"{job.position:,}"

    def has_steer_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("leads.change_job")

    @confirmed_action(
        description="Ask to stop", question="These jobs stop after the step they are in.", button="Stop", permissions=("steer",)
    )
    def stop(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        _each(request, queryset, stop_job, "asked to stop")

    @confirmed_action(
        description="Let go on", question="These jobs go on where they were.", button="Go on", permissions=("steer",)
    )
    def go_on(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        _each(request, queryset, resume_job, "going on")


@admin.register(Outbox)
class OutboxAdmin(BoundedAdmin[Outbox], ReadOnlyAdmin[Outbox]):
    setup_group = "System"
    setup_intro = "Messages on their way: in the portal, by mail and to other systems. What could not be sent says why."
    empty_text = "No messages yet."
    list_display = ("kind", "channel", "recipient", "state", "due_at", "sent_at", "attempts", "last_error")
    list_filter = ("state", "channel")
    list_select_related = ("recipient",)
    actions = ("again",)

    def has_steer_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("leads.change_outbox")

    @confirmed_action(
        description="Send again",
        question="Those of these messages that could not be sent are tried again at once.",
        button="Send again",
        permissions=("steer",),
    )
    def again(self, request: HttpRequest, queryset: QuerySet[Outbox]) -> None:
        _each(request, queryset, send_again, "waiting to be sent again")


def _each(request: HttpRequest, rows: QuerySet[M], verb: Callable[..., M], done: str) -> None:
    """Do the verb to each row by itself; say how many it was done to and why not to the others."""
    actor: User = reader(request)
    hit, refused = 0, ""
    for row in rows[:1000]:
        try:
            verb(row, actor=actor)
            hit += 1
        except Conflict as conflict:
            refused = conflict.message
    if hit:
        messages.success(request, f"{hit:,} {done}.")
    if refused:
        messages.warning(request, f"The others were left as they are. {refused}")
