"""The workshop: one draft that everybody edits at once, with what changed meanwhile, who is here, and the log of edits."""

from typing import Any

from django.db.models import Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from leads import clock
from leads.errors import AccordError, Conflict
from leads.lib.numbers import whole
from leads.pages import page, reader, render
from scoring.actions.talk import DISCUSS, begin_blind_round, end_blind_round
from scoring.actions.undoing import undo_edit
from scoring.describe import describe
from scoring.forms import BoundsForm, GroupForm
from scoring.models import DraftEvent, ModelResearch, ModelVersion, Presence
from scoring.presence import digest, edits_at, edits_no_more, lead_meeting, leader_of, seen_at, still_here, stop_leading
from scoring.reviews import review_parts
from scoring.talk_panel import talk_panel
from scoring.workshop import Workshop, changed_answers, changes_since, edits_in_words, workshop

EDIT = "scoring.edit_draft"
VERSIONS = ModelVersion.objects.select_related("model", "copied_from")


def draft_of(pk: int) -> ModelVersion:
    """A version that may be edited; one that no longer may leads to a conflict, as somebody put it into force meanwhile."""
    version = get_object_or_404(VERSIONS, pk=pk)
    if version.status != ModelVersion.Status.DRAFT:
        raise Conflict(f"{version.label} is no longer a draft, so it can no longer be edited.", code="frozen")
    return version


def seen_rev(request: HttpRequest) -> int:
    """The revision the form was drawn from."""
    return whole(request.POST.get("rev")) or 0


def effect_url(version: ModelVersion) -> str:
    """Where the effect of a draft is drawn."""
    return reverse("admin:criteria-effect", args=[version.pk])


def rights(request: HttpRequest, version: ModelVersion) -> dict[str, Any]:
    """What every part of the page needs to know about the reader and the draft."""
    return {
        "version": version,
        "may_edit": request.user.has_perm(EDIT),
        "may_talk": request.user.has_perm(DISCUSS),
        "side": reader(request).side,
    }


def parts_of(request: HttpRequest, version: ModelVersion, shop: Workshop) -> dict[str, Any]:
    """All that the sections of the page show beside the criteria."""
    return {
        **rights(request, version),
        "shop": shop,
        "described": shop.described,
        "group_form": GroupForm(prefix="group"),
        "bounds_form": BoundsForm(initial=BoundsForm.initial_of(version.dimensions)),
        "log": shop.log,
    }


def people_here(request: HttpRequest, version: ModelVersion, row: str = "") -> dict[str, Any]:
    now = clock.now()
    seen: list[Presence] = seen_at(version, reader(request), row, now)
    people = still_here(seen, now)
    return {"people": people, "leader": leader_of(seen), "here": digest(people)}


def draft_page(
    request: HttpRequest, version: ModelVersion, *, part: str = "draft", error: str = "", status: int = 200, **more: Any
) -> HttpResponse:
    """The page of a draft, or for htmx the named part of it: draft, criteria, gates, groups."""
    version.refresh_from_db(from_queryset=VERSIONS)
    shop = workshop(version, reader(request))
    context = {
        **parts_of(request, version, shop),
        **people_here(request, version),
        "effect_url": effect_url(version),
        "has_research": ModelResearch.objects.filter(model=version.model).exclude(personas="", journey="", channels="").exists(),
        "presents": "present" in request.GET,
        "error": error,
        **review_parts(request, version.model),
        "draft_pk": version.pk,
    }
    title = f"Draft {version.label} of {version.model.name}"
    return render(request, "scoring/draft.html", context | more, title=title, fragment=f"scoring/_{part}.html", status=status)


@page(EDIT, DISCUSS)
def criteria_draft(request: HttpRequest, pk: int) -> HttpResponse:
    version = get_object_or_404(VERSIONS, pk=pk)
    if version.status != ModelVersion.Status.DRAFT:
        return redirect("admin:criteria-version", pk)
    return draft_page(request, version)


def row_answer(request: HttpRequest, version: ModelVersion, key: str, *, status: int = 200, **more: Any) -> HttpResponse:
    """One criterion's row as it is now; nothing of it when it is gone."""
    version.refresh_from_db(from_queryset=VERSIONS)
    shop = workshop(version, reader(request), shared=True)
    row = shop.rows.get(key)
    if row is None:
        return HttpResponse(status=200)
    context = {
        **rights(request, version),
        "shop": shop,
        "row": row,
        "block": _block_of(shop, key),
        "effect_url": effect_url(version),  # the cell of its figures stands in every row of the page
        **more,
    }
    return render(request, "scoring/_criterion_row.html", context, fragment="scoring/_criterion_row.html", status=status)


def _block_of(shop: Workshop, key: str) -> Any:
    return next(block for block in shop.blocks if any(row.key == key for row in block.rows))


@page(EDIT, DISCUSS)
def criterion_row(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """A row drawn anew: what somebody keeps who gives up their own change."""
    return row_answer(request, draft_of(pk), key)


@page(EDIT, DISCUSS)
def criteria_delta(request: HttpRequest, pk: int) -> HttpResponse:
    """What changed since `rev` and `talk`, and who is here; 204 when all is as the browser has it."""
    version = get_object_or_404(VERSIONS, pk=pk)
    if version.status != ModelVersion.Status.DRAFT:
        response = render(request, "scoring/_delta_frozen.html", {"version": version}, fragment="scoring/_delta_frozen.html")
        return _fresh(response)
    rev, talk = whole(request.GET.get("rev")) or 0, whole(request.GET.get("talk")) or 0
    here = people_here(request, version, request.GET.get("row", "")[:40])
    if (rev, talk, request.GET.get("here")) == (version.rev, version.talk, here["here"]):
        return _fresh(HttpResponse(status=204))
    changes = changes_since(version, rev, talk)
    context: dict[str, Any] = {**rights(request, version), **here, "changes": changes, "oob": True}
    if not changes.is_nothing:
        shop = workshop(version, reader(request), shared=True)
        context |= parts_of(request, version, shop) | {"effect_url": effect_url(version)}
        rows = shop.rows
        for key, who in changes.rows.items():
            if key in rows:
                rows[key].changed_by = who
        context["changed"] = [(rows[key], _block_of(shop, key)) for key in changes.rows if key in rows]
        asked = request.GET.get("open", "")
        if asked in rows and (asked in changes.rows or "criteria" in changes.sections):
            context |= talk_panel(version, rows[asked], reader(request))
    response = render(request, "scoring/_delta.html", context, fragment="scoring/_delta.html")
    return _fresh(response)


@page(EDIT, DISCUSS)
def draft_signing(request: HttpRequest, pk: int) -> HttpResponse:
    """The sign-off card alone: drawn anew once a draft has not been edited for a while."""
    version = draft_of(pk)
    context = {**rights(request, version), "described": describe(version)}
    return render(request, "scoring/_draft_signing.html", context, fragment="scoring/_draft_signing.html")


def _fresh(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    patch_vary_headers(response, ["HX-Request"])
    return response


@page(EDIT)
def part_editing(request: HttpRequest, pk: int) -> HttpResponse:
    """An editor tells that it is open on `part` ("criterion", "gate", "decision", "scope") and `key`; POST that it is closed."""
    version = get_object_or_404(VERSIONS, pk=pk)
    if request.method == "POST":
        edits_no_more(version, reader(request))
        return HttpResponse(status=204)
    if version.status != ModelVersion.Status.DRAFT:
        return _fresh(HttpResponse(status=204))
    words = _part_words(version, request.GET.get("part", ""), request.GET.get("key", ""))
    others = edits_at(version, reader(request), words, clock.now())
    return _fresh(render(request, "scoring/_editing.html", {"others": others}, fragment="scoring/_editing.html"))


def _part_words(version: ModelVersion, part: str, key: str) -> str:
    """What is edited, as others are told: `Company size 50 to 199`, `a new gate`."""
    if part in ("decision", "scope"):
        return "how it decides" if part == "decision" else "whom it judges"
    rows: Any = version.gates if part == "gate" else version.criteria
    label = rows.filter(key=key).values_list("label", flat=True).first() if key else None
    return label or ("a new gate" if part == "gate" else "a new criterion")


@page(EDIT, DISCUSS)
@require_POST
def meeting_lead(request: HttpRequest, pk: int) -> HttpResponse:
    """Take the lead of the meeting, so that the others see at which row it is; or give it up."""
    version = draft_of(pk)
    if request.POST.get("lead") == "0":
        stop_leading(version, reader(request))
    else:
        lead_meeting(version, reader(request), clock.now(), row=request.POST.get("row", ""))
    if request.headers.get("HX-Request"):
        context = {**rights(request, version), **people_here(request, version)}
        return render(request, "scoring/_presence.html", context, fragment="scoring/_presence.html")
    return redirect("admin:criteria-draft", pk)


@page(EDIT)
@require_POST
def blind_round(request: HttpRequest, pk: int) -> HttpResponse:
    """Begin a blind round, or end the open one."""
    version = draft_of(pk)
    if request.POST.get("open") == "0":
        end_blind_round(version, actor=reader(request))
    else:
        begin_blind_round(version, actor=reader(request))
    if request.headers.get("HX-Request"):
        return draft_page(request, version, part="criteria")
    return redirect("admin:criteria-draft", pk)


# --- The log ------------------------------------------------------------------------------------------------------------

EDITS_A_PAGE = 50


@page(EDIT, DISCUSS)
def criteria_edits(request: HttpRequest, pk: int) -> HttpResponse:
    """Every edit of a version, the newest first, 50 a page; those of a draft can be taken back."""
    version = get_object_or_404(ModelVersion.objects.select_related("model"), pk=pk)
    before = whole(request.GET.get("before"))
    edits = version.edits.select_related("actor")
    if before is not None:
        edits = edits.filter(rev__lt=before)
    listed = list(edits[: EDITS_A_PAGE + 1])
    labels = dict(version.criteria.values_list("key", "label"))
    answers = version.talk_events.all()
    if len(listed) > EDITS_A_PAGE:
        answers = answers.filter(at__gte=listed[EDITS_A_PAGE - 1].at)
    if before is not None:
        answers = answers.filter(at__lt=Subquery(version.edits.filter(rev=before).values("at")[:1]))
    lines = [*edits_in_words(listed[:EDITS_A_PAGE], labels), *changed_answers(answers, labels)]
    context = {
        **rights(request, version),
        "log": sorted(lines, key=lambda line: line.edit.at, reverse=True),
        "older": listed[EDITS_A_PAGE - 1].rev if len(listed) > EDITS_A_PAGE else None,
        "is_draft": version.status == ModelVersion.Status.DRAFT,
    }
    return render(request, "scoring/edits.html", context, title=f"Edits of {version.model.name} {version.label}")


@page(EDIT)
@require_POST
def edit_undo(request: HttpRequest, pk: int, rev: int) -> HttpResponse:
    """Take an edit back, the last one or an older one; who built on it meanwhile is named."""
    version = draft_of(pk)
    edit = get_object_or_404(DraftEvent.objects.select_related("version", "actor"), version=version, rev=rev)
    try:
        undo_edit(edit, actor=reader(request))
    except AccordError as refused:
        if not request.headers.get("HX-Request"):
            raise
        return trigger_client_event(HttpResponse(status=204), "toast", {"text": refused.message, "kind": "bad"})
    if not request.headers.get("HX-Request"):
        return redirect(request.POST.get("next") == "edits" and "admin:criteria-edits" or "admin:criteria-draft", pk)
    response = trigger_client_event(HttpResponse(status=204), "look", {})
    return trigger_client_event(response, "toast", {"text": "Taken back.", "kind": "good"})
