from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from leads.choices import FieldType
from scoring import operators
from scoring.operators import OPERATORS, date_of, day_of
from tests.scoring.samples import AS_OF, REGISTRY, a_test, clause, facts, score, spec

NOBODY_KNOWS = {
    FieldType.TEXT: (None, "", "   ", "--", 5),
    FieldType.CHOICE: (None, "", 5),
    FieldType.MULTI: (None, "api", 5),
    FieldType.NUMBER: (None, "5", True, float("nan"), Decimal("NaN")),
    FieldType.BOOLEAN: (None, 0, 1, "true"),
    FieldType.DATE: (None, "", "soon", "2026-02-30", 5, datetime(2026, 1, 1)),  # noqa: DTZ001 - a naive time is no fact
}

ARGUMENTS = {
    ("text", "values"): {"values": ["vp"]},
    ("choice", "values"): {"values": ["vp"]},
    ("multi", "values"): {"values": ["api"]},
    ("text", "list"): {"list": "free_mail"},
    ("number", "range"): {"low": 1, "high": 5},
    ("date", "range"): {"low": "2026-01-01", "high": "2026-02-01"},
    ("date", "days"): {"days": 30},
    ("boolean", "flag"): {"value": True},
}
FIELD = {one.type: one.key for one in reversed(REGISTRY.fields.values()) if one.active and one.known == "intake"}


def holds(field: str, fact: object, op: str, **arguments: object) -> bool:
    one = spec(a_test("it", 7, clause(field, op, **arguments)))
    return score(one, facts(**{field.replace(".", "__"): fact})).fit == 7


@pytest.mark.parametrize(
    ("kind", "op", "fact"),
    [
        (kind, op, fact)
        for kind, ops in OPERATORS.items()
        for op in ops.values()
        if op.name != "unknown"
        for fact in NOBODY_KNOWS[kind]
    ],
)
def test_unknown_matches_no_operator_negative_ones_included(kind: FieldType, op: operators.Operator, fact: object) -> None:
    arguments = ARGUMENTS.get((kind, op.takes), {})
    assert not holds(FIELD[kind], fact, op.name, **arguments)
    assert holds(FIELD[kind], fact, "unknown")


@pytest.mark.parametrize(
    ("fact", "op", "values", "expected"),
    [
        ("MVP", "words", ["vp"], False),
        ("VP, Sales", "words", ["vp"], True),
        ("VP, Sales", "words", ["VP sales"], True),
        ("Vice-President", "words", ["vice president"], True),
        ("International", "words", ["intern"], False),
        ("International", "part", ["intern"], True),
        ("MVP", "part", ["vp"], True),
        ("Intern", "no_words", ["intern"], False),
        ("International", "no_words", ["intern"], True),
        ("STRASSENBAU", "part", ["straße"], True),
        ("Straße", "in", ["STRASSE"], True),
        ("MÜLLER", "in", ["müller"], True),
        ("Mu\u0308ller", "in", ["müller"], True),
        ("ＶＰ Ｓａｌｅｓ", "in", ["vp sales"], True),
        ("50% off_now", "part", ["50 off now"], True),
        ("500 offer", "part", ["50%"], True),
        ("5 off", "part", ["50%"], False),
        ("anything", "part", ["a_y"], False),
        ("c++ & c#", "words", ["c++"], True),
        ("cc", "words", ["c++"], False),
        ("vp sales", "not_in", ["VP Sales"], False),
        ("vp", "not_in", ["vp sales"], True),
    ],
)
def test_text_is_compared_folded(fact: str, op: str, values: list[str], expected: bool) -> None:
    assert holds("lead.job_title", fact, op, values=values) is expected


@pytest.mark.parametrize(
    ("domain", "op", "rev", "expected"),
    [
        ("web.de", "in_list", 2, True),
        ("web.de", "in_list", 1, False),
        ("web.de", "not_in_list", 1, True),
        ("GMAIL.com", "in_list", 1, True),
        ("GMAIL.com", "not_in_list", 1, False),
    ],
)
def test_a_list_is_the_revision_the_spec_names(domain: str, op: str, rev: int, expected: bool) -> None:
    assert holds("lead.email_domain", domain, op, list="free_mail", rev=rev) is expected


@pytest.mark.parametrize(
    ("fact", "op", "expected"),
    [
        (["api", "sso"], "has_any", True),
        (["audit"], "has_any", False),
        (["api"], "has_all", False),
        (["sso", "api"], "has_all", True),
        (["audit"], "has_none", True),
        ([], "has_none", True),
        ([], "has_any", False),
        (["api"], "has_none", False),
    ],
)
def test_several_of_a_list_empty_is_known_and_empty(fact: list[str], op: str, expected: bool) -> None:
    assert holds("custom.interests", fact, op, values=["api", "sso"]) is expected
    assert holds("custom.interests", fact, "known")


@pytest.mark.parametrize(
    ("fact", "ends", "inside"),
    [
        (200, {"low": 200, "high": 5000}, True),
        (5000, {"low": 200, "high": 5000}, True),
        (199.5, {"low": 200, "high": 5000}, False),
        (Decimal("5000.01"), {"low": 200, "high": 5000}, False),
        (-3, {"high": 0}, True),
        (10**14, {"low": 7}, True),
    ],
)
def test_a_range_includes_its_ends_and_either_may_be_open(fact: object, ends: dict[str, float], inside: bool) -> None:
    assert holds("company.employees", fact, "between", **ends) is inside
    assert holds("company.employees", fact, "not_between", **ends) is not inside


@pytest.mark.parametrize(
    ("age", "op", "expected"),
    [
        (0, "within_days", True),
        (29, "within_days", True),
        (30, "within_days", False),
        (-1, "within_days", False),
        (30, "older_than", True),
        (29, "older_than", False),
    ],
)
def test_ages_of_dates_are_whole_days(age: int, op: str, expected: bool) -> None:
    day = AS_OF.date() - timedelta(days=age)
    assert holds("custom.renewal", day.isoformat(), op, days=30) is expected
    assert holds("custom.renewal", day, op, days=30) is expected


def test_future_is_after_today_and_between_includes_both_days() -> None:
    assert holds("custom.renewal", "2026-06-09", "future")
    assert not holds("custom.renewal", "2026-06-08", "future")
    for day, expected in (("2026-05-31", False), ("2026-06-01", True), ("2026-06-08", True), ("2026-06-09", False)):
        assert holds("custom.renewal", day, "between", low="2026-06-01", high="2026-06-08") is expected


def test_a_day_is_the_utc_day_also_before_1970() -> None:
    berlin = timezone(timedelta(hours=2))
    assert date_of(day_of(datetime(2026, 6, 8, 1, 30, tzinfo=berlin))) == date(2026, 6, 7)
    assert day_of(datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)) == -1
    assert day_of(datetime(1970, 1, 1, tzinfo=UTC)) == 0
    assert day_of(datetime(2026, 6, 7, 23, 59, 59, 999_999, tzinfo=UTC)) == day_of(datetime(2026, 6, 7, tzinfo=UTC))


def test_an_instant_as_text_counts_as_its_utc_day() -> None:
    assert holds("custom.renewal", "2026-06-09T01:00:00+02:00", "between", low="2026-06-08", high="2026-06-08")
