"""The columns evaluator means what the reference evaluator means, for random registries, models and facts."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from scoring import columns, evaluate_numpy, lowering
from scoring.evaluate_python import Facts, evaluate
from scoring.operators import day_of
from scoring.registry import Registry, by_key
from scoring.spec_reader import read_spec
from tests.scoring.columns import said, segment_of, told
from tests.scoring.samples import AS_OF, FIELDS, REGISTRY, a_tally, event, facts, model
from tests.scoring.strategies import many_facts, models

MOST = 60
THOUSANDS = 3_000
few = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
rows = st.builds(many_facts, st.integers(0, 2**32), st.integers(1, MOST))  # a model is dear to make, leads are not
moments = st.sampled_from((0, 0, 0, 1, 29, 400)).map(lambda days: AS_OF - timedelta(days=days))


@st.composite
def registries(draw: st.DrawFn) -> tuple[Registry, dict[str, str]]:
    """A registry of the same types under other keys and in another order, with fields nobody asks about; and the new keys."""
    fields = draw(st.permutations(FIELDS))
    keys = draw(st.lists(st.from_regex(r"custom\.[a-z][a-z0-9_]{0,8}", fullmatch=True), min_size=12, max_size=12, unique=True))
    named = dict(zip((one.key for one in fields), keys, strict=False)) if draw(st.booleans()) else {}
    others = [replace(one, key=f"lead.other{number}") for number, one in enumerate(fields[: draw(st.integers(0, 3))])]
    return replace(REGISTRY, fields=by_key([replace(one, key=named.get(one.key, one.key)) for one in [*fields, *others]])), named


def _renamed(data: Any, named: dict[str, str]) -> Any:
    if isinstance(data, dict):
        return {key: named.get(one, one) if key == "field" else _renamed(one, named) for key, one in data.items()}
    return [_renamed(one, named) for one in data] if isinstance(data, list) else data


def _facts_renamed(facts: Facts, named: dict[str, str]) -> Facts:
    return replace(facts, values={named.get(key, key): value for key, value in facts.values.items()})


def check_cases(data: dict[str, Any], some: list[Facts], ages: list[int], made: tuple[Registry, dict[str, str]]) -> None:
    registry, named = made
    spec = read_spec(_renamed(data, named), registry)
    some = [_facts_renamed(one, named) for one in some]
    decided = [AS_OF - timedelta(days=ages[place % len(ages)]) for place in range(len(some))]
    segment = segment_of(some, registry, decided=decided)
    assert told(spec, segment) == [said(spec, evaluate(spec, one, at)) for one, at in zip(some, decided, strict=True)]


def check_open(data: dict[str, Any], some: list[Facts], later: int, base: int) -> None:
    spec = read_spec(data, REGISTRY)
    some = [replace(one, has_activity=True) for one in some]
    today = day_of(AS_OF)
    segment = segment_of(some, REGISTRY, as_of=AS_OF, base_day=today - base)
    if later >= 0:  # time passes over what is known now
        at, limit = AS_OF + timedelta(days=later), AS_OF
    else:  # the end of an earlier day
        at = limit = AS_OF.replace(hour=23, minute=59, second=59, microsecond=999_999) + timedelta(days=later)
    known = [replace(one, events=[e for e in one.events if max(e.occurred_at, e.known_at) <= min(limit, AS_OF)]) for one in some]
    expected = [said(spec, evaluate(spec, one, at)) for one in known]
    assert told(spec, segment, day_of(at)) == expected
    if later == 0:
        assert told(spec, segment) == [said(spec, evaluate(spec, one, AS_OF)) for one in some] == expected


ages = st.lists(st.sampled_from((0, 0, 1, 29, 400)), min_size=1, max_size=3)
days = st.sampled_from((0, 0, 1, 5, 60, -1, -7))


# Where random points, ages and half-lives meet too rarely: half a point, which is rounded away from zero, and a window's edge.
at_the_edge = example(model(a_tally("t", 5, award="each", days=90)), [facts(event(90), event(89))], [0], (REGISTRY, {}))
halved = example(model(a_tally("t", -1, award="each", half_life=30)), [facts(event(30))], [0], (REGISTRY, {}))


def test_thousands_of_cases_and_open_leads_are_scored_as_by_the_reference(record_property):
    """`compared` counts pairs of a model and a lead, each compared in everything the evaluators say."""
    compared = 0

    def cases(data, some, ages, made):
        nonlocal compared
        compared += len(some)
        check_cases(data, some, ages, made)

    def leads(data, some, later, base):
        nonlocal compared
        compared += len(some)
        check_open(data, some, later, base)

    few(at_the_edge(halved(given(models(), rows, ages, registries())(cases))))()
    few(given(models(), rows, days, st.integers(0, 3))(leads))()
    record_property("compared", compared)
    assert compared >= THOUSANDS


def _late_window(monkeypatch):
    """`age <= days` instead of `age < days`."""
    right = columns._recent
    monkeypatch.setattr(columns, "_recent", lambda segment, event, days, day: right(segment, event, days + 1, day))


def _floored_negatives(monkeypatch):
    monkeypatch.setattr(evaluate_numpy, "_faded", lambda points, weight: (points * weight + 500) // 1000)


def _unknown_matches_negatives(monkeypatch):
    right = lowering._field_test

    def wrong(clause):
        test = right(clause)
        return replace(test, takes="no") if test.takes == "known_no" else test

    monkeypatch.setattr(lowering, "_field_test", wrong)


def _edge_in_the_lower_band(monkeypatch):
    monkeypatch.setattr(
        evaluate_numpy, "band", lambda values, edges: sum((values > edge for edge in edges), values.astype("int8") * 0)
    )


def _unknown_code_matches(monkeypatch):
    """-1 points at the last of the table's entries: without the one more, unknown is the newest value."""
    right = columns._of_code
    monkeypatch.setattr(columns, "_of_code", lambda column, dictionary: right(column, dictionary)[:-1])


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@pytest.mark.parametrize(
    "plant", [_late_window, _floored_negatives, _unknown_matches_negatives, _edge_in_the_lower_band, _unknown_code_matches]
)
def test_a_planted_fault_is_found(plant, monkeypatch):
    lowering.lower.cache_clear()
    plant(monkeypatch)
    search = settings(
        few,
        max_examples=800,
        phases=[Phase.explicit, Phase.generate],
        database=None,
        derandomize=True,
        report_multiple_bugs=False,
    )
    try:
        with pytest.raises((AssertionError, IndexError)):
            search(at_the_edge(halved(given(models(), rows, ages, registries())(check_cases))))()
    finally:
        lowering.lower.cache_clear()
