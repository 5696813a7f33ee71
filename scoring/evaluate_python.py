"""The reference evaluator: what a model says about one lead or case, as lines that sum exactly to fit and engagement.

A pure function of facts, spec and the as-of moment. Whole numbers only; windows count UTC days; decay, caps, floors and
ceilings are lines of their own. An event counts when it had happened and was known at the as-of moment and lies not
before `engagement_from`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from leads.choices import FieldType
from scoring import operators
from scoring.decay import decayed, next_steps, weights
from scoring.operators import date_of, day_of
from scoring.spec import DIMENSIONS, Condition, Criterion, Decision, Dimension, EventClause, EventFilter, FieldClause, Spec


class Event(NamedTuple):
    """An activity as scoring sees it."""

    id: int
    kind: str
    occurred_at: datetime
    known_at: datetime
    asset: int | None = None
    campaign: int | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one lead or case: values by registry key (absent or None is unknown) and activities in any order.

    `has_activity` is off for a case that came without its history: then no event is unknown rather than none.
    """

    values: Mapping[str, object]
    events: Sequence[Event] = ()
    has_activity: bool = True
    engagement_from: datetime | None = None


class Line(NamedTuple):
    """A part of a score. `kind` is criterion, decay, cap, group_cap, group_floor, ceiling or floor."""

    kind: str
    dimension: Dimension
    key: str
    label: str
    points: int
    times: int | None = None
    facts: tuple[tuple[str, object], ...] = ()
    events: tuple[int, ...] = ()

    def as_json(self) -> dict[str, Any]:
        plain = {key: value for key, value in self._asdict().items() if value not in (None, ())}
        if self.facts:
            plain["facts"] = {key: _plain(value) for key, value in self.facts}
        if self.events:
            plain["events"] = list(self.events)
        return plain


def _plain(value: object) -> object:
    if isinstance(value, str | int | float | bool | None):
        return value
    return sorted(map(str, value)) if isinstance(value, list | tuple | set | frozenset) else str(value)


@dataclass(frozen=True, slots=True)
class Result:
    """What a model says. Out of scope there are no lines, no tier and no marks.

    `due_on` is the first UTC day on which time alone may change the result; it may be too early, never too late.
    """

    in_scope: bool
    lines: tuple[Line, ...]
    fit: int
    engagement: int
    gate: str | None
    tier: int | None
    mql: bool
    mqo: bool
    due_on: date | None

    @property
    def total(self) -> int:
        return self.fit + self.engagement

    @property
    def gated(self) -> bool:
        return self.gate is not None


def evaluate(spec: Spec, facts: Facts, as_of: datetime) -> Result:
    """The result for one lead or case at an aware moment."""
    return evaluator(spec).evaluate(facts, as_of)


@lru_cache(maxsize=64)
def evaluator(spec: Spec) -> "Evaluator":
    """The compiled evaluator of a spec, kept while it is in use."""
    return Evaluator(spec)


class _Seen(NamedTuple):
    """A counted event and its UTC day."""

    day: int
    event: Event


class _View:
    """The facts at the as-of moment: counted events, newest first, and the day events yet to come will count from."""

    __slots__ = ("_memo", "awaited", "counted", "has_activity", "kinds", "today", "values")

    def __init__(self, facts: Facts, as_of: datetime) -> None:
        self.values = facts.values
        self.has_activity = facts.has_activity
        self.today = today = day_of(as_of)
        self.awaited: int | None = None
        self._memo: dict[tuple[EventFilter, int], list[_Seen]] = {}
        start = facts.engagement_from
        counted = []
        if facts.has_activity:
            for event in facts.events:
                if start is not None and event.occurred_at < start:
                    continue
                if event.occurred_at > as_of or event.known_at > as_of:
                    day = max(today + 1, day_of(event.occurred_at), day_of(event.known_at))
                    self.awaited = day if self.awaited is None else min(self.awaited, day)
                    continue
                counted.append(_Seen(day_of(event.occurred_at), event))
        if len(counted) > 1:
            counted.sort(key=lambda seen: (seen.event.occurred_at, seen.event.id), reverse=True)
        self.counted = counted
        self.kinds = {seen.event.kind for seen in counted}

    def newest(self, wanted: EventFilter, days: int) -> list[_Seen]:
        """The counted events of the last `days` days that fit, newest first: `0 <= age < days`."""
        if wanted.kinds and self.kinds.isdisjoint(wanted.kinds):
            return []
        memo = self._memo.get((wanted, days))
        if memo is not None:
            return memo
        first = self.today - days  # the last day too far back
        kinds, assets, campaigns = wanted.kinds, wanted.of_assets, wanted.campaigns
        found = []
        for seen in self.counted:
            if seen.day <= first:
                break
            event = seen.event
            if kinds and event.kind not in kinds:
                continue
            if (assets and event.asset not in assets) or (campaigns and event.campaign not in campaigns):
                continue
            found.append(seen)
        self._memo[wanted, days] = found
        return found


_Test = Callable[[_View], bool]
_Dues = Callable[[_View], list[int]]


# --- Conditions ---------------------------------------------------------------------------------------------------------


def _clause_match(clause: FieldClause) -> operators.Match:
    kind = clause.type
    if clause.op == "known":
        return operators.is_known(kind)
    if clause.op == "unknown":
        return operators.is_unknown(kind)
    match kind:
        case FieldType.TEXT if clause.list_key is not None:
            return operators.match_text(clause.op, [text.strip() for text in clause.listed])
        case FieldType.TEXT:
            return operators.match_text(clause.op, clause.values)
        case FieldType.CHOICE:
            return operators.match_choice(clause.op, clause.values)
        case FieldType.MULTI:
            return operators.match_multi(clause.op, clause.values)
        case FieldType.NUMBER:
            return operators.match_number(clause.op, clause.low, clause.high)
        case FieldType.BOOLEAN:
            return operators.match_boolean(clause.flag is True)
        case FieldType.DATE:
            low, high = (None if end is None else int(end) for end in (clause.low, clause.high))
            return operators.match_date(clause.op, low, high, clause.days)


def _field_test(clause: FieldClause) -> _Test:
    match, key = _clause_match(clause), clause.field
    return lambda view: match(view.values.get(key), view.today)


def _event_test(clause: EventClause) -> _Test:
    least = clause.at_least or 0
    most = clause.at_most
    wanted, days = clause.event, clause.days

    def holds(view: _View) -> bool:
        if not view.has_activity:
            return False
        count = len(view.newest(wanted, days))
        return count >= least and (most is None or count <= most)

    return holds


def _test(part: FieldClause | EventClause | Condition) -> _Test:
    if isinstance(part, FieldClause):
        return _field_test(part)
    if isinstance(part, EventClause):
        return _event_test(part)
    tests = tuple(_test(inner) for inner in part.parts)
    if len(tests) == 1:
        return tests[0]
    if part.mode == "all":
        return lambda view: all(test(view) for test in tests)
    return lambda view: any(test(view) for test in tests)


def _evidence(condition: Condition) -> Callable[[_View], tuple[tuple[tuple[str, object], ...], tuple[int, ...]]]:
    """What made the condition true: the facts of the clauses that match, and the events of those that count."""
    clauses = tuple((clause, _test(clause)) for clause in condition.clauses())

    def gather(view: _View) -> tuple[tuple[tuple[str, object], ...], tuple[int, ...]]:
        facts: dict[str, object] = {}
        events: dict[int, None] = {}
        for clause, holds in clauses:
            if not holds(view):
                continue
            if isinstance(clause, FieldClause):
                facts[clause.field] = view.values.get(clause.field)
            else:
                events.update(dict.fromkeys(seen.event.id for seen in view.newest(clause.event, clause.days)))
        return tuple(facts.items()), tuple(events)

    return gather


def _clause_dues(clause: FieldClause | EventClause) -> _Dues | None:
    """The days on which this clause can turn by time alone; None when it never does."""
    if isinstance(clause, FieldClause):
        if clause.op not in operators.MOVES_WITH_TIME:
            return None
        key, op, limit = clause.field, clause.op, clause.days

        def of_date(view: _View) -> list[int]:
            due = operators.next_date_change(op, view.values.get(key), limit, view.today)
            return [] if due is None else [due]

        return of_date
    # With n events in the window, "at least k" ends when the k-th newest leaves; "at most k" begins when the next one does.
    turning = [at for at in ((clause.at_least or 0) - 1, -1 if clause.at_most is None else clause.at_most) if at >= 0]
    wanted, days = clause.event, clause.days

    def of_events(view: _View) -> list[int]:
        newest = view.newest(wanted, days)
        return [newest[at].day + days for at in turning if at < len(newest)]

    return of_events


# --- Criteria -----------------------------------------------------------------------------------------------------------


def _tally_due(criterion: Criterion, newest: list[_Seen], paid: list[_Seen], today: int) -> int:
    """The first day on which this tally, now paying, can pay something else."""
    days = criterion.days or 0
    if criterion.half_life:
        steps = next_steps(criterion.half_life)
        return min(seen.day + min(steps[today - seen.day], days) for seen in paid)
    if criterion.award == "once":
        return newest[criterion.freq_min - 1].day + days
    return paid[-1].day + days


_NOTHING = (0, None)


class _Scorer:
    """One criterion, compiled: adds its lines, answers its points and the day they can next change."""

    __slots__ = ("_evidence", "_kinds", "_test", "criterion")

    def __init__(self, criterion: Criterion) -> None:
        self.criterion = criterion
        self._test = _test(criterion.when) if criterion.when else None
        self._evidence = _evidence(criterion.when) if criterion.when else None
        self._kinds = criterion.event.kinds if criterion.event else ()

    def score(self, view: _View, lines: list[Line]) -> tuple[int, int | None]:
        if self._test is not None:
            return self._tested(view, lines) if self._test(view) else _NOTHING
        # most leads did nothing of a kind
        return _NOTHING if self._kinds and view.kinds.isdisjoint(self._kinds) else self._counted(view, lines)

    def _tested(self, view: _View, lines: list[Line]) -> tuple[int, None]:
        assert self._evidence is not None
        one = self.criterion
        facts, events = self._evidence(view)
        lines.append(Line("criterion", one.dimension, one.key, one.label, one.points, None, facts, events))
        return self._capped(one.points, lines), None

    def _counted(self, view: _View, lines: list[Line]) -> tuple[int, int | None]:
        one = self.criterion
        assert one.event is not None
        assert one.days is not None
        newest = view.newest(one.event, one.days)
        count = len(newest)
        if count < one.freq_min:
            return _NOTHING
        paid = newest if one.freq_max is None else newest[: one.freq_max]
        points = one.points if one.award == "once" else one.points * len(paid)
        ids = tuple(seen.event.id for seen in paid)
        lines.append(Line("criterion", one.dimension, one.key, one.label, points, count, (), ids))
        due = _tally_due(one, newest, paid, view.today)
        if one.half_life:
            table, today = weights(one.half_life), view.today
            kept = decayed(one.points, sum(table[today - seen.day] for seen in paid))
            if kept != points:
                faded = kept - points
                lines.append(Line("decay", one.dimension, one.key, one.label, faded, None, (), ids))
                points = kept
        return self._capped(points, lines), due

    def _capped(self, points: int, lines: list[Line]) -> int:
        one = self.criterion
        if one.cap is None or abs(points) <= one.cap:
            return points
        held = one.cap if points > 0 else -one.cap
        lines.append(Line("cap", one.dimension, one.key, one.label, held - points))
        return held


class Evaluator:
    """A spec made ready: parse once, evaluate many."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self._scope = _test(spec.scope)
        self._scope_dues = [due for clause in spec.scope.clauses() if (due := _clause_dues(clause))]
        self._scorers = tuple(_Scorer(criterion) for criterion in spec.criteria)
        self._gates = tuple((gate, _test(gate.when)) for gate in spec.gates)
        when = spec.decision.mqo_when
        self._mqo = _test(when) if when else None
        clauses = [clause for condition in spec.conditions() for clause in condition.clauses()]
        self._dues = [due for clause in dict.fromkeys(clauses) if (due := _clause_dues(clause))]

    def in_scope(self, facts: Facts, as_of: datetime) -> bool:
        return self._scope(_View(facts, as_of))

    def evaluate(self, facts: Facts, as_of: datetime) -> Result:
        view = _View(facts, as_of)
        if not self._scope(view):
            return Result(False, (), 0, 0, None, None, False, False, self._due_on(view, self._scope_dues, []))
        lines: list[Line] = []
        dues: list[int] = []
        sums: dict[str, int] = {}
        loose: dict[Dimension, int] = dict.fromkeys(DIMENSIONS, 0)
        for scorer in self._scorers:
            points, due = scorer.score(view, lines)
            if due is not None:
                dues.append(due)
            if points:
                group = scorer.criterion.group
                if group is None:
                    loose[scorer.criterion.dimension] += points
                else:
                    sums[group] = sums.get(group, 0) + points
        fit, engagement = self._dimensions(sums, loose, lines)
        gate = next((gate.key for gate, bars in self._gates if bars(view)), None)
        tier = None if gate else tier_of(self.spec.decision, fit, engagement)
        decision = self.spec.decision
        mql = tier is not None and tier >= decision.mql_from
        mqo = mql and tier in decision.mqo_tiers and (self._mqo is None or self._mqo(view))
        due_on = self._due_on(view, self._dues, dues)
        return Result(True, tuple(lines), fit, engagement, gate, tier, mql, mqo, due_on)

    def _dimensions(self, sums: dict[str, int], loose: dict[Dimension, int], lines: list[Line]) -> tuple[int, int]:
        for group in self.spec.groups:
            total = sums.get(group.key, 0)
            if group.cap is not None and total > group.cap:
                lines.append(Line("group_cap", group.dimension, group.key, group.label, group.cap - total))
                total = group.cap
            if group.floor is not None and total < group.floor:
                lines.append(Line("group_floor", group.dimension, group.key, group.label, group.floor - total))
                total = group.floor
            loose[group.dimension] += total
        for dimension in DIMENSIONS:
            limits, total = self.spec.limits(dimension), loose[dimension]
            if limits.ceiling is not None and total > limits.ceiling:
                lines.append(Line("ceiling", dimension, dimension, dimension.capitalize(), limits.ceiling - total))
                total = limits.ceiling
            if limits.floor is not None and total < limits.floor:
                lines.append(Line("floor", dimension, dimension, dimension.capitalize(), limits.floor - total))
                total = limits.floor
            loose[dimension] = total
        return loose["fit"], loose["engagement"]

    def _due_on(self, view: _View, clauses: list[_Dues], dues: list[int]) -> date | None:
        days = dues + [day for due in clauses for day in due(view)]
        if view.awaited is not None:
            days.append(view.awaited)
        return date_of(min(days)) if days else None


def tier_of(decision: Decision, fit: int, engagement: int) -> int:
    """The tier of these sums; an edge belongs to the band above it."""
    if decision.kind == "grid":
        return decision.grid[_band(fit, decision.fit_edges)][_band(engagement, decision.engagement_edges)]
    return _band(fit + engagement, decision.edges)


def _band(value: int, edges: tuple[int, ...]) -> int:
    return sum(edge <= value for edge in edges)
