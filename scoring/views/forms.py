"""The pages on which a criterion, a gate, the scope or the decision of a draft is written."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from leads.errors import Conflict, Invalid, NotFound
from leads.pages import page, reader, render
from scoring import spec
from scoring.actions.criteria import add_criterion, edit_criterion
from scoring.actions.drafting import Stale, thing_of, who_of
from scoring.actions.parts import add_gate, edit_gate, set_decision, set_scope
from scoring.clause_forms import Rows
from scoring.compiler import criterion_data
from scoring.condition_reader import read_condition
from scoring.contradictions import refuse_contradictions
from scoring.describe import describe
from scoring.edit_words import detail_of, stands
from scoring.forms import CriterionForm, DecisionForm, GateForm, TallyForm, make_key
from scoring.matching import as_criterion, matches
from scoring.models import Criterion, ModelVersion
from scoring.offered import EVENT_PICKS, Offers, Shown
from scoring.picking import Picked
from scoring.reading import At
from scoring.spec_reader import read_criterion
from scoring.views.seen import criterion_of, gate_of, written_on
from scoring.views.workshop import EDIT, seen_rev
from scoring.vocabulary import load_registry, load_wording


def _shown() -> Shown:
    return Shown(load_registry(), Offers())


class _Sheet:
    """A form page in the middle of being filled in: its own fields, and where there is a condition its clause rows."""

    def __init__(
        self, request: HttpRequest, shown: Shown, form: Form | None, stored: dict[str, Any] | None, *, rows: bool
    ) -> None:
        self.form = form
        self.registry = shown.registry
        self.redraw = request.POST.get("redraw", "") if request.method == "POST" else ""
        self.says = self.redraw == "say"
        self.redraws = bool(self.redraw) and not self.says
        self.posted = request.POST if request.method == "POST" else None
        self.rows = Rows(shown, posted=self.posted, stored=stored, redraw=self.redraw if self.redraws else "") if rows else None
        self.doubt = ""

    @property
    def found(self) -> Picked | None:
        """The field in which somebody is looking for something."""
        if self.redraw != "find" or self.posted is None:
            return None
        forms = [*(self.rows.forms if self.rows is not None else ()), *([self.form] if self.form is not None else ())]
        names = {field.html_name: field for form in forms for field in form if isinstance(field, Picked)}
        return names.get(self.posted.get("of", ""))

    def condition(self) -> dict[str, Any] | None:
        """The condition as typed; None where it cannot even be read."""
        return self.rows.data if self.rows is not None and self.rows.is_valid else None

    def blame(self, refused: Invalid, fallback: Callable[[Invalid], None]) -> None:
        if refused.code in DOUBTS:
            self.doubt = refused.message
        elif self.rows is None or not self.rows.blame(refused.field, refused.here):
            fallback(refused)


DOUBTS = ("matches_nobody", "matches_everybody")


def _answer(
    request: HttpRequest,
    version: ModelVersion,
    sheet: _Sheet,
    heading: str,
    *,
    rev: int,
    status: int = 200,
    conflict: Conflict | NotFound | None = None,
    **more: Any,
) -> HttpResponse:
    context: dict[str, Any] = {"version": version, "sheet": sheet, "form": sheet.form, "heading": heading, "rev": rev}
    where = request.resolver_match
    assert where is not None
    context |= {
        "part": (where.url_name or "").removeprefix("criteria-").partition("-")[0],
        "part_key": where.kwargs.get("key", ""),
    }
    context |= {"as_new": _is_new(request), "is_refused": status == 422}
    if conflict is not None:
        edits = conflict.edits if isinstance(conflict, Stale) else []
        context["is_gone"] = isinstance(conflict, NotFound) or bool(edits and edits[-1].verb.startswith("remove_"))
        context["is_frozen"] = version.status != ModelVersion.Status.DRAFT
        if edits:
            context["stands"] = stands(describe(version), thing_of(edits[-1].verb), edits[-1].target)
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
        if sheet.found is not None and request.headers.get("HX-Request"):
            return render(request, "scoring/_picks.html", {"field": sheet.found}, fragment="scoring/_picks.html")
        return _answer(request, version, sheet, heading, rev=rev)
    fine = sheet.form.is_valid() if sheet.form is not None else True
    condition = sheet.condition() if sheet.rows is not None else None
    if sheet.says:
        return _say(request, sheet, condition)
    if not fine or (sheet.rows is not None and condition is None):
        return _answer(request, version, sheet, heading, rev=rev, status=422)
    try:
        save(condition, rev)
    except (Conflict, NotFound) as late:
        version.refresh_from_db()
        return _answer(request, version, sheet, heading, rev=version.rev, status=409, conflict=late)
    except Invalid as refused:
        sheet.blame(refused, blame)
        return _answer(request, version, sheet, heading, rev=rev, status=422)
    return _saved(request, version)


def _say(request: HttpRequest, sheet: _Sheet, condition: dict[str, Any] | None) -> HttpResponse:
    """What has been typed so far as a sentence, and whom it matches: the answer while somebody is typing."""
    said, found, wrong = "", None, ""
    try:
        one = _trial(sheet, condition)
        if one is not None:
            wording = load_wording(sheet.registry)
            said, found = "; ".join((wording.criterion(one), *wording.terms(replace(one, cap=_cap(sheet))))), matches(one)
    except Invalid as refused:
        wrong = refused.here
    context = {"said": said, "found": found, "wrong": wrong}
    return render(request, "scoring/_said.html", context, fragment="scoring/_said.html")


def _cap(sheet: _Sheet) -> int | None:
    """The cap as typed: a trial has none of its own, as it does not bear on whom it matches."""
    return getattr(sheet.form, "cleaned_data", {}).get("cap")


def _trial(sheet: _Sheet, condition: dict[str, Any] | None) -> spec.Criterion | None:
    """What is typed as a criterion to be counted; None while nothing can be read."""
    at = At("So far", "")
    if sheet.rows is not None:
        if not condition or not any(condition.values()):
            return None
        read = read_condition(at, condition, sheet.registry)
        refuse_contradictions(at, read)
        return as_criterion(read)
    if not isinstance(sheet.form, TallyForm):
        return None
    if not sheet.form.is_valid() and set(sheet.form.errors) != {"label"}:
        return None
    part = sheet.form.part()
    return read_criterion(at, part | {"shape": "tally", "key": "trial", "group": None, "label": "Trial"}, sheet.registry, {})


def _keeps(request: HttpRequest) -> bool:
    """Whether the person says to keep what matches nobody or everybody all the same."""
    return request.POST.get("keep") == "1"


def _is_new(request: HttpRequest) -> bool:
    """Whether the person says to save what somebody removed meanwhile as something new."""
    return request.POST.get("as_new") == "1"


def _redraws(request: HttpRequest) -> bool:
    return request.POST.get("redraw", "say") != "say"


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
    return _criterion_page(request, written_on(request, pk), None, shape, initial, None)


@page(EDIT)
def criterion_edit(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    version = written_on(request, pk)
    criterion = criterion_of(version, key, also_removed=request.method == "POST")
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
    shown_rows = _shown()
    groups = [(group.key, f"{group.label} ({group.dimension})") for group in version.groups.all()]
    redraw = _redraws(request)
    shown: dict[str, Any] = dict(initial)
    if redraw:
        shown |= dict(request.POST.items()) | {name: request.POST.getlist(name) for name in EVENT_PICKS}
    form: CriterionForm
    if shape == Criterion.Shape.TALLY:
        form = TallyForm(shown_rows, groups, _typed_or(request, redraw), initial=shown)
    else:
        form = CriterionForm(groups, _typed_or(request, redraw), initial=shown)
    sheet = _Sheet(request, shown_rows, form, stored, rows=shape == Criterion.Shape.TEST)
    actor = reader(request)

    def save(condition: dict[str, Any] | None, rev: int) -> None:
        data = form.part() | {"shape": shape} | ({"when": condition} if condition is not None else {})
        if criterion is None or _is_new(request):
            taken = Criterion.with_removed.filter(version=version).values_list("key", flat=True)
            key = make_key(form.cleaned_data["label"], taken)
            add_criterion(version, data | {"key": key}, actor=actor, rev=rev, keep=_keeps(request))
        else:
            edit_criterion(criterion, data, actor=actor, rev=rev, keep=_keeps(request))

    heading = f"Edit “{criterion.label}”" if criterion else "Add a criterion"
    return _run(request, version, sheet, heading, save, form.blame)


@page(EDIT)
def gate_form(request: HttpRequest, pk: int, key: str = "") -> HttpResponse:
    """A condition that bars qualification: a new one, or the one with this key."""
    version = written_on(request, pk)
    gate = version.gates.select_related("version").filter(key=key).first() if key else None
    if key and gate is None and not (request.method == "POST" and version.edits.filter(verb="remove_gate", target=key).exists()):
        gate = gate_of(version, key)
    redraw = _redraws(request)
    label = request.POST.get("label", "") if redraw else gate.label if gate else ""
    form = GateForm(_typed_or(request, redraw), initial={"label": label})
    sheet = _Sheet(request, _shown(), form, gate.condition if gate else None, rows=True)
    actor = reader(request)

    def save(condition: dict[str, Any] | None, rev: int) -> None:
        data = {"label": form.cleaned_data["label"], "when": condition}
        if not key or _is_new(request):
            new = make_key(form.cleaned_data["label"], version.gates.values_list("key", flat=True))
            add_gate(version, data | {"key": new}, actor=actor, rev=rev, keep=_keeps(request))
        elif gate is None:
            raise NotFound("Somebody removed this gate meanwhile.")
        else:
            edit_gate(gate, data, actor=actor, rev=rev, keep=_keeps(request))

    heading = f"Edit the gate “{gate.label}”" if gate else "Add a gate"
    return _run(request, version, sheet, heading, save, lambda refused: form.add_error("label", refused.here))


@page(EDIT)
def scope_form(request: HttpRequest, pk: int) -> HttpResponse:
    """Which leads the model judges; no row means all."""
    version = written_on(request, pk)
    sheet = _Sheet(request, _shown(), None, version.scope, rows=True)
    actor = reader(request)
    unplaced: list[str] = []

    def save(condition: dict[str, Any] | None, rev: int) -> None:
        set_scope(version, condition if condition and any(condition.values()) else None, actor=actor, rev=rev)

    return _run(request, version, sheet, "Which leads it judges", save, lambda refused: unplaced.append(refused.here))


@page(EDIT)
def decision_form(request: HttpRequest, pk: int) -> HttpResponse:
    """How scores become tiers, MQL and MQO. The rows at the end say what makes an MQO beside its tier."""
    version = written_on(request, pk)
    redraw = _redraws(request)
    initial = dict(request.POST.items()) if redraw else DecisionForm.initial_of(version.decision)
    form = DecisionForm(_typed_or(request, redraw), initial=initial)
    mqo = version.decision.get("mqo") or {}
    sheet = _Sheet(request, _shown(), form, mqo.get("when"), rows=True)
    actor = reader(request)

    def save(condition: dict[str, Any] | None, rev: int) -> None:
        data = form.part()
        tiers = [tier.strip() for tier in form.cleaned_data["mqo_tiers"].replace(";", ",").split(",") if tier.strip()]
        if tiers:
            data["mqo"] = {"tiers": tiers} | ({"when": condition} if condition and any(condition.values()) else {})
        set_decision(version, data, actor=actor, rev=rev)

    return _run(request, version, sheet, "How scores decide", save, form.blame)
