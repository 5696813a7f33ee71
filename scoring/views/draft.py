"""The small edits of a draft that need no form of their own.

Each form carries the revision its part was drawn from. Without script every edit leads back to the page; with htmx the
part of the page is answered, also when somebody else was faster (409) or the input was wrong (422).
"""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST
from django_htmx.http import reswap, retarget, trigger_client_event

from leads.errors import AccordError, Conflict, Invalid
from leads.lib.numbers import whole
from leads.pages import page, reader
from scoring.actions.criteria import (
    move_criterion,
    place_criterion,
    regroup_criterion,
    remove_criterion,
    restore_criterion,
    set_points,
)
from scoring.actions.drafting import Stale, who_of
from scoring.actions.parts import add_group, edit_group, remove_gate, remove_group, set_bounds
from scoring.actions.versions import withdraw_draft
from scoring.edit_words import detail_of
from scoring.forms import BoundsForm, GroupForm, make_key
from scoring.models import ModelVersion
from scoring.views.seen import criterion_of, gate_of, group_of, stays
from scoring.views.workshop import EDIT, draft_of, draft_page, row_answer, seen_rev


def edited(
    request: HttpRequest,
    version: ModelVersion,
    verb: Callable[[], Any],
    part: str = "criteria",
    *,
    caught: type[AccordError] = AccordError,
    said: str = "",
    **typed: Any,
) -> HttpResponse:
    """Do an edit and answer with the part of the draft as it is then and the revision it made, with `said` told beside it.

    `typed` is what the part shows beside a refusal, so that what was typed is not lost. A refusal that is not a `caught` one
    is left to who asks, to be shown elsewhere.
    """
    error, status = "", 200
    try:
        verb()
        made = version.rev
    except caught as refused:
        error, status = refused.message, 409 if isinstance(refused, Conflict) else 422
        if version.__class__.objects.filter(pk=version.pk).exclude(status=ModelVersion.Status.DRAFT).exists():
            raise
        if isinstance(refused, Stale):
            typed["theirs"] = [(who_of(one), detail_of(one)) for one in refused.edits]
    if status == 200 and not request.headers.get("HX-Request"):
        return redirect("admin:criteria-draft", version.pk)
    response = draft_page(request, version, part=part, error=error, status=status, **(typed if status != 200 else {}))
    if status == 200 and said:
        trigger_client_event(response, "toast", {"text": said, "kind": "good"})
    return trigger_client_event(response, "look", {"rev": made}) if status == 200 else response


@page(EDIT)
@require_POST
@stays
def criterion_points(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """Another number of points, everything else as it is; who was faster is shown with both numbers and the choice."""
    version = draft_of(pk)
    typed = request.POST.get("points", "")
    points = whole(typed)
    try:
        criterion = criterion_of(version, key)
        if points is None:
            raise Invalid("Type whole points.", code="wrong_number", field="points", value=typed, expected="whole points")
        set_points(criterion, points, actor=reader(request), rev=seen_rev(request))
    except Stale as late:
        if (
            points is not None and version.criteria.filter(key=key, points=points).exists()
        ):  # somebody else set the very same: nothing to choose between
            return _row_done(request, version, key)
        shown = {"mine": typed, "theirs": late.edits[-1] if late.edits else None, "late": late.message}
        return _row_or_page(request, version, key, late.message, 409, shown)
    except AccordError as refused:
        if isinstance(refused, Conflict):
            raise
        return _row_or_page(request, version, key, refused.message, 422, {"wrong": refused.here, "typed": typed})
    return _row_done(request, version, key)


def _row_done(request: HttpRequest, version: ModelVersion, key: str) -> HttpResponse:
    if not request.headers.get("HX-Request"):
        return redirect("admin:criteria-draft", version.pk)
    made = version.rev
    return trigger_client_event(row_answer(request, version, key), "look", {"rev": made})


def _row_or_page(
    request: HttpRequest, version: ModelVersion, key: str, error: str, status: int, shown: dict[str, Any]
) -> HttpResponse:
    if request.headers.get("HX-Request"):
        return row_answer(request, version, key, status=status, **shown)
    return draft_page(request, version, error=error, status=status)


@page(EDIT)
@require_POST
@stays
def criterion_move(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """One place up or down (`to`), or before the criterion named by `before` ("" is the end)."""
    version = draft_of(pk)
    criterion = criterion_of(version, key)
    actor, rev = reader(request), seen_rev(request)
    if "before" in request.POST:
        before = request.POST["before"]
        return edited(request, version, lambda: place_criterion(criterion, before, actor=actor, rev=rev))
    by = -1 if request.POST.get("to") == "up" else 1
    return edited(request, version, lambda: move_criterion(criterion, by, actor=actor, rev=rev))


@page(EDIT)
@require_POST
@stays
def criterion_group(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """Into another group of its dimension, or into none."""
    version = draft_of(pk)
    criterion = criterion_of(version, key)
    group = request.POST.get("group", "")
    return edited(request, version, lambda: regroup_criterion(criterion, group, actor=reader(request), rev=seen_rev(request)))


@page(EDIT)
@require_POST
@stays
def criterion_remove(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    version = draft_of(pk)
    criterion = criterion_of(version, key)
    answer = edited(request, version, lambda: remove_criterion(criterion, actor=reader(request), rev=seen_rev(request)))
    if answer.status_code == 200:
        undo = reverse("admin:criterion-restore", args=[pk, key])
        trigger_client_event(answer, "toast", {"text": f"“{criterion.label}” was removed.", "undo": undo})
    return answer


@page(EDIT)
@require_POST
@stays
def criterion_restore(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """Take a removal back, on the draft as it is now; the toast that asks for it draws nothing itself."""
    version = draft_of(pk)
    answer = edited(request, version, lambda: restore_criterion(version, key, actor=reader(request), rev=version.rev))
    return reswap(retarget(answer, "#criteria"), "outerHTML")


@page(EDIT)
@require_POST
@stays
def gate_remove(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    version = draft_of(pk)
    return edited(
        request,
        version,
        lambda: remove_gate(gate_of(version, key), actor=reader(request), rev=seen_rev(request)),
        "draft_gates",
    )


@page(EDIT)
@require_POST
@stays
def group_add(request: HttpRequest, pk: int) -> HttpResponse:
    version = draft_of(pk)
    form = GroupForm(request.POST, prefix="group")
    if not form.is_valid():
        return draft_page(request, version, part="draft_groups", status=422, group_form=form)
    key = make_key(form.cleaned_data["label"], version.groups.values_list("key", flat=True))
    data = {name: value for name, value in form.cleaned_data.items() if value is not None} | {"key": key}
    actor, rev = reader(request), seen_rev(request)
    parts: dict[str, Any] = {"group_form": form, "keeps_group": True}
    return edited(request, version, lambda: add_group(version, data, actor=actor, rev=rev), "draft_groups", **parts)


@page(EDIT)
@require_POST
@stays
def group_edit(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """Another cap or floor, or, with `remove`, no such group: its criteria stay."""
    version = draft_of(pk)
    group = group_of(version, key)
    actor, rev = reader(request), seen_rev(request)
    if "remove" in request.POST:
        return edited(request, version, lambda: remove_group(group, actor=actor, rev=rev), "draft_groups")
    posted = request.POST.copy()
    posted["dimension"] = group.dimension
    form = GroupForm(posted)
    typed = {"key": key, "cap": posted.get("cap", ""), "floor": posted.get("floor", "")}
    if not form.is_valid():
        error = f"{group.label}: " + "; ".join(_words(form))
        return draft_page(request, version, part="draft_groups", error=error, status=422, typed=typed)
    data = {name: value for name, value in form.cleaned_data.items() if value is not None}
    return edited(request, version, lambda: edit_group(group, data, actor=actor, rev=rev), "draft_groups", typed=typed)


def _words(form: GroupForm) -> list[str]:
    return [" ".join(map(str, errors)) for errors in form.errors.values()]


@page(EDIT)
@require_POST
@stays
def criteria_bounds(request: HttpRequest, pk: int) -> HttpResponse:
    version = draft_of(pk)
    form = BoundsForm(request.POST)
    if not form.is_valid():
        return draft_page(request, version, part="draft_groups", status=422, bounds_form=form)
    actor, rev = reader(request), seen_rev(request)
    parts: dict[str, Any] = {"bounds_form": form, "keeps_bounds": True}
    return edited(request, version, lambda: set_bounds(version, form.part(), actor=actor, rev=rev), "draft_groups", **parts)


@page(EDIT)
@require_POST
def criteria_withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    version = draft_of(pk)
    withdraw_draft(version, actor=reader(request), rev=seen_rev(request))
    messages.success(request, f"Draft {version.label} was put aside.")
    return redirect("admin:criteria")
