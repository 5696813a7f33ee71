"""What differs between two versions, in words: criterion by criterion, gates, groups, edges, whom they judge."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from scoring.spec import DIMENSIONS, Criterion, Decision, Gate, Group, Limits, Spec
from scoring.wording import Wording, days_in_words

Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing that is otherwise: `points 10 -> 15`. An empty side means that there was none."""

    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A part that came, went or changed. `part` says what kind of part, `sentence` says a new or former one in words."""

    part: str
    kind: Kind
    label: str
    sentence: str = ""
    details: tuple[Detail, ...] = field(default=())

    @property
    def words(self) -> str:
        """The whole difference as one sentence for messages: `White papers: half-life 30 days -> 60 days`."""
        return f"{self.label}: {self.change}"

    @property
    def change(self) -> str:
        """What became of the part, without its name."""
        if self.kind != "changed":
            return f"{'new' if self.kind == 'added' else 'gone'}{f' ({self.sentence})' if self.sentence else ''}"
        return "; ".join(f"{one.what} {one.before or 'none'} → {one.after or 'none'}" for one in self.details)


def differences(old: Spec, new: Spec, wording: Wording) -> list[Difference]:
    """Everything that differs, criteria first, in the new version's order; empty when both mean the same."""
    found = _parts("Criterion", old.criteria, new.criteria, _Criteria(wording, old, new))
    found += _parts("Gate", old.gates, new.gates, _Gates(wording))
    found += _parts("Group", old.groups, new.groups, _Groups())
    for dimension in DIMENSIONS:
        details = _limits(old.limits(dimension), new.limits(dimension))
        if details:
            found.append(Difference("Dimension", "changed", dimension.capitalize(), details=tuple(details)))
    decided = _decision(old.decision, new.decision, wording)
    if decided:
        found.append(Difference("Decision", "changed", "How it decides", details=tuple(decided)))
    if old.scope != new.scope:
        detail = Detail("judges", wording.condition(old.scope), wording.condition(new.scope))
        found.append(Difference("Scope", "changed", "Whom it judges", details=(detail,)))
    return found


class _Parts(ABC):
    """How one kind of part is said and compared."""

    def sentence(self, one: object) -> str:
        return ""

    @abstractmethod
    def details(self, before: object, after: object) -> list[Detail]: ...


def _parts(
    part: str, old: Sequence[Criterion | Gate | Group], new: Sequence[Criterion | Gate | Group], how: _Parts
) -> list[Difference]:
    before = {one.key: one for one in old}
    after = {one.key: one for one in new}
    found = []
    for key, one in after.items():
        if key not in before:
            found.append(Difference(part, "added", one.label, how.sentence(one)))
        elif details := how.details(before[key], one):
            found.append(Difference(part, "changed", one.label, details=tuple(details)))
    found += [Difference(part, "removed", one.label, how.sentence(one)) for key, one in before.items() if key not in after]
    return found


def _differing(pairs: Iterable[tuple[str, object, object]]) -> list[Detail]:
    return [Detail(what, _said(before), _said(after)) for what, before, after in pairs if before != after]


def _said(value: object) -> str:
    return "" if value is None else str(value)


def _days(days: int | None) -> str | None:
    return None if days is None else days_in_words(days)


@dataclass(frozen=True, slots=True)
class _Criteria(_Parts):
    wording: Wording
    old: Spec
    new: Spec

    def sentence(self, one: object) -> str:
        assert isinstance(one, Criterion)
        terms = "".join(f"; {term}" for term in self.wording.terms(one))
        return f"{one.points:+d} points: {self.wording.criterion(one)}{terms}"

    def details(self, before: object, after: object) -> list[Detail]:
        assert isinstance(before, Criterion)
        assert isinstance(after, Criterion)
        tally = before.shape == after.shape == "tally"
        pairs: list[tuple[str, object, object]] = [
            ("called", before.label, after.label),
            ("points", before.points, after.points),
        ]
        if tally and before.event is not None and after.event is not None:
            pairs += [
                ("what counts", self.wording.event(before.event), self.wording.event(after.event)),
                ("window", _days(before.days), _days(after.days)),
                ("pays", _pays(before), _pays(after)),
                ("from how many", before.freq_min, after.freq_min),
                ("how many count", before.freq_max, after.freq_max),
                ("half-life", _days(before.half_life), _days(after.half_life)),
            ]
        else:
            pairs.append(("when", self.wording.criterion(before), self.wording.criterion(after)))
        pairs += [
            ("cap", before.cap, after.cap),
            ("counts for", before.dimension, after.dimension),
            ("group", _group(self.old, before), _group(self.new, after)),
            ("why", before.why, after.why),
        ]
        return _differing(pairs)


def _pays(one: Criterion) -> str:
    return "each time" if one.award == "each" else "once"


def _group(spec: Spec, one: Criterion) -> str | None:
    return next((group.label for group in spec.groups if group.key == one.group), None)


@dataclass(frozen=True, slots=True)
class _Gates(_Parts):
    wording: Wording

    def sentence(self, one: object) -> str:
        assert isinstance(one, Gate)
        return self.wording.condition(one.when)

    def details(self, before: object, after: object) -> list[Detail]:
        assert isinstance(before, Gate)
        assert isinstance(after, Gate)
        said = [self.wording.condition(one.when) for one in (before, after)]
        if said[0] == said[1] and before.when != after.when:  # a list of another revision, a value of the same name
            said = [str(one.when.as_json()) for one in (before, after)]
        return _differing([("called", before.label, after.label), ("when", said[0], said[1])])


class _Groups(_Parts):
    def details(self, before: object, after: object) -> list[Detail]:
        assert isinstance(before, Group)
        assert isinstance(after, Group)
        return _differing(
            [("called", before.label, after.label), ("at most", before.cap, after.cap), ("at least", before.floor, after.floor)]
        )


def _limits(old: Limits, new: Limits) -> list[Detail]:
    return _differing([("at most", old.ceiling, new.ceiling), ("at least", old.floor, new.floor)])


def _decision(old: Decision, new: Decision, wording: Wording) -> list[Detail]:
    pairs: list[tuple[str, object, object]] = [
        ("by", _by(old), _by(new)),
        ("tiers", ", ".join(old.tiers), ", ".join(new.tiers)),
        ("edges", _edges(old.edges), _edges(new.edges)),
        ("edges of fit", _edges(old.fit_edges), _edges(new.fit_edges)),
        ("edges of engagement", _edges(old.engagement_edges), _edges(new.engagement_edges)),
        ("grid", _grid(old), _grid(new)),
        ("MQL from tier", old.tiers[old.mql_from], new.tiers[new.mql_from]),
        ("MQO", _mqo(old, wording), _mqo(new, wording)),
    ]
    return _differing(pairs)


def _by(decision: Decision) -> str:
    return "a grid of fit and engagement" if decision.kind == "grid" else "the sum of fit and engagement"


def _edges(edges: Sequence[int]) -> str | None:
    return ", ".join(map(str, edges)) or None


def _grid(decision: Decision) -> str | None:
    return " / ".join(" ".join(decision.tiers[tier] for tier in row) for row in decision.grid) or None


def _mqo(decision: Decision, wording: Wording) -> str | None:
    if not decision.mqo_tiers:
        return None
    when = f": {wording.condition(decision.mqo_when)}" if decision.mqo_when else ""
    return f"tier {', '.join(decision.tiers[tier] for tier in sorted(decision.mqo_tiers))}{when}"
