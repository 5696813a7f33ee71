"""Suggested points: the mathematics, what is refused and why, and that nothing is applied by itself."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from scoring.column_cache import ColumnCache
from scoring.discovery import discover
from scoring.evaluate_numpy import evaluate
from scoring.regression import auc, fit, patterns
from scoring.snapshot.outcomes import Decided, update_counted
from scoring.snapshot.reader import OUTCOMES
from scoring.snapshot.segment import HAS_ACTIVITY
from scoring.suggest import HELD_BACK, evidence_of, suggest
from tests.scoring.history import some_history
from tests.scoring.samples import REGISTRY, a_tally, a_test, clause, spec

HISTORY = some_history(11, cases=900, people=820, leads=5)


def test_one_yes_or_no_column_without_penalty_gives_the_log_odds_ratio_and_its_error():
    column = np.array([True] * 40 + [False] * 60)
    labels = np.array([True] * 30 + [False] * 10 + [True] * 20 + [False] * 40)
    found = fit(*patterns([column], labels), penalty=0.0)
    assert found.converged
    assert found.coefficients[0] == pytest.approx(np.log(30 / 10 / (20 / 40)), abs=1e-8)
    assert found.errors[0] == pytest.approx(np.sqrt(1 / 30 + 1 / 10 + 1 / 20 + 1 / 40), abs=1e-6)  # Woolf's
    assert found.intercept == pytest.approx(np.log(20 / 40), abs=1e-8)


def test_patterns_are_the_distinct_rows_with_their_counts():
    rng = Random(1)
    columns = [np.array([rng.random() < 0.5 for _ in range(400)]) for _ in range(70)]  # more than one word's bits
    columns[1:] = [columns[0] ^ (number % 2 == 0) for number in range(1, 70)]
    labels = np.array([rng.random() < 0.3 for _ in range(400)])
    rows, counts, positive = patterns(columns, labels)
    assert rows.shape == (2, 70)
    assert counts.sum() == 400
    assert positive.sum() == labels.sum()


def test_ties_count_half_in_the_rank_measure():
    rng = Random(2)
    scores, labels = np.array([rng.randint(0, 5) for _ in range(80)]), np.array([rng.random() < 0.4 for _ in range(80)])
    good, bad = scores[labels], scores[~labels]
    by_hand = sum((one > other) + 0.5 * (one == other) for one in good for other in bad) / (len(good) * len(bad))
    assert auc(scores, labels) == pytest.approx(by_hand)
    assert auc(scores, np.ones(80, bool)) is None


def test_what_can_be_separated_still_settles():
    column = np.array([True] * 50 + [False] * 50)
    found = fit(*patterns([column], column))
    assert found.converged
    assert 0 < found.coefficients[0] < 20


def small(*criteria, history=HISTORY, **more):
    return suggest(spec(*criteria), history.snapshot, cache=ColumnCache(2**22), **more)


def test_few_outcomes_carry_no_suggestion():
    told = small(a_test("vp", 10), history=some_history(1, cases=100, people=90))
    assert told.criteria == ()
    assert "below 200" in told.refusal
    many = [a_test(f"c{number}", 5, clause("company.employees", "between", low=number * 10)) for number in range(30)]
    assert "criteria need" in small(*many).refusal


def test_outcomes_that_hang_on_nothing_are_said_to_say_nothing():
    told = small(a_test("title", 10), a_test("large", 10, clause("company.employees", "between", low=500)), a_tally("papers", 5))
    assert told.refusal == ""
    refused = [one for one in told.criteria if one.points is None]
    assert len(refused) >= 2  # one in twenty seems to say something by chance
    assert all("interval" in one.refusal and one.low <= 0 <= one.high for one in refused)
    assert "let through" in told.caution


def test_a_criterion_that_hits_too_few_or_one_end_alone_is_refused_by_name():
    rare = a_test("rare", 10, clause("company.employees", "between", low=7, high=8))
    everybody = a_test(
        "all", 10, {"event": {"kinds": ["whitepaper"]}, "days": 1, "at_least": 1}, clause("company.employees", "unknown")
    )
    told = {one.key: one for one in small(rare, everybody, a_test("title", 3)).criteria}
    assert "below 30" in told["rare"].refusal
    assert told["rare"].points is None


def planted(seed: int = 5):
    """A history in which vice presidents and white papers decide who is won."""
    history = some_history(seed, cases=1500, people=1400, leads=3)
    drawn = spec(
        a_test("vp", 1, clause("lead.seniority", "in", values=["vp"])),
        a_test("large", 1, clause("company.employees", "between", low=500)),
    )
    rng, decided = np.random.default_rng(seed), []
    for some in history.snapshot.cases:
        scores = evaluate(drawn, some.segment, cache=ColumnCache(0))
        odds = -1.0 + 2.0 * scores.hits("vp") - 1.5 * scores.hits("large")
        won = rng.random(len(odds)) < 1 / (1 + np.exp(-odds))
        outcome = np.where(won, OUTCOMES.index("won"), OUTCOMES.index("lost")).astype(np.int8)
        decided.append(Decided(some.segment, False, outcome, some.reason, np.zeros(len(odds), np.uint8)))
    update_counted(decided)
    return replace(history.snapshot, cases=tuple(one.cases() for one in decided))


def test_what_was_planted_is_found_and_ranks_those_held_back():
    snapshot = planted()
    one = spec(
        a_test("vp", 4, clause("lead.seniority", "in", values=["vp"])),
        a_test("large", 20, clause("company.employees", "between", low=500)),
        a_test("customer", 5, clause("company.is_customer", "is", value=True)),
    )
    told = suggest(one, snapshot, cache=ColumnCache(2**22))
    found = {some.key: some for some in told.criteria}
    assert found["vp"].points == 20  # the strongest gets what the largest has now
    assert -20 < found["large"].points < -8
    assert found["large"].low <= found["large"].points <= found["large"].high < 0
    assert found["customer"].points is None
    assert found["vp"].coefficient == pytest.approx(2.0, abs=4 * found["vp"].error)
    assert told.auc_suggested > 0.68 > told.auc_current
    assert told.held_back == pytest.approx(told.rows * HELD_BACK, abs=1)
    assert [criterion.points for criterion in one.criteria] == [4, 20, 5]


def test_leads_that_came_without_their_history_do_not_count_as_having_done_nothing():
    history, rng, decided = some_history(8, cases=3000, people=2900, leads=3), np.random.default_rng(8), []
    for some in history.snapshot.cases:  # most who came without were won; of the others a fifth, whatever they had read
        known = (some.segment.flags & HAS_ACTIVITY) != 0
        won = rng.random(len(known)) < np.where(known, 0.2, 0.95)
        outcome = np.where(won, OUTCOMES.index("won"), OUTCOMES.index("lost")).astype(np.int8)
        decided.append(Decided(some.segment, False, outcome, some.reason, np.zeros(len(known), np.uint8)))
    update_counted(decided)
    snapshot = replace(history.snapshot, cases=tuple(one.cases() for one in decided))
    one = spec(a_tally("papers", 5), a_test("vp", 4, clause("lead.seniority", "in", values=["vp"])))
    papers, vp = suggest(one, snapshot, cache=ColumnCache(2**22), goal="won").criteria
    assert papers.points is None
    assert papers.low <= 0 <= papers.high
    assert papers.rows < vp.rows * 0.95


def test_the_newest_are_held_back():
    evidence = evidence_of(spec(a_test("vp", 1)), HISTORY.snapshot, "won", ColumnCache(2**22))
    assert evidence.dated
    newest = sorted(
        (one.at, one.id)
        for one in HISTORY.cases
        if one.outcome in ("won", "lost", "rejected") and one.id in {last.id for last in _latest(HISTORY)}
    )
    assert evidence.held_back.sum() == round(len(newest) * HELD_BACK)


def _latest(history):
    last = {}
    for one in sorted(history.cases, key=lambda one: (one.at, one.id)):
        if one.outcome in ("won", "lost", "rejected"):
            last[one.lead] = one
    return last.values()


def test_criteria_nobody_thought_of_are_found_from_the_facts():
    found, told = discover(planted(), REGISTRY, cache=ColumnCache(2**22))
    labels = {one.label: one.points for one in found}
    assert labels["Seniority is “Vice president”"] == 30
    large = [points for label, points in labels.items() if label.startswith("Employees")]
    assert large
    assert min(large) < 0
    assert len(labels) <= 6
    assert {one.key: one.points for one in told.criteria} == {one.key: one.points for one in found}
    nothing, why = discover(some_history(1, cases=100).snapshot, REGISTRY, cache=ColumnCache(2**22))
    assert nothing == ()
    assert why.refusal
