"""The talk about one criterion of a draft: both sides' views, verdicts, threads, examples. A panel beside the workshop, or a page."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from leads.errors import AccordError, Conflict, Invalid, NotAllowed, NotFound
from leads.lib.numbers import whole
from leads.models import Lead
from leads.pages import page, reader, render
from leads.wordsearch import matching
from scoring.actions.talk import (
    DISCUSS,
    add_comment,
    add_example,
    give_verdict,
    remove_example,
    settle_comment,
    state_view,
    view_stamp,
)
from scoring.models import CriterionComment, CriterionExample, CriterionView, ModelVersion
from scoring.talk_panel import talk_panel
from scoring.views.seen import criterion_of, stays, talked_of
from scoring.views.workshop import rights
from scoring.workshop import workshop

MOST_FOUND = 6


def _panel(request: HttpRequest, version: ModelVersion, key: str, *, status: int = 200, **more: Any) -> HttpResponse:
    version.refresh_from_db()
    row = workshop(version, reader(request)).rows.get(key)
    if row is None:
        raise Conflict("Somebody removed this criterion meanwhile.", code="gone")
    context = {
        **rights(request, version),
        **talk_panel(version, row, reader(request)),
        "needs": CriterionView.Need.choices,
        "seen_view": view_stamp(row.talk.own.view if row.talk.own else None),
        **more,
    }
    title = f"Talk about “{row.words.label}”"
    response = render(request, "scoring/talk.html", context, title=title, fragment="scoring/_talk.html", status=status)
    return trigger_client_event(response, "look", {}) if request.method == "POST" and status == 200 else response


def talk_done(request: HttpRequest, version: ModelVersion, key: str) -> HttpResponse:
    """The talk about a criterion as it is after a step of it."""
    if request.headers.get("HX-Request"):
        return _panel(request, version, key)
    return redirect("admin:criterion-talk", version.pk, key)


def talk_refused(request: HttpRequest, version: ModelVersion, key: str, refused: AccordError, **typed: Any) -> HttpResponse:
    """The panel with the refusal and what was typed; who may not do it at all is told so elsewhere."""
    if isinstance(refused, NotAllowed | NotFound):
        raise refused
    status = 409 if isinstance(refused, Conflict) else 422
    return _panel(request, version, key, status=status, refused=refused.message, **typed)


@page(DISCUSS)
def criterion_talk(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    return _panel(request, talked_of(pk), key)


@page(DISCUSS)
@require_POST
@stays
def view_state(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """What one's side wants: how much it matters, and the points."""
    version = talked_of(pk)
    need, typed = request.POST.get("need", ""), request.POST.get("points", "").strip()
    points = whole(typed)
    try:
        if typed and points is None:
            raise Invalid(f"“{typed}” is not a whole number.", code="wrong_number", field="points", value=typed)
        state_view(criterion_of(version, key), need=need, points=points, actor=reader(request), seen=request.POST.get("seen"))
    except AccordError as refused:
        return talk_refused(request, version, key, refused, typed_need=need, typed_points=typed)
    return talk_done(request, version, key)


@page(DISCUSS)
@require_POST
@stays
def verdict_give(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    version = talked_of(pk)
    try:
        give_verdict(
            criterion_of(version, key),
            request.POST.get("verdict", ""),
            seen_hash=request.POST.get("seen", ""),
            actor=reader(request),
        )
    except AccordError as refused:
        return talk_refused(request, version, key, refused)
    return talk_done(request, version, key)


@page(DISCUSS)
@require_POST
@stays
def comment_add(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    version = talked_of(pk)
    criterion = criterion_of(version, key)
    text = request.POST.get("text", "")
    answered = whole(request.POST.get("reply_to"))
    reply_to = criterion.comments.filter(pk=answered).first() if answered is not None else None
    try:
        kind = "proposal" if request.POST.get("kind") == "proposal" else "comment"
        add_comment(criterion, text, actor=reader(request), reply_to=reply_to, kind=kind)
    except AccordError as refused:
        return talk_refused(request, version, key, refused, typed_text=text)
    return talk_done(request, version, key)


@page(DISCUSS)
@require_POST
@stays
def comment_settle(request: HttpRequest, pk: int, comment: int) -> HttpResponse:
    """Resolve a thread, or open it again."""
    version = talked_of(pk)
    found = get_object_or_404(CriterionComment.objects.select_related("criterion"), pk=comment, criterion__version=version)
    found.criterion.version = version
    settle_comment(found, request.POST.get("resolved") != "0", actor=reader(request))
    return talk_done(request, version, found.criterion.key)


@page(DISCUSS)
@require_POST
@stays
def example_add(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """A lead by its number, or found by words; several that fit are offered to choose from."""
    version = talked_of(pk)
    criterion = criterion_of(version, key)
    asked, note = request.POST.get("q", "").strip(), request.POST.get("note", "")
    is_counter = request.POST.get("is_counter") == "1"
    chosen = whole(request.POST.get("lead"))
    seen = Lead.objects.visible_to(reader(request)).select_related("company")
    found = list(seen.filter(pk=chosen)) if chosen is not None else _leads(seen, asked)
    typed = {"example_q": asked, "example_note": note, "example_counter": is_counter}
    if len(found) != 1:
        words = "Several leads fit. Choose one." if found else "No lead that you may see fits this."
        return _panel(request, version, key, status=200 if found else 422, example_words=words, found=found[:MOST_FOUND], **typed)
    try:
        add_example(criterion, found[0], is_counter=is_counter, note=note, actor=reader(request))
    except AccordError as refused:
        return talk_refused(request, version, key, refused, **typed)
    return talk_done(request, version, key)


def _leads(seen: Any, asked: str) -> list[Lead]:
    if not asked:
        return []
    number = whole(asked.lstrip("#").rstrip("/").rpartition("/")[2])
    if number is not None:
        return list(seen.filter(pk=number))
    return list(matching(seen, asked).order_by("-pk")[: MOST_FOUND + 1])


@page(DISCUSS)
@require_POST
@stays
def example_remove(request: HttpRequest, pk: int, example: int) -> HttpResponse:
    version = talked_of(pk)
    found = get_object_or_404(CriterionExample.objects.select_related("criterion"), pk=example, criterion__version=version)
    found.criterion.version = version
    remove_example(found, actor=reader(request))
    return talk_done(request, version, found.criterion.key)
