"""What a preview says: frozen, made of plain numbers, ready for JSON."""

from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from typing import Any, Literal

from scoring.lift import Rate

Goal = Literal["won", "accepted"]
Points = Literal["agreed", "marketing", "sales"]
CasesIn = Literal["all", "dated"]


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked. `capacity`: qualified leads the reps can take a week, None where nobody knows."""

    goal: Goal = "won"
    points: Points = "agreed"
    cases: CasesIn = "all"
    capacity: int | None = None


@dataclass(frozen=True, slots=True)
class Basis:
    """The data behind it: as of when, and how much of it there is.

    `cases` are past decisions, `as_of_import` those among them whose facts are as of their import, `without_activity` those that
    came without their history. `leads` stand behind the cases, one case for each.
    """

    generation: int
    as_of: datetime
    built_at: datetime
    open_leads: int
    cases: int
    as_of_import: int
    without_activity: int
    leads: int


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    """Leads with an outcome ("open": not decided), how many of them are MQLs and MQOs, and how many a gate bars."""

    outcome: str
    rows: int
    mql: int
    mqo: int
    gated: int


@dataclass(frozen=True, slots=True)
class Histogram:
    """Rows per point: `counts[group]` holds one number a point from `low`. All that is lower or higher is in the ends.

    Groups are outcomes, "open", "earlier" (cases another one of the same lead stands for), "left_out" (cases switched off),
    "gated" and "outside" (the scope): together all rows.
    """

    low: int
    counts: dict[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Precision:
    """Of the leads that would have been MQLs: the labelled ones, and how many more nobody knows the end of."""

    labelled: Rate
    unlabelled: int

    @property
    def low(self) -> float | None:
        """The share of good ones if all unlabelled were bad."""
        every = self.labelled.rows + self.unlabelled
        return self.labelled.positive / every if every else None

    @property
    def high(self) -> float | None:
        """The share of good ones if all unlabelled were good."""
        every = self.labelled.rows + self.unlabelled
        return (self.labelled.positive + self.unlabelled) / every if every else None


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the grid: leads behind cases, labelled and positive ones among them, and open leads."""

    fit_band: int
    engagement_band: int
    labelled: Rate
    open_leads: int


@dataclass(frozen=True, slots=True)
class Effect:
    """What one version does. `weeks`: MQLs a week, oldest first; `opening`: open leads that meet it and are not MQLs by the
    version in force.
    """

    weeks: tuple[int, ...]
    opening: int
    open_mql: int
    outcomes: tuple[OutcomeCount, ...]
    precision: Precision
    recall: Rate
    fit: Histogram
    engagement: Histogram
    total: Histogram
    grid: tuple[Cell, ...]

    @property
    def per_week(self) -> float:
        """MQLs a week, on average."""
        return sum(self.weeks) / len(self.weeks)


@dataclass(frozen=True, slots=True)
class FlipLine:
    """A part of the two scores that differs; points under the version in force and under the draft."""

    key: str
    label: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class FlipRow:
    """A case or an open lead that the draft judges otherwise. Totals, tiers and gates before and after; None: none.

    `lines` is all that gives it other points, `because` what moved it over the line, in words.
    """

    kind: Literal["case", "open"]
    id: int
    lead: int
    outcome: str
    reason: str
    before: int
    after: int
    tier_before: str | None
    tier_after: str | None
    gate_before: str | None
    gate_after: str | None
    lines: tuple[FlipLine, ...]
    because: tuple[str, ...]

    @property
    def delta(self) -> int:
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class FlipSide:
    """Those who enter, or those who leave: how many by outcome and reason, and the first rows, the largest change first."""

    count: int
    outcomes: tuple[tuple[str, int], ...]
    reasons: tuple[tuple[str, int], ...]
    rows: tuple[FlipRow, ...]

    def of(self, outcome: str) -> int:
        return dict(self.outcomes).get(outcome, 0)


@dataclass(frozen=True, slots=True)
class Flips:
    entering: FlipSide
    leaving: FlipSide


@dataclass(frozen=True, slots=True)
class ReasonSaid:
    """Rejections for a reason that speaks of a criterion's facts, and how many of them it gave points."""

    label: str
    cases: int
    hits: int


@dataclass(frozen=True, slots=True)
class CriterionFigures:
    """What history says of one criterion: open leads it hits now, labelled leads it hit then, beside all that could be asked.

    `asks` is the leak question: "always" or "never" good, so perhaps known only after the decision; else empty.
    """

    key: str
    open_hits: int
    hit: Rate
    base: Rate
    reasons: tuple[ReasonSaid, ...]

    @property
    def lift(self) -> float | None:
        """Rate over base; None where either is too small to say."""
        return self._over_base(self.hit.share)

    @property
    def lift_low(self) -> float | None:
        return self._over_base(self.hit.low)

    @property
    def lift_high(self) -> float | None:
        return self._over_base(self.hit.high)

    def _over_base(self, share: float) -> float | None:
        small = self.hit.is_small or self.base.is_small or not self.base.positive
        return None if small else share / self.base.share

    @property
    def asks(self) -> Literal["", "always", "never"]:
        if self.hit.is_small or not self.base.positive:
            return ""
        return "always" if self.hit.share > 0.95 else "never" if self.hit.share < 0.02 else ""


@dataclass(frozen=True, slots=True)
class Preview:
    """Everything about one draft. `first_week` is the Monday of the oldest of the weeks."""

    question: Question
    basis: Basis
    first_week: date
    base: Rate
    draft: Effect
    live: Effect | None
    flips: Flips | None
    criteria: tuple[CriterionFigures, ...]

    def as_json(self) -> dict[str, Any]:
        made: dict[str, Any] = _plain(self)
        return made


def _plain(value: Any) -> Any:
    """Plain JSON, with what is worked out from the fields beside them."""
    if is_dataclass(value) and not isinstance(value, type):
        derived = [name for name, one in vars(type(value)).items() if isinstance(one, property)]
        return {name: _plain(getattr(value, name)) for name in [*(one.name for one in fields(value)), *derived]}
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, date):
        return value.isoformat()
    return value


def criterion_figures(result: Preview) -> dict[str, CriterionFigures]:
    """The figures of each criterion by its key."""
    return {one.key: one for one in result.criteria}
