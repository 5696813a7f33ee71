"""The doors by which other systems bring leads: their keys, and what came in by them."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from leads.admin.base import AccordModelAdmin, BoundedAdmin, ReadOnlyAdmin, confirmed_action, fixed_filter
from leads.intake.keys import create_key, revoke_key, rotate_key
from leads.models import ApiKey, Lead, Submission, User
from leads.wordsearch import matching

KINDS = {"lead": "Lead", "company": "Company", "activity": "Activity", "outcome": "Outcome"}
CHANNELS = {"api": "API", "import": "Import", "manual": "By hand"}


class KeyForm(forms.ModelForm[ApiKey]):
    scopes = forms.MultipleChoiceField(
        label="It may",
        choices=ApiKey.Scope.choices,
        widget=forms.CheckboxSelectMultiple,
        help_text="Give a key no more than its system needs.",
    )
    rate_per_minute = forms.IntegerField(
        label="Requests a minute", min_value=1, max_value=600_000, initial=6000, help_text="Before the key is told to wait."
    )

    class Meta:
        model = ApiKey
        fields = ("label", "source", "scopes", "rate_per_minute")


@admin.register(ApiKey)
class ApiKeyAdmin(AccordModelAdmin[ApiKey]):
    setup_group = "System"
    setup_intro = (
        "Each system that sends leads, activities or outcomes, or reads scores, signs its requests with a key of its own."
    )
    empty_text = "No keys yet."
    empty_hint = "A key lets a website or a CRM send leads the moment they come in."
    form = KeyForm
    list_display = ("label", "prefix", "may", "source", "last_used_at", "active")
    list_filter = ("active",)
    search_fields = ("label", "prefix", "source")
    actions = ("revoke", "rotate")
    fieldsets = (
        ("Whose it is", {"fields": ("label", "source")}),
        ("What it may do", {"fields": ("scopes", "rate_per_minute")}),
    )

    @admin.display(description="may")
    def may(self, key: ApiKey) -> str:
        labels = dict(ApiKey.Scope.choices)
        return ", ".join(str(labels.get(scope, scope)).lower() for scope in key.scopes)

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        key, secret = create_key(
            obj.label, form.cleaned_data["scopes"], actor=_person(request), source=obj.source, rate_per_minute=obj.rate_per_minute
        )
        obj.pk, obj.prefix = key.pk, key.prefix
        request.META["accord.new_secret"] = secret

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        return self._shown(request, obj, request.META.pop("accord.new_secret"))

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """What came in by a key names it for ever; a key is revoked instead."""
        return False

    @confirmed_action(
        description="Revoke",
        question="Requests signed with these keys are refused from now on. What came in by them stays.",
        button="Revoke",
        danger=True,
    )
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        keys = list(queryset.filter(active=True))
        for key in keys:
            revoke_key(key, actor=_person(request))
        messages.success(request, f"{len(keys)} {'key' if len(keys) == 1 else 'keys'} revoked.")

    @confirmed_action(
        description="Make a successor",
        question="A second key with the same rights is made. Change the other system over, then revoke the old key.",
        button="Make it",
        permissions=("add",),
    )
    def rotate(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        keys = list(queryset[:2])
        if len(keys) != 1:
            messages.warning(request, "Choose one key: its successor is shown only once.")
            return None
        successor, secret = rotate_key(keys[0], actor=_person(request))
        return self._shown(request, successor, secret)

    def _shown(self, request: HttpRequest, key: ApiKey, secret: str) -> HttpResponse:
        """The one page that shows the secret; nothing keeps it, neither the session nor the browser's cache."""
        return TemplateResponse(
            request,
            "admin/api_key_shown.html",
            {**self.admin_site.each_context(request), "title": "The new key", "opts": self.opts, "key": key, "secret": secret},
        )


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # the admin lets in nobody else
    return request.user


@admin.register(Submission)
class SubmissionAdmin(BoundedAdmin[Submission], ReadOnlyAdmin[Submission]):
    setup_group = "System"
    setup_intro = "What came in, raw, before it was understood. Refused items are nowhere else."
    empty_text = "Nothing came in yet."
    list_display = ("received_at", "what", "way", "source", "lead", "reasons")
    list_filter = (fixed_filter("kind", "kind", KINDS), fixed_filter("way", "channel", CHANNELS), "status")
    list_select_related = ("lead",)
    search_fields = ("lead",)  # so that there is a search box; `get_search_results` says what it finds
    search_help_text = "Name, company or e-mail of the lead"
    raw_id_fields = ("lead", "campaign", "import_run", "api_key")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Submission], search_term: str
    ) -> tuple[QuerySet[Submission], bool]:
        if search_term.strip():
            queryset = queryset.filter(lead__in=matching(Lead.objects.all(), search_term))
        return queryset, False

    @admin.display(description="what became of it")
    def what(self, submission: Submission) -> str:
        """The status said of what it was: an activity does not create a lead."""
        thing = KINDS.get(submission.kind, submission.kind)
        return f"{thing}: {submission.get_status_display().lower()}"

    @admin.display(description="came by")
    def way(self, submission: Submission) -> str:
        return CHANNELS.get(submission.channel, submission.channel)

    @admin.display(description="reasons")
    def reasons(self, submission: Submission) -> str:
        return ", ".join(str(problem.get("code", "")) for problem in submission.problems) or "–"
