from typing import Any

import pytest

from leads.lib.folding import fold
from scoring.registry import spelled
from scoring.wording import Wording, joined
from tests.scoring.samples import REGISTRY, TOTAL, a_tally, a_test, clause, event, facts, score, spec, when

WORDING = Wording(REGISTRY, {7: "Cost of delay"}, {3: "Spring"})


def said(one: dict[str, Any]) -> str:
    return WORDING.criterion(spec(one).criteria[0])


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (clause("company.employees", "between", low=200, high=5000), "Employees is 200 to 5,000"),
        (clause("company.employees", "between", low=200), "Employees is 200 or more"),
        (clause("company.employees", "not_between", high=19.5), "Employees is known and is not 19.5 or less"),
        (clause("lead.job_title", "words", values=["VP", "Head of"]), "Job title has the words “head of” or “vp”"),
        (clause("lead.job_title", "no_words", values=["intern"]), "Job title is known and has none of the words “intern”"),
        (clause("lead.seniority", "in", values=["vp"]), "Seniority is “Vice president”"),
        (clause("custom.interests", "has_all", values=["api", "sso"]), "Interests has all of “API” and “SSO”"),
        (clause("company.is_customer", "is", value=False), "Is a customer is no"),
        (clause("custom.renewal", "within_days", days=30), "Renewal lies in the last 30 days"),
        (clause("custom.renewal", "between", high="2026-03-31"), "Renewal is on or before 31 Mar 2026"),
        (clause("custom.renewal", "future"), "Renewal lies in the future"),
        (
            clause("lead.email_domain", "not_in_list", list="free_mail"),
            "E-mail domain is known and is not in the list “free_mail” (revision 2)",
        ),
        (clause("lead.job_title", "unknown"), "Job title is not known"),
        ({"event": {"kinds": ["demo_request"]}, "days": 30, "at_least": 1}, "Demo at least once in the last 30 days"),
        (
            {"event": {"kinds": ["whitepaper", "demo_request"]}, "days": 1, "at_least": 2},
            "Demo or white paper at least 2 times in the last 1 day",
        ),
        ({"event": {"kinds": ["demo_request"]}, "days": 30, "at_most": 0}, "Demo not once in the last 30 days"),
        (
            {"event": {"kinds": ["demo_request"]}, "days": 30, "at_least": 1, "at_most": 3},
            "Demo 1 to 3 times in the last 30 days",
        ),
    ],
)
def test_a_question_is_a_sentence(one: dict[str, Any], words: str) -> None:
    assert said(a_test("it", 5, one)) == words


def test_nested_conditions_stand_in_brackets() -> None:
    nested = a_test("it", 5)
    known, size = clause("lead.job_title", "known"), clause("company.employees", "between", low=5)
    nested["when"] = when(known, when(size, clause("lead.seniority", "known"), mode="any"))
    assert said(nested) == "Job title is known and (Employees is 5 or more or Seniority is known)"


def test_a_tally_says_what_counts_and_its_terms() -> None:
    one = a_tally("it", 5, award="each", freq_min=2, freq_max=5, half_life=30, cap=25)
    one["event"] = {"kinds": ["whitepaper"], "assets": [7], "campaigns": [3]}
    assert said(one) == "White paper: “Cost of delay”, campaign “Spring” at least 2 times in the last 90 days, each time"
    tagged = one | {"event": {"kinds": ["whitepaper"], "assets": [7], "tags": ["pricing"]}}
    assert said(tagged).startswith("White paper: “Cost of delay” or any of the 2 assets tagged “pricing” at least 2 times")
    assert said(one | {"event": {"tags": ["guides"]}}).startswith("Anything done: the one asset tagged “guides” at least")
    assert WORDING.terms(spec(one).criteria[0]) == ["the newest 5 count", "half-life 30 days", "cap 25"]


def test_the_decision_in_sentences() -> None:
    mqo = {"tiers": ["A"], "when": when({"event": {"kinds": ["demo_request"]}, "days": 90, "at_least": 1})}
    decision = spec(a_test("it", 1), decision=TOTAL | {"mqo": mqo}).decision
    assert WORDING.decision(decision) == [
        "Fit and engagement together: A from 40 and B from 20, below that C.",
        "A lead is an MQL from tier B.",
        "It is an MQO in tier A when this is so: Demo at least once in the last 90 days.",
    ]


def test_lines_say_what_is_behind_them() -> None:
    one = spec(
        a_test("size", 15, clause("company.employees", "between", low=100)),
        a_test("who", 5, clause("lead.seniority", "in", values=["vp"])),
        a_tally("papers", 10, award="each", half_life=30, cap=12),
        dimensions={"fit": {"ceiling": 18}},
    )
    result = score(one, facts(event(0), event(30), company__employees=1200, lead__seniority="vp"))
    rows = WORDING.lines(result.lines)
    assert [(row["words"], row["points"], row["sub"]) for row in rows] == [
        ("Size", 15, "Employees: 1,200"),
        ("Who", 5, "Seniority: Vice president"),
        ("Papers", 20, "2 times"),
        ("Papers: faded with time", -5, ""),
        ("Papers: held at its cap", -3, ""),
        ("Fit: held at its ceiling", -2, ""),
    ]
    assert {row["group"] for row in rows} == {"fit", "engagement"}


def test_words_are_joined_as_people_write_them() -> None:
    assert [joined(words.split()) for words in ("", "a", "a b", "a b c")] == ["", "a", "a or b", "a, b or c"]


@pytest.mark.parametrize(
    ("field", "folded", "shown"),
    [
        ("lead.country", "de", "DE"),
        ("lead.email_domain", "gmail com", "gmail.com"),
        ("company.domain", "northwind freight com", "northwind freight com"),
        ("company.industry", "food and beverage", "food and beverage"),
    ],
)
def test_folded_values_are_shown_as_people_write_them(field, folded, shown):
    assert spelled(field, folded) == shown
    assert fold(spelled(field, folded)) == fold(folded)
