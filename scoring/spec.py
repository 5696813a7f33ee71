"""A scoring model's content as frozen data, its one canonical text and the hash people sign.

Equal specs have equal text: text values are folded, values sorted and without doubles, list revisions named, nothing null.
A spec made by `spec_reader` is valid; these classes check nothing themselves.
"""

import dataclasses
import json
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any, Literal

from leads.choices import FieldType
from scoring.operators import date_of

FORMAT = 1
EVALUATOR = 1

Dimension = Literal["fit", "engagement"]
DIMENSIONS: tuple[Dimension, ...] = ("fit", "engagement")


def _present(**pairs: Any) -> dict[str, Any]:
    return {key: value for key, value in pairs.items() if value is not None}


def plain_number(number: float | None) -> int | float | None:
    """A whole number without its decimal point."""
    return int(number) if number is not None and number == int(number) else number


@dataclass(frozen=True, slots=True)
class FieldClause:
    """One question about one field. For dates `low` and `high` are UTC day numbers. `listed` is the list revision's content."""

    field: str
    type: FieldType
    op: str
    values: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    days: int | None = None
    flag: bool | None = None
    list_key: str | None = None
    rev: int | None = None
    listed: frozenset[str] = dataclasses.field(default=frozenset(), compare=False, repr=False)

    def _end(self, end: float | None) -> int | float | str | None:
        if end is not None and self.type == FieldType.DATE:
            return date_of(int(end)).isoformat()
        return plain_number(end)

    def as_json(self) -> dict[str, Any]:
        low, high = (self._end(end) for end in (self.low, self.high))
        return _present(
            field=self.field,
            op=self.op,
            values=list(self.values) or None,
            low=low,
            high=high,
            days=self.days,
            value=self.flag,
            list=self.list_key,
            rev=self.rev,
        )


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which activities count: of any of these kinds, assets and campaigns; an empty one asks nothing.

    An asset also counts where it bears one of `tags`; `tagged` are those that did when this was read, so that a frozen spec goes
    on meaning the same.
    """

    kinds: tuple[str, ...] = ()
    assets: tuple[int, ...] = ()
    campaigns: tuple[int, ...] = ()
    tags: tuple[str, ...] = ()
    tagged: tuple[int, ...] = ()
    of_assets: frozenset[int] = dataclasses.field(init=False, compare=False, repr=False)
    """Every asset that counts, named or tagged; empty where any does."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "of_assets", frozenset((*self.assets, *self.tagged)))

    def as_json(self) -> dict[str, Any]:
        return _present(**{name: list(getattr(self, name)) or None for name in EVENT_PARTS})


EVENT_PARTS = ("kinds", "assets", "campaigns", "tags", "tagged")


@dataclass(frozen=True, slots=True)
class EventClause:
    """One question about how many such activities the last `days` days hold."""

    event: EventFilter
    days: int
    at_least: int | None = None
    at_most: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {"event": self.event.as_json(), **_present(days=self.days, at_least=self.at_least, at_most=self.at_most)}


@dataclass(frozen=True, slots=True)
class Condition:
    """All or any of its parts; parts are clauses or, one level down, conditions. No parts and "all" is always true."""

    mode: Literal["all", "any"]
    parts: "tuple[FieldClause | EventClause | Condition, ...]"

    def as_json(self) -> dict[str, Any]:
        return {self.mode: [part.as_json() for part in self.parts]}

    def clauses(self) -> "list[FieldClause | EventClause]":
        """All clauses, the nested ones included."""
        found: list[FieldClause | EventClause] = []
        for part in self.parts:
            found.extend(part.clauses() if isinstance(part, Condition) else [part])
        return found


ALWAYS = Condition("all", ())


@dataclass(frozen=True, slots=True)
class Limits:
    """What a dimension's sum is held within."""

    floor: int | None = None
    ceiling: int | None = None

    def as_json(self) -> dict[str, Any]:
        return _present(floor=self.floor, ceiling=self.ceiling)


@dataclass(frozen=True, slots=True)
class Group:
    key: str
    label: str
    dimension: Dimension
    cap: int | None = None
    floor: int | None = None

    def as_json(self) -> dict[str, Any]:
        return _present(key=self.key, label=self.label, dimension=self.dimension, cap=self.cap, floor=self.floor)


@dataclass(frozen=True, slots=True)
class Criterion:
    """A test pays once when its condition holds; a tally counts the events of a window."""

    key: str
    label: str
    dimension: Dimension
    shape: Literal["test", "tally"]
    points: int
    group: str | None = None
    why: str | None = None
    when: Condition | None = None
    event: EventFilter | None = None
    days: int | None = None
    award: Literal["once", "each"] = "once"
    freq_min: int = 1
    freq_max: int | None = None
    half_life: int | None = None
    cap: int | None = None

    @property
    def asks_events(self) -> bool:
        """Whether it counts what somebody did: where their history is not there, nobody knows."""
        return self.when is None or any(isinstance(clause, EventClause) for clause in self.when.clauses())

    def as_json(self) -> dict[str, Any]:
        tally = self.shape == "tally"
        return _present(
            key=self.key,
            label=self.label,
            why=self.why,
            dimension=self.dimension,
            group=self.group,
            shape=self.shape,
            points=self.points,
            when=self.when.as_json() if self.when else None,
            event=self.event.as_json() if self.event else None,
            days=self.days,
            award=self.award if tally else None,
            freq_min=self.freq_min if tally else None,
            freq_max=self.freq_max,
            half_life=self.half_life,
            cap=self.cap,
        )

    @property
    def hash(self) -> str:
        """What both sides agree on: the whole content but its place and group."""
        content = {key: value for key, value in self.as_json().items() if key != "group"}
        return sha256(canonical(content).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Gate:
    """Bars qualification whatever the score; the first that matches is named."""

    key: str
    label: str
    when: Condition

    def as_json(self) -> dict[str, Any]:
        return {"key": self.key, "label": self.label, "when": self.when.as_json()}


@dataclass(frozen=True, slots=True)
class Decision:
    """From fit and engagement to a tier: by grid (row = fit band, column = engagement band) or by edges on the sum.

    Tiers are numbered from the lowest, 0. An edge belongs to the band above it.
    """

    kind: Literal["grid", "total"]
    tiers: tuple[str, ...]
    mql_from: int
    fit_edges: tuple[int, ...] = ()
    engagement_edges: tuple[int, ...] = ()
    grid: tuple[tuple[int, ...], ...] = ()
    edges: tuple[int, ...] = ()
    mqo_tiers: frozenset[int] = frozenset()
    mqo_when: Condition | None = None

    def as_json(self) -> dict[str, Any]:
        mqo = None
        if self.mqo_tiers:
            tiers = [self.tiers[tier] for tier in sorted(self.mqo_tiers)]
            mqo = _present(tiers=tiers, when=self.mqo_when.as_json() if self.mqo_when else None)
        by_grid = self.kind == "grid"
        return _present(
            kind=self.kind,
            tiers=list(self.tiers),
            fit_edges=list(self.fit_edges) if by_grid else None,
            engagement_edges=list(self.engagement_edges) if by_grid else None,
            grid=[[self.tiers[tier] for tier in row] for row in self.grid] if by_grid else None,
            edges=None if by_grid else list(self.edges),
            mql_from=self.tiers[self.mql_from],
            mqo=mqo,
        )


@dataclass(frozen=True, eq=False)
class Spec:
    """A whole model. Two specs are equal when their canonical texts are."""

    model: str
    scope: Condition
    fit: Limits
    engagement: Limits
    groups: tuple[Group, ...]
    criteria: tuple[Criterion, ...]
    gates: tuple[Gate, ...]
    decision: Decision

    def as_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "evaluator": EVALUATOR,
            "model": self.model,
            "scope": self.scope.as_json(),
            "dimensions": {"fit": self.fit.as_json(), "engagement": self.engagement.as_json()},
            "groups": [group.as_json() for group in self.groups],
            "criteria": [criterion.as_json() for criterion in self.criteria],
            "gates": [gate.as_json() for gate in self.gates],
            "decision": self.decision.as_json(),
        }

    @cached_property
    def text(self) -> str:
        return canonical(self.as_json())

    @cached_property
    def hash(self) -> str:
        """sha256 of the canonical text: what a signature and an active version hold on to."""
        return sha256(self.text.encode()).hexdigest()

    def limits(self, dimension: Dimension) -> Limits:
        return self.fit if dimension == "fit" else self.engagement

    def conditions(self) -> list[Condition]:
        """Every condition of the spec, in no particular order."""
        found = [self.scope, *(gate.when for gate in self.gates)]
        found.extend(criterion.when for criterion in self.criteria if criterion.when)
        if self.decision.mqo_when:
            found.append(self.decision.mqo_when)
        return found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spec) and self.hash == other.hash

    def __hash__(self) -> int:
        return hash(self.hash)


def canonical(data: object) -> str:
    """The one JSON text of `data`: keys sorted, no blanks, letters as they are."""
    return json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
