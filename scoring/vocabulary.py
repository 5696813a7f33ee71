"""The registry as it stands in the database: core fields, the company's own fields, activity kinds and value lists."""

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from psycopg import sql

from leads.choices import ACTIVITY_KINDS, FieldType, Known, activity_label
from leads.facts import CORE_FIELDS
from leads.lib.folding import fold
from leads.models import LeadField, ValueListRevision
from scoring.questions import Question, ask, ask_all
from scoring.registry import Field, Registry, by_key, plain_tag
from scoring.wording import Wording

_CORE = tuple(Field(one.key, one.label, FieldType(one.type), one.choices) for one in CORE_FIELDS)


def load_registry() -> Registry:
    """Everything a draft may name now, in one round trip; a list's values are read when a criterion names it."""
    own, kinds, lists, tagged = ask_all(_FIELDS, _KINDS, _LISTS, _TAGGED)
    return Registry(by_key([*_CORE, *own]), kinds, lists, list_values, tagged)


def _read_fields(rows: list[tuple[Any, ...]]) -> list[Field]:
    return [
        Field(
            f"custom.{key}",
            label,
            FieldType(kind),
            tuple((choice, choice) for choice in choices),
            Known(known),
            personal,
            active,
        )
        for key, label, kind, choices, known, personal, active in rows
    ]


def _by_tag(rows: list[tuple[str, list[int]]]) -> dict[str, tuple[int, ...]]:
    found: dict[str, set[int]] = defaultdict(set)
    for tag, assets in rows:
        found[plain_tag(tag)].update(assets)
    return {tag: tuple(sorted(assets)) for tag, assets in sorted(found.items()) if tag}


_FIELDS = Question(
    sql.SQL("SELECT key, label, type, choices, known, personal, active FROM leads_leadfield ORDER BY position, label, id"),
    [],
    _read_fields,
)
_KINDS = Question(
    sql.SQL("SELECT DISTINCT kind FROM leads_asset"),
    [],
    lambda rows: ACTIVITY_KINDS | {kind: activity_label(kind) for (kind,) in rows},
)
_LISTS: Question[Mapping[str, int]] = Question(
    sql.SQL("SELECT l.key, max(r.no) FROM leads_valuelist l JOIN leads_valuelistrevision r ON r.list_id = l.id GROUP BY l.id"),
    [],
    dict,
)
_TAGGED: Question[dict[str, tuple[int, ...]]] = Question(
    sql.SQL("SELECT tag, array_agg(id) FROM leads_asset, unnest(tags) tag GROUP BY tag"), [], _by_tag
)
_ASSETS: Question[dict[int, str]] = Question(sql.SQL("SELECT id, name FROM leads_asset"), [], dict)
_CAMPAIGNS: Question[dict[int, str]] = Question(sql.SQL("SELECT id, name FROM leads_campaign"), [], dict)


def stored_registry() -> Registry:
    """For specs that were valid when they were frozen: retired fields and choices still mean what they meant."""
    own = [Field(f"custom.{key}", key, FieldType(kind)) for key, kind in LeadField.objects.values_list("key", "type")]
    core = [Field(one.key, one.label, one.type) for one in _CORE]
    return Registry(by_key([*core, *own]), {}, ask(_LISTS), list_values)


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
    """The words for specs with the names of assets and campaigns as they are now; a round trip more than the registry."""
    return Wording(registry or load_registry(), *ask_all(_ASSETS, _CAMPAIGNS))
