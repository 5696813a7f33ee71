"""The test bench: one lead, picked or pasted, line by line under a version and the one beside it. It stores nothing."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from leads import clock
from leads.errors import Invalid
from leads.lib.numbers import whole
from leads.models import Lead
from leads.pages import page, reader, render
from leads.wordsearch import matching
from scoring.beside import read_against
from scoring.compiler import compile_version
from scoring.evaluate_python import Facts
from scoring.facts import load_facts
from scoring.holds import Standing, standings_of
from scoring.models import ModelVersion
from scoring.pasted import Pasted, in_words, read_pasted
from scoring.trying import try_lead
from scoring.vocabulary import load_registry, load_wording

SEE = "scoring.see_criteria"
FOUND = 8


@page(SEE)
def version_try(request: HttpRequest, pk: int) -> HttpResponse:
    """A lead by its number (`lead`) or found by words (`q`); a posted text is read as one."""
    version = get_object_or_404(ModelVersion.objects.select_related("model"), pk=pk)
    beside = read_against(version)
    context: dict[str, Any] = {"version": version, "beside": beside, "asked": request.GET.get("q", ""), "typed": ""}
    status = 200
    if request.method == "POST":
        context["typed"] = request.POST.get("pasted", "")
        try:
            pasted = read_pasted(context["typed"], load_registry(), clock.now())
            context |= _read(pasted) | _tried(version, beside, pasted.facts)
        except Invalid as refused:
            context["refused"], status = refused.message, 422
    else:
        context |= _picked(request, version, beside)
    title = f"Try a lead on {version.label}"
    response = render(request, "scoring/try.html", context, title=title, fragment="scoring/_tried.html", status=status)
    response["Cache-Control"] = "no-store"
    return response


def _picked(request: HttpRequest, version: ModelVersion, beside: ModelVersion | None) -> dict[str, Any]:
    seen = Lead.objects.visible_to(reader(request)).select_related("company")
    chosen = whole(request.GET.get("lead"))
    asked = request.GET.get("q", "").strip()
    if chosen is None:
        return {"found": list(matching(seen, asked).order_by("-pk")[:FOUND])}
    lead = get_object_or_404(seen, pk=chosen)
    facts = load_facts([lead.pk]).get(lead.pk, Facts({}))
    return {"lead": lead} | _tried(version, beside, facts, standings_of([lead.pk]).get(lead.pk))


def _read(pasted: Pasted) -> dict[str, Any]:
    registry = load_registry()
    wording = load_wording(registry)
    return {
        "pasted": pasted,
        "understood": [
            (wording.field(key), wording.fact(key, value), key in pasted.derived) for key, value in pasted.values.items()
        ],
        "did": in_words(pasted.events, registry),
    }


def _tried(version: ModelVersion, beside: ModelVersion | None, facts: Facts, standing: Standing | None = None) -> dict[str, Any]:
    try:
        new = compile_version(version)
        old = compile_version(beside) if beside is not None else None
    except Invalid as problem:
        return {"problem": problem.message}
    return {"tried": try_lead(new, old, facts, clock.now(), load_wording(), standing)}
