"""A version as a page reads it: every criterion, gate and rule as a sentence, and what is wrong with a draft beside it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

from leads.errors import Invalid
from scoring import spec
from scoring.compiler import Rows, criterion_data, draft_problems, gate_data, group_data, limits_of, stored_spec
from scoring.contradictions import earnable, most_points
from scoring.models import ModelVersion
from scoring.reading import At
from scoring.registry import Registry
from scoring.spec_reader import read_criterion, read_decision, read_gate, read_group, read_scope
from scoring.vocabulary import load_registry, load_wording
from scoring.wording import Wording

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class CriterionRow:
    """A criterion in words; `problem` says what is wrong with it, `sentence` is then empty."""

    key: str
    label: str
    points: int
    why: str
    sentence: str = ""
    terms: list[str] = field(default_factory=list)
    group: str = ""
    problem: str = ""
    first: bool = False
    last: bool = False


@dataclass(slots=True)
class DimensionBlock:
    key: str
    label: str
    rows: list[CriterionRow]
    bounds: str = ""


@dataclass(slots=True)
class PartRow:
    """A gate or a group in words."""

    key: str
    label: str
    sentence: str
    problem: str = ""


@dataclass(slots=True)
class Described:
    version: ModelVersion
    dimensions: list[DimensionBlock]
    gates: list[PartRow]
    groups: list[PartRow]
    scope: str
    decision: list[str]
    grid: list[tuple[str, list[str]]]
    grid_head: list[str]
    mql_tiers: list[str]
    problems: list[Invalid]
    earnable: int | None = None

    @property
    def earnable_words(self) -> str:
        """How many points a lead can have at most, as refusals count them too: `at most 146 points`."""
        if not self.count:
            return "no points yet"
        return "points without a limit" if self.earnable is None else f"at most {self.earnable:,} points"

    @property
    def most(self) -> int:
        """The largest number of points of one criterion, up or down: what all bars are drawn against, fit and engagement alike."""
        return max((abs(row.points) for block in self.dimensions for row in block.rows), default=0) or 1

    @property
    def count(self) -> int:
        return sum(len(block.rows) for block in self.dimensions)


def describe(version: ModelVersion, rows: Rows | None = None) -> Described:
    """The words of a version: of its frozen spec, or of a draft's rows as they are now, if they are not given."""
    registry = load_registry()
    wording = load_wording(registry)
    if version.spec is not None:
        one = stored_spec(version.pk, version.spec_hash)
        return _frozen(version, one, wording)
    return _draft(version, rows or Rows.of(version), registry, wording)


def _frozen(version: ModelVersion, one: spec.Spec, wording: Wording) -> Described:
    groups = {group.key: group.label for group in one.groups}
    rows = [(criterion.dimension, _row(criterion, wording, groups)) for criterion in one.criteria]
    return Described(
        version=version,
        dimensions=_blocks(rows, {"fit": one.fit.as_json(), "engagement": one.engagement.as_json()}),
        gates=[PartRow(gate.key, gate.label, wording.condition(gate.when)) for gate in one.gates],
        groups=[PartRow(group.key, group.label, _bounds(group.as_json(), "cap")) for group in one.groups],
        scope=wording.condition(one.scope),
        problems=[],
        earnable=earnable(most_points(one.criteria, one.groups, {"fit": one.fit, "engagement": one.engagement})),
        **_decided(one.decision, wording),
    )


def _draft(version: ModelVersion, stored: Rows, registry: Registry, wording: Wording) -> Described:
    at = At("This", "")
    groups = {row.key: read_group(at, group_data(row)) for row in stored.groups}
    labels = {row.key: row.label for row in stored.groups}
    rows, readable = [], []
    for row in stored.criteria:
        one, problem = _try(read_criterion, at, criterion_data(row), registry, groups)
        shown = _row(one, wording, labels) if one else CriterionRow(row.key, row.label, row.points, row.why, problem=problem)
        rows.append((row.dimension, shown))
        readable += [one] if one else []
    gates = []
    for gate in stored.gates:
        read, problem = _try(read_gate, at, gate_data(gate), registry)
        gates.append(PartRow(gate.key, gate.label, wording.condition(read.when) if read else "", problem))
    decision, _ = _try(read_decision, at, version.decision, registry)
    scope, _ = _try(read_scope, version.scope or {"all": []}, registry)
    limits, _ = _try(limits_of, version.dimensions)
    return Described(
        version=version,
        dimensions=_blocks(rows, version.dimensions),
        gates=gates,
        groups=[PartRow(row.key, row.label, _bounds(group_data(row), "cap")) for row in stored.groups],
        scope=wording.condition(scope) if scope else "",
        problems=draft_problems(version, registry, stored),
        earnable=earnable(most_points(readable, groups.values(), limits or {})),
        **_decided(decision, wording),
    )


def _try(read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> tuple[T | None, str]:
    try:
        return read(*args, **kwargs), ""
    except Invalid as problem:
        return None, problem.here


def _row(one: spec.Criterion, wording: Wording, groups: Mapping[str, str]) -> CriterionRow:
    return CriterionRow(
        one.key,
        one.label,
        one.points,
        one.why or "",
        sentence=wording.criterion(one),
        terms=wording.terms(one),
        group=groups.get(one.group or "", ""),
    )


def _blocks(rows: Sequence[tuple[str, CriterionRow]], bounds: Mapping[str, Any]) -> list[DimensionBlock]:
    blocks = []
    for key in spec.DIMENSIONS:
        own = [row for dimension, row in rows if dimension == key]
        if own:
            own[0].first = own[-1].last = True
        blocks.append(DimensionBlock(key, key.capitalize(), own, _bounds(bounds.get(key, {}), "ceiling")))
    return blocks


def _bounds(bounds: Mapping[str, Any], high: str) -> str:
    most, least = bounds.get(high), bounds.get("floor")
    found = [f"at most {most}"] if most is not None else []
    return ", ".join(found + ([f"at least {least}"] if least is not None else []))


def _decided(decision: spec.Decision | None, wording: Wording) -> dict[str, Any]:
    if decision is None:
        return {"decision": [], "grid": [], "grid_head": [], "mql_tiers": []}
    head, grid = [], []
    if decision.kind == "grid":
        head = [_band(number, decision.engagement_edges) for number in range(len(decision.engagement_edges) + 1)]
        grid = [
            (_band(number, decision.fit_edges), [decision.tiers[tier] for tier in decision.grid[number]])
            for number in reversed(range(len(decision.fit_edges) + 1))
        ]
    mql_tiers = list(decision.tiers[decision.mql_from :])
    return {"decision": wording.decision(decision), "grid": grid, "grid_head": head, "mql_tiers": mql_tiers}


def _band(number: int, edges: tuple[int, ...]) -> str:
    if number == 0:
        return f"under {edges[0]}"
    return f"{edges[number - 1]}+" if number == len(edges) else f"{edges[number - 1]}–{edges[number] - 1}"
