"""What can never be, or always is: conditions that contradict themselves, thresholds that nobody can reach.

Checked where a draft is written, not where a spec is read: what was frozen earlier stays readable.
"""

from collections import defaultdict
from collections.abc import Iterable

from leads.choices import FieldType
from leads.errors import Invalid
from scoring.reading import At
from scoring.spec import Condition, Criterion, Decision, Dimension, EventClause, FieldClause, Group, Limits, Spec

_ANY_NUMBER = 65_535  # more events than anything is counted to


def refuse_contradictions(at: At, condition: Condition) -> None:
    """Refuse a condition that no lead can meet, or that every lead meets. Raises Invalid at the clause that does it."""
    here = at.into(condition.mode)
    by_field: dict[str, list[tuple[int, FieldClause]]] = defaultdict(list)
    events: list[tuple[int, EventClause]] = []
    for index, part in enumerate(condition.parts):
        if isinstance(part, Condition):
            refuse_contradictions(here.into(index), part)
        elif isinstance(part, FieldClause):
            by_field[part.field].append((index, part))
        else:
            events.append((index, part))
    for clauses in by_field.values():
        words = _never(clauses) if condition.mode == "all" else _always(clauses)
        if words:
            here.into(clauses[-1][0]).refuse(words[1], code=words[0])
    if condition.mode == "all":
        for index, words_of in _events_never(events):
            here.into(index).refuse(words_of, code="contradiction")


def _always(clauses: list[tuple[int, FieldClause]]) -> tuple[str, str] | None:
    if {"known", "unknown"} <= {one.op for _, one in clauses}:
        return "everybody", "whether it is known or not, everybody matches"
    return None


def _never(clauses: list[tuple[int, FieldClause]]) -> tuple[str, str] | None:
    """Why no value meets all of these clauses about one field; None when some may."""
    ones = [one for _, one in clauses]
    if any(one.op == "unknown" for one in ones) and any(one.op != "unknown" for one in ones):
        return "contradiction", "it cannot be unknown and something at once"
    check = {
        FieldType.NUMBER: _no_number,
        FieldType.DATE: _no_day,
        FieldType.TEXT: _no_value,
        FieldType.CHOICE: _no_value,
        FieldType.MULTI: _no_choice,
        FieldType.BOOLEAN: _no_flag,
    }[ones[0].type]
    return ("contradiction", "no value can meet this and what is asked of it before") if check(ones) else None


def _no_number(ones: list[FieldClause]) -> bool:
    ranges = [one for one in ones if one.op == "between"]
    low = max((one.low for one in ranges if one.low is not None), default=float("-inf"))
    high = min((one.high for one in ranges if one.high is not None), default=float("inf"))
    if low > high:
        return True
    outs = [one for one in ones if one.op == "not_between"]
    return any(
        (float("-inf") if one.low is None else one.low) <= low and high <= (float("inf") if one.high is None else one.high)
        for one in outs
    )


def _no_day(ones: list[FieldClause]) -> bool:
    """Ages in days: the future has those below 0."""
    youngest, oldest = float("-inf"), float("inf")
    for one in ones:
        if one.op == "future":
            oldest = min(oldest, -1)
        elif one.days is not None:
            youngest = max(youngest, 0 if one.op == "within_days" else one.days)
            oldest = min(oldest, one.days - 1 if one.op == "within_days" else float("inf"))
    return youngest > oldest or _no_number(ones)


def _no_value(ones: list[FieldClause]) -> bool:
    def said(op: str) -> list[set[str]]:
        return [{f" {value.strip()} " for value in one.values} for one in ones if one.op == op]

    has, none = said("words"), set().union(*said("no_words"))
    if any(words <= {word for word in words if any(bar in word for bar in none)} for words in has):
        return True
    if not (wanted := said("in")):
        return False
    left = set.intersection(*wanted) - set().union(*said("not_in"))
    return not any(
        all(any(word in value for word in words) for words in has) and not any(bar in value for bar in none) for value in left
    )


def _no_choice(ones: list[FieldClause]) -> bool:
    barred = {value for one in ones if one.op == "has_none" for value in one.values}
    return any(
        (one.op == "has_all" and set(one.values) & barred) or (one.op == "has_any" and set(one.values) <= barred) for one in ones
    )


def _no_flag(ones: list[FieldClause]) -> bool:
    return len({one.flag for one in ones if one.op == "is"}) > 1


def _events_never(events: list[tuple[int, EventClause]]) -> Iterable[tuple[int, str]]:
    """At least n of something in a short time, and at most fewer in a longer one."""
    for _, least in events:
        for index, most in events:
            if least.at_least is None or most.at_most is None or least.event != most.event:
                continue
            if least.days <= most.days and least.at_least > most.at_most:
                yield index, f"at least {least.at_least} and at most {most.at_most} of the same cannot both be"


def refuse_no_effect(at: At, one: Criterion) -> None:
    """Refuse a criterion that gives nothing, or that its own cap would always cut. Raises Invalid at its points or its cap."""
    if not one.points:
        words = "with 0 points it changes nothing; give or take at least one, or use a gate to bar leads"
        at.into("points").refuse(words, code="no_points", value=0)
    least = abs(one.points)
    if one.cap is not None and one.cap < least:
        words = f"a cap of {one.cap} would cut every one of its {least} points; lower the points, or cap at {least} or more"
        at.into("cap").refuse(words, code="cap_below_points", value=one.cap)


# --- Reach --------------------------------------------------------------------------------------------------------------


def most_points(criteria: Iterable[Criterion], groups: Iterable[Group], limits: dict[Dimension, Limits]) -> dict[Dimension, int]:
    """The most fit and engagement that a lead could have at once, were every criterion that pays met and none that costs."""
    sums: dict[tuple[Dimension, str | None], int] = defaultdict(int)
    for one in criteria:
        if one.points > 0:
            times = (one.freq_max or _ANY_NUMBER) if one.award == "each" else 1
            most = one.points * times
            sums[one.dimension, one.group] += most if one.cap is None else min(most, one.cap)
    caps = {group.key: group.cap for group in groups}
    found: dict[Dimension, int] = {"fit": 0, "engagement": 0}
    for (dimension, group), points in sums.items():
        cap = caps.get(group) if group else None
        found[dimension] += points if cap is None else min(points, cap)
    for dimension, limit in limits.items():
        if limit.ceiling is not None:
            found[dimension] = min(found[dimension], limit.ceiling)
    return found


def earnable(most: dict[Dimension, int]) -> int | None:
    """The points that can be earned in all, given the most of fit and engagement; None where nothing bounds them."""
    total = most["fit"] + most["engagement"]
    return total if total < _ANY_NUMBER else None


def refuse_unfit_line(spec: Spec, threshold: int) -> None:
    """Refuse handing over from a sum that everybody or nobody has, or that leaves nothing of the tier below or its own.

    Raises Invalid in words. `spec` decides by a total, and has its edges where they are without that.
    """
    decision, at = spec.decision, spec.decision.mql_from - 1
    limits: dict[Dimension, Limits] = {"fit": spec.fit, "engagement": spec.engagement}
    most = sum(most_points(spec.criteria, spec.groups, limits).values())
    least = sum(least_points(spec.criteria, spec.groups, limits).values())
    if threshold <= least:
        problem = f"everybody would be handed over: no score is below {least}"
    elif threshold > most:
        problem = f"nobody would be handed over: at most {most} points can be earned"
    elif at and threshold <= decision.edges[at - 1]:
        problem = f"tier {decision.tiers[at]} begins at {decision.edges[at - 1]} already; move that edge first"
    elif at + 1 < len(decision.edges) and threshold >= decision.edges[at + 1]:
        problem = f"tier {decision.tiers[at + 2]} begins at {decision.edges[at + 1]} already; move that edge first"
    else:
        return
    words = f"Handing over from {threshold} is not possible: {problem}."
    raise Invalid(words, code="unfit_line", field="threshold", value=threshold, expected=f"a score from {least + 1} to {most}")


def least_points(criteria: Iterable[Criterion], groups: Iterable[Group], limits: dict[Dimension, Limits]) -> dict[Dimension, int]:
    """The least fit and engagement that a lead could have at once, were every criterion that costs met and none that pays."""
    sums: dict[tuple[Dimension, str | None], int] = defaultdict(int)
    for one in criteria:
        if one.points < 0:
            times = (one.freq_max or _ANY_NUMBER) if one.award == "each" else 1
            sums[one.dimension, one.group] += one.points * times
    floors = {group.key: group.floor for group in groups}
    found: dict[Dimension, int] = {"fit": 0, "engagement": 0}
    for (dimension, group), points in sums.items():
        floor = floors.get(group) if group else None
        found[dimension] += points if floor is None else max(points, floor)
    for dimension, limit in limits.items():
        if limit.floor is not None:
            found[dimension] = max(found[dimension], limit.floor)
    return found


def refuse_pointless_decision(at: At, decision: Decision, least: dict[Dimension, int], most: dict[Dimension, int]) -> None:
    """Refuse a line that no lead can reach, or that every lead passes. Raises Invalid."""
    if not is_reachable(decision, most):
        at.refuse(
            f"no lead can become an MQL: at most {_points(decision, most)} can be earned",
            code="unreachable",
            value=list(decision.edges) or None,
            expected="a threshold within reach",
        )
    if is_certain(decision, least):
        at.refuse(
            f"every lead would be an MQL: no lead has less than {_points(decision, least)}",
            code="certain",
            value=list(decision.edges) or None,
            expected="a threshold that not everybody passes",
        )


def refuse_pointless_spec(spec: Spec) -> None:
    """Refuse a spec whose criteria and bounds leave its line out of reach, or let everybody pass. Raises Invalid."""
    limits: dict[Dimension, Limits] = {"fit": spec.fit, "engagement": spec.engagement}
    least, most = (count(spec.criteria, spec.groups, limits) for count in (least_points, most_points))
    if spec.criteria:
        refuse_pointless_decision(decision_at(spec.decision), spec.decision, least, most)


def decision_at(decision: Decision) -> At:
    """Where a refusal of a decision points to."""
    return At("The decision", "edges" if decision.kind == "total" else "grid")


def _points(decision: Decision, some: dict[Dimension, int]) -> str:
    if decision.kind == "total":
        return f"{some['fit'] + some['engagement']} points"
    return f"{some['fit']} fit and {some['engagement']} engagement"


def is_certain(decision: Decision, least: dict[Dimension, int]) -> bool:
    """Whether every lead with that much fit and engagement, or more of either, would be an MQL."""
    if decision.kind == "total":
        return _band(least["fit"] + least["engagement"], decision.edges) >= decision.mql_from
    rows = decision.grid[_band(least["fit"], decision.fit_edges) :]
    first = _band(least["engagement"], decision.engagement_edges)
    return all(tier >= decision.mql_from for row in rows for tier in row[first:])


def _band(value: int, edges: tuple[int, ...]) -> int:
    return sum(edge <= value for edge in edges)


def is_reachable(decision: Decision, most: dict[Dimension, int]) -> bool:
    """Whether a lead with that much fit and engagement, or less of either, would be an MQL."""
    if decision.kind == "total":
        return _band(most["fit"] + most["engagement"], decision.edges) >= decision.mql_from
    rows = decision.grid[: _band(most["fit"], decision.fit_edges) + 1]
    return any(
        tier >= decision.mql_from for row in rows for tier in row[: _band(most["engagement"], decision.engagement_edges) + 1]
    )
