"""People, their roles and teams."""

import secrets
from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.forms import PasswordResetForm
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from leads import hooks
from leads.admin.base import AccordModelAdmin, ChosenAlready, confirmed_action
from leads.models import Team, TeamMember, User
from leads.pages import reader
from leads.roles import BY_LABEL, ROLES, Side

SIGNERS = frozenset(role.label for role in ROLES if role.leads_side)


def _left_by(people: Iterable[User]) -> list[str]:
    """What these people leave to others when they are switched off, in sentences."""
    ids = [person.pk for person in people]
    return [words for ask in hooks.left_by_people for words in ask(ids)]


def _switch_off_question(people: Sequence[User]) -> str:
    return " ".join(["These people can no longer sign in and get no more leads. Their history stays.", *_left_by(people)])


class PersonForm(forms.ModelForm[User]):
    """A person as the administrator sees them."""

    groups = forms.ModelMultipleChoiceField(
        label="Roles",
        queryset=Group.objects.filter(name__in=BY_LABEL),
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text="What the person may see and do. Without a role they cannot sign in.",
    )

    class Meta:
        model = User
        fields = ("full_name", "email", "is_active", "groups", "time_zone", "mail_handoffs", "mail_reminders")

    def clean_groups(self) -> QuerySet[Group]:
        groups: QuerySet[Group] = self.cleaned_data["groups"]
        if len(SIGNERS & {group.name for group in groups}) > 1:
            raise ValidationError("One person cannot sign for both sides: choose one head.")
        return groups


class NewPersonForm(PersonForm):
    password = forms.CharField(
        label="First password",
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Leave it empty and send a link instead: the person chooses a password.",
    )

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if password:
            validate_password(password, self.instance)
        return password


class TeamMemberInline(admin.TabularInline[TeamMember, Any]):
    model = TeamMember
    extra = 0
    autocomplete_fields = ("user", "team")
    verbose_name = "member"

    def get_queryset(self, request: HttpRequest) -> QuerySet[TeamMember]:
        return super().get_queryset(request).select_related("user", "team")

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Rows show whom they were read with, instead of each asking again who is chosen."""
        kwargs.setdefault("widget", ChosenAlready(db_field, self.admin_site))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class TeamsOfPersonInline(TeamMemberInline):
    verbose_name = "team"
    verbose_name_plural = "teams"


class RoleFilter(admin.SimpleListFilter):
    title = "role"
    parameter_name = "role"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(role.key, role.label) for role in ROLES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        labels = {role.key: role.label for role in ROLES}
        return queryset.filter(groups__name=labels[self.value() or ""]) if self.value() in labels else queryset


@admin.register(User)
class PersonAdmin(AccordModelAdmin[User]):
    setup_group = "People and teams"
    setup_intro = "Everyone who signs in, with the roles that say what they see and do."
    form = PersonForm
    list_display = ("full_name", "email", "role_badges", "team_names", "time_zone", "last_login", "is_active")
    list_filter = ("is_active", RoleFilter, ("teams", admin.RelatedOnlyFieldListFilter))
    search_fields = ("full_name", "email")
    search_help_text = "Name or e-mail address"
    ordering = ("full_name", "pk")
    inlines = (TeamsOfPersonInline,)
    actions = ("send_password_link", "switch_off", "switch_on")
    fieldsets = (
        ("Who it is", {"fields": ("full_name", "email", "is_active")}),
        ("What they may do", {"fields": ("groups",)}),
        ("When and how they are told", {"fields": ("time_zone", "mail_handoffs", "mail_reminders")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups", "teams")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Who holds all rights is changed only by somebody who does: else a reset link to a new address would be a way up."""
        if obj is not None and obj.is_superuser and not reader(request).is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Nobody chooses the own roles: one after the other would sign for both sides."""
        is_self = obj is not None and obj.pk == request.user.pk and not reader(request).is_superuser
        return (*super().get_readonly_fields(request, obj), *(("groups",) if is_self else ()))

    def get_form(self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = NewPersonForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        if obj is not None:
            return self.fieldsets
        return (("Who it is", {"fields": ("full_name", "email", "password")}), *self.fieldsets[1:])

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if not change:
            obj.set_password(form.cleaned_data.get("password") or None)
        elif obj.pk == request.user.pk and not obj.is_active:
            obj.is_active = True
            request.META["accord.kept_on"] = True
        super().save_model(request, obj, form, change)
        if change and "is_active" in form.changed_data and not obj.is_active:
            for words in _left_by([obj]):
                messages.warning(request, words)

    def response_change(self, request: HttpRequest, obj: User) -> HttpResponse:
        """Who wanted to switch off the own account is told that it was not done, and nothing else."""
        response = super().response_change(request, obj)
        if request.META.pop("accord.kept_on", False):
            list(messages.get_messages(request))
            messages.warning(request, "You cannot switch off your own account. It stays on.")
        return response

    @admin.display(description="roles")
    def role_badges(self, person: User) -> SafeString | str:
        labels = sorted(group.name for group in person.groups.all())
        if person.is_superuser:
            labels.insert(0, "All rights")
        if not labels:
            return "none"
        return format_html_join(" ", '<span class="p-badge {}">{}</span>', ((_tone(label), label) for label in labels))

    @admin.display(description="teams")
    def team_names(self, person: User) -> str:
        return ", ".join(team.name for team in person.teams.all()) or "–"

    @confirmed_action(
        description="Send a link to set a password",
        question="Each of these people gets a mail with a link that works once, for three days.",
        button="Send links",
    )
    def send_password_link(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        sent = 0
        for person in _within_reach(request, queryset).filter(is_active=True):
            if not person.has_usable_password():
                # A first password nobody knows: the reset form passes over accounts without one.
                person.set_password(secrets.token_urlsafe(24))
                person.save(update_fields=["password"])
            form = PasswordResetForm({"email": person.email})
            if form.is_valid():
                form.save(
                    request=request,
                    use_https=request.is_secure(),
                    subject_template_name="registration/password_reset_subject.txt",
                    email_template_name="registration/password_reset_email.html",
                )
                sent += 1
        messages.success(request, f"{sent} {'link' if sent == 1 else 'links'} sent.")

    @confirmed_action(
        description="Switch off",
        question=_switch_off_question,
        button="Switch off",
        danger=True,
    )
    def switch_off(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        others = _within_reach(request, queryset).exclude(email=str(request.user.get_username()))
        count = others.filter(is_active=True).update(is_active=False)
        messages.success(request, f"{count} switched off.")

    @confirmed_action(description="Switch on", question="These people can sign in again.", button="Switch on")
    def switch_on(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        count = _within_reach(request, queryset).filter(is_active=False).update(is_active=True)
        messages.success(request, f"{count} switched on.")


def _within_reach(request: HttpRequest, people: QuerySet[User]) -> QuerySet[User]:
    """Those of them this administrator may change."""
    return people if reader(request).is_superuser else people.filter(is_superuser=False)


def _tone(label: str) -> str:
    role = BY_LABEL.get(label)
    if role is None or role.side is None:
        return "p-outline"
    return "p-info" if role.side == Side.SALES else "p-good"


@admin.register(Team)
class TeamAdmin(AccordModelAdmin[Team]):
    setup_group = "People and teams"
    setup_intro = "People who share their work. A manager sees the team's leads and hears of breaches."
    empty_hint = "A rep without a team has no manager who is told when a clock runs out."
    list_display = ("name", "manager_names", "member_count")
    search_fields = ("name",)
    inlines = (TeamMemberInline,)
    fieldsets = (
        (
            "What the team is called",
            {"fields": ("name",), "description": "Its people share their leads; who manages it sees them all."},
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        return (
            super()
            .get_queryset(request)
            .annotate(people=Count("memberships", filter=Q(memberships__user__is_active=True)))
            .prefetch_related("memberships__user")
        )

    @admin.display(description="managers")
    def manager_names(self, team: Team) -> str:
        return ", ".join(str(place.user) for place in team.memberships.all() if place.is_manager) or "nobody"

    @admin.display(description="people", ordering="people")
    def member_count(self, team: Any) -> int:
        return int(team.people)
