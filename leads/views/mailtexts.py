"""Beside the words of a mail: how it looks on a real message, and a test to oneself."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from leads.actions import mailtexts as verbs
from leads.errors import Invalid
from leads.models import MailText, User
from leads.notify.composing import as_example, own_words
from leads.pages import page, reader

LONGEST = 5000


@page(verbs.CHANGE)
@require_POST
def preview(request: HttpRequest) -> HttpResponse:
    """The mail in the words typed so far; stores nothing."""
    kept = request.POST.get("mail_kind", "")
    kind = request.POST.get("kind", kept)
    kind = kind if kind in verbs.mailed_kinds() else next(iter(verbs.mailed_kinds()))
    subject, text = request.POST.get("subject", "")[:LONGEST], request.POST.get("text", "")[:LONGEST]
    return render(request, "leads/_mail_preview.html", {"preview": preview_of(kind, subject, text, reader(request))})


@page(verbs.CHANGE)
@require_POST
def test(request: HttpRequest, pk: int) -> HttpResponse:
    """Mail the saved words to whoever asks."""
    text = get_object_or_404(MailText, pk=pk)
    verbs.send_test_mail(text.kind, text.subject, text.text, actor=reader(request))
    messages.success(request, f"A test is on its way to {reader(request).email}.")
    return HttpResponseRedirect(reverse("admin:leads_mailtext_change", args=[pk]))


def preview_of(kind: str, subject: str, text: str, reader: User) -> dict[str, Any]:
    """A mail in these words on the newest real message of its kind, or what cannot be read in them."""
    if kind not in verbs.mailed_kinds():
        return {"problem": "No mail of this kind is sent any more."}
    row = verbs.latest(kind, reader)
    try:
        verbs.check(subject, text)
    except Invalid as wrong:
        return {"problem": wrong.message}
    return {"words": own_words(subject, text, [row], as_example([row])), "is_real": row.payload.get("handoff") != 1}
