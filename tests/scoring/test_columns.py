"""What goes wrong easily when a model is worked out for many rows at once."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from scoring.column_cache import ColumnCache
from scoring.columns import NotInSnapshot, column_of
from scoring.evaluate_numpy import evaluate
from scoring.evaluate_python import Facts
from scoring.evaluate_python import evaluate as reference
from scoring.lowering import CountColumn, DecayedColumn, FieldColumn, lower
from scoring.operators import day_of
from scoring.registry import Field, Registry, by_key
from scoring.spec import EventFilter
from tests.scoring.columns import said, segment_of, told
from tests.scoring.samples import AS_OF, FIELDS, REGISTRY, a_tally, a_test, clause, event, facts, spec, when


def cases(*rows, at=AS_OF):
    return segment_of(rows, REGISTRY, decided=[at] * len(rows))


def fit_of(one, *rows):
    found = evaluate(one, cases(*rows), cache=ColumnCache(2**20))
    assert told(one, cases(*rows)) == [said(one, reference(one, row, AS_OF)) for row in rows]
    return list(found.fit)


@pytest.mark.parametrize(
    "asked",
    [
        clause("lead.job_title", "not_in", values=["x"]),
        clause("lead.job_title", "no_words", values=["x"]),
        clause("lead.email_domain", "not_in_list", list="free_mail"),
        clause("lead.seniority", "not_in", values=["vp"]),
        clause("custom.interests", "has_none", values=["api"]),
        clause("company.employees", "not_between", low=1, high=2),
        clause("company.is_customer", "is", value=False),
        clause("custom.renewal", "older_than", days=1),
    ],
)
def test_unknown_matches_no_operator_but_unknown(asked):
    one = spec(a_test("a", 7, asked), a_test("b", 100, clause(asked["field"], "unknown")))
    blank = facts(lead__job_title="  ", lead__email_domain="", lead__seniority="")
    known = facts(
        lead__job_title="other", lead__email_domain="acme.test", lead__seniority="staff", custom__interests=[],
        company__employees=5, company__is_customer=False, custom__renewal="2026-01-01",
    )  # fmt: skip
    assert fit_of(one, known, facts(), blank) == [7, 100, 100]


def test_text_is_compared_folded_and_by_whole_words():
    words = spec(a_test("a", 1, clause("lead.job_title", "words", values=["vp", "intern", "straße", "müller"])))
    titles = ["VP Sales", "MVP", "INTERN", "International", "STRASSE 5", "ＭÜLLER", "vp_x"]
    assert fit_of(words, *(facts(lead__job_title=title) for title in titles)) == [1, 0, 1, 0, 1, 1, 1]
    part = spec(a_test("a", 1, clause("lead.job_title", "part", values=["50 off"])))
    assert fit_of(part, facts(lead__job_title="50%_off"), facts(lead__job_title="50 x off")) == [1, 0]


def test_a_window_ends_at_its_day_and_what_comes_a_second_later_is_out():
    one = spec(a_tally("t", 5, days=30, award="each"))
    second = timedelta(seconds=1)
    rows = [
        facts(event(29)),
        facts(event(30)),
        facts(event(0, occurred_at=AS_OF + second, known_at=AS_OF + second)),
        facts(event(3, known_at=AS_OF + second)),  # recorded late
        facts(event(3, known_at=AS_OF - timedelta(days=3))),
        facts(event(0, occurred_at=datetime(1969, 12, 31, 23, tzinfo=UTC), known_at=AS_OF)),
    ]
    assert told(one, cases(*rows)) == [said(one, reference(one, row, AS_OF)) for row in rows]
    assert list(evaluate(one, cases(*rows), cache=ColumnCache(0)).engagement) == [5, 0, 0, 0, 5, 0]


def test_old_engagement_is_out_after_recycling():
    one = spec(a_tally("t", 5, days=90, award="each"))
    recycled = facts(event(10), event(40), engagement_from=AS_OF - timedelta(days=20))
    assert told(one, cases(recycled)) == [said(one, reference(one, recycled, AS_OF))]
    assert evaluate(one, cases(recycled), cache=ColumnCache(0)).engagement[0] == 5


def test_a_count_limit_with_a_half_life_takes_the_newest_of_all_kinds():
    tally = a_tally("t", -10, days=90, award="each", freq_max=2, half_life=30)
    one = spec(tally | {"event": {"kinds": ["whitepaper", "demo_request"]}})
    row = facts(event(60), event(30), event(0, "demo_request", number=99), event(45, "demo_request", number=98))
    assert told(one, cases(row)) == [said(one, reference(one, row, AS_OF))]
    assert evaluate(one, cases(row), cache=ColumnCache(0)).engagement[0] == -15


@pytest.mark.parametrize("award", [{"award": "each"}, {"award": "each", "half_life": 3650}])
def test_very_many_events_neither_overflow_nor_are_cut_off(award):
    many = 70_000
    one = spec(*(a_tally(f"t{n}", 1000 if n % 2 else -1000, days=30, **award) for n in range(3)), a_tally("u", -1000, **award))
    row = Facts({}, [event(1)] * many)
    [found] = told(one, cases(row))
    assert found == said(one, reference(one, row, AS_OF))
    assert found[2] == -2 * 1000 * many
    plain = spec(*(a_tally(f"t{n}", 1000, days=30, award="each") for n in range(40)))
    assert evaluate(plain, cases(row), cache=ColumnCache(0)).engagement[0] == 40 * 1000 * many


def test_assets_and_campaigns_are_asked_together():
    narrow = a_tally("t", 1, days=30, award="each") | {"event": {"assets": [1, 300], "campaigns": [2]}}
    wide = a_tally("u", 100, days=30, award="each") | {"event": {"campaigns": [2, 2**40]}}
    one = spec(narrow, wide)
    rows = [
        facts(event(1, asset=1, campaign=2), event(2, asset=300, campaign=1), event(3, campaign=2)),
        facts(event(1, "never_heard_of", asset=300, campaign=2)),
        facts(),
    ]
    assert told(one, cases(*rows)) == [said(one, reference(one, row, AS_OF)) for row in rows]


def test_without_history_no_event_is_unknown_not_none():
    none = {"event": {"kinds": ["whitepaper"]}, "days": 30, "at_most": 0}
    one = spec(a_test("a", 3, none))
    assert fit_of(one, facts(), facts(has_activity=False), facts(event(1))) == [3, 0, 0]


def test_no_rows_and_no_events_are_fine():
    one = spec(a_tally("t", 1, half_life=3, award="each", freq_max=2), a_test("a", 1))
    assert told(one, segment_of([], REGISTRY, as_of=AS_OF)) == []
    assert told(one, segment_of([], REGISTRY, decided=[])) == []


def test_a_field_that_is_not_there_is_named():
    registry = Registry(by_key([*FIELDS, Field("custom.secret", "Secret", FIELDS[0].type)]), REGISTRY.kinds)
    one = spec(a_test("a", 1, clause("custom.secret", "known")), registry=registry)
    with pytest.raises(NotInSnapshot, match=r"custom\.secret"):
        evaluate(one, cases(facts()))


def test_a_day_makes_no_sense_for_cases():
    with pytest.raises(ValueError, match="decision"):
        evaluate(spec(a_test("a", 1)), cases(facts()), day_of(AS_OF))


def fingerprints(*criteria, **more):
    return {column.fingerprint for column in lower(spec(*criteria, **more)).columns()}


def test_points_caps_groups_and_edges_read_no_data_again():
    title = clause("lead.job_title", "words", values=["vp"])
    before = fingerprints(a_test("a", 5, title), a_tally("t", 5, award="each", freq_max=3))
    after = fingerprints(
        a_tally("renamed", -9, award="each", freq_min=2, freq_max=5, cap=3, label="Other"),
        a_test("b", 6, title, group="g", cap=1),
        groups=[{"key": "g", "label": "G", "dimension": "fit", "cap": 2}],
    )
    assert before == after
    count = {"event": {"kinds": ["whitepaper"]}, "days": 90}
    assert fingerprints(a_test("a", 1, count | {"at_least": 2})) == fingerprints(a_test("a", 1, count | {"at_most": 1}))


def test_arguments_lists_and_with_decay_the_count_limit_are_in_a_fingerprint():
    decayed = a_tally("t", 5, award="each", half_life=30)
    assert fingerprints(decayed | {"freq_max": 2}) != fingerprints(decayed | {"freq_max": 3})
    first, second = (
        fingerprints(a_test("a", 1, clause("lead.email_domain", "in_list", list="free_mail", rev=rev))) for rev in (1, 2)
    )
    assert first != second
    assert fingerprints(a_tally("t", 5, days=30)) != fingerprints(a_tally("t", 5, days=31))


def test_a_negative_operator_reads_the_positive_column():
    is_vp = fingerprints(a_test("a", 1, clause("lead.seniority", "in", values=["vp"])))
    not_vp = fingerprints(a_test("a", 1, clause("lead.seniority", "not_in", values=["vp"])))
    assert is_vp < not_vp


def test_the_cache_stays_under_its_limit_and_forgets_the_least_used():
    cache = ColumnCache(250)
    for name in ("a", "b", "a", "c"):
        cache.get((name, None, ""), lambda: np.zeros(100, np.int8))
    assert (len(cache), cache.bytes) == (2, 200)
    made = []
    cache.get(("a", None, ""), lambda: made.append(1) or np.zeros(1))
    cache.get(("b", None, ""), lambda: made.append(2) or np.zeros(100, np.int8))
    assert made == [2]
    cache.get(("large", None, ""), lambda: np.zeros(251, np.int8))
    assert cache.bytes <= 250
    cache.keep_only({"b"})
    assert (len(cache), cache.bytes) == (1, 100)


def test_only_what_moves_with_time_is_kept_by_day():
    cache = ColumnCache(2**20)
    segment = segment_of([facts(event(1), lead__job_title="VP", custom__renewal="2026-06-01")], REGISTRY, as_of=AS_OF)
    today = day_of(AS_OF)
    kinds = EventFilter(kinds=("whitepaper",))
    for day in (today, today + 1):
        column_of(FieldColumn("words", "lead.job_title", FIELDS[0].type, ("vp",)), segment, day, cache)
    assert len(cache) == 1
    for day in (today, today + 40):
        column_of(CountColumn(kinds, 30), segment, day, cache)
        column_of(DecayedColumn(kinds, 30, 10, None), segment, day, cache)
        column_of(FieldColumn("age", "custom.renewal", FIELDS[6].type, high=-1.0), segment, day, cache)
    assert len(cache) == 7
    assert list(column_of(CountColumn(kinds, 30), segment, today, cache)) == [1]
    assert list(column_of(CountColumn(kinds, 30), segment, today + 40, cache)) == [0]


def test_gates_name_the_first_and_scope_leaves_nothing_behind():
    gates = [
        {"key": "second", "label": "B", "when": when(clause("lead.seniority", "known"))},
        {"key": "first", "label": "A", "when": when(clause("lead.job_title", "known"))},
    ]
    scope = when(clause("company.employees", "known"))
    one = spec(a_test("a", 50), gates=gates, scope=scope)
    rows = [
        facts(lead__job_title="x", lead__seniority="vp", company__employees=3),
        facts(lead__job_title="x", company__employees=3),
        facts(lead__job_title="x", lead__seniority="vp"),
        facts(company__employees=3),
    ]
    assert told(one, cases(*rows)) == [said(one, reference(one, row, AS_OF)) for row in rows]
    assert list(evaluate(one, cases(*rows), cache=ColumnCache(0)).gate) == [0, 1, -1, -1]
