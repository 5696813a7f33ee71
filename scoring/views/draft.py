"""The draft page: every part of a draft in words, and the small edits that need no form of their own.

Each form carries the revision the page was drawn from. Without script every edit leads back to the page; with htmx the
draft's part of the page is answered, also when somebody else was faster (409) or the input was wrong (422).
"""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST
from django_htmx.http import reswap, retarget, trigger_client_event

from leads.errors import AccordError, Conflict
from leads.lib.numbers import whole
from leads.pages import page, reader, render
from scoring.actions.criteria import edit_criterion, move_criterion, remove_criterion, restore_criterion
from scoring.actions.parts import add_group, edit_group, remove_gate, remove_group, set_bounds
from scoring.actions.versions import withdraw_draft
from scoring.compiler import criterion_data
from scoring.describe import describe
from scoring.forms import BoundsForm, GroupForm, make_key
from scoring.models import DraftEvent, ModelVersion

EDIT = "scoring.edit_draft"


def draft_of(pk: int) -> ModelVersion:
    """A version that may be edited; one that no longer may leads to a conflict, as somebody put it into force meanwhile."""
    version = get_object_or_404(ModelVersion.objects.select_related("model", "copied_from"), pk=pk)
    if version.status != ModelVersion.Status.DRAFT:
        raise Conflict(f"{version.label} is no longer a draft, so it can no longer be edited.", code="frozen")
    return version


def seen_rev(request: HttpRequest) -> int:
    """The revision the form was drawn from."""
    return whole(request.POST.get("rev")) or 0


VERBS = {
    "add_criterion": "added",
    "edit_criterion": "changed",
    "move_criterion": "moved",
    "remove_criterion": "removed",
    "restore_criterion": "put back",
    "add_group": "added the group",
    "edit_group": "changed the group",
    "remove_group": "removed the group",
    "add_gate": "added the gate",
    "edit_gate": "changed the gate",
    "remove_gate": "removed the gate",
    "set_decision": "changed how it decides",
    "set_bounds": "changed the bounds",
    "set_scope": "changed whom it judges",
}
SHOWN_EDITS = 8


def _edits(version: ModelVersion) -> list[tuple[DraftEvent, str, str]]:
    """The newest edits with what they did and to what, in words."""
    return [
        (edit, VERBS.get(edit.verb, edit.verb), _target(edit)) for edit in version.edits.select_related("actor")[:SHOWN_EDITS]
    ]


def _target(edit: DraftEvent) -> str:
    if not edit.target:
        return ""
    for content in (edit.after, edit.before):
        if isinstance(content, dict) and content.get("label"):
            return f"“{content['label']}”"
    return edit.target


def draft_page(request: HttpRequest, version: ModelVersion, *, error: str = "", status: int = 200, **more: Any) -> HttpResponse:
    """The page of a draft, or its part for htmx."""
    version.refresh_from_db()
    context = {
        "version": version,
        "described": describe(version),
        "group_form": GroupForm(prefix="group"),
        "bounds_form": BoundsForm(initial=BoundsForm.initial_of(version.dimensions)),
        "edits": _edits(version),
        "error": error,
    }
    title = f"Draft {version.label} of {version.model.name}"
    return render(request, "scoring/draft.html", context | more, title=title, fragment="scoring/_draft.html", status=status)


def edited(request: HttpRequest, version: ModelVersion, verb: Callable[[], Any]) -> HttpResponse:
    """Do an edit and answer with the draft as it is then."""
    error, status = "", 200
    try:
        verb()
    except AccordError as refused:
        error, status = refused.message, 409 if isinstance(refused, Conflict) else 422
        if version.__class__.objects.filter(pk=version.pk).exclude(status=ModelVersion.Status.DRAFT).exists():
            raise
    if status == 200 and not request.headers.get("HX-Request"):
        return redirect("admin:criteria-draft", version.pk)
    return draft_page(request, version, error=error, status=status)


@page(EDIT)
def criteria_draft(request: HttpRequest, pk: int) -> HttpResponse:
    version = get_object_or_404(ModelVersion.objects.select_related("model", "copied_from"), pk=pk)
    if version.status != ModelVersion.Status.DRAFT:
        return redirect("admin:criteria-version", pk)
    return draft_page(request, version)


@page(EDIT)
@require_POST
def criterion_points(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """Another number of points, everything else as it is."""
    version = draft_of(pk)
    criterion = get_object_or_404(version.criteria.select_related("group"), key=key)
    typed = request.POST.get("points", "")
    points = whole(typed)
    data = criterion_data(criterion) | {"points": typed if points is None else points}
    return edited(request, version, lambda: edit_criterion(criterion, data, actor=reader(request), rev=seen_rev(request)))


@page(EDIT)
@require_POST
def criterion_move(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    version = draft_of(pk)
    criterion = get_object_or_404(version.criteria, key=key)
    by = -1 if request.POST.get("to") == "up" else 1
    return edited(request, version, lambda: move_criterion(criterion, by, actor=reader(request), rev=seen_rev(request)))


@page(EDIT)
@require_POST
def criterion_remove(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    version = draft_of(pk)
    criterion = get_object_or_404(version.criteria, key=key)
    answer = edited(request, version, lambda: remove_criterion(criterion, actor=reader(request), rev=seen_rev(request)))
    if answer.status_code == 200:
        undo = reverse("admin:criterion-restore", args=[pk, key])
        trigger_client_event(answer, "toast", {"text": f"“{criterion.label}” was removed.", "undo": undo})
    return answer


@page(EDIT)
@require_POST
def criterion_restore(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """Take a removal back, on the draft as it is now; the toast that asks for it draws nothing itself."""
    version = draft_of(pk)
    answer = edited(request, version, lambda: restore_criterion(version, key, actor=reader(request), rev=version.rev))
    return reswap(retarget(answer, "#draft"), "outerHTML")


@page(EDIT)
@require_POST
def gate_remove(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    version = draft_of(pk)
    gate = get_object_or_404(version.gates, key=key)
    return edited(request, version, lambda: remove_gate(gate, actor=reader(request), rev=seen_rev(request)))


@page(EDIT)
@require_POST
def group_add(request: HttpRequest, pk: int) -> HttpResponse:
    version = draft_of(pk)
    form = GroupForm(request.POST, prefix="group")
    if not form.is_valid():
        return draft_page(request, version, status=422, group_form=form)
    key = make_key(form.cleaned_data["label"], version.groups.values_list("key", flat=True))
    data = {name: value for name, value in form.cleaned_data.items() if value is not None} | {"key": key}
    return edited(request, version, lambda: add_group(version, data, actor=reader(request), rev=seen_rev(request)))


@page(EDIT)
@require_POST
def group_edit(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """Another cap or floor, or, with `remove`, no such group: its criteria stay."""
    version = draft_of(pk)
    group = get_object_or_404(version.groups, key=key)
    actor, rev = reader(request), seen_rev(request)
    if "remove" in request.POST:
        return edited(request, version, lambda: remove_group(group, actor=actor, rev=rev))
    posted = request.POST.copy()
    posted["dimension"] = group.dimension
    form = GroupForm(posted)
    if not form.is_valid():
        return draft_page(request, version, error=f"{group.label}: " + "; ".join(_words(form)), status=422)
    data = {name: value for name, value in form.cleaned_data.items() if value is not None}
    return edited(request, version, lambda: edit_group(group, data, actor=actor, rev=rev))


def _words(form: GroupForm) -> list[str]:
    return [" ".join(map(str, errors)) for errors in form.errors.values()]


@page(EDIT)
@require_POST
def criteria_bounds(request: HttpRequest, pk: int) -> HttpResponse:
    version = draft_of(pk)
    form = BoundsForm(request.POST)
    if not form.is_valid():
        return draft_page(request, version, status=422, bounds_form=form)
    return edited(request, version, lambda: set_bounds(version, form.part(), actor=reader(request), rev=seen_rev(request)))


@page(EDIT)
@require_POST
def criteria_withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    version = draft_of(pk)
    withdraw_draft(version, actor=reader(request), rev=seen_rev(request))
    messages.success(request, f"Draft {version.label} was put aside.")
    return redirect("admin:criteria")
