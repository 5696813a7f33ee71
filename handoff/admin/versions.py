"""Model pages of things that keep their versions: the newest is edited, the others are read, and nobody's change is undone unseen."""

from __future__ import annotations

from typing import Any, TypeVar

from django import forms
from django.contrib import messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html

from handoff.actions.revising import hold_newest, mark_of, newest_version
from handoff.models import SlaPolicy, SlaTarget, WorkCalendar
from leads.admin.base import AccordModelAdmin
from leads.errors import Conflict

M = TypeVar("M", bound=Model)


class SeenForm(forms.ModelForm[Any]):
    """A form that knows which content it was drawn from, and is refused with all that was typed when that is no longer so."""

    seen = forms.CharField(required=False, widget=forms.HiddenInput)
    late = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["seen"] = mark_of(version_of(self.instance))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.instance.pk:
            try:
                hold_newest(version_of(self.instance), seen=cleaned.get("seen") or "-")
            except Conflict as other:
                self.late = True
                words = '{} Nothing was saved; what you entered is still below. <a href="{}">Open the newest version</a>'
                self.add_error(None, forms.ValidationError(format_html(words, other.message, newest_page(self.instance))))
        return cleaned


class VersionedAdmin(AccordModelAdmin[M]):
    """A page that edits the newest version and shows the others as they were, with `fieldsets_kept` and no inline rows."""

    fieldsets_kept: Any = ()

    def is_kept(self, request: HttpRequest, obj: Model | None) -> bool:
        """Whether this is an older version to be read. One that is posted was drawn as the newest: its form says what happened."""
        return obj is not None and request.method != "POST" and newest_version(version_of(obj)).pk != version_of(obj).pk

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return super().has_change_permission(request, obj) and not self.is_kept(request, obj)

    def get_fieldsets(self, request: HttpRequest, obj: M | None = None) -> Any:
        return self.fieldsets_kept if self.is_kept(request, obj) else super().get_fieldsets(request, obj)

    def get_inlines(self, request: HttpRequest, obj: M | None) -> Any:
        return () if self.is_kept(request, obj) else super().get_inlines(request, obj)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        response = super().changeform_view(request, object_id, form_url, extra_context)
        if isinstance(response, TemplateResponse) and response.context_data is not None:
            original = response.context_data["original"]
            if getattr(response.context_data["adminform"].form, "late", False):
                response.status_code = 409
            elif self.is_kept(request, original):
                words = 'This is version {}, kept as it was for what runs on it. <a href="{}">Open the newest version</a>'
                told = format_html(words, version_of(original).version, newest_page(original))
                response.context_data["setup_intro"] = told
        return response


def version_of(row: Any) -> WorkCalendar | SlaPolicy:
    """What carries the version: the row itself, or the policy of a promise."""
    version: WorkCalendar | SlaPolicy = row.policy if isinstance(row, SlaTarget) else row
    return version


def newest_page(row: Any) -> str:
    """The page of the newest version; of a promise that of the same promise there, if there is one."""
    newest: Model = newest_version(version_of(row))
    if isinstance(row, SlaTarget):
        newest = SlaTarget.objects.filter(policy_id=newest.pk, kind=row.kind).first() or newest
    return reverse(f"admin:{newest._meta.label_lower.replace('.', '_')}_change", args=[newest.pk])


def tell_version(request: HttpRequest, who: str, before: int, now: int, *, replan: str = "") -> None:
    """Say that what runs keeps its version; `replan` is where it can be carried over."""
    words = f"{who} version {before}. They keep it; version {now} holds for those to come."
    messages.info(request, format_html('{} <a href="{}">Re-plan them</a>', words, replan) if replan else words)
