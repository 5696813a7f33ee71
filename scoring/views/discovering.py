"""Questions past outcomes suggest that a draft does not ask yet: looked for, read, and added one by one."""

import json
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from leads.errors import AccordError, Conflict, Invalid, NotAllowed
from leads.pages import page, reader, render
from leads.templatetags.accord import signed
from scoring.actions.criteria import add_criterion
from scoring.actions.suggesting import discover_questions
from scoring.actions.talk import DISCUSS
from scoring.forms import make_key
from scoring.matching import asked, asked_by
from scoring.models import ModelVersion
from scoring.views.preview import CHOICES
from scoring.views.seen import stays
from scoring.views.workshop import EDIT, draft_of, rights, seen_rev


@dataclass(frozen=True, slots=True)
class Question:
    """One that could be added: its words, points with their interval, the leads it hit of those it was learnt from."""

    content: dict[str, Any]
    low: int | None
    high: int | None
    hits: int
    rows: int
    is_asked: bool

    @property
    def json(self) -> str:
        return json.dumps(self.content)


def _panel(request: HttpRequest, version: ModelVersion, *, status: int = 200, **more: Any) -> HttpResponse:
    context = {**rights(request, version), "goals": CHOICES["goal"].items(), "goal": "won"}
    title = f"Questions history suggests for {version.model.name} {version.label}"
    response = render(
        request, "scoring/discovered.html", context | more, title=title, fragment="scoring/_discovered.html", status=status
    )
    response["Cache-Control"] = "no-store"
    return response


@page(EDIT, DISCUSS)
@stays
def questions_discovered(request: HttpRequest, pk: int) -> HttpResponse:
    """What could be asked. POST looks through the past for the `goal` won or accepted; nothing is stored."""
    version = draft_of(pk)
    if request.method != "POST":
        return _panel(request, version)
    goal = request.POST.get("goal") or "won"
    try:
        criteria, found = discover_questions(version, actor=reader(request), goal=goal)
    except NotAllowed:
        raise
    except AccordError as refused:
        status = 409 if isinstance(refused, Conflict) else 422
        return _panel(request, version, status=status, refused=refused.message, goal=goal)
    there = asked_by(version)
    told = {one.key: one for one in found.criteria}
    questions = [
        Question(one.as_json(), told[one.key].low, told[one.key].high, told[one.key].hits, told[one.key].rows,
                 asked(one.as_json()) in there)
        for one in criteria
    ]  # fmt: skip
    return _panel(request, version, questions=questions, found=found, goal=goal)


@page(EDIT)
@require_POST
@stays
def question_add(request: HttpRequest, pk: int) -> HttpResponse:
    """Add one of them to the draft, as it was shown."""
    version = draft_of(pk)
    try:
        content = _content(request.POST.get("criterion", ""))
        keys = list(version.criteria.values_list("key", flat=True))
        content["key"] = make_key(str(content.get("label", "")), keys)
        added = add_criterion(version, content, actor=reader(request), rev=seen_rev(request), keep=True)
    except NotAllowed:
        raise
    except AccordError as refused:
        status = 409 if isinstance(refused, Conflict) else 422
        if not request.headers.get("HX-Request"):
            return _panel(request, version, status=status, refused=refused.message)
        return HttpResponse(refused.message, status=status, content_type="text/plain; charset=utf-8")
    if not request.headers.get("HX-Request"):
        return redirect("admin:criteria-draft", pk)
    answer = render(request, "scoring/_question_added.html", {})
    undo = reverse("admin:edit-undo", args=[pk, added.rev])
    return trigger_client_event(answer, "toast", {"text": f"“{added.label}” now counts {signed(added.points)}.", "undo": undo})


def _content(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise Invalid("This question cannot be read. Look for questions again.", code="bad_json", field="criterion")
    return content
