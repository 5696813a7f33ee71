import json
from copy import deepcopy
from typing import Any

import pytest

from leads.errors import Invalid
from leads.lib.folding import fold
from scoring.registry import Registry
from scoring.spec_reader import problems_of, read_spec
from tests.scoring.samples import FIELDS, REGISTRY, TOTAL, a_tally, a_test, clause, model, spec, when

GRID: dict[str, Any] = {
    "kind": "grid",
    "tiers": ["C", "B", "A"],
    "fit_edges": [10],
    "engagement_edges": [10],
    "grid": [["C", "B"], ["B", "A"]],
    "mql_from": "B",
}


def refusal(data: object) -> Invalid:
    with pytest.raises(Invalid) as caught:
        read_spec(data, REGISTRY)
    return caught.value


def asking(one: dict[str, Any]) -> dict[str, Any]:
    return model(a_test("it", 1, one))


@pytest.mark.parametrize(
    ("data", "code", "field"),
    [
        (asking(clause("lead.shoe_size", "known")), "unknown_field", "criteria[0].when.all[0].field"),
        (asking(clause("custom.verdict", "known")), "known_after", "criteria[0].when.all[0].field"),
        (asking(clause("custom.old", "known")), "inactive_field", "criteria[0].when.all[0].field"),
        (asking(clause("lead.job_title", "between", low=1)), "not_a_choice", "criteria[0].when.all[0].op"),
        (asking(clause("lead.job_title", "in", values=[])), "wrong_length", "criteria[0].when.all[0].values"),
        (asking(clause("lead.job_title", "in", values=["vp", "--"])), "empty_value", "criteria[0].when.all[0].values[1]"),
        (asking(clause("lead.job_title", "in")), "missing", "criteria[0].when.all[0].values"),
        (asking(clause("lead.job_title", "known", values=["vp"])), "unknown_key", "criteria[0].when.all[0].values"),
        (asking(clause("lead.seniority", "in", values=["boss"])), "not_a_choice", "criteria[0].when.all[0].values[0]"),
        (asking(clause("company.employees", "between", low=9, high=3)), "empty_range", "criteria[0].when.all[0].high"),
        (asking(clause("company.employees", "between")), "missing", "criteria[0].when.all[0].low"),
        (asking(clause("company.employees", "between", low=True)), "wrong_number", "criteria[0].when.all[0].low"),
        (asking(clause("company.employees", "between", low=1234567890.1234567)), "wrong_number", "criteria[0].when.all[0].low"),
        (asking(clause("company.is_customer", "is", value=1)), "wrong_value", "criteria[0].when.all[0].value"),
        (asking(clause("custom.renewal", "within_days", days=0)), "wrong_number", "criteria[0].when.all[0].days"),
        (asking(clause("custom.renewal", "between", low="1.5.2026")), "wrong_date", "criteria[0].when.all[0].low"),
        (asking(clause("lead.email_domain", "in_list", list="rivals")), "unknown_list", "criteria[0].when.all[0].list"),
        (asking(clause("lead.email_domain", "in_list", list="free_mail", rev=3)), "wrong_number", "criteria[0].when.all[0].rev"),
        (asking({"event": {"kinds": ["whitepaper"]}, "days": 30}), "missing", "criteria[0].when.all[0].at_least"),
        (asking({"event": {"kinds": ["Dance!"]}, "days": 30, "at_least": 1}), "wrong_key", "criteria[0].when.all[0].event.kinds"),
        (asking({"event": {}, "days": 30, "at_least": 1}), "missing", "criteria[0].when.all[0].event"),
        (
            asking({"event": {"kinds": ["whitepaper"]}, "days": 30, "at_least": 3, "at_most": 2}),
            "empty_range",
            "criteria[0].when.all[0].at_most",
        ),
        (asking({"not": [clause("lead.job_title", "known")]}), "unknown_field", "criteria[0].when.all[0].field"),
        (asking(when(when(clause("lead.job_title", "known")))), "too_deep", "criteria[0].when.all[0].all[0]"),
        (asking("known"), "wrong_shape", "criteria[0].when.all[0]"),
        (model(a_test("it", 1001)), "wrong_number", "criteria[0].points"),
        (model(a_test("it", 1.5)), "wrong_number", "criteria[0].points"),
        (model(a_test("It", 1)), "wrong_key", "criteria[0].key"),
        (model(a_test("it", 1), a_test("it", 2)), "double", "criteria[1].key"),
        (model(a_test("it", 1, group="role")), "unknown_group", "criteria[0].group"),
        (
            model(a_test("it", 1, group="g"), groups=[{"key": "g", "label": "G", "dimension": "engagement"}]),
            "wrong_dimension",
            "criteria[0].group",
        ),
        (model(a_test("it", 1) | {"when": {"all": []}}), "empty", "criteria[0].when.all"),
        (model(a_test("it", 1) | {"when": {"all": [], "any": []}}), "wrong_shape", "criteria[0].when"),
        (model(a_test("it", 1, colour="red")), "unknown_key", "criteria[0].colour"),
        (model(a_test("it", 1) | {"shape": "guess"}), "not_a_choice", "criteria[0].shape"),
        (model(a_tally("it", 1, days=3651)), "wrong_number", "criteria[0].days"),
        (model(a_tally("it", 1, freq_max=3)), "needs_each", "criteria[0].freq_max"),
        (model(a_tally("it", 1, half_life=3)), "needs_each", "criteria[0].half_life"),
        (model(a_tally("it", 1, award="each", freq_min=3, freq_max=2)), "empty_range", "criteria[0].freq_max"),
        (model(), "missing", "criteria"),
        (model(a_test("it", 1), format=2), "wrong_number", "format"),
        (model(a_test("it", 1), colour="red"), "unknown_key", "colour"),
        ([], "wrong_shape", ""),
        (model(a_test("it", 1), decision=TOTAL | {"edges": [40, 20]}), "unsorted_edges", "decision.edges"),
        (model(a_test("it", 1), decision=TOTAL | {"edges": [40, 40]}), "unsorted_edges", "decision.edges"),
        (model(a_test("it", 1), decision=TOTAL | {"edges": [40]}), "wrong_length", "decision.edges"),
        (model(a_test("it", 1), decision=TOTAL | {"tiers": ["C", "C", "A"]}), "double", "decision.tiers"),
        (model(a_test("it", 1), decision=TOTAL | {"mql_from": "Z"}), "not_a_choice", "decision.mql_from"),
        (model(a_test("it", 1), decision=TOTAL | {"mqo": {"tiers": ["C"]}}), "below_mql", "decision.mqo.tiers"),
        (model(a_test("it", 1), decision=GRID | {"grid": [["C", "B"]]}), "wrong_length", "decision.grid"),
        (model(a_test("it", 1), decision=GRID | {"grid": [["C", "B"], ["B"]]}), "wrong_length", "decision.grid[1]"),
        (model(a_test("it", 1), decision=GRID | {"grid": [["C", "C"], ["C", "C"]]}), "unreachable", "decision.mql_from"),
        (model(a_test("it", 1), decision=GRID | {"edges": [1]}), "unknown_key", "decision.edges"),
        (model(a_test("it", 1), dimensions={"fit": {"floor": 9, "ceiling": 3}}), "empty_range", "dimensions.fit"),
        (model(a_test("it", 1), dimensions={"charm": {}}), "unknown_key", "dimensions.charm"),
        (
            model(a_test("it", 1), groups=[{"key": "g", "label": "G", "dimension": "fit", "cap": 1, "floor": 2}]),
            "empty_range",
            "groups[0]",
        ),
        (model(a_test("it", 1), gates=[{"key": "g", "label": "G"}]), "missing", "gates[0].when"),
        (model(a_test("it", 1), scope=when(clause("lead.shoe_size", "known"))), "unknown_field", "scope.all[0].field"),
    ],
)
def test_a_wrong_model_is_refused_where_it_is_wrong(data: object, code: str, field: str) -> None:
    problem = refusal(data)
    assert (problem.code, problem.field) == (code, field)
    assert problem.message.endswith(".")


def test_the_refusal_names_the_criterion_the_value_and_what_was_expected() -> None:
    problem = refusal(model(a_test("size", 5, clause("company.employees", "between", low="many"), label="Company size")))
    assert problem.message == "Criterion “Company size”: 'many' is not a number. Expected: a number."
    assert (problem.value, problem.expected) == ("many", "a number")


def test_all_problems_of_a_draft_are_found_part_by_part() -> None:
    data = model(
        a_test("one", 5000),
        a_test("two", 5),
        a_test("three", 5, clause("lead.shoe_size", "known")),
        decision={},
        gates=[{"key": "g", "label": "G", "when": when()}],
    )
    assert [problem.code for problem in problems_of(data, REGISTRY)] == [
        "wrong_number",
        "unknown_field",
        "empty",
        "not_a_choice",
    ]


def test_the_canonical_text_folds_sorts_and_names_list_revisions() -> None:
    messy = spec(
        a_test("it", 5, clause("lead.job_title", "words", values=["VP", "Head-of", " vp "])),
        gates=[{"key": "free", "label": "Free mail", "when": when(clause("lead.email_domain", "in_list", list="free_mail"))}],
    )
    data = json.loads(messy.text)
    assert data["criteria"][0]["when"] == {"all": [{"field": "lead.job_title", "op": "words", "values": ["head of", "vp"]}]}
    assert data["gates"][0]["when"]["all"][0]["rev"] == 2
    assert "null" not in messy.text


def test_equal_content_has_one_hash_and_another_point_another_hash() -> None:
    base = model(a_test("it", 5, clause("company.employees", "between", low=200)))
    same = deepcopy(base) | {"groups": [], "scope": {"all": []}}
    same["criteria"][0]["when"]["all"][0]["low"] = 200.0
    other = deepcopy(base)
    other["criteria"][0]["points"] = 6
    one, two, three = (read_spec(data, REGISTRY) for data in (base, same, other))
    assert one.hash == two.hash
    assert one == two
    assert one != three
    assert len(one.hash) == 64


def test_relabelling_a_choice_changes_no_hash() -> None:
    data = asking(clause("lead.seniority", "in", values=["vp"]))
    renamed = {
        one.key: one if one.key != "lead.seniority" else type(one)(one.key, one.label, one.type, (("vp", "Chief of something"),))
        for one in FIELDS
    }
    registry = Registry(renamed, REGISTRY.kinds, REGISTRY.latest_lists, REGISTRY.list_values)
    assert read_spec(data, registry).hash == read_spec(data, REGISTRY).hash
    assert registry.hash == REGISTRY.hash


def test_a_newer_list_leaves_a_spec_alone_that_names_its_revision() -> None:
    data = asking(clause("lead.email_domain", "in_list", list="free_mail", rev=1))
    before = read_spec(data, REGISTRY)
    newer = Registry(
        REGISTRY.fields,
        REGISTRY.kinds,
        {"free_mail": 3},
        lambda key, rev: frozenset([fold("new.test")] if rev == 3 else [fold("gmail.com")]),
    )
    assert read_spec(data, newer).hash == before.hash
    assert read_spec(asking(clause("lead.email_domain", "in_list", list="free_mail")), newer).hash != before.hash


def test_a_tag_means_the_assets_that_bear_it_and_what_was_frozen_those_it_meant_then() -> None:
    frozen = Registry(REGISTRY.fields, REGISTRY.kinds)
    one = spec(a_tally("it", 5, event={"tags": [" Pricing ", "guides"], "assets": [9]}))
    event = one.criteria[0].event
    assert event is not None
    assert (event.tags, event.tagged, event.of_assets) == (("guides", "pricing"), (1, 2, 3), {1, 2, 3, 9})
    assert read_spec(one.as_json(), frozen) == one
    more = Registry(REGISTRY.fields, REGISTRY.kinds, tagged={"pricing": (2, 3, 4), "guides": (1,)})
    assert read_spec(one.as_json(), more).hash != one.hash
    for data, registry, code in (
        ({"tags": ["yard"]}, REGISTRY, "unknown_tag"),
        ({"tags": [" "]}, REGISTRY, "wrong_value"),
        ({"kinds": ["demo_request"], "tags": ["pricing"]}, frozen, "missing"),
        ({"kinds": ["demo_request"], "tagged": [4]}, frozen, "missing"),
    ):
        with pytest.raises(Invalid) as refused:
            read_spec(model(a_tally("it", 5, event=data)), registry)
        assert refused.value.code == code


def test_a_criterions_hash_is_its_content_without_its_group() -> None:
    group = {"key": "role", "label": "Role", "dimension": "fit"}
    alone, grouped = spec(a_test("it", 5)), spec(a_test("it", 5, group="role"), groups=[group])
    assert alone.criteria[0].hash == grouped.criteria[0].hash
    assert alone.criteria[0].hash != spec(a_test("it", 6)).criteria[0].hash
