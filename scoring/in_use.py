"""Custom fields and campaigns a version speaks of stay when the import that made them is undone."""

from collections.abc import Sequence

from django.db.models import Model, Q, TextField
from django.db.models.functions import Cast

from scoring.models import Criterion, Gate, ModelVersion

PLACES: tuple[tuple[type[Model], tuple[str, ...]], ...] = (
    (ModelVersion, ("spec", "scope", "decision")),
    (Criterion, ("condition", "event")),
    (Gate, ("condition",)),
)


def fields_of_versions(keys: Sequence[str]) -> dict[str, str]:
    """Which of these custom fields any version names, draft or frozen, and so why they stay."""
    return {key: "a version of the criteria uses it" for key in keys if any(_names(model, at, key) for model, at in PLACES)}


def campaigns_of_versions(ids: Sequence[int]) -> dict[int, str]:
    """Which of these campaigns any criterion counts, in a draft or a frozen version."""
    events = Criterion.objects.exclude(event=None).values_list("event", flat=True)
    counted = {pk for event in events if event for pk in event.get("campaigns", ())}
    return {pk: "a criterion counts what came by it" for pk in ids if pk in counted}


def _names(model: type[Model], columns: Sequence[str], key: str) -> bool:
    """Conditions may be nested to any depth: the name is looked for in their text, with its quotes."""
    found = model._default_manager.annotate(**{f"{column}_text": Cast(column, TextField()) for column in columns})
    named = Q()
    for column in columns:
        named |= Q(**{f"{column}_text__contains": f'"custom.{key}"'})
    return bool(found.filter(named).exists())
