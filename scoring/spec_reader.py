"""From JSON to a valid, canonical spec, or a refusal that names the criterion, the field and the value.

Each part can be read by itself, so that a draft page says what is wrong where it is wrong.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal, ParamSpec, TypeVar, cast

from leads.errors import Invalid
from scoring.condition_reader import read_condition, read_event
from scoring.reading import (
    MAX_COUNT,
    MAX_DAYS,
    MAX_POINTS,
    MAX_SUM,
    At,
    a_key,
    a_list,
    a_text,
    a_whole,
    an_object,
    maybe_whole,
    one_of,
)
from scoring.registry import Registry
from scoring.spec import (
    ALWAYS,
    DIMENSIONS,
    EVALUATOR,
    FORMAT,
    Condition,
    Criterion,
    Decision,
    Dimension,
    Gate,
    Group,
    Limits,
    Spec,
)

P = ParamSpec("P")
T = TypeVar("T")
Part = TypeVar("Part", Group, Criterion, Gate)

MAX_TIERS = 12


# --- Groups, criteria, gates --------------------------------------------------------------------------------------------


def _called(kind: str, data: object, index: int) -> At:
    name = (data.get("label") or data.get("key")) if isinstance(data, dict) else None
    return At(f"{kind} “{name}”" if name else f"{kind} {index + 1}", "")


def read_group(at: At, data: object) -> Group:
    given = an_object(at, data, required=("key", "label", "dimension"), optional=("cap", "floor"))
    cap = maybe_whole(at, given, "cap", -MAX_SUM, MAX_SUM)
    floor = maybe_whole(at, given, "floor", -MAX_SUM, MAX_SUM)
    if cap is not None and floor is not None and floor > cap:
        at.refuse(
            f"the floor {floor} lies above the cap {cap}",
            code="empty_range",
            value=floor,
            expected="a floor that is not above the cap",
        )
    dimension = cast("Dimension", one_of(at.into("dimension"), given["dimension"], DIMENSIONS))
    return Group(a_key(at.into("key"), given["key"]), a_text(at.into("label"), given["label"]), dimension, cap, floor)


def read_criterion(at: At, data: object, registry: Registry, groups: Mapping[str, Group]) -> Criterion:
    common = ("key", "label", "dimension", "shape", "points")
    shape = one_of(at.into("shape"), data.get("shape") if isinstance(data, dict) else None, ("test", "tally"))
    if shape == "test":
        given = an_object(at, data, required=(*common, "when"), optional=("group", "why", "cap"))
    else:
        given = an_object(
            at,
            data,
            required=(*common, "event", "days"),
            optional=("group", "why", "cap", "award", "freq_min", "freq_max", "half_life"),
        )
    base: dict[str, Any] = {
        "key": a_key(at.into("key"), given["key"]),
        "label": a_text(at.into("label"), given["label"]),
        "why": a_text(at.into("why"), given["why"], most=2000) if given.get("why") else None,
        "dimension": one_of(at.into("dimension"), given["dimension"], DIMENSIONS),
        "points": a_whole(at.into("points"), given["points"], -MAX_POINTS, MAX_POINTS),
        "cap": maybe_whole(at, given, "cap", 0, MAX_SUM),
        "group": _group_of(at, given, groups),
    }
    if shape == "test":
        return Criterion(shape="test", when=read_condition(at.into("when"), given["when"], registry), **base)
    return Criterion(shape="tally", **base, **_tally(at, given, registry))


def _group_of(at: At, given: dict[str, Any], groups: Mapping[str, Group]) -> str | None:
    key = given.get("group")
    if key is None:
        return None
    group = groups.get(key) if isinstance(key, str) else None
    if group is None:
        at.into("group").refuse(
            f"there is no group {key!r}", code="unknown_group", value=key, expected=", ".join(groups) or "no group"
        )
    if group.dimension != given["dimension"]:
        at.into("group").refuse(
            f"the group “{group.label}” belongs to {group.dimension}",
            code="wrong_dimension",
            value=key,
            expected=f"a group of {given['dimension']}",
        )
    return group.key


def _tally(at: At, given: dict[str, Any], registry: Registry) -> dict[str, Any]:
    award = one_of(at.into("award"), given.get("award", "once"), ("once", "each"))
    freq_min = a_whole(at.into("freq_min"), given.get("freq_min", 1), 1, MAX_COUNT)
    freq_max = maybe_whole(at, given, "freq_max", 1, MAX_COUNT)
    half_life = maybe_whole(at, given, "half_life", 1, MAX_DAYS)
    if award == "once" and (freq_max is not None or half_life is not None):
        name = "freq_max" if freq_max is not None else "half_life"
        at.into(name).refuse(
            "a count limit or a half-life makes sense only when each event pays",
            code="needs_each",
            value=given[name],
            expected="points given each time",
        )
    if freq_max is not None and freq_max < freq_min:
        at.into("freq_max").refuse(
            f"at most {freq_max} lies below at least {freq_min}",
            code="empty_range",
            value=freq_max,
            expected=f"{freq_min} or more",
        )
    return {
        "event": read_event(at.into("event"), given["event"], registry),
        "days": a_whole(at.into("days"), given["days"], 1, MAX_DAYS),
        "award": award,
        "freq_min": freq_min,
        "freq_max": freq_max,
        "half_life": half_life,
    }


def read_gate(at: At, data: object, registry: Registry) -> Gate:
    given = an_object(at, data, required=("key", "label", "when"))
    when = read_condition(at.into("when"), given["when"], registry)
    return Gate(a_key(at.into("key"), given["key"]), a_text(at.into("label"), given["label"]), when)


# --- Decision -----------------------------------------------------------------------------------------------------------


def _edges(at: At, data: object) -> tuple[int, ...]:
    edges = [
        a_whole(at.into(index), edge, -MAX_SUM, MAX_SUM)
        for index, edge in enumerate(a_list(at, data, least=1, most=MAX_TIERS - 1))
    ]
    if any(high <= low for low, high in pairwise(edges)):
        at.refuse(
            f"the edges {edges} do not go up", code="unsorted_edges", value=edges, expected="each edge above the one before"
        )
    return tuple(edges)


def _tier(at: At, data: object, tiers: Sequence[str]) -> int:
    return tiers.index(one_of(at, data, tiers))


def read_decision(at: At, data: object, registry: Registry) -> Decision:
    kind = one_of(at.into("kind"), data.get("kind") if isinstance(data, dict) else None, ("grid", "total"))
    own = ("fit_edges", "engagement_edges", "grid") if kind == "grid" else ("edges",)
    given = an_object(at, data, required=("kind", "tiers", *own, "mql_from"), optional=("mqo",))
    tiers = tuple(
        a_text(at.into("tiers"), tier, most=20) for tier in a_list(at.into("tiers"), given["tiers"], least=2, most=MAX_TIERS)
    )
    if len(set(tiers)) != len(tiers):
        at.into("tiers").refuse(
            f"a tier is named twice in {list(tiers)}", code="double", value=list(tiers), expected="different names"
        )
    mql_from = _tier(at.into("mql_from"), given["mql_from"], tiers)
    shape: dict[str, Any]
    if kind == "grid":
        shape = _grid(at, given, tiers)
        reachable = {tier for row in shape["grid"] for tier in row}
    else:
        shape = {"edges": _edges(at.into("edges"), given["edges"])}
        reachable = set(range(len(tiers)))
        if len(shape["edges"]) != len(tiers) - 1:
            at.into("edges").refuse(
                f"{len(tiers)} tiers need {len(tiers) - 1} edges",
                code="wrong_length",
                value=list(shape["edges"]),
                expected=f"{len(tiers) - 1} edges",
            )
    if not any(tier >= mql_from for tier in reachable):
        at.into("mql_from").refuse(
            f"no lead could ever reach tier {tiers[mql_from]}",
            code="unreachable",
            value=given["mql_from"],
            expected="a tier of the grid",
        )
    mqo_tiers, mqo_when = _mqo(at.into("mqo"), given.get("mqo"), tiers, mql_from, registry)
    return Decision(cast("Literal['grid', 'total']", kind), tiers, mql_from, mqo_tiers=mqo_tiers, mqo_when=mqo_when, **shape)


def _grid(at: At, given: dict[str, Any], tiers: Sequence[str]) -> dict[str, Any]:
    fit = _edges(at.into("fit_edges"), given["fit_edges"])
    engagement = _edges(at.into("engagement_edges"), given["engagement_edges"])
    here = at.into("grid")
    rows = a_list(here, given["grid"], least=len(fit) + 1, most=len(fit) + 1)
    grid = tuple(
        tuple(
            _tier(here.into(number).into(place), cell, tiers)
            for place, cell in enumerate(a_list(here.into(number), row, least=len(engagement) + 1, most=len(engagement) + 1))
        )
        for number, row in enumerate(rows)
    )
    return {"fit_edges": fit, "engagement_edges": engagement, "grid": grid}


def _mqo(
    at: At, data: object, tiers: Sequence[str], mql_from: int, registry: Registry
) -> tuple[frozenset[int], Condition | None]:
    if data is None:
        return frozenset(), None
    given = an_object(at, data, required=("tiers",), optional=("when",))
    found = frozenset(
        _tier(at.into("tiers"), tier, tiers) for tier in a_list(at.into("tiers"), given["tiers"], least=1, most=MAX_TIERS)
    )
    if min(found) < mql_from:
        at.into("tiers").refuse(
            f"tier {tiers[min(found)]} is no MQL, so it cannot be an MQO",
            code="below_mql",
            value=given["tiers"],
            expected=f"{tiers[mql_from]} or higher",
        )
    return found, read_condition(at.into("when"), given["when"], registry) if "when" in given else None


# --- The whole ----------------------------------------------------------------------------------------------------------


def _limits(at: At, data: object) -> Limits:
    given = an_object(at, data, optional=("floor", "ceiling"))
    floor = maybe_whole(at, given, "floor", -MAX_SUM, MAX_SUM)
    ceiling = maybe_whole(at, given, "ceiling", -MAX_SUM, MAX_SUM)
    if floor is not None and ceiling is not None and floor > ceiling:
        at.refuse(
            f"the floor {floor} lies above the ceiling {ceiling}",
            code="empty_range",
            value=floor,
            expected="a floor that is not above the ceiling",
        )
    return Limits(floor, ceiling)


def read_scope(data: object, registry: Registry) -> Condition:
    """Which leads a model judges; an empty "all" means every lead."""
    return read_condition(At("The scope", "scope"), data, registry, may_be_empty=True)


def read_limits(data: object) -> dict[str, dict[str, int]]:
    """The bounds of both dimensions, as a spec has them."""
    held = an_object(At("The dimensions", "dimensions"), data, optional=DIMENSIONS)
    return {one: _limits(At(f"The {one} limits", f"dimensions.{one}"), held.get(one, {})).as_json() for one in DIMENSIONS}


class _Reading:
    """Reads part after part; with `problems` it collects what is refused, without it raises at once."""

    def __init__(self, problems: list[Invalid] | None) -> None:
        self.problems = problems

    def part(self, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        try:
            return read(*args, **kwargs)
        except Invalid as problem:
            if self.problems is None:
                raise
            self.problems.append(problem)
            return None

    def parts(self, kind: str, at: At, data: object, read: Callable[[At, object], Part]) -> list[Part]:
        """All entries of a list that can be read; a key used twice is refused at its second use."""
        entries = self.part(a_list, at, data, most=500) or []
        found: dict[str, Part] = {}
        for index, entry in enumerate(entries):
            place = At(_called(kind, entry, index).words, at.into(index).path)
            made = self.part(read, place, entry)
            if made is not None and made.key in found:
                self.part(_refuse_double, place, made.key)
            elif made is not None:
                found[made.key] = made
        return list(found.values())


def _refuse_double(at: At, key: str) -> None:
    at.into("key").refuse(f"the key {key!r} is used twice", code="double", value=key, expected="another key")


def _refuse_empty(at: At) -> None:
    at.refuse("it has no criterion", code="missing", expected="at least one criterion")


def read_spec(data: object, registry: Registry) -> Spec:
    """The valid, canonical spec of `data`. Raises `Invalid` at the first thing wrong."""
    spec = _read(data, registry, None)
    assert spec is not None
    return spec


def problems_of(data: object, registry: Registry) -> list[Invalid]:
    """Everything wrong with `data`, part by part; empty when `read_spec` would take it."""
    problems: list[Invalid] = []
    _read(data, registry, problems)
    return problems


def _read(data: object, registry: Registry, problems: list[Invalid] | None) -> Spec | None:
    reading = _Reading(problems)
    top = At("The model", "")
    names = ("format", "evaluator", "model", "criteria", "decision")
    given = reading.part(an_object, top, data, required=names, optional=("scope", "dimensions", "groups", "gates"))
    if given is None:
        return None
    for name, version in (("format", FORMAT), ("evaluator", EVALUATOR)):
        reading.part(a_whole, top.into(name), given[name], version, version)
    model = reading.part(a_text, top.into("model"), given["model"], most=80)
    scope = reading.part(read_scope, given["scope"], registry) if "scope" in given else ALWAYS
    held = reading.part(an_object, At("The dimensions", "dimensions"), given.get("dimensions", {}), optional=DIMENSIONS) or {}
    limits = [
        reading.part(_limits, At(f"The {one} limits", f"dimensions.{one}"), held.get(one, {})) or Limits() for one in DIMENSIONS
    ]
    groups = reading.parts("Group", At("The groups", "groups"), given.get("groups", []), read_group)
    by_key = {group.key: group for group in groups}
    criteria = reading.parts(
        "Criterion",
        At("The criteria", "criteria"),
        given["criteria"],
        lambda at, entry: read_criterion(at, entry, registry, by_key),
    )
    if not given["criteria"]:
        reading.part(_refuse_empty, top.into("criteria"))
    gates = reading.parts(
        "Gate", At("The gates", "gates"), given.get("gates", []), lambda at, entry: read_gate(at, entry, registry)
    )
    decision = reading.part(read_decision, At("The decision", "decision"), given["decision"], registry)
    if problems or model is None or scope is None or decision is None:
        return None
    return Spec(model, scope, limits[0], limits[1], tuple(groups), tuple(criteria), tuple(gates), decision)
