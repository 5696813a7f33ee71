from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from scoring.evaluate_python import Event, Facts, Result, evaluate
from tests.scoring.samples import AS_OF, a_tally, a_test, clause, event, facts, score, spec, when

YES = clause("lead.job_title", "known")


def lines(result: Result) -> list[tuple[str, str, int]]:
    return [(line.kind, line.key, line.points) for line in result.lines]


def engagement(criterion: dict[str, Any], *events: Event, **more: Any) -> int:
    return score(spec(criterion), facts(*events, **more)).engagement


@pytest.mark.parametrize(("age", "points"), [(0, 10), (89, 10), (90, 0), (91, 0)])
def test_an_event_of_age_d_minus_1_is_in_and_of_age_d_out(age: int, points: int) -> None:
    assert engagement(a_tally("papers", 10, days=90), event(age)) == points


def test_a_window_ends_at_midnight_utc_not_by_the_hour() -> None:
    papers = spec(a_tally("papers", 10, days=1))
    known = facts(Event(1, "whitepaper", datetime(2026, 6, 8, 0, 0, tzinfo=UTC), AS_OF))
    assert evaluate(papers, known, datetime(2026, 6, 8, 23, 59, 59, tzinfo=UTC)).engagement == 10
    assert evaluate(papers, known, datetime(2026, 6, 9, 0, 0, tzinfo=UTC)).engagement == 0


@pytest.mark.parametrize(("seconds", "points"), [(0, 10), (1, 0)])
def test_what_happens_a_second_after_the_moment_does_not_count(seconds: int, points: int) -> None:
    at = AS_OF + timedelta(seconds=seconds)
    assert engagement(a_tally("papers", 10), event(0, occurred_at=at)) == points
    assert engagement(a_tally("papers", 10), event(3, known_at=at)) == points


def test_what_was_learnt_late_does_not_count_and_a_trusted_import_does() -> None:
    papers = a_tally("papers", 10)
    assert engagement(papers, event(40, known_at=AS_OF + timedelta(days=2))) == 0
    assert engagement(papers, event(40, known_at=AS_OF - timedelta(days=40))) == 10


def test_after_recycling_old_engagement_is_out_and_fit_stays() -> None:
    both = spec(a_tally("papers", 10, award="each"), a_test("title", 5))
    events = (event(3), event(10))
    restarted = facts(*events, engagement_from=AS_OF - timedelta(days=10), lead__job_title="VP")
    assert (score(both, restarted).fit, score(both, restarted).engagement) == (5, 20)
    assert score(both, facts(*events, engagement_from=AS_OF - timedelta(days=9), lead__job_title="VP")).lines[0].times == 1


def test_the_example_of_three_papers_with_decay_and_a_group_cap() -> None:
    papers = a_tally("papers", 10, days=180, award="each", freq_max=5, half_life=30, cap=25, group="content")
    webinar = a_tally("webinar", 15, "webinar_attended", group="content")
    content = {"key": "content", "label": "Content", "dimension": "engagement", "cap": 30}
    result = score(
        spec(papers, webinar, groups=[content]), facts(event(0), event(30), event(60), event(2, "webinar_attended", number=99))
    )
    assert lines(result) == [
        ("criterion", "papers", 30),
        ("decay", "papers", -12),
        ("criterion", "webinar", 15),
        ("group_cap", "content", -3),
    ]
    assert result.engagement == 30


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, 0), (2, 20), (3, 30), (4, 30)],
)
def test_a_tally_pays_from_freq_min_up_to_freq_max(count: int, expected: int) -> None:
    papers = a_tally("papers", 10, award="each", freq_min=2, freq_max=3)
    assert engagement(papers, *(event(age) for age in range(count))) == expected


def test_once_pays_once_however_often() -> None:
    assert engagement(a_tally("papers", 10), *(event(age) for age in range(9))) == 10


def test_a_count_limit_with_decay_takes_the_newest() -> None:
    papers = a_tally("papers", 100, award="each", freq_max=2, half_life=30)
    result = score(spec(papers), facts(event(60), event(0), event(30)))
    assert result.engagement == 150
    assert result.lines[0].events == (1, 31)


@pytest.mark.parametrize(("points", "cap", "held"), [(10, 25, 25), (-10, 25, -25), (10, 30, 30), (-10, 0, 0)])
def test_a_cap_holds_both_signs(points: int, cap: int, held: int) -> None:
    result = score(spec(a_tally("papers", points, award="each", cap=cap)), facts(event(0), event(1), event(2)))
    assert result.engagement == held
    assert sum(line.points for line in result.lines) == held


def test_negative_decay_mirrors_positive_decay() -> None:
    events = (event(1), event(17), event(31))
    up, down = (engagement(a_tally("papers", points, award="each", half_life=30), *events) for points in (7, -7))
    assert up == -down > 0


def test_a_group_sums_its_negatives_before_it_caps_and_then_floors() -> None:
    group = {"key": "role", "label": "Role", "dimension": "fit", "cap": 20, "floor": -5}
    title = {"lead__job_title": "VP"}
    more = [a_test("a", 18, YES, group="role"), a_test("b", 10, YES, group="role"), a_test("c", -6, YES, group="role")]
    assert score(spec(*more, groups=[group]), facts(**title)).fit == 20
    assert score(spec(more[2], a_test("d", -9, YES, group="role"), groups=[group]), facts(**title)).fit == -5


def test_a_floor_and_a_ceiling_of_a_dimension_are_lines_of_their_own() -> None:
    bounds = {"fit": {"floor": 0, "ceiling": 100}}
    high = score(spec(a_test("a", 130, YES), dimensions=bounds), facts(lead__job_title="VP"))
    low = score(spec(a_test("a", -130, YES), dimensions=bounds), facts(lead__job_title="VP"))
    assert lines(high) == [("criterion", "a", 130), ("ceiling", "fit", -30)]
    assert lines(low) == [("criterion", "a", -130), ("floor", "fit", 130)]


@pytest.mark.parametrize(("points", "fit"), [(-1, 0), (0, 0), (1, 1), (10, 10), (11, 10)])
def test_bounds_begin_right_at_their_number(points: int, fit: int) -> None:
    bounds = {"fit": {"floor": 0, "ceiling": 10}}
    group = {"key": "g", "label": "G", "dimension": "fit", "cap": 10, "floor": 0}
    known = facts(lead__job_title="VP")
    assert score(spec(a_test("a", points, YES), dimensions=bounds), known).fit == fit
    assert score(spec(a_test("a", points, YES, group="g"), groups=[group]), known).fit == fit


def test_65535_events_of_1000_points_do_not_overflow() -> None:
    at = AS_OF - timedelta(days=1)
    many = Facts({}, [Event(number, "whitepaper", at, at) for number in range(65_535)])
    result = evaluate(spec(a_tally("papers", 1000, award="each", half_life=3650)), many, AS_OF)
    assert result.lines[0].points == 65_535_000
    assert result.engagement == 65_535_000  # a day of ten years' half-life is no thousandth yet


def test_a_case_without_history_matches_no_count_not_even_at_most() -> None:
    none = a_test("silent", 5, {"event": {"kinds": ["whitepaper"]}, "days": 30, "at_most": 0})
    assert score(spec(none), facts()).fit == 5
    assert score(spec(none), facts(has_activity=False)).fit == 0
    assert score(spec(a_tally("papers", 10)), facts(event(0), has_activity=False)).engagement == 0


@pytest.mark.parametrize(("count", "expected"), [(0, 0), (1, 0), (2, 5), (3, 5), (4, 0)])
def test_a_count_in_a_condition_has_two_ends(count: int, expected: int) -> None:
    some = a_test("some", 5, {"event": {"kinds": ["whitepaper"]}, "days": 30, "at_least": 2, "at_most": 3})
    assert score(spec(some), facts(*(event(age) for age in range(count)))).fit == expected


def test_an_event_filter_asks_for_kind_asset_and_campaign_together() -> None:
    narrow = a_tally("papers", 1, award="each") | {"event": {"kinds": ["whitepaper"], "assets": [7], "campaigns": [3]}}
    hit = event(0, asset=7, campaign=3)
    misses = (
        event(1, asset=7),
        event(2, campaign=3),
        event(3, "demo_request", asset=7, campaign=3),
        event(4, asset=8, campaign=3),
    )
    assert engagement(narrow, hit, *misses) == 1
    assert engagement(a_tally("papers", 1, award="each") | {"event": {"campaigns": [3]}}, hit, *misses) == 4


def test_conditions_nest_one_level() -> None:
    nested = a_test("it", 5)
    nested["when"] = when(
        clause("company.employees", "between", low=200),
        when(clause("lead.seniority", "in", values=["vp"]), clause("lead.job_title", "words", values=["head of"]), mode="any"),
    )
    one = spec(nested)
    assert score(one, facts(company__employees=300, lead__job_title="Head of IT")).fit == 5
    assert score(one, facts(company__employees=300, lead__job_title="IT")).fit == 0
    assert score(one, facts(company__employees=100, lead__seniority="vp")).fit == 0


def test_a_line_names_the_facts_and_events_behind_it() -> None:
    either = a_test("it", 5)
    either["when"] = when(
        clause("lead.job_title", "words", values=["vp"]),
        clause("company.employees", "between", low=200),
        {"event": {"kinds": ["demo_request"]}, "days": 30, "at_least": 1},
        mode="any",
    )
    (line,) = score(spec(either), facts(event(1, "demo_request"), event(2), lead__job_title="VP", company__employees=5)).lines
    assert line.facts == (("lead.job_title", "VP"),)
    assert line.events == (2,)
    assert line.as_json() == {
        "kind": "criterion", "dimension": "fit", "key": "it", "label": "It", "points": 5,
        "facts": {"lead.job_title": "VP"}, "events": [2],
    }  # fmt: skip


def test_a_gate_beats_any_score_and_the_first_is_named() -> None:
    gates = [
        {"key": "competitor", "label": "Competitor", "when": when(clause("lead.email_domain", "in", values=["rival.test"]))},
        {"key": "junk", "label": "Junk", "when": when(clause("lead.job_title", "in", values=["student"]))},
    ]
    one = spec(a_test("it", 900, YES), gates=gates)
    barred = score(one, facts(lead__job_title="Student", lead__email_domain="rival.test"))
    assert (barred.gate, barred.tier, barred.mql, barred.fit) == ("competitor", None, False, 900)
    assert score(one, facts(lead__job_title="Student")).gate == "junk"
    assert score(one, facts(lead__job_title="VP")).mql


@pytest.mark.parametrize(("points", "tier"), [(-5, 0), (19, 0), (20, 1), (39, 1), (40, 2)])
def test_an_edge_belongs_to_the_band_above(points: int, tier: int) -> None:
    assert score(spec(a_test("it", points, YES)), facts(lead__job_title="VP")).tier == tier


def test_the_grid_reads_fit_by_row_and_engagement_by_column() -> None:
    grid = {
        "kind": "grid", "tiers": ["D", "C", "B", "A"], "fit_edges": [15, 30], "engagement_edges": [10, 20], "mql_from": "B",
        "grid": [["D", "D", "C"], ["D", "C", "B"], ["C", "B", "A"]],
    }  # fmt: skip
    one = spec(a_test("title", 15, YES), a_tally("papers", 10, award="each"), decision=grid)
    for count, tier in ((0, 0), (1, 1), (2, 2), (3, 2)):
        result = score(one, facts(*(event(age) for age in range(count)), lead__job_title="VP"))
        assert (result.tier, result.mql) == (tier, tier >= 2)


def test_an_mqo_needs_the_tier_and_the_trigger() -> None:
    trigger = {"tiers": ["A"], "when": when({"event": {"kinds": ["demo_request"]}, "days": 90, "at_least": 1}, mode="any")}
    decision = {"kind": "total", "tiers": ["C", "B", "A"], "edges": [20, 40], "mql_from": "B", "mqo": trigger}
    one = spec(a_tally("papers", 20, award="each"), decision=decision)
    demo = event(0, "demo_request", number=77)
    assert score(one, facts(event(1), event(2), demo)).mqo
    assert not score(one, facts(event(1), event(2))).mqo
    assert not score(one, facts(event(1), demo)).mqo


def test_out_of_scope_there_is_no_score_but_a_day_on_which_it_may_come_in() -> None:
    scope = when(clause("custom.renewal", "older_than", days=10))
    result = score(spec(a_test("it", 50, YES), scope=scope), facts(lead__job_title="VP", custom__renewal="2026-06-05"))
    assert (result.in_scope, result.lines, result.mql) == (False, (), False)
    assert result.due_on == date(2026, 6, 15)


@pytest.mark.parametrize(
    ("more", "ages", "due_in"),
    [
        ({}, (3,), 87),
        ({}, (), None),
        ({}, (3, 50), 87),  # once: the newest holds the points
        ({"freq_min": 2}, (3, 50), 40),
        ({"award": "each"}, (3, 50), 40),
        ({"award": "each", "freq_max": 1}, (3, 50), 87),
        ({"award": "each", "freq_min": 2}, (3,), None),
        ({"award": "each", "half_life": 30}, (0,), 1),
        ({"award": "each", "half_life": 3650}, (0,), 3),
    ],
)
def test_the_due_day_is_the_first_on_which_the_tally_can_move(
    more: dict[str, Any], ages: tuple[int, ...], due_in: int | None
) -> None:
    result = score(spec(a_tally("papers", 10, **more)), facts(*(event(age) for age in ages)))
    assert result.due_on == (None if due_in is None else AS_OF.date() + timedelta(days=due_in))


@pytest.mark.parametrize(
    ("counts", "ages", "due_in"),
    [
        ({"at_least": 1}, (3, 20), 27),
        ({"at_least": 2}, (3, 20), 10),
        ({"at_least": 3}, (3, 20), None),
        ({"at_most": 0}, (3, 20), 27),
        ({"at_most": 1}, (3, 20), 10),
        ({"at_most": 2}, (3, 20), None),
        ({"at_least": 1, "at_most": 1}, (3, 20), 10),
        ({"at_least": 1, "at_most": 1}, (20,), 10),
    ],
)
def test_the_due_day_of_a_count_is_when_it_can_turn(counts: dict[str, int], ages: tuple[int, ...], due_in: int | None) -> None:
    some = a_test("some", 5, {"event": {"kinds": ["whitepaper"]}, "days": 30} | counts)
    result = score(spec(some), facts(*(event(age) for age in ages)))
    assert result.due_on == (None if due_in is None else AS_OF.date() + timedelta(days=due_in))


@pytest.mark.parametrize(
    ("op", "renewal", "due_on"),
    [
        ("within_days", "2026-06-20", date(2026, 6, 20)),
        ("within_days", "2026-06-08", date(2026, 7, 8)),
        ("within_days", "2026-01-01", None),
        ("older_than", "2026-06-20", date(2026, 7, 20)),
        ("older_than", "2026-01-01", None),
        ("future", "2026-06-20", date(2026, 6, 20)),
        ("future", "2026-06-08", None),
    ],
)
def test_the_due_day_of_a_date_is_when_the_clause_can_turn(op: str, renewal: str, due_on: date | None) -> None:
    arguments = {} if op == "future" else {"days": 30}
    asked = spec(a_test("it", 5, clause("custom.renewal", op, **arguments)))
    assert score(asked, facts(custom__renewal=renewal)).due_on == due_on


def test_an_event_yet_to_come_makes_its_day_due() -> None:
    ahead = facts(event(-4))
    assert score(spec(a_tally("papers", 10)), ahead).due_on == AS_OF.date() + timedelta(days=4)
    later_today = facts(event(0, occurred_at=AS_OF + timedelta(hours=1)))
    assert score(spec(a_tally("papers", 10)), later_today).due_on == AS_OF.date() + timedelta(days=1)
