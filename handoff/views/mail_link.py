"""The page behind a link in a mail: it shows the offer and asks; only its buttons answer."""

from __future__ import annotations

from hashlib import sha256

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from handoff.actions.answering import accept_handoff, reject_handoff
from handoff.forms import NOTE_LENGTH
from handoff.mail_links import VIA, DeadLink, Link, Used, opened
from handoff.rejecting import branches
from leads import clock, door
from leads.errors import AccordError, Conflict, Invalid
from leads.models import User

# By where the request comes from, and by link: enough for any office and any person, too little to try links out.
LIMITS = (door.Limit("answer from", 60, 5), door.Limit("answer by", 30, 20))
STATUS = {"foreign": 404, "revoked": 410, "expired": 410, "over": 410}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def answer(request: HttpRequest, token: str) -> HttpResponse:
    """Ask for the answer (GET), or take it (POST); used, expired, revoked and foreign links each say what they are."""
    if not door.may_try(LIMITS, door.address_of(request), sha256(token.encode("utf-8", "replace")).hexdigest()):
        return _told(request, "Too many tries", "Wait a few minutes, then open the link again.", status=429)
    reader = request.user if isinstance(request.user, User) else None
    try:
        link = opened(token, now=clock.now(), reader=reader)
    except DeadLink as dead:
        return _told(request, dead.title, dead.words, status=STATUS[dead.kind])
    with timezone.override(link.user.zone):
        if isinstance(link, Used):
            return _told(request, "Your answer is in", link.words, used=link)
        return _take(request, link) if request.method == "POST" else _ask(request, link)


def _take(request: HttpRequest, link: Link) -> HttpResponse:
    code, note = request.POST.get("reason", ""), request.POST.get("note", "")
    try:
        if request.POST.get("answer") == "accept":
            accept_handoff(link.handoff, actor=link.user, via=VIA)
        elif request.POST.get("answer") == "reject":
            if len(note) > NOTE_LENGTH:
                words = f"The note has {len(note)} characters; {NOTE_LENGTH} fit."
                raise Invalid(words, code="note_long", field="note", value=note, expected="fewer words")
            reject_handoff(link.handoff, actor=link.user, reason=code, note=note, via=VIA)
        else:
            return _ask(request, link, status=422)
    except Invalid as wrong:
        return _ask(request, link, status=422, wrong=wrong, code=code, note=note)
    except Conflict as late:
        return _told(request, "This offer is over", late.message, status=409)
    except AccordError as refused:
        return _told(request, "This cannot be answered here", refused.message, status=403)
    return HttpResponseRedirect(request.path)  # where the link, used now, says so; going back and forth answers nothing twice


def _ask(
    request: HttpRequest, link: Link, *, status: int = 200, wrong: Invalid | None = None, code: str = "", note: str = ""
) -> HttpResponse:
    context = {
        "handoff": link.handoff, "person": link.user, "branches": branches(), "given_reason": code, "given_note": note,
        "problem": wrong.message if wrong else "", "error_field": ("note" if wrong.field == "note" else "reason") if wrong else "",
        "rejecting": wrong is not None or request.GET.get("answer") == "reject",
    }  # fmt: skip
    return _page(request, "handoff/mail_answer.html", "Answer an offer", context, status)


def _told(request: HttpRequest, title: str, words: str, *, status: int = 200, used: Used | None = None) -> HttpResponse:
    return _page(request, "handoff/mail_told.html", title, {"words": words, "used": used}, status)


def _page(request: HttpRequest, template: str, title: str, context: dict[str, object], status: int) -> HttpResponse:
    """In the frame of the sign-in pages, for whoever has the link."""
    frame = {"site_header": admin.site.site_header, "title": title, "has_permission": False}
    return TemplateResponse(request, template, {**frame, **context}, status=status)
