"""A model in words: criteria, conditions and lines as the sentences people agree on."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from leads.choices import FieldType, activity_label
from scoring.evaluate_python import Line
from scoring.operators import OPERATORS, Takes, date_of
from scoring.registry import Registry
from scoring.spec import Condition, Criterion, Decision, EventClause, EventFilter, FieldClause, plain_number


def joined(words: Sequence[str], last: str = "or") -> str:
    """`a, b or c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def _inside(words: str) -> str:
    """Words as they stand within a sentence; names in capitals keep them."""
    return words if words[1:2].isupper() else words[:1].lower() + words[1:]


def days_in_words(days: int) -> str:
    return "1 day" if days == 1 else f"{days} days"


def day_in_words(text: str) -> str:
    """`16 Oct 2025` of an ISO day or moment; any other text as it is."""
    try:
        return f"{date.fromisoformat(text[:10]):%-d %b %Y}"
    except ValueError:
        return text


def number_in_words(number: float | None) -> str:
    return f"{plain_number(number):,}" if number is not None else ""


class Wording:
    """Says specs in words, with the labels of fields, choices, assets and campaigns as they are now."""

    def __init__(self, registry: Registry, assets: dict[int, str] | None = None, campaigns: dict[int, str] | None = None) -> None:
        self.registry = registry
        self.assets = assets or {}
        self.campaigns = campaigns or {}

    def field(self, key: str) -> str:
        field = self.registry.fields.get(key)
        return field.label if field else key

    def kind(self, kind: str) -> str:
        return self.registry.kinds.get(kind) or activity_label(kind)

    def _values(self, clause: FieldClause) -> str:
        field = self.registry.fields.get(clause.field)
        labels = [field.choice_label(value) if field else value for value in clause.values]
        return joined([f"“{label}”" for label in labels], "and" if clause.op == "has_all" else "or")

    def _range(self, clause: FieldClause) -> str:
        if clause.type == FieldType.DATE:
            low, high = ("" if end is None else f"{date_of(int(end)):%-d %b %Y}" for end in (clause.low, clause.high))
        else:
            low, high = number_in_words(clause.low), number_in_words(clause.high)
        if low and high:
            return f"{low} to {high}"
        if clause.type == FieldType.DATE:
            return f"on or after {low}" if low else f"on or before {high}"
        return f"{low} or more" if low else f"{high} or less"

    def clause(self, clause: FieldClause | EventClause) -> str:
        """`Employees is 200 to 5,000`."""
        if isinstance(clause, EventClause):
            return self._counted(clause)
        operator = OPERATORS[clause.type][clause.op]
        return f"{self.field(clause.field)} {operator.words.format(self._arguments(clause, operator.takes))}"

    def _arguments(self, clause: FieldClause, takes: Takes) -> str:
        match takes:
            case Takes.VALUES:
                return self._values(clause)
            case Takes.LIST:
                return f"“{clause.list_key}” (revision {clause.rev})"
            case Takes.RANGE:
                return self._range(clause)
            case Takes.DAYS:
                return str(clause.days)
            case Takes.FLAG:
                return "yes" if clause.flag else "no"
            case Takes.NOTHING:
                return ""

    def event(self, event: EventFilter) -> str:
        """`Downloaded a white paper: “Cost of delay”, campaign “Spring”`."""
        kinds = [self.kind(kind) for kind in event.kinds]
        words = joined([*kinds[:1], *(_inside(kind) for kind in kinds[1:])]) or "Anything done"
        assets = [f"“{self.assets.get(one, one)}”" for one in event.assets]
        if event.tags:
            tags = joined([f"“{tag}”" for tag in event.tags])
            many = len(event.tagged)
            assets.append(f"any of the {many} assets tagged {tags}" if many > 1 else f"the one asset tagged {tags}")
        if assets:
            words += f": {joined(assets)}"
        if event.campaigns:
            words += f", campaign {joined([f'“{self.campaigns.get(one, one)}”' for one in event.campaigns])}"
        return words

    def _counted(self, clause: EventClause) -> str:
        if clause.at_least is None:
            often = f"at most {clause.at_most} times" if clause.at_most else "not once"
        elif clause.at_most is None:
            often = "at least once" if clause.at_least == 1 else f"at least {clause.at_least} times"
        else:
            often = f"{clause.at_least} to {clause.at_most} times"
        return f"{self.event(clause.event)} {often} in the last {days_in_words(clause.days)}"

    def condition(self, condition: Condition) -> str:
        """The clauses joined by `and` or `or`; a nested condition stands in brackets."""
        if not condition.parts:
            return "every lead"
        parts = [
            f"({self.condition(part)})" if isinstance(part, Condition) and len(part.parts) > 1
            else self.condition(part) if isinstance(part, Condition)
            else self.clause(part)
            for part in condition.parts
        ]  # fmt: skip
        return f" {'and' if condition.mode == 'all' else 'or'} ".join(parts)

    def criterion(self, one: Criterion) -> str:
        """What must be so for the points, without the points: a sentence."""
        if one.when is not None:
            return self.condition(one.when)
        assert one.event is not None
        assert one.days is not None
        often = "" if one.freq_min == 1 else f" at least {one.freq_min} times"
        words = f"{self.event(one.event)}{often} in the last {days_in_words(one.days)}"
        return words + (", each time" if one.award == "each" else ", once")

    def terms(self, one: Criterion) -> list[str]:
        """What limits the points: counts, half-life, cap."""
        found = []
        if one.freq_max is not None:
            found.append(f"the newest {one.freq_max} count")
        if one.half_life is not None:
            found.append(f"half-life {days_in_words(one.half_life)}")
        if one.cap is not None:
            found.append(f"cap {one.cap}")
        return found

    def decision(self, decision: Decision) -> list[str]:
        """How scores become tiers, MQL and MQO: one sentence each."""
        words = []
        if decision.kind == "total":
            steps = [f"{tier} from {edge}" for tier, edge in zip(decision.tiers[1:], decision.edges, strict=True)]
            words.append(f"Fit and engagement together: {joined(list(reversed(steps)), 'and')}, below that {decision.tiers[0]}.")
        else:
            words.append("Fit and engagement in a grid: see the table.")
        words.append(f"A lead is an MQL from tier {decision.tiers[decision.mql_from]}.")
        if decision.mqo_tiers:
            tiers = joined([decision.tiers[tier] for tier in sorted(decision.mqo_tiers)])
            when = f": {self.condition(decision.mqo_when)}" if decision.mqo_when else ""
            words.append(f"It is an MQO in tier {tiers}{' when this is so' if when else ''}{when}.")
        return words

    # --- Lines ---

    def line(self, line: Line) -> dict[str, Any]:
        """A line with its words and the facts behind it, as qualifications store it and pages draw it."""
        return line.as_json() | {
            "words": _LINE_WORDS[line.kind].format(line.label),
            "sub": self._behind(line),
            "group": line.dimension,
        }

    def lines(self, lines: Iterable[Line]) -> list[dict[str, Any]]:
        return [self.line(line) for line in lines]

    def _behind(self, line: Line) -> str:
        if line.kind != "criterion":
            return ""
        found = [f"{self.field(key)}: {self.fact(key, value)}" for key, value in line.facts if value is not None]
        if line.times is not None:
            found.append("once" if line.times == 1 else f"{line.times} times")
        return " · ".join(found)

    def fact(self, key: str, value: object) -> str:
        """A value as people read it."""
        field = self.registry.fields.get(key)
        if field is not None and field.type == FieldType.DATE:
            return day_in_words(str(value))
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, int | float):
            return f"{value:,}"
        if isinstance(value, list | tuple):
            return joined([field.choice_label(str(one)) if field else str(one) for one in value], "and")
        return field.choice_label(str(value)) if field else str(value)


_LINE_WORDS = {
    "criterion": "{}",
    "decay": "{}: faded with time",
    "cap": "{}: held at its cap",
    "group_cap": "{}: held at the group's cap",
    "group_floor": "{}: raised to the group's floor",
    "ceiling": "{}: held at its ceiling",
    "floor": "{}: raised to its floor",
}
