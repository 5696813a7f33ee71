"""What holds for every model and every lead."""

from datetime import timedelta
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.evaluate_python import Facts, evaluate
from scoring.operators import date_of, day_of
from scoring.spec_reader import problems_of, read_spec
from tests.scoring.samples import AS_OF, REGISTRY
from tests.scoring.strategies import known_facts, models

many = settings(max_examples=150, deadline=None)


@many
@given(models(), known_facts())
def test_lines_sum_exactly_to_fit_and_engagement(data: dict[str, Any], facts: Facts) -> None:
    result = evaluate(read_spec(data, REGISTRY), facts, AS_OF)
    for dimension, total in (("fit", result.fit), ("engagement", result.engagement)):
        assert sum(line.points for line in result.lines if line.dimension == dimension) == total


@many
@given(models(), known_facts(), st.randoms(use_true_random=False))
def test_the_order_of_criteria_groups_and_events_changes_no_figure(data: dict[str, Any], facts: Facts, random: Random) -> None:
    result = evaluate(read_spec(data, REGISTRY), facts, AS_OF)
    events = list(facts.events)
    for some in (data["criteria"], data["groups"], events):
        random.shuffle(some)
    mixed = evaluate(read_spec(data, REGISTRY), Facts(facts.values, events, facts.has_activity, facts.engagement_from), AS_OF)
    assert sorted(mixed.lines, key=repr) == sorted(result.lines, key=repr)
    assert (mixed.fit, mixed.engagement, mixed.gate, mixed.tier, mixed.mql, mixed.mqo, mixed.due_on) == (
        result.fit, result.engagement, result.gate, result.tier, result.mql, result.mqo, result.due_on,
    )  # fmt: skip


@many
@given(models(), known_facts(), st.integers(0, 23), st.integers(0, 400))
def test_nothing_changes_by_time_alone_before_the_due_day(data: dict[str, Any], facts: Facts, hour: int, far: int) -> None:
    spec = read_spec(data, REGISTRY)
    result = evaluate(spec, facts, AS_OF)
    plain = (result.in_scope, result.fit, result.engagement, result.gate, result.tier, result.mql, result.mqo, len(result.lines))
    first = day_of(AS_OF)
    last = first + far if result.due_on is None else min(first + 120, day_of(AS_OF) + (result.due_on - AS_OF.date()).days - 1)
    days = [last] if result.due_on is None else range(first + 1, last + 1)
    assert result.due_on is None or result.due_on > date_of(first)
    for day in days:
        at = AS_OF.replace(hour=hour) + timedelta(days=day - first)
        if at < AS_OF:
            continue
        later = evaluate(spec, facts, at)
        found = (later.in_scope, later.fit, later.engagement, later.gate, later.tier, later.mql, later.mqo, len(later.lines))
        assert found == plain


def _mirrored(data: dict[str, Any]) -> dict[str, Any]:
    """All points negated, and every bound with them."""
    criteria = [one | {"points": -one["points"]} for one in data["criteria"]]

    def turned(bounds: dict[str, Any], high: str) -> dict[str, Any]:
        rest = {key: value for key, value in bounds.items() if key not in ("floor", high)}
        pairs = {"floor": bounds.get(high), high: bounds.get("floor")}
        return rest | {key: -value for key, value in pairs.items() if value is not None}

    return data | {
        "criteria": criteria,
        "groups": [turned(group, "cap") for group in data["groups"]],
        "dimensions": {key: turned(bounds, "ceiling") for key, bounds in data["dimensions"].items()},
    }


@many
@given(models(), known_facts())
def test_negative_points_decay_and_caps_mirror_positive_ones(data: dict[str, Any], facts: Facts) -> None:
    result = evaluate(read_spec(data, REGISTRY), facts, AS_OF)
    mirror = evaluate(read_spec(_mirrored(data), REGISTRY), facts, AS_OF)
    assert (mirror.fit, mirror.engagement) == (-result.fit, -result.engagement)
    assert sorted(-line.points for line in mirror.lines) == sorted(line.points for line in result.lines)


@many
@given(models(), known_facts())
def test_bounds_hold_and_each_is_a_line_of_its_own(data: dict[str, Any], facts: Facts) -> None:
    result = evaluate(read_spec(data, REGISTRY), facts, AS_OF)
    if not result.in_scope:
        return
    for dimension, total in (("fit", result.fit), ("engagement", result.engagement)):
        bounds = data["dimensions"][dimension]
        assert bounds.get("floor", total) <= total <= bounds.get("ceiling", total)
    for one in data["criteria"]:
        own = [line for line in result.lines if line.key == one["key"] and line.kind in ("criterion", "decay", "cap")]
        assert abs(sum(line.points for line in own)) <= one.get("cap", 10**9)
    members = {one["key"]: one.get("group") for one in data["criteria"]}
    for group in data["groups"]:
        total = sum(line.points for line in result.lines if line.key == group["key"] or members.get(line.key) == group["key"])
        assert group.get("floor", total) <= total <= group.get("cap", total)


@many
@given(models(), known_facts())
def test_a_gate_beats_any_score_and_an_mqo_is_an_mql(data: dict[str, Any], facts: Facts) -> None:
    spec = read_spec(data, REGISTRY)
    result = evaluate(spec, facts, AS_OF)
    assert not (result.gated and (result.mql or result.mqo or result.tier is not None))
    assert result.mql or not result.mqo
    if result.mql:
        assert result.tier is not None
        assert result.tier >= spec.decision.mql_from
    assert result.in_scope or not result.lines


@many
@given(models())
def test_reading_the_canonical_text_again_gives_the_same_spec(data: dict[str, Any]) -> None:
    spec = read_spec(data, REGISTRY)
    again = read_spec(spec.as_json(), REGISTRY)
    assert again.text == spec.text
    assert again.hash == spec.hash
    assert again == spec
    assert problems_of(data, REGISTRY) == []


@settings(max_examples=100, deadline=None)
@given(models(), known_facts())
def test_later_and_unknown_events_change_nothing(data: dict[str, Any], facts: Facts) -> None:
    spec = read_spec(data, REGISTRY)
    start = facts.engagement_from
    counted = [
        event
        for event in facts.events
        if event.occurred_at <= AS_OF and event.known_at <= AS_OF and (start is None or event.occurred_at >= start)
    ]
    trimmed = Facts(facts.values, counted, facts.has_activity)
    assert evaluate(spec, trimmed, AS_OF).lines == evaluate(spec, facts, AS_OF).lines
