"""How past leads went, by any field or criterion: the evidence both sides look at before they agree."""

from django.http import HttpRequest, HttpResponse

from leads.errors import NotFound
from leads.pages import page, render
from scoring.compiler import live_versions
from scoring.lift import LABELLED, conversion_by_criterion, conversion_by_field, conversion_total
from scoring.registry import Registry
from scoring.vocabulary import load_registry

MOST_CASES = 20_000  # beyond, criteria are counted in the preview, which has the columns for it


@page("scoring.edit_draft", "scoring.activate_version")
def conversion(request: HttpRequest) -> HttpResponse:
    """Rows, positive and rate by the values of one field, or by the criteria in force."""
    registry = load_registry()
    key = request.GET.get("field", "")
    goal = request.GET.get("goal", "won")
    if goal not in LABELLED:
        raise NotFound(f"There is no goal “{goal}”.")
    field = registry.fields.get(key)
    if key and (field is None or field.personal):
        raise NotFound(f"There is no field “{key}”.")
    total = conversion_total(goal)
    rates = conversion_by_field(field, goal) if field else []
    live = None if field or total.rows > MOST_CASES else next(iter(live_versions()), None)
    by_criterion = conversion_by_criterion(live.spec, goal) if live else {}
    labels = dict(field.choices) if field else {one.key: one.label for one in live.spec.criteria} if live else {}
    if field is not None and field.type == "boolean":
        labels = {"true": "Yes", "false": "No"}
    shown = rates or [rate for name, rate in by_criterion.items() if name]
    return render(
        request,
        "scoring/conversion.html",
        {
            "groups": _offered(registry),
            "field": field,
            "goal": goal,
            "total": total,
            "rows": [(rate, labels.get(rate.value or "", rate.value)) for rate in shown],
            "known_after": field is not None and field.known == "after",
        },
        title="Conversion",
        fragment="scoring/_conversion.html",
    )


def _offered(registry: Registry) -> dict[str, list[tuple[str, str]]]:
    owners = {"lead": "The lead", "company": "The company", "custom": "Own fields"}
    groups: dict[str, list[tuple[str, str]]] = {}
    for field in registry.fields.values():
        if field.personal:  # its values are of single people, whom the reader may not see
            continue
        groups.setdefault(owners[field.owner], []).append((field.key, field.label))
    return groups
