"""From a version's rows to its spec, and the specs that are in force."""

import logging
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from psycopg import sql

from leads.errors import Invalid
from scoring.contradictions import least_points, most_points, refuse_pointless_spec
from scoring.models import Criterion, CriterionGroup, Gate, ModelVersion
from scoring.questions import Question, ask
from scoring.reading import At
from scoring.registry import Registry
from scoring.spec import DIMENSIONS, EVALUATOR, FORMAT, Condition, Dimension, Limits, Spec
from scoring.spec import Criterion as SpecCriterion
from scoring.spec_reader import problems_of, read_criterion, read_group, read_limits, read_scope, read_spec
from scoring.vocabulary import load_registry, stored_registry

log = logging.getLogger(__name__)


def _present(**pairs: Any) -> dict[str, Any]:
    return {key: value for key, value in pairs.items() if value is not None}


def group_data(group: CriterionGroup) -> dict[str, Any]:
    return _present(key=group.key, label=group.label, dimension=group.dimension, cap=group.cap, floor=group.floor)


def criterion_data(one: Criterion) -> dict[str, Any]:
    tally = one.shape == Criterion.Shape.TALLY
    return _present(
        key=one.key,
        label=one.label,
        why=one.why or None,
        dimension=one.dimension,
        group=one.group.key if one.group else None,
        shape=one.shape,
        points=one.points,
        when=None if tally else one.condition,
        event=one.event if tally else None,
        days=one.window_days if tally else None,
        award=one.award if tally else None,
        freq_min=one.freq_min if tally else None,
        freq_max=one.freq_max,
        half_life=one.half_life_days,
        cap=one.cap,
    )


def gate_data(gate: Gate) -> dict[str, Any]:
    return {"key": gate.key, "label": gate.label, "when": gate.condition}


@dataclass(frozen=True, slots=True)
class Rows:
    """A version's parts as stored, each kind read once."""

    groups: list[CriterionGroup]
    criteria: list[Criterion]
    gates: list[Gate]

    @classmethod
    def of(cls, version: ModelVersion) -> "Rows":
        """Three queries."""
        return cls(list(version.groups.all()), list(version.criteria.select_related("group")), list(version.gates.all()))


def version_data(version: ModelVersion, rows: Rows | None = None) -> dict[str, Any]:
    """The version's rows as the JSON of a spec, not checked."""
    rows = rows or Rows.of(version)
    return {
        "format": FORMAT,
        "evaluator": EVALUATOR,
        "model": version.model.key,
        "scope": version.scope or {"all": []},
        "dimensions": version.dimensions,
        "groups": [group_data(group) for group in rows.groups],
        "criteria": [criterion_data(one) for one in rows.criteria],
        "gates": [gate_data(gate) for gate in rows.gates],
        "decision": version.decision,
    }


def compile_version(version: ModelVersion, registry: Registry | None = None) -> Spec:
    """The valid, canonical spec of a version: of its rows while it is a draft, else the one it was frozen with.

    Raises `Invalid` naming what is wrong with a draft.
    """
    if version.spec is not None:
        return stored_spec(version.pk, version.spec_hash)
    return read_spec(version_data(version), registry or load_registry())


def scope_and_criterion(version: ModelVersion, key: str, registry: Registry) -> tuple[Condition, SpecCriterion] | None:
    """Which leads a version judges, and one criterion of it; None when it has none of that key.

    Of a draft only these are read, whatever is wrong with the rest; raises `Invalid` when one of them cannot be.
    """
    if version.spec is not None:
        spec = stored_spec(version.pk, version.spec_hash)
        found = next((one for one in spec.criteria if one.key == key), None)
        return (spec.scope, found) if found else None
    row = version.criteria.select_related("group").filter(key=key).first()
    if row is None:
        return None
    at = At("The criterion", "")
    groups = {row.group.key: read_group(at, group_data(row.group))} if row.group else {}
    scope = read_scope(version.scope or {"all": []}, registry)
    return scope, read_criterion(at, criterion_data(row), registry, groups)


def draft_problems(version: ModelVersion, registry: Registry | None = None, rows: Rows | None = None) -> list[Invalid]:
    """Everything that keeps a draft from being put into force, part by part."""
    data, known = version_data(version, rows), registry or load_registry()
    found = problems_of(data, known)
    if not found:
        try:
            refuse_pointless_spec(read_spec(data, known))
        except Invalid as problem:
            found.append(problem)
    return found


def reach_of(version: ModelVersion, registry: Registry | None = None) -> tuple[dict[Dimension, int], dict[Dimension, int]] | None:
    """The least and the most fit and engagement a draft's criteria can give; None while there are none, or one cannot be read."""
    at = At("This", "")
    try:
        groups = {row.key: read_group(at, group_data(row)) for row in version.groups.all()}
        known = registry or load_registry()
        criteria = [read_criterion(at, criterion_data(row), known, groups) for row in version.criteria.select_related("group")]
        bounds = limits_of(version.dimensions)
    except Invalid:
        return None
    if not criteria:
        return None
    return least_points(criteria, groups.values(), bounds), most_points(criteria, groups.values(), bounds)


def limits_of(dimensions: Any) -> dict[Dimension, Limits]:
    """The bounds of both dimensions, as a draft stores them. Raises Invalid."""
    limits = read_limits(dimensions)
    return {one: Limits(**limits[one]) for one in DIMENSIONS}


@lru_cache(maxsize=32)
def stored_spec(version_id: int, spec_hash: str) -> Spec:
    """The spec a version was frozen with; the hash makes the answer right for good."""
    data = ModelVersion.objects.filter(pk=version_id, spec_hash=spec_hash).values_list("spec", flat=True).get()
    return read_spec(data, stored_registry())


@dataclass(frozen=True, slots=True)
class Live:
    """An active version with its spec."""

    version_id: int
    model_id: int
    no: int
    spec: Spec
    silent: bool = False


_LIVE = sql.SQL("""
SELECT v.id, v.model_id, v.no, v.spec_hash, v.status <> 'active' FROM scoring_modelversion v
JOIN scoring_scoringmodel m ON m.id = v.model_id
WHERE v.status = 'active' OR (%s AND v.status = 'proposed' AND v.kept_since IS NOT NULL)
ORDER BY m.position, v.model_id, v.no
""")


def live_question(*, silent: bool = False) -> Question[list[Live]]:
    """What to ask for the versions in force; see `live_versions`."""
    return Question(_LIVE, [silent], _read_live)


def _read_live(rows: list[tuple[Any, ...]]) -> list[Live]:
    found = []
    for version_id, model_id, no, spec_hash, silent in rows:
        try:
            found.append(Live(version_id, model_id, no, stored_spec(version_id, spec_hash), silent))
        except Invalid as problem:
            log.error("version %s of model %s cannot be read: %s", no, model_id, problem.message)
    return found


def live_versions(*, silent: bool = False) -> list[Live]:
    """The versions in force, first model first. A spec that can no longer be read is left out and logged, not fatal.

    With `silent` also those that are only proposed and whose scores are kept up to date already: for a trial, or as they come
    into force in a moment.
    """
    return ask(live_question(silent=silent))
