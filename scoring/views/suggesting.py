"""Points that past outcomes suggest, offered beside the criteria of a draft: asked for, looked at, and used one by one."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from leads.errors import AccordError, Conflict, NotAllowed
from leads.pages import page, reader, render
from leads.templatetags.accord import signed
from scoring.actions.suggesting import suggest_points, use_suggestion
from scoring.actions.talk import DISCUSS
from scoring.models import CriterionComment, ModelVersion
from scoring.suggested import HISTORY, suggested_points
from scoring.views.preview import CHOICES
from scoring.views.seen import stays
from scoring.views.talk import talk_done, talk_refused
from scoring.views.workshop import EDIT, draft_of, rights, seen_rev
from scoring.workshop import workshop


def _panel(request: HttpRequest, version: ModelVersion, *, status: int = 200, **more: Any) -> HttpResponse:
    version.refresh_from_db()
    found = suggested_points(version, workshop(version, reader(request), shared=True))
    context = {**rights(request, version), "found": found, "goals": CHOICES["goal"].items()}
    context["goal"] = found.shared["goal"] if found.shared else "won"
    title = f"Suggested points for {version.model.name} {version.label}"
    response = render(
        request, "scoring/suggested.html", context | more, title=title, fragment="scoring/_suggested.html", status=status
    )
    response["Cache-Control"] = "no-store"
    return trigger_client_event(response, "look", {}) if request.method == "POST" and status == 200 else response


@page(EDIT, DISCUSS)
@stays
def points_suggested(request: HttpRequest, pk: int) -> HttpResponse:
    """What past outcomes last suggested. POST asks them, for the `goal` won or accepted."""
    version = draft_of(pk)
    if request.method != "POST":
        return _panel(request, version)
    goal = request.POST.get("goal") or "won"
    try:
        suggest_points(version, actor=reader(request), goal=goal)
    except NotAllowed:
        raise
    except AccordError as refused:
        status = 409 if isinstance(refused, Conflict) else 422
        return _panel(request, version, status=status, refused=refused.message, goal=goal, is_asked=True)
    if not request.headers.get("HX-Request"):
        return redirect("admin:points-suggested", pk)
    return _panel(request, version, is_asked=True)


@page(EDIT)
@require_POST
@stays
def suggestion_use(request: HttpRequest, pk: int, comment: int) -> HttpResponse:
    """Give a criterion the suggested points: from the panel, or from the talk about it (`from` is "talk")."""
    version = draft_of(pk)
    told = get_object_or_404(
        CriterionComment.objects.select_related("criterion"), pk=comment, criterion__version=version, kind=HISTORY
    )
    told.criterion.version = version
    key, in_talk = told.criterion.key, request.POST.get("from") == "talk"
    try:
        changed = use_suggestion(told, actor=reader(request), rev=seen_rev(request))
    except NotAllowed:
        raise
    except AccordError as refused:
        if in_talk:
            return talk_refused(request, version, key, refused)
        # a criterion that is gone is one that somebody removed since the panel was drawn
        return _panel(request, version, status=422 if refused.code == "no_suggestion" else 409, refused=refused.message)
    if not request.headers.get("HX-Request"):
        return redirect("admin:criterion-talk", pk, key) if in_talk else redirect("admin:points-suggested", pk)
    answer = talk_done(request, version, key) if in_talk else _panel(request, version, used=key)
    undo = reverse("admin:edit-undo", args=[pk, changed.rev])
    words = f"“{changed.label}” now counts {signed(changed.points)}."
    return trigger_client_event(answer, "toast", {"text": words, "undo": undo})
