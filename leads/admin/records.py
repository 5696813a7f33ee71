"""What the portal writes by itself, to be looked at: activities, the audit, jobs and messages. Lists that may be very long."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from leads.actions.machine import give_up, resume_job, send_again, stop_job
from leads.admin.base import BoundedAdmin, ReadOnlyAdmin, confirmed_action, fixed_filter
from leads.changes import facts_of
from leads.choices import ACTIVITY_KINDS
from leads.errors import Conflict
from leads.lib.folding import email_key, fold
from leads.models import Activity, Job, Lead, LeadEvent, Outbox, User
from leads.notify.registry import kinds
from leads.pages import reader
from leads.timeline import names_of

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
    list_filter = (fixed_filter("kind", "kind", ACTIVITY_KINDS), "campaign", ("asset__kind", admin.AllValuesFieldListFilter))
    list_display_links = ("label",)
    list_select_related = ("lead", "asset", "campaign")

    @admin.display(description="what")
    def label(self, activity: Activity) -> str:
        return activity.label


class EventList(ChangeList):
    """The page's events with the names of the owners they speak of, read at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list: Any = list(self.result_list)
        people = names_of(self.result_list)
        for event in self.result_list:
            event.people = people


@admin.register(LeadEvent)
class LeadEventAdmin(OfLeadsAdmin[LeadEvent]):
    setup_group = "System"
    setup_intro = "Who changed what about which lead, when and why."
    empty_text = "Nothing was changed yet."
    list_display = ("at", "of_lead", "kind", "by", "changed", "reason")
    list_filter = ("kind",)
    list_select_related = ("lead", "actor")

    @admin.display(description="what")
    def changed(self, event: LeadEvent) -> str:
        """By label, with old and new, as on the page of the lead."""
        return (
            "; ".join(f"{one.label}: {one.old} → {one.new}" for one in facts_of(event, people=getattr(event, "people", None)))
            or "–"
        )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return EventList

    @admin.display(description="who")
    def by(self, event: LeadEvent) -> str:
        return str(event.actor) if event.actor else "Accord"


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
    list_display = ("what", "about", "channel", "recipient", "state", "due_at", "sent_at", "attempts", "last_error")
    list_filter = ("state", "channel")
    list_select_related = ("recipient",)
    search_fields = ("recipient",)  # so that there is a search box; `get_search_results` says what it finds
    search_help_text = "Name or e-mail address of who is told"
    actions = ("again", "give_up")
    fields = (
        "what", "about", "channel", "recipient", "state", "due_at", "sent_at", "seen_at", "acted_at", "next_attempt_at", "attempts",
        "last_error", "tried",
    )  # fmt: skip
    readonly_fields = ("what", "about", "tried")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Outbox], search_term: str
    ) -> tuple[QuerySet[Outbox], bool]:
        if words := fold(search_term).strip():
            people = User.objects.values_list("pk", "full_name", "email")  # few, other than messages
            told = [pk for pk, name, email in people if words in fold(name) or words in fold(email)]
            queryset = queryset.filter(recipient__in=told)
        return queryset, False

    @admin.display(description="what")
    def what(self, message: Outbox) -> str:
        known = kinds.get(message.kind)
        return known.label if known else message.kind

    @admin.display(description="about")
    def about(self, message: Outbox) -> str:
        """The lead as the message names it; work names none."""
        return str(message.payload.get("lead") or "–")

    @admin.display(description="the last attempts")
    def tried(self, message: Outbox) -> str:
        """When, with what result, and what the other side said."""
        return format_html_join(
            "", "<div>{}: {}{}{}</div>",
            (
                (
                    date_format(timezone.localtime(datetime.fromisoformat(one["at"])), "DATETIME_FORMAT"), one["result"],
                    f", {one['ms']} ms" if "ms" in one else "", f": {one['excerpt']}" if one.get("excerpt") else "",
                )
                for one in reversed(message.log)
            ),
        ) or "–"  # fmt: skip

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

    @confirmed_action(
        description="Give up",
        question="Those of these messages that could not be sent are given up. Their log stays; nobody is warned of them any more.",
        button="Give up",
        permissions=("steer",),
        danger=True,
    )
    def give_up(self, request: HttpRequest, queryset: QuerySet[Outbox]) -> None:
        _each(request, queryset, give_up, "given up")


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
