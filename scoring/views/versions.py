"""The criteria in force, their earlier versions, and how a new one begins."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from leads.errors import NotFound
from leads.lib.numbers import whole
from leads.notify.notices import REMIND, told
from leads.pages import page, reader, render
from scoring.actions.talk import DISCUSS
from scoring.actions.versions import create_draft, create_model
from scoring.describe import describe
from scoring.models import ModelVersion, ScoringModel
from scoring.notices import IN_FORCE
from scoring.reviews import review_parts
from scoring.since import Since, since
from scoring.starters import starters

SEE, EDIT = "scoring.see_criteria", "scoring.edit_draft"


def _versions(model: ScoringModel) -> list[ModelVersion]:
    return list(model.versions.select_related("model", "created_by").defer("spec").order_by("-no"))


@page(SEE)
def criteria(request: HttpRequest) -> HttpResponse:
    """The version in force of one model (the first, or the one the address names), and all its versions."""
    return criteria_page(request, request.GET.get("model"))


def criteria_page(request: HttpRequest, chosen: str | None, *, status: int = 200, **more: Any) -> HttpResponse:
    """The page of the model with the key `chosen`, of the first one for None."""
    models = list(ScoringModel.objects.select_related("active_version__model"))
    model = next((one for one in models if one.key == chosen), models[0] if models and not chosen else None)
    if chosen and model is None:
        raise NotFound(f"There is no scoring model “{chosen}”.")
    versions = _versions(model) if model else []
    active = model.active_version if model else None
    return render(
        request,
        "scoring/criteria.html",
        {
            "models": models,
            "model": model,
            "versions": versions,
            "may_discuss": request.user.has_perm(DISCUSS),
            "draft": next((one for one in versions if one.status == ModelVersion.Status.DRAFT), None),
            "described": describe(active) if active else None,
            "starters": starters().values(),
            "may_edit": request.user.has_perm(EDIT),
            **(review_parts(request, model) if model else {}),
        }
        | more,
        title="Criteria",
        status=status,
    )


@page(SEE)
def criteria_version(request: HttpRequest, pk: int) -> HttpResponse:
    """One version, whatever became of it."""
    version = get_object_or_404(ModelVersion.objects.select_related("model", "created_by", "copied_from"), pk=pk)
    if version.status == ModelVersion.Status.DRAFT and request.user.has_perm(EDIT):
        return redirect("admin:criteria-draft", pk)
    return version_page(request, version)


def version_page(request: HttpRequest, version: ModelVersion, *, status: int = 200, **more: Any) -> HttpResponse:
    """The page of a version that is no draft, or a draft's for who may not edit it."""
    came = since(version)
    context = {
        "version": version,
        "since": came,
        "reason_bars": _reason_bars(came) if came else [],
        "described": describe(version),
        "activation": version.activations.select_related("by", "from_version").first(),
        "others": version.model.versions.exclude(pk=version.pk).exists(),
        "told": told(IN_FORCE, version.pk),
        "may_remind": request.user.has_perm(REMIND),
        "events": version.events.select_related("actor"),
        "may_edit": request.user.has_perm(EDIT),
        "may_talk": request.user.has_perm(DISCUSS),
    }
    title = f"{version.model.name} {version.label}"
    return render(request, "scoring/criteria_version.html", context | more, title=title, status=status)


def _reason_bars(came: Since) -> list[dict[str, Any]]:
    """Why leads were rejected in the longest time, with the version before where there was one."""
    place = came.columns.index(came.latest) if came.latest else 0
    rows = [
        {"label": row.label, "value": row.counts[place], "before": row.counts[0] if came.before else None} for row in came.reasons
    ]
    return [row for row in rows if row["value"] or row["before"]]


@page(EDIT)
@require_POST
def criteria_begin(request: HttpRequest) -> HttpResponse:
    """A new model with a first draft."""
    name = request.POST.get("name", "")
    draft = create_model(name, actor=reader(request), start=request.POST.get("start", "fit_engagement"))
    messages.success(request, f"The first draft of {draft.model.name} is yours to edit.")
    return redirect("admin:criteria-draft", draft.pk)


@page(EDIT)
@require_POST
def criteria_draft_begin(request: HttpRequest, key: str) -> HttpResponse:
    """A new draft: a copy of the version in force, of an earlier one, or a model to start from."""
    model = get_object_or_404(ScoringModel, key=key)
    start = request.POST.get("start") or None
    wanted = whole(request.POST.get("source"))
    source = get_object_or_404(model.versions, pk=wanted) if wanted is not None else None
    draft = create_draft(model, actor=reader(request), start=start, source=source)
    return redirect("admin:criteria-draft", draft.pk)
