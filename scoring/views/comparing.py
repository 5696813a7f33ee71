"""Any two versions of a model beside each other: the differences in words, and who enters and leaves by them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect

from leads.choices import Outcome
from leads.errors import Invalid, NotFound
from leads.lib.numbers import whole
from leads.models import Lead, User
from leads.pages import page, reader, render
from scoring.beside import read_against
from scoring.compiler import compile_version
from scoring.difference import differences
from scoring.effect_words import summary
from scoring.models import ModelVersion
from scoring.vocabulary import load_wording

SEE = "scoring.see_criteria"


@dataclass(frozen=True, slots=True)
class Flipped:
    """A lead that one of the two versions calls qualified and the other does not; `lead` None where the reader may not see it."""

    lead: Lead | None
    row: Any

    @property
    def outcome(self) -> str:
        known = self.row.outcome
        return Outcome(known).label.lower() if known in Outcome.values else known


@page(SEE)
def versions_compare(request: HttpRequest, pk: int) -> HttpResponse:
    """One version against another (`with`), by default what is in force or, of that, what it replaced."""
    rows = ModelVersion.objects.select_related("model")
    new = get_object_or_404(rows, pk=pk)
    others = list(new.model.versions.exclude(pk=pk).defer("spec").order_by("-no"))
    chosen = whole(request.GET.get("with"))
    old = next((one for one in others if one.pk == chosen), None) if chosen is not None else read_against(new)
    if chosen is not None and old is None:
        raise NotFound("There is no such version of this model.")
    if old is None:
        return redirect("admin:criteria-version", pk)
    old = rows.get(pk=old.pk)
    context: dict[str, Any] = {"new": new, "old": old, "others": others, "differences": [], "problem": ""}
    try:
        before, after = compile_version(old), compile_version(new)
    except Invalid as problem:
        context["problem"] = problem.message
    else:
        context["differences"] = differences(before, after, load_wording())
        if before != after:
            context |= _effect(request, before, after)
    return render(request, "scoring/compare.html", context, title=f"{new.model.name}: {new.label} against {old.label}")


def _effect(request: HttpRequest, before: Any, after: Any) -> dict[str, Any]:
    from scoring.effect import effect_of  # numpy is loaded by who measures, not by every process that starts

    effect = effect_of(after, before)
    shown: dict[str, Any] = {"effect": summary(effect.as_json()), "sides": []}
    if effect.preview is not None and effect.preview.flips is not None:
        flips = effect.preview.flips
        shown["as_of"] = effect.preview.basis.as_of
        user = reader(request)
        shown["sides"] = [
            ("Enter", flips.entering, _leads(user, flips.entering.rows)),
            ("Leave", flips.leaving, _leads(user, flips.leaving.rows)),
        ]
    return shown


def _leads(user: User, rows: Iterable[Any]) -> list[Flipped]:
    some = list(rows)
    found = Lead.objects.visible_to(user).select_related("company").in_bulk([row.lead for row in some])
    return [Flipped(found.get(row.lead), row) for row in some]
