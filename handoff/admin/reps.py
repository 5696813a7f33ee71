"""Who takes hand-offs, how many, and when they are away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils import timezone

from handoff.admin.policies import calendar_choices
from handoff.models import Leave, Rep
from handoff.states import WITH_REP
from leads import clock
from leads.admin.base import AccordModelAdmin, confirmed_action
from leads.models import User
from leads.pages import reader
from leads.querysets import team_mates

if TYPE_CHECKING:
    from django.db.models import ForeignKey


class RepForm(forms.ModelForm[Rep]):
    calendar_key = forms.ChoiceField(
        label="Calendar", required=False, help_text="Own working hours, where they differ from the policy's."
    )

    class Meta:
        model = Rep
        fields = ("user", "takes_leads", "off_reason", "open_cap", "weekly_capacity", "calendar_key", "started_on")
        labels = {
            "user": "Person", "takes_leads": "takes new hand-offs", "off_reason": "Why not", "open_cap": "Open at most",
            "weekly_capacity": "New a week", "started_on": "Started on",
        }  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields.get("calendar_key")
        if isinstance(field, forms.ChoiceField):
            field.choices = [("", "As the policy says"), *calendar_choices()]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not cleaned.get("takes_leads") and not cleaned.get("off_reason", "").strip():
            self.add_error("off_reason", "Say why, so that others know.")
        return cleaned


class AwayFilter(admin.SimpleListFilter):
    title = "presence"
    parameter_name = "away"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Away now"), ("no", "Present")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "yes":
            return queryset.filter(away_until__isnull=False)
        return queryset.filter(away_until=None) if self.value() == "no" else queryset


@admin.register(Rep)
class RepAdmin(AccordModelAdmin[Rep]):
    setup_group = "Hand-off"
    setup_intro = "Who is offered leads: whose turn it is comes first, nobody away, switched off or at the cap is asked."
    empty_hint = "Until somebody is here, every hand-off waits in the queue."
    form = RepForm
    change_form_template = "handoff/rep_change.html"
    list_display = ("person", "takes_leads", "load", "weekly_capacity", "away", "last_offered_at", "off_reason")
    list_filter = ("takes_leads", AwayFilter)
    list_select_related = ("user",)
    search_fields = ("user__full_name", "user__email")
    ordering = ("user__full_name",)
    actions = ("switch_on",)
    fieldsets = (
        ("Who takes leads", {"fields": ("user", "takes_leads", "off_reason")}),
        ("How many", {"fields": ("open_cap", "weekly_capacity", "started_on")}),
        ("When they work", {"fields": ("calendar_key",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Rep]:
        now = clock.now()
        away = Leave.objects.filter(rep=OuterRef("pk"), starts_at__lte=now, ends_at__gt=now).order_by("-ends_at")
        reps = (
            super()
            .get_queryset(request)
            .annotate(
                open_now=Count("user__handoffs", filter=Q(user__handoffs__state__in=sorted(WITH_REP))),
                away_until=Subquery(away.values("ends_at")[:1]),
            )
        )
        return reps if sees_all(request) else reps.filter(Q(user__in=team_mates(reader(request))) | Q(user=reader(request)))

    def formfield_for_foreignkey(self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "user":
            people = User.objects.filter(is_active=True, groups__isnull=False).distinct().order_by("full_name")
            kwargs["queryset"] = people if sees_all(request) else people.filter(pk__in=team_mates(reader(request)))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Rep | None = None) -> tuple[str, ...]:
        return ("user",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Rep | None = None) -> bool:
        return False

    @admin.display(description="person", ordering="user__full_name")
    def person(self, rep: Rep) -> str:
        return str(rep.user)

    @admin.display(description="open now", ordering="open_now")
    def load(self, rep: Any) -> str:
        return f"{rep.open_now} of {rep.open_cap}"

    @admin.display(description="away until", ordering="away_until")
    def away(self, rep: Any) -> str:
        return f"{timezone.localtime(rep.away_until):%-d %b %Y, %H:%M}" if rep.away_until else "–"

    @confirmed_action(
        description="Offer leads again",
        question="These people are offered leads again, when it is their turn.",
        button="Offer leads again",
    )
    def switch_on(self, request: HttpRequest, queryset: QuerySet[Rep]) -> None:
        ids = list(queryset.values_list("pk", flat=True))
        done = Rep.objects.filter(pk__in=ids, takes_leads=False).update(takes_leads=True, off_reason="")
        self.message_user(request, f"{done} switched on." if done else "They take leads already.")


class WhoFilter(admin.SimpleListFilter):
    """The reps with leave to see, by one query; the stock filter asks for the name of each."""

    title = "rep"
    parameter_name = "rep"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        there = model_admin.get_queryset(request).order_by("rep__user__full_name").values_list("rep", "rep__user__full_name")
        return [(str(pk), name) for pk, name in there.distinct()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        known = {key for key, _ in self.lookup_choices}
        return queryset.filter(rep=self.value()) if self.value() in known else queryset


@admin.register(Leave)
class LeaveAdmin(AccordModelAdmin[Leave]):
    setup_group = "Hand-off"
    setup_intro = "Who is away and when. Nobody away is offered a lead."
    empty_hint = "Reps enter their own in the menu of their account, managers on the page of the rep."
    list_display = ("rep", "starts_at", "ends_at", "days", "reason", "cover", "source", "is_now")
    list_filter = (WhoFilter,)
    list_select_related = ("rep__user", "cover")
    search_fields = ("rep__user__full_name", "reason")
    date_hierarchy = "starts_at"
    ordering = ("-starts_at",)
    fieldsets = (("Who", {"fields": ("rep",)}), ("From when to when", {"fields": ("starts_at", "ends_at", "reason", "cover")}))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Leave]:
        leave = super().get_queryset(request)
        return leave if sees_all(request) else leave.filter(rep__user__in=team_mates(reader(request)))

    def formfield_for_foreignkey(self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "rep":
            reps = Rep.objects.select_related("user").order_by("user__full_name")
            kwargs["queryset"] = reps if sees_all(request) else reps.filter(user__in=team_mates(reader(request)))
        if db_field.name == "cover":
            kwargs["queryset"] = User.objects.filter(rep__isnull=False, is_active=True).order_by("full_name")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    @admin.display(description="days")
    def days(self, leave: Leave) -> str:
        return f"{(leave.ends_at - leave.starts_at).total_seconds() / 86_400:.1f}".removesuffix(".0")

    @admin.display(description="now", boolean=True)
    def is_now(self, leave: Leave) -> bool:
        return leave.starts_at <= clock.now() < leave.ends_at


def sees_all(request: HttpRequest) -> bool:
    """Whether the person sets up all reps; a sales manager only the team's."""
    return reader(request).has_perm("leads.see_all_leads")
