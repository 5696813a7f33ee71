"""What a model rests on: research, and the questions of both sides compared."""

from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from leads.errors import Invalid
from leads.pages import page, reader, render
from leads.roles import Side
from scoring.actions.research import PARTS, add_question, remove_question, save_research
from scoring.actions.talk import DISCUSS
from scoring.models import ModelResearch, Question, ScoringModel

EDIT = "scoring.edit_draft"
_WORDS = {
    "personas": ("Personas", "Who buys, who uses, who can say no."),
    "journey": ("Buying journey", "The steps from the first problem to the signature, and what they ask at each."),
    "channels": ("Channels", "Where they look for answers and meet us."),
    "behaviour": ("Behaviour", "What people who buy do before they do, and what the others do."),
    "sources": ("Sources", "Interviews, surveys, win and loss reviews: what this rests on."),
}


@dataclass(slots=True)
class Topic:
    """What both sides ask about one thing."""

    topic: str
    asked: dict[str, list[Question]] = field(default_factory=lambda: {side.value: [] for side in Side})

    @property
    def sales(self) -> list[Question]:
        return self.asked[Side.SALES]

    @property
    def marketing(self) -> list[Question]:
        return self.asked[Side.MARKETING]


def compared(model: ScoringModel) -> list[Topic]:
    """The questions by topic: those only sales asks first, as marketing could ask them for sales."""
    found: dict[str, Topic] = {}
    for question in model.questions.all():
        found.setdefault(question.topic.casefold(), Topic(question.topic)).asked[question.side].append(question)
    return sorted(found.values(), key=lambda one: (bool(one.marketing), not one.sales, one.topic.casefold()))


def _answer(request: HttpRequest, model: ScoringModel, *, status: int = 200, **more: Any) -> HttpResponse:
    research = ModelResearch.objects.filter(model=model).first()
    typed: dict[str, str] = more.pop("typed", {})
    topics = compared(model)
    context = {
        "model": model,
        "parts": [(name, *_WORDS[name], typed.get(name, getattr(research, name, ""))) for name in PARTS],
        "missing": [_WORDS[name][0].lower() for name in PARTS[:3] if not getattr(research, name, "")],
        "topics": topics,
        "only_sales": sum(not one.marketing for one in topics),
        "may_edit": request.user.has_perm(EDIT),
        "side": reader(request).side,
        "draft": model.versions.filter(status="draft").first(),
    }
    return render(request, "scoring/research.html", context | more, title=f"Research behind {model.name}", status=status)


@page(DISCUSS)
def model_research(request: HttpRequest, key: str) -> HttpResponse:
    model = get_object_or_404(ScoringModel, key=key)
    if request.method != "POST":
        return _answer(request, model)
    typed = {name: request.POST.get(name, "") for name in PARTS}
    try:
        save_research(model, typed, actor=reader(request))
    except Invalid as refused:
        return _answer(request, model, status=422, typed=typed, wrong=refused)
    messages.success(request, "The research is kept.")
    return redirect("admin:model-research", key)


@page(DISCUSS)
@require_POST
def question_add(request: HttpRequest, key: str) -> HttpResponse:
    model = get_object_or_404(ScoringModel, key=key)
    topic, text = request.POST.get("topic", ""), request.POST.get("text", "")
    try:
        add_question(model, topic, text, actor=reader(request))
    except Invalid as refused:
        return _answer(request, model, status=422, refused_question=refused.message, topic=topic, text=text)
    return redirect("admin:model-research", key)


@page(DISCUSS)
@require_POST
def question_remove(request: HttpRequest, key: str, pk: int) -> HttpResponse:
    question = get_object_or_404(Question, model__key=key, pk=pk)
    remove_question(question, actor=reader(request))
    return redirect("admin:model-research", key)
