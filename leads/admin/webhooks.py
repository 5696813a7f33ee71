"""Other systems that are told what happens: their page in Setup, with the delivery log and a test."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import CharField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Concat
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from leads import clock
from leads.actions import webhooks as verbs
from leads.admin.base import AccordModelAdmin
from leads.errors import Invalid
from leads.models import Lane, Outbox, Webhook
from leads.notify.endpoints import TEST
from leads.notify.registry import events
from leads.pages import reader
from leads.templatetags.dates import moment_words
from leads.views.webhooks import secret_shown

LOGGED = 50


class WebhookForm(forms.ModelForm[Webhook]):
    """The address is typed and never shown again; left empty it stays as it is."""

    url = forms.CharField(
        label="Address",
        max_length=2000,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "placeholder": "https://"}),
        help_text="Where messages are posted: a public https address, as the other system shows it. It is stored encrypted.",
    )
    events = forms.MultipleChoiceField(label="It is told when", widget=forms.CheckboxSelectMultiple, choices=())

    class Meta:
        model = Webhook
        fields = ("name", "form", "url", "events")
        labels = {"form": "It is sent"}
        help_texts = {
            "name": "What the other system is called here.",
            "form": "Signed JSON by Standard Webhooks for your own systems; Slack messages for Slack, Mattermost and others like them.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = self.fields["events"]
        assert isinstance(chosen, forms.MultipleChoiceField)
        chosen.choices = [(name, label) for name, label in events.items() if name != TEST]
        if self.instance.pk:
            self.fields["url"].required = False
            self.fields["url"].label = "New address"
            self.fields["url"].help_text = "Left empty, the address stays as it is. A new one must be a public https address."

    def clean(self) -> dict[str, Any]:
        """The address is looked up while there is still somebody to read what is wrong with it."""
        cleaned = super().clean() or {}
        if url := str(cleaned.get("url") or "").strip():
            cleaned["url"] = url
            try:
                verbs.check_url(url)
            except Invalid as wrong:
                self.add_error("url", wrong.message)
        return cleaned


@admin.register(Webhook)
class WebhookAdmin(AccordModelAdmin[Webhook]):
    setup_group = "System"
    setup_intro = "Other systems that are told at once what happens to hand-offs: Slack, a CRM, your own."
    empty_text = "No webhooks yet."
    empty_hint = "A webhook posts to Slack when a lead is offered, or tells a CRM who accepted it."
    form = WebhookForm
    list_display = ("name", "form", "shown_url", "told_of", "state")
    search_fields = ("name",)
    change_form_template = "leads/webhook_form.html"
    fieldsets = (
        ("Which system", {"fields": ("name", "form", "url")}),
        ("What it is told", {"fields": ("events",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Webhook]:
        lane = Lane.objects.filter(name=Concat(Value("webhook:"), Cast(OuterRef("pk"), CharField())))
        return super().get_queryset(request).annotate(rests_until=Subquery(lane.values("paused_until")[:1]))

    def get_fieldsets(self, request: HttpRequest, obj: Webhook | None = None) -> Any:
        if obj is None:
            return self.fieldsets
        return (
            ("How it goes", {"fields": ("state", "secret")}),
            ("Which system", {"fields": ("name", "form", "shown_url", "url")}),
            self.fieldsets[1],
            ("Delivery log", {"fields": ("deliveries",)}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Webhook | None = None) -> tuple[str, ...]:
        return ("form", "shown_url", "state", "secret", "deliveries") if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Webhook | None = None) -> bool:
        """What was sent to it names it; it is switched off instead."""
        return False

    @admin.display(description="told when")
    def told_of(self, webhook: Webhook) -> str:
        labels = [events.get(name, name) for name in webhook.events]
        return ", ".join(labels[:3]) + (f" and {len(labels) - 3} more" if len(labels) > 3 else "")

    @admin.display(description="state")
    def state(self, webhook: Webhook) -> SafeString:
        if not webhook.active:
            return format_html('<span class="p-badge p-danger">Off</span> {}', webhook.off_reason)
        rests_until = getattr(webhook, "rests_until", None)
        if rests_until is not None and rests_until > clock.now():
            at = timezone.localtime(rests_until)
            return format_html('<span class="p-badge p-warn">Failing</span> next try at {} ({})', f"{at:%H:%M}", at.tzname())
        return SafeString('<span class="p-badge p-good">On</span>')

    @admin.display(description="secret")
    def secret(self, webhook: Webhook) -> str:
        if webhook.form == Webhook.Form.SLACK:
            return "None: Slack knows its messages by the address."
        if webhook.old_secret_until is not None and clock.now() < webhook.old_secret_until:
            until = moment_words(timezone.localtime(webhook.old_secret_until))
            return f"A new one. The old one stays valid until {until}."
        return "One, shown when it was made. A new one can be made; the old one stays valid for a day."

    @admin.display(description="newest first")
    def deliveries(self, webhook: Webhook) -> SafeString:
        rows = Outbox.objects.filter(channel=Outbox.Channel.WEBHOOK, endpoint=str(webhook.pk)).order_by("-pk")[:LOGGED]
        told = [(row, events.get(row.payload.get("event", ""), row.kind)) for row in rows]
        return SafeString(render_to_string("leads/_deliveries.html", {"deliveries": told, "logged": LOGGED}))

    def save_model(self, request: HttpRequest, obj: Webhook, form: Any, change: bool) -> None:
        given, actor = form.cleaned_data, reader(request)
        if change:
            verbs.change_webhook(obj, actor=actor, name=given["name"], events=given["events"], url=given["url"])
            return
        made, secret = verbs.create_webhook(given["name"], given["url"], form=given["form"], events=given["events"], actor=actor)
        obj.pk, obj.shown_url = made.pk, made.shown_url
        request.META["accord.new_secret"] = secret

    def response_add(self, request: HttpRequest, obj: Webhook, post_url_continue: str | None = None) -> HttpResponse:
        secret = request.META.pop("accord.new_secret")
        if obj.form == Webhook.Form.SLACK:
            messages.success(request, f"{obj.name} is added. Send a test to see whether messages arrive.")
            return HttpResponseRedirect(reverse("admin:leads_webhook_change", args=[obj.pk]))
        return secret_shown(request, obj, secret)
