"""A notice: what changed in plain words, the word that one has read it, and who has not."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from leads.models import Notice
from leads.notify import notices
from leads.pages import page, reader, render


def _of_reader(request: HttpRequest, pk: int) -> Notice:
    """A notice told to the reader, or one they may remind others of."""
    rows = Notice.objects.select_related("by")
    if not request.user.has_perm(notices.REMIND):
        rows = rows.filter(receipts__user=reader(request))
    return get_object_or_404(rows, pk=pk)


@page()
def notice_detail(request: HttpRequest, pk: int) -> HttpResponse:
    notice = _of_reader(request, pk)
    mine = notice.receipts.filter(user=reader(request)).first()
    context = {
        "notice": notice,
        "mine": mine,
        "told": notices.standing_of(notice),
        "may_remind": request.user.has_perm(notices.REMIND),
    }
    return render(request, "leads/notice.html", context, title=notice.title)


@page()
@require_POST
def notice_acknowledge(request: HttpRequest, pk: int) -> HttpResponse:
    notice = _of_reader(request, pk)
    notices.acknowledge(notice, actor=reader(request))
    messages.success(request, f"Noted: you have read “{notice.title}”.")
    waiting = notices.pending(reader(request))
    return redirect("admin:notice-detail", waiting[0].pk) if waiting else redirect("admin:home")


@page(notices.REMIND)
@require_POST
def notice_remind(request: HttpRequest, pk: int) -> HttpResponse:
    notice = _of_reader(request, pk)
    count = notices.remind(notice, actor=reader(request))
    people = "1 person" if count == 1 else f"{count} people"
    messages.success(request, f"{people} reminded." if count else "Everybody who is missing was reminded within the last day.")
    return redirect("admin:notice-detail", notice.pk)


def home_card(request: HttpRequest) -> dict[str, Any] | None:
    """What the person has yet to acknowledge; None when there is nothing."""
    waiting = notices.pending(reader(request))
    return {"notices": waiting} if waiting else None
