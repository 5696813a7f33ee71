"""What policies can ask for: the values there are, as choices."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import F

from handoff.models import SlaPolicy
from handoff.policyscope import KINDS, LABELS
from leads.filters import sources_known
from leads.models import Product, Team
from scoring.models import ModelVersion

FIELDS = {kind: f"scope_{kind}" for kind in KINDS}


def choices_of(kind: str) -> list[tuple[str, str]]:
    """The values of a kind that leads have or policies ask for, each with its name."""
    match kind:
        case "product":
            return list(Product.objects.order_by("name").values_list("key", "name"))
        case "team":
            return [(str(pk), name) for pk, name in Team.objects.order_by("name").values_list("pk", "name")]
        case "source":
            return [(value, value) for value in dict.fromkeys([*sources_known(), *_asked("source")])]
        case _:
            versions = ModelVersion.objects.filter(status=ModelVersion.Status.ACTIVE).order_by("model_id")
            tiers = [tier for found in versions.values_list(F("decision__tiers"), flat=True) for tier in reversed(found or [])]
            return [(value, value) for value in dict.fromkeys([*tiers, *_asked("tier")])]


def _asked(kind: str) -> list[str]:
    """What policies ask for already, whether leads still have it or not."""
    scopes = SlaPolicy.objects.exclude(scope={}).values_list("scope", flat=True)
    return sorted({str(value) for scope in scopes for value in scope.get(kind, ())})


def scope_field(kind: str) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        label=LABELS[kind], required=False, widget=forms.CheckboxSelectMultiple, choices=lambda: choices_of(kind)
    )


def scope_of(cleaned: dict[str, Any]) -> dict[str, list[Any]]:
    """The scope that a form's choices make; kinds without a choice are left out."""
    scope: dict[str, list[Any]] = {}
    for kind, name in FIELDS.items():
        chosen = cleaned.get(name) or []
        if chosen:
            scope[kind] = [int(value) for value in chosen] if kind == "team" else list(chosen)
    return scope
