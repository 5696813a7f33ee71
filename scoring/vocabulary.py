"""The registry as it stands in the database: core fields, the company's own fields, activity kinds and value lists."""

from functools import lru_cache

from django.db.models import Max

from leads.choices import ACTIVITY_KINDS, FieldType, Known, activity_label
from leads.facts import CORE_FIELDS
from leads.lib.folding import fold
from leads.models import Asset, Campaign, LeadField, ValueList, ValueListRevision
from scoring.registry import Field, Registry, by_key
from scoring.wording import Wording

_CORE = tuple(Field(one.key, one.label, FieldType(one.type), one.choices) for one in CORE_FIELDS)


def load_registry() -> Registry:
    """Everything a draft may name now. Three queries; a list's values are read when a criterion names it."""
    own = [
        Field(
            f"custom.{one.key}",
            one.label,
            FieldType(one.type),
            tuple((choice, choice) for choice in one.choices),
            Known(one.known),
            one.personal,
            one.active,
        )
        for one in LeadField.objects.all()
    ]
    kinds = ACTIVITY_KINDS | {
        kind: activity_label(kind) for kind in Asset.objects.order_by().values_list("kind", flat=True).distinct()
    }
    return Registry(by_key([*_CORE, *own]), kinds, _latest_lists(), list_values)


def stored_registry() -> Registry:
    """For specs that were valid when they were frozen: retired fields and choices still mean what they meant."""
    own = [Field(f"custom.{key}", key, FieldType(kind)) for key, kind in LeadField.objects.values_list("key", "type")]
    core = [Field(one.key, one.label, one.type) for one in _CORE]
    return Registry(by_key([*core, *own]), {}, _latest_lists(), list_values)


def _latest_lists() -> dict[str, int]:
    pairs = ValueList.objects.annotate(latest=Max("revisions__no")).values_list("key", "latest")
    return {key: latest for key, latest in pairs if latest is not None}


@lru_cache(maxsize=256)
def _frozen_values(key: str, rev: int) -> frozenset[str]:
    values = ValueListRevision.objects.filter(list__key=key, no=rev).values_list("values", flat=True).first()
    if values is None:
        raise LookupError(key)
    return frozenset(filter(None, map(fold, values)))


def list_values(key: str, rev: int) -> frozenset[str] | None:
    """The folded values of a list's revision, None when there is none. Remembered: a revision never changes."""
    try:
        return _frozen_values(key, rev)
    except LookupError:
        return None


def load_wording(registry: Registry | None = None) -> Wording:
    """The words for specs with the names of assets and campaigns as they are now; two queries more than the registry."""
    return Wording(
        registry or load_registry(),
        dict(Asset.objects.values_list("pk", "name")),
        dict(Campaign.objects.values_list("pk", "name")),
    )
