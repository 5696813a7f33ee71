"""The pages on which a criterion, a gate, the scope or the decision of a draft is written."""

import json
from collections.abc import Callable
from typing import Any

from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect

from leads.errors import Conflict, Invalid
from leads.models import Asset, Campaign
from leads.pages import page, reader, render
from scoring.actions.criteria import add_criterion, edit_criterion
from scoring.actions.drafting import Stale, who_of
from scoring.actions.parts import add_gate, edit_gate, set_decision, set_scope
from scoring.compiler import criterion_data
from scoring.forms import CriterionForm, DecisionForm, GateForm, Rows, TallyForm, is_flat, make_key
from scoring.models import Criterion, ModelVersion
from scoring.registry import Registry
from scoring.views.workshop import EDIT, draft_of, seen_rev
from scoring.vocabulary import load_registry
from scoring.workshop import detail_of


class _Sheet:
    """A form page in the middle of being filled in: its own fields, and where there is a condition its clause rows.

    A condition with brackets, or one that asks for certain assets, is edited as text: rows cannot show it.
    """

    def __init__(
        self, request: HttpRequest, registry: Registry, form: Form | None, stored: dict[str, Any] | None, *, rows: bool
    ) -> None:
        self.form = form
        self.kinds = list(registry.kinds.items())
        self.registry = registry
        self.redraws = request.method == "POST" and "redraw" in request.POST
        self.posted = request.POST if request.method == "POST" else None
        as_text = rows and (
            "condition" in request.POST if self.posted is not None else bool(stored) and not is_flat(stored or {})
        )
        self.text: str | None = None
        self.text_error = ""
        self.rows: Rows | None = None
        if as_text:
            self.text = request.POST.get("condition") or json.dumps(stored, indent=2, ensure_ascii=False)
        elif rows:
            self.rows = Rows(registry, self.kinds, posted=self.posted, stored=stored, redraw=self.redraws)
            if self.redraws and request.POST["redraw"] == "add":
                self.rows.add(registry, self.kinds)

    def condition(self) -> dict[str, Any] | None:
        """The condition as typed; None where it cannot even be read."""
        if self.rows is not None:
            return self.rows.data if self.rows.is_valid else None
        try:
            data = json.loads(self.text or "")
        except ValueError as error:
            self.text_error = f"This is not JSON: {error}"
            return None
        return data if isinstance(data, dict) else {"all": data}

    def blame(self, refused: Invalid, fallback: Callable[[Invalid], None]) -> None:
        if self.rows is not None and self.rows.blame(refused.field, refused.message):
            return
        if self.text is not None and refused.field.startswith("when"):
            self.text_error = refused.message
            return
        fallback(refused)


def _answer(
    request: HttpRequest,
    version: ModelVersion,
    sheet: _Sheet,
    heading: str,
    *,
    rev: int,
    status: int = 200,
    conflict: Conflict | None = None,
    **more: Any,
) -> HttpResponse:
    context = {"version": version, "sheet": sheet, "form": sheet.form, "heading": heading, "rev": rev}
    if conflict is not None:
        edits = conflict.edits if isinstance(conflict, Stale) else []
        context |= {"conflict": conflict.message, "theirs": [(who_of(one), detail_of(one), one.at) for one in edits]}
    return render(
        request, "scoring/part_form.html", context | more, title=heading, fragment="scoring/_part_form.html", status=status
    )


def _saved(request: HttpRequest, version: ModelVersion) -> HttpResponse:
    if request.headers.get("HX-Request"):
        response = HttpResponse(status=204)
        response["HX-Redirect"] = redirect("admin:criteria-draft", version.pk).url
        return response
    return redirect("admin:criteria-draft", version.pk)


def _run(
    request: HttpRequest,
    version: ModelVersion,
    sheet: _Sheet,
    heading: str,
    save: Callable[[dict[str, Any] | None, int], Any],
    blame: Callable[[Invalid], None],
) -> HttpResponse:
    """Draw the form, draw it anew, or save it; a refusal is shown where it belongs, and nothing typed is lost."""
    if request.method != "POST":
        return _answer(request, version, sheet, heading, rev=version.rev)
    rev = seen_rev(request)
    if sheet.redraws:
        return _answer(request, version, sheet, heading, rev=rev)
    fine = sheet.form.is_valid() if sheet.form is not None else True
    needs = sheet.rows is not None or sheet.text is not None
    condition = sheet.condition() if needs else None
    if not fine or (needs and condition is None):
        return _answer(request, version, sheet, heading, rev=rev, status=422)
    try:
        save(condition, rev)
    except Conflict as late:
        version.refresh_from_db()
        return _answer(request, version, sheet, heading, rev=version.rev, status=409, conflict=late)
    except Invalid as refused:
        sheet.blame(refused, blame)
        return _answer(request, version, sheet, heading, rev=rev, status=422)
    return _saved(request, version)


def _typed_or(request: HttpRequest, redraw: bool) -> Any:
    return request.POST if request.method == "POST" and not redraw else None


@page(EDIT)
def criterion_add(request: HttpRequest, pk: int) -> HttpResponse:
    """A new criterion: what they are (`shape=test`) or what they did (`shape=tally`)."""
    shape = request.POST.get("shape") or request.GET.get("shape") or Criterion.Shape.TEST
    if shape not in Criterion.Shape.values:
        raise Invalid(
            "A criterion is a test or a tally.", code="not_a_choice", field="shape", value=shape, expected="test or tally"
        )
    initial = {"dimension": "fit" if shape == Criterion.Shape.TEST else "engagement", "points": 10}
    return _criterion_page(request, draft_of(pk), None, shape, initial, None)


@page(EDIT)
def criterion_edit(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    version = draft_of(pk)
    criterion = get_object_or_404(version.criteria.select_related("group", "version"), key=key)
    data = criterion_data(criterion)
    event = data.pop("event", None) or {}
    return _criterion_page(request, version, criterion, criterion.shape, data | event, criterion.condition)


def _criterion_page(
    request: HttpRequest,
    version: ModelVersion,
    criterion: Criterion | None,
    shape: str,
    initial: dict[str, Any],
    stored: dict[str, Any] | None,
) -> HttpResponse:
    registry = load_registry()
    groups = [(group.key, f"{group.label} ({group.dimension})") for group in version.groups.all()]
    redraw = "redraw" in request.POST
    shown: dict[str, Any] = dict(initial) | (dict(request.POST.items()) if redraw else {})
    form: CriterionForm
    if shape == Criterion.Shape.TALLY:
        names = {
            "kinds": list(registry.kinds.items()),
            "assets": [(str(pk), name) for pk, name in Asset.objects.values_list("pk", "name")],
            "campaigns": [(str(pk), name) for pk, name in Campaign.objects.values_list("pk", "name")],
        }
        form = TallyForm(names, groups, _typed_or(request, redraw), initial=shown)
    else:
        form = CriterionForm(groups, _typed_or(request, redraw), initial=shown)
    sheet = _Sheet(request, registry, form, stored, rows=shape == Criterion.Shape.TEST)
    actor = reader(request)

    def save(condition: dict[str, Any] | None, rev: int) -> None:
        data = form.part() | {"shape": shape} | ({"when": condition} if condition is not None else {})
        if criterion is None:
            key = make_key(form.cleaned_data["label"], version.criteria.values_list("key", flat=True))
            add_criterion(version, data | {"key": key}, actor=actor, rev=rev)
        else:
            edit_criterion(criterion, data, actor=actor, rev=rev)

    heading = f"Edit “{criterion.label}”" if criterion else "Add a criterion"
    return _run(request, version, sheet, heading, save, form.blame)


@page(EDIT)
def gate_form(request: HttpRequest, pk: int, key: str = "") -> HttpResponse:
    """A condition that bars qualification: a new one, or the one with this key."""
    version = draft_of(pk)
    gate = get_object_or_404(version.gates.select_related("version"), key=key) if key else None
    redraw = "redraw" in request.POST
    label = request.POST.get("label", "") if redraw else gate.label if gate else ""
    form = GateForm(_typed_or(request, redraw), initial={"label": label})
    sheet = _Sheet(request, load_registry(), form, gate.condition if gate else None, rows=True)
    actor = reader(request)

    def save(condition: dict[str, Any] | None, rev: int) -> None:
        data = {"label": form.cleaned_data["label"], "when": condition}
        if gate is None:
            key = make_key(form.cleaned_data["label"], version.gates.values_list("key", flat=True))
            add_gate(version, data | {"key": key}, actor=actor, rev=rev)
        else:
            edit_gate(gate, data, actor=actor, rev=rev)

    heading = f"Edit the gate “{gate.label}”" if gate else "Add a gate"
    return _run(request, version, sheet, heading, save, lambda refused: form.add_error("label", refused.message))


@page(EDIT)
def scope_form(request: HttpRequest, pk: int) -> HttpResponse:
    """Which leads the model judges; no row means all."""
    version = draft_of(pk)
    sheet = _Sheet(request, load_registry(), None, version.scope, rows=True)
    actor = reader(request)
    unplaced: list[str] = []

    def save(condition: dict[str, Any] | None, rev: int) -> None:
        set_scope(version, condition if condition and any(condition.values()) else None, actor=actor, rev=rev)

    return _run(request, version, sheet, "Which leads it judges", save, lambda refused: unplaced.append(refused.message))


@page(EDIT)
def decision_form(request: HttpRequest, pk: int) -> HttpResponse:
    """How scores become tiers, MQL and MQO. The rows at the end say what makes an MQO beside its tier."""
    version = draft_of(pk)
    redraw = "redraw" in request.POST
    initial = dict(request.POST.items()) if redraw else DecisionForm.initial_of(version.decision)
    form = DecisionForm(_typed_or(request, redraw), initial=initial)
    mqo = version.decision.get("mqo") or {}
    sheet = _Sheet(request, load_registry(), form, mqo.get("when"), rows=True)
    actor = reader(request)

    def save(condition: dict[str, Any] | None, rev: int) -> None:
        data = form.part()
        tiers = [tier.strip() for tier in form.cleaned_data["mqo_tiers"].replace(";", ",").split(",") if tier.strip()]
        if tiers:
            data["mqo"] = {"tiers": tiers} | ({"when": condition} if condition and any(condition.values()) else {})
        set_decision(version, data, actor=actor, rev=rev)

    return _run(request, version, sheet, "How scores decide", save, form.blame)
