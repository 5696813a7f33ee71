"""From a spec to the columns it reads: every condition and count as a few primitives, each with a fingerprint.

A primitive is computed once for all rows and kept under its fingerprint. Points, caps, groups, labels and how often an
event must have happened are not in it, so changing those reads no data again. Negative operators ask the positive
primitive and whether the fact is known.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Any, Literal

from leads.choices import FieldType
from scoring.spec import EVALUATOR, Condition, Criterion, EventClause, EventFilter, FieldClause, Spec, canonical

Asks = Literal["known", "in_set", "words", "part", "has_any", "has_all", "between", "age", "is"]


class _Fingerprinted(ABC):
    """A primitive; equal fingerprints mean equal columns over the same rows."""

    @abstractmethod
    def content(self) -> list[Any]:
        """Everything its values hang on, ready for JSON."""

    @cached_property
    def fingerprint(self) -> str:
        return sha256(canonical([EVALUATOR, *self.content()]).encode()).hexdigest()


@dataclass(frozen=True)
class FieldColumn(_Fingerprinted):
    """Yes or no for each row, from one field; no where it is unknown.

    `values` are folded and trimmed texts, keys, or a list's content. `low` and `high` are ends included: of a number, of a
    UTC day number, or with `asks="age"` of an age in days.
    """

    asks: Asks
    field: str
    type: FieldType
    values: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    flag: bool | None = None

    def content(self) -> list[Any]:
        return [self.asks, self.field, str(self.type), list(self.values), self.low, self.high, self.flag]

    @property
    def moves_with_time(self) -> bool:
        return self.asks == "age"


@dataclass(frozen=True)
class CountColumn(_Fingerprinted):
    """How many such events each row has in the last `days` days."""

    event: EventFilter
    days: int
    moves_with_time = True

    def content(self) -> list[Any]:
        return ["count", self.event.as_json(), self.days]


@dataclass(frozen=True)
class DecayedColumn(_Fingerprinted):
    """The weights, in thousandths, of the newest `most` such events (None: of all) of each row, summed."""

    event: EventFilter
    days: int
    half_life: int
    most: int | None
    moves_with_time = True

    def content(self) -> list[Any]:
        return ["decayed", self.event.as_json(), self.days, self.half_life, self.most]


Column = FieldColumn | CountColumn | DecayedColumn


@dataclass(frozen=True, slots=True)
class FieldTest:
    """A clause about a field. `takes` says when it holds: where the column does; where the fact is known and it does not; or
    where it does not, known or not.
    """

    column: FieldColumn
    takes: Literal["yes", "known_no", "no"] = "yes"

    @property
    def known(self) -> FieldColumn:
        return FieldColumn("known", self.column.field, self.column.type)


@dataclass(frozen=True, slots=True)
class CountTest:
    """A clause about a count; never holds for a row without activity history."""

    column: CountColumn
    at_least: int | None
    at_most: int | None


@dataclass(frozen=True, slots=True)
class Combined:
    """All or any of these; no parts and "all" always holds."""

    mode: Literal["all", "any"]
    parts: "tuple[Test, ...]"


Test = FieldTest | CountTest | Combined


@dataclass(frozen=True, slots=True)
class LoweredCriterion:
    """A criterion with the columns it reads: `test` for a test, else `count` and, with a half-life, `decayed`."""

    criterion: Criterion
    test: Test | None = None
    count: CountColumn | None = None
    decayed: DecayedColumn | None = None


@dataclass(frozen=True)
class Lowered:
    """A spec ready for columns."""

    spec: Spec
    scope: Test
    criteria: tuple[LoweredCriterion, ...]
    gates: tuple[Test, ...]
    mqo: Test | None

    @cached_property
    def sums_fingerprint(self) -> str:
        """Equal ones give equal sums, gates and marks for an MQO: all but words, tiers and thresholds is in it."""
        said = self.spec.as_json()
        for part in (*said["criteria"], *said["groups"], *said["gates"]):
            part.pop("label")
            part.pop("why", None)
        when = self.spec.decision.mqo_when
        parts = [said[name] for name in ("scope", "dimensions", "groups", "criteria", "gates")]
        return sha256(canonical(["sums", EVALUATOR, *parts, when and when.as_json()]).encode()).hexdigest()

    def columns(self) -> list[Column]:
        """Every column the spec reads, each once."""
        found: dict[str, Column] = {}
        tests = [self.scope, *self.gates, *(one.test for one in self.criteria if one.test), *([self.mqo] if self.mqo else [])]
        for column in [column for test in tests for column in columns_of(test)]:
            found[column.fingerprint] = column
        for one in self.criteria:
            for tally in (one.count, one.decayed):
                if tally is not None:
                    found[tally.fingerprint] = tally
        return list(found.values())


def columns_of(test: Test) -> list[Column]:
    """Every column a test reads, perhaps some twice."""
    if isinstance(test, Combined):
        return [column for part in test.parts for column in columns_of(part)]
    if isinstance(test, FieldTest) and test.takes == "known_no":
        return [test.column, test.known]
    return [test.column]


@lru_cache(maxsize=64)
def lower(spec: Spec) -> Lowered:
    """The columns and tests of a spec. Remembered, as a preview asks segment by segment."""
    when = spec.decision.mqo_when
    return Lowered(
        spec,
        _test(spec.scope),
        tuple(_criterion(one) for one in spec.criteria),
        tuple(_test(gate.when) for gate in spec.gates),
        _test(when) if when else None,
    )


def _criterion(one: Criterion) -> LoweredCriterion:
    if one.when is not None:
        return LoweredCriterion(one, _test(one.when))
    assert one.event is not None
    assert one.days is not None
    decayed = DecayedColumn(one.event, one.days, one.half_life, one.freq_max) if one.half_life else None
    return LoweredCriterion(one, None, CountColumn(one.event, one.days), decayed)


def _test(part: FieldClause | EventClause | Condition) -> Test:
    if isinstance(part, Condition):
        tests = tuple(_test(inner) for inner in part.parts)
        return tests[0] if len(tests) == 1 else Combined(part.mode, tests)
    if isinstance(part, EventClause):
        return CountTest(CountColumn(part.event, part.days), part.at_least, part.at_most)
    return _field_test(part)


def _field_test(clause: FieldClause) -> FieldTest:
    def column(asks: Asks, **arguments: Any) -> FieldColumn:
        return FieldColumn(asks, clause.field, clause.type, **arguments)

    values = clause.values
    match clause.op:
        case "known":
            return FieldTest(column("known"))
        case "unknown":
            return FieldTest(column("known"), "no")
        case "in" | "not_in":
            return FieldTest(column("in_set", values=values), "yes" if clause.op == "in" else "known_no")
        case "in_list" | "not_in_list":
            listed = tuple(sorted(text.strip() for text in clause.listed))
            return FieldTest(column("in_set", values=listed), "yes" if clause.op == "in_list" else "known_no")
        case "words" | "no_words":
            return FieldTest(column("words", values=values), "yes" if clause.op == "words" else "known_no")
        case "part":
            return FieldTest(column("part", values=values))
        case "has_any" | "has_none":
            return FieldTest(column("has_any", values=values), "yes" if clause.op == "has_any" else "known_no")
        case "has_all":
            return FieldTest(column("has_all", values=values))
        case "between" | "not_between":
            ends = {"low": clause.low, "high": clause.high}
            return FieldTest(column("between", **ends), "yes" if clause.op == "between" else "known_no")
        case "is":
            return FieldTest(column("is", flag=clause.flag is True))
        case "within_days":
            return FieldTest(column("age", low=0.0, high=float((clause.days or 0) - 1)))
        case "older_than":
            return FieldTest(column("age", low=float(clause.days or 0)))
        case "future":
            return FieldTest(column("age", high=-1.0))
    raise ValueError(f"no column answers the operator {clause.op!r}")
