"""The words of mails: standard ones, until an organisation puts its own in their place."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse_lazy
from django.utils.safestring import SafeString

from leads.actions import mailtexts as verbs
from leads.admin.base import AccordModelAdmin
from leads.errors import Invalid
from leads.models import MailText
from leads.notify.mailwords import STANDARD_SUBJECT, STANDARD_TEXT, VARIABLES
from leads.pages import reader
from leads.views.mailtexts import preview_of

LIVE = {
    "hx-post": reverse_lazy("admin:mail-text-preview"), "hx-trigger": "input changed delay:400ms", "hx-target": "#mail-preview",
    "hx-swap": "outerHTML", "hx-sync": "closest form:replace", "hx-include": "closest form", "spellcheck": "true",
}  # fmt: skip


class MailTextForm(forms.ModelForm[MailText]):
    """Subject and text, refused with the line that cannot be read."""

    kind = forms.ChoiceField(label="Mail", choices=())
    subject = forms.CharField(max_length=150, initial=STANDARD_SUBJECT, widget=forms.TextInput(attrs=LIVE))
    text = forms.CharField(max_length=5000, initial=STANDARD_TEXT, widget=forms.Textarea(attrs={"rows": 16, **LIVE}))

    class Meta:
        model = MailText
        fields = ("kind", "subject", "text")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:  # what it is the text of never changes
            del self.fields["kind"]
        field = self.fields.get("kind")
        if isinstance(field, forms.ChoiceField):
            own = set(MailText.objects.values_list("kind", flat=True))
            field.choices = [(name, label) for name, label in verbs.mailed_kinds().items() if name not in own]
            field.widget.attrs |= {**LIVE, "hx-trigger": "change"}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "subject" in cleaned and "text" in cleaned:
            try:
                verbs.check(cleaned["subject"], cleaned["text"])
            except Invalid as wrong:
                self.add_error(wrong.field, wrong.message)
        return cleaned


@admin.register(MailText)
class MailTextAdmin(AccordModelAdmin[MailText]):
    setup_group = "System"
    setup_intro = "Mails have standard words. Where you write your own, they hold for every mail sent from then on."
    empty_text = "All mails have their standard words."
    empty_hint = "Write your own for offers or deadlines, with a preview on a real message."
    form = MailTextForm
    list_display = ("of", "subject", "changed_by", "changed_at")
    list_select_related = ("changed_by",)
    change_form_template = "leads/mail_text_form.html"

    @admin.display(description="mail")
    def of(self, text: MailText) -> str:
        return str(text)

    @admin.display(description="what can be put in")
    def values(self, text: MailText) -> SafeString:
        return SafeString(render_to_string("leads/_mail_values.html", {"values": VARIABLES}))

    def get_fieldsets(self, request: HttpRequest, obj: MailText | None = None) -> Any:
        return (
            ("Which mail", {"fields": ("of" if obj else "kind",)}),
            ("Its words", {"fields": ("subject", "text", "values")}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: MailText | None = None) -> tuple[str, ...]:
        return ("of", "values") if obj else ("values",)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        kept = MailText.objects.filter(pk=object_id).first() if object_id and object_id.isdecimal() else None
        kind = kept.kind if kept else next(iter(verbs.mailed_kinds()))
        subject, text = (kept.subject, kept.text) if kept else (STANDARD_SUBJECT, STANDARD_TEXT)
        context = {"preview": preview_of(kind, subject, text, reader(request)), "mail_kind": kind}
        return super().changeform_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def save_model(self, request: HttpRequest, obj: MailText, form: Any, change: bool) -> None:
        given = form.cleaned_data
        kind = obj.kind if change else given["kind"]
        saved = verbs.save_mail_text(kind, given["subject"], given["text"], actor=reader(request))
        obj.pk, obj.kind = saved.pk, saved.kind

    def delete_model(self, request: HttpRequest, obj: MailText) -> None:
        verbs.reset_mail_text(obj, actor=reader(request))
        messages.info(request, f"{obj}: mails have their standard words again.")
