"""The buttons on a webhook's page of Setup: a test, a new secret, on and off, and a message once more."""

from __future__ import annotations

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from leads.actions import webhooks as verbs
from leads.actions.machine import send_again
from leads.errors import Conflict
from leads.models import Outbox, Webhook
from leads.pages import page, reader


@page(verbs.CHANGE)
@require_POST
def test(request: HttpRequest, pk: int) -> HttpResponse:
    """Send a test message by the queue every other message takes."""
    try:
        verbs.send_test(_webhook(pk), actor=reader(request))
        messages.success(request, "A test is on its way. The delivery log below shows what came of it; look again in a moment.")
    except Conflict as late:
        messages.warning(request, late.message)
    return _back(pk)


@page(verbs.CHANGE)
@require_POST
@never_cache
def secret(request: HttpRequest, pk: int) -> HttpResponse:
    """Make a new secret and show it, this once."""
    webhook = _webhook(pk)
    try:
        made = verbs.rotate_secret(webhook, actor=reader(request))
    except Conflict as late:
        messages.warning(request, late.message)
        return _back(pk)
    return secret_shown(request, webhook, made)


@page(verbs.CHANGE)
@require_POST
def secret_end(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign with the new secret alone."""
    verbs.end_old_secret(_webhook(pk), actor=reader(request))
    messages.success(request, "The old secret is no longer used.")
    return _back(pk)


@page(verbs.CHANGE)
@require_POST
def switch(request: HttpRequest, pk: int) -> HttpResponse:
    """On or off, as the button says."""
    on = request.POST.get("on") == "1"
    try:
        verbs.switch_webhook(_webhook(pk), on=on, actor=reader(request))
        messages.success(request, f"The webhook is {'on' if on else 'off: nothing is sent to it any more'}.")
    except Conflict as late:
        messages.warning(request, late.message)
    return _back(pk)


@page(verbs.CHANGE)
@require_POST
def again(request: HttpRequest, pk: int) -> HttpResponse:
    """Send one message of the delivery log once more, under its old id."""
    given = request.POST.get("message", "")
    known = Outbox.objects.filter(channel=Outbox.Channel.WEBHOOK, endpoint=str(pk))
    message = get_object_or_404(known, pk=int(given) if given.isdecimal() and len(given) < 19 else 0)
    try:
        send_again(message, actor=reader(request))
        messages.success(request, "It is on its way once more.")
    except Conflict as late:
        messages.warning(request, late.message)
    return _back(pk)


def secret_shown(request: HttpRequest, webhook: Webhook, made: str) -> HttpResponse:
    """The one page that shows the secret; nothing keeps it, neither the session nor the browser's cache."""
    context = {"title": "The secret", "opts": Webhook._meta, "webhook": webhook, "secret": made, "in_setup": True}
    response = TemplateResponse(request, "leads/webhook_secret.html", {**admin.site.each_context(request), **context})
    response["Cache-Control"] = "no-store"
    return response


def _webhook(pk: int) -> Webhook:
    return get_object_or_404(Webhook, pk=pk)


def _back(pk: int) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:leads_webhook_change", args=[pk]))
