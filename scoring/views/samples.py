"""Sample leads judged blind: one at a time, then what both sides said, what the model says, and what parts them."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from leads.errors import AccordError, Conflict, NotAllowed
from leads.models import Lead
from leads.pages import page, reader, render
from scoring.actions.drafting import EDIT
from scoring.actions.samples import MOST_SAMPLES, draw_samples, judge_sample
from scoring.actions.talk import DISCUSS
from scoring.models import ModelVersion, SampleLead, SampleVerdict
from scoring.samples import sample_set

OPEN = (ModelVersion.Status.DRAFT, ModelVersion.Status.PROPOSED)


def _version(pk: int) -> ModelVersion:
    return get_object_or_404(ModelVersion.objects.select_related("model"), pk=pk)


def _shown(request: HttpRequest, version: ModelVersion, *, status: int = 200, **more: Any) -> HttpResponse:
    found = sample_set(version, reader(request))
    is_open = version.status in OPEN
    context = {
        "version": version,
        "found": found,
        "words": SampleVerdict.Word.choices,
        "may_draw": is_open and request.user.has_perm(EDIT) and len(found.samples) < MOST_SAMPLES,
        "may_judge": is_open and found.side is not None and request.user.has_perm(DISCUSS),
    }
    title = f"Sample leads of {version.label}"
    response = render(
        request, "scoring/samples.html", context | more, title=title, fragment="scoring/_samples.html", status=status
    )
    response["Cache-Control"] = "no-store"
    return response


@page(EDIT, DISCUSS)
def version_samples(request: HttpRequest, pk: int) -> HttpResponse:
    return _shown(request, _version(pk))


def _done(request: HttpRequest, version: ModelVersion, refused: AccordError | None) -> HttpResponse:
    if isinstance(refused, NotAllowed):
        raise refused
    if refused is not None:
        return _shown(request, version, status=409 if isinstance(refused, Conflict) else 422, refused=refused.message)
    if request.headers.get("HX-Request"):
        return _shown(request, version, moved=True)
    return redirect("admin:version-samples", version.pk)


@page(EDIT)
@require_POST
def samples_draw(request: HttpRequest, pk: int) -> HttpResponse:
    """Draw samples, or further ones."""
    version = _version(pk)
    try:
        draw_samples(version, actor=reader(request))
    except AccordError as error:
        return _done(request, version, error)
    return _done(request, version, None)


@page(DISCUSS)
@require_POST
def sample_judge(request: HttpRequest, pk: int, no: int) -> HttpResponse:
    """Good, not good, or no word after all."""
    version = _version(pk)
    seen = Lead.objects.visible_to(reader(request)).values("pk")
    sample = get_object_or_404(SampleLead.objects.select_related("version__model"), version=version, no=no, lead__in=seen)
    try:
        judge_sample(sample, request.POST.get("word", ""), actor=reader(request))
    except AccordError as error:
        return _done(request, version, error)
    return _done(request, version, None)
