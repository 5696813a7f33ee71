"""What a draft would have done, as a part of its page: figures, charts, who enters and leaves, and how fresh all of it is."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST
from django_htmx.http import retarget

from leads.errors import Conflict, Invalid
from leads.lib.numbers import whole
from leads.models import Lead
from leads.pages import page, reader, render
from scoring.actions.parts import set_decision
from scoring.compiler import compile_version, draft_problems
from scoring.contradictions import refuse_unfit_line
from scoring.models import ModelVersion
from scoring.reading import MAX_SUM
from scoring.slots import slots
from scoring.spec import Spec
from scoring.views.draft import edited
from scoring.views.seen import stays
from scoring.views.workshop import EDIT, draft_of, seen_rev

SEE = "scoring.see_criteria"
WAIT_FOR_ANOTHER_S = 10.0
CHOICES = {
    "points": {"agreed": "As agreed", "marketing": "As marketing would", "sales": "As sales would"},
    "goal": {"won": "Won", "accepted": "Accepted by sales"},
    "cases": {"all": "All decisions", "dated": "Dated decisions only"},
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for. Raises `Invalid` for what is not offered."""

    points: Any
    goal: Any
    cases: Any
    rev: int | None
    threshold: int | None

    @classmethod
    def of(cls, query: QueryDict) -> "Asked":
        chosen = {}
        for name, offered in CHOICES.items():
            value = query.get(name) or next(iter(offered))
            if value not in offered:
                raise Invalid(
                    f"“{value}” is not offered.", code="not_a_choice", field=name, value=value, expected=", ".join(offered)
                )
            chosen[name] = value
        threshold = whole(query.get("threshold"))
        if threshold is not None and abs(threshold) > MAX_SUM:
            threshold = None
        return cls(**chosen, rev=whole(query.get("rev")), threshold=threshold)


_turns: dict[int, Lock] = defaultdict(Lock)


@contextmanager
def _turn(pk: int) -> Iterator[bool]:
    """One preview of a draft at a time in a process; False when it did not come to our turn."""
    lock = _turns[pk]
    if not lock.acquire(timeout=WAIT_FOR_ANOTHER_S):
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


@page(SEE)
def criteria_effect(request: HttpRequest, pk: int) -> HttpResponse:
    """The effect of a draft as it is at `rev`; 204 when it has been edited since, as the next answer is on its way.

    With `threshold` as it would be with that one. POST has the data brought up to date first.
    """
    asked = Asked.of(request.GET)
    with _turn(pk) as ours:
        version = get_object_or_404(ModelVersion.objects.select_related("model"), pk=pk)
        if not ours or (asked.rev is not None and asked.rev != version.rev):
            return HttpResponse(status=204)
        return _answer(request, version, asked)


def _answer(request: HttpRequest, version: ModelVersion, asked: Asked) -> HttpResponse:
    # here, not above: no process starts with numpy
    from scoring.columns import NotInSnapshot
    from scoring.preview import drafts
    from scoring.snapshot import keeping

    context: dict[str, Any] = {"version": version, "asked": asked, "choices": CHOICES}
    try:
        specs = drafts.compared(version, asked.points, asked.threshold, side=reader(request).side)
    except Invalid as problem:
        problems = draft_problems(version) or [problem]
        return _draw(request, context | {"problems": problems})
    state = keeping.standing()
    snapshot = state.snapshot
    waiting = drafts.waiting(snapshot) if snapshot else 0
    if snapshot is None or request.method == "POST" or (waiting and not keeping.has_keeper()):
        snapshot = keeping.built_at_once() or snapshot
        state, waiting = keeping.standing() if snapshot is None else state, drafts.waiting(snapshot) if snapshot else 0
    context |= {"state": state, "rebuilt": state.damaged and snapshot is not None}
    if snapshot is None:
        return _draw(request, context)
    try:
        told = drafts.preview_of(
            specs,
            snapshot,
            goal=asked.goal,
            points=asked.points,
            cases=asked.cases,
            told=drafts.reasons(),
            weekly=slots.capacity(),
        )
    except NotInSnapshot as missing:
        return _without_field(request, context, missing.fields)
    return _draw(request, context | _shown(request, version, specs, told, waiting, asked.threshold))


def _without_field(request: HttpRequest, context: dict[str, Any], fields: tuple[str, ...]) -> HttpResponse:
    """The draft asks for facts the data does not hold: personal ones never are in it, new ones soon."""
    from scoring.snapshot import keeping
    from scoring.vocabulary import load_registry

    registry = load_registry()
    asked_for = [registry.fields[key] for key in fields if key in registry.fields]
    if any(field.personal for field in asked_for):
        return _draw(request, context | {"personal": [field.label for field in asked_for if field.personal]})
    keeping.ask()
    return _draw(request, context | {"state": keeping.standing(), "fields": [field.label for field in asked_for]})


def _shown(
    request: HttpRequest, version: ModelVersion, specs: Any, told: Any, waiting: int, threshold: int | None
) -> dict[str, Any]:
    from scoring.preview.drafts import threshold_of

    result = told.preview
    labels = {one.key: one for one in specs.draft.criteria}
    rows = [] if result.flips is None else [*result.flips.entering.rows, *result.flips.leaving.rows]
    leads = Lead.objects.visible_to(reader(request)).select_related("company").in_bulk({row.lead for row in rows})
    return {
        "result": result,
        "drawn_as": told.name,  # what many look at is drawn once a process
        "drawn_leads": [(pk, lead.name, lead.company and lead.company.name) for pk, lead in sorted(leads.items())],
        "specs": specs,
        "decision": specs.draft.decision,
        "threshold": threshold_of(specs.draft.decision),
        "unfit": _unfit(version, specs.draft, threshold),
        "figures": [(labels[one.key], one) for one in result.criteria],
        "leads": leads,
        "waiting": waiting,
        "may_edit": request.user.has_perm(EDIT) and version.status == ModelVersion.Status.DRAFT,
        "with_rows": bool(request.GET.get("rows")),
    }


def _unfit(version: ModelVersion, tried: Spec, threshold: int | None) -> str:
    """Why a line that is tried cannot be set; "" when it can. What it would do is shown all the same."""
    if threshold is None or tried.decision.kind != "total" or not tried.decision.mql_from:
        return ""
    edges = tuple(version.decision["edges"])
    try:
        refuse_unfit_line(replace(tried, decision=replace(tried.decision, edges=edges)), threshold)
    except Invalid as refused:
        return refused.message
    return ""


def _draw(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """The whole part or, while the threshold moves, only the figures that follow it."""
    moving = request.headers.get("HX-Target") == "effect-figures" and "result" in context
    fragment = "scoring/_preview_figures.html" if moving else "scoring/_preview.html"
    title = f"What {context['version'].label} would have done"
    response = render(request, "scoring/preview.html", context, title=title, fragment=fragment)
    response["Cache-Control"] = "no-store"
    return response


@page(EDIT)
@require_POST
@stays
def criteria_threshold(request: HttpRequest, pk: int) -> HttpResponse:
    """Hand over from another sum."""
    from scoring.preview.drafts import with_threshold

    version = draft_of(pk)
    typed = request.POST.get("threshold", "")
    threshold = whole(typed)

    def save() -> None:
        if threshold is None or abs(threshold) > MAX_SUM:
            raise Invalid(
                f"“{typed}” is no score.", code="wrong_number", field="threshold", value=typed, expected="a whole number"
            )
        spec = compile_version(version)
        if spec.decision.kind == "total" and spec.decision.mql_from:
            refuse_unfit_line(spec, threshold)
        decision = with_threshold(spec.decision, threshold)
        set_decision(version, decision.as_json(), actor=reader(request), rev=seen_rev(request))

    if not request.headers.get("HX-Request"):
        return edited(request, version, save, "draft_decision")
    try:
        return edited(
            request, version, save, "draft_decision", caught=Conflict, said=f"The draft hands over from {threshold} now."
        )
    except Invalid as refused:  # said where the number was typed: how it decides stands far below
        context = {"version": version, "threshold": typed, "may_edit": True, "error": refused.message}
        fragment = "scoring/_threshold_form.html"
        return retarget(render(request, fragment, context, fragment=fragment, status=422), "#threshold-set")
