"""A preview says what counting by hand says, with the reference evaluator's word on every row."""

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scoring import evaluate_numpy
from scoring.column_cache import ColumnCache
from scoring.evaluate_python import evaluate
from scoring.lift import LABELLED, POSITIVE, Rate, wilson
from scoring.preview import asking, counting, sharing
from scoring.preview.asking import preview, with_points
from scoring.preview.because import why_flipped
from scoring.preview.criteria import Reason
from scoring.preview.population import WEEKS
from scoring.preview.result import CriterionFigures, FlipLine, criterion_figures
from scoring.reading import At
from scoring.snapshot.reader import OUTCOMES
from scoring.spec import Spec
from scoring.spec_reader import read_decision, read_spec
from tests.scoring.history import History, Past, some_history
from tests.scoring.samples import AS_OF, REGISTRY, TOTAL, a_tally, a_test, clause, spec
from tests.scoring.strategies import models

REASONS = {1: Reason("Too small", frozenset({"company.employees"})), 2: Reason("Wrong person", frozenset({"lead.job_title"}))}
HISTORIES = {seed: some_history(seed) for seed in range(3)}


def asked(history: History, draft: Spec, live: Spec | None = None, **more):
    return preview(draft, live, snapshot=history.snapshot, reasons=REASONS, cache=more.pop("cache", ColumnCache(2**22)), **more)


def standing(history: History, goal: str, cases: str) -> list[Past]:
    """The case of each lead that counts, by hand."""
    found = []
    some = [one for one in history.cases if cases == "all" or one.dated]
    for lead in {one.lead for one in some}:
        mine = sorted((one for one in some if one.lead == lead), key=lambda one: (one.at, one.id))
        found.append(([one for one in mine if one.outcome in LABELLED[goal]] or mine)[-1])
    return found


def by_hand(history: History, draft: Spec, live: Spec | None, goal: str, cases: str):
    """The figures of a preview that matter most, counted one by one."""
    counted = standing(history, goal, cases)
    said = {one.id: evaluate(draft, one.facts, one.at) for one in history.cases}
    still = {lead: evaluate(draft, known, AS_OF) for lead, known in history.leads.items()}
    labelled = [one for one in counted if one.outcome in LABELLED[goal]]
    positive = [one for one in labelled if one.outcome in POSITIVE[goal]]
    monday = AS_OF.date() - timedelta(days=AS_OF.weekday() + 7 * WEEKS)
    weeks = [set() for _ in range(WEEKS)]
    for one in history.cases:
        week = (one.at.date() - monday).days // 7
        if one.dated and 0 <= week < WEEKS and said[one.id].mql:
            weeks[week].add(one.lead)
    found = {
        "base": (len(labelled), len(positive)),
        "weeks": [len(week) for week in weeks],
        "open_mql": sum(one.mql for one in still.values()),
        "outcomes": {
            name: (
                len([one for one in counted if one.outcome == name]),
                sum(said[one.id].mql for one in counted if one.outcome == name),
                sum(said[one.id].mqo for one in counted if one.outcome == name),
                sum(said[one.id].gated for one in counted if one.outcome == name),
            )
            for name in OUTCOMES
        },
        "precision": (sum(said[one.id].mql for one in labelled), sum(said[one.id].mql for one in positive)),
        "unlabelled": sum(said[one.id].mql for one in counted if one not in labelled),
        "total": Counter(
            (one.outcome, min(max(said[one.id].total, -1000), 1000)) for one in counted if said[one.id].in_scope and not said[one.id].gated
        ),
        "criteria": {},
    }  # fmt: skip
    for criterion in draft.criteria:
        hit = {
            key: any(line.key == criterion.key and line.kind == "criterion" for line in one.lines) for key, one in said.items()
        }
        events = criterion.when is None or any(not hasattr(clause, "field") for clause in criterion.when.clauses())
        base = [one for one in labelled if said[one.id].in_scope and (one.facts.has_activity or not events)]
        found["criteria"][criterion.key] = (
            sum(any(line.key == criterion.key and line.kind == "criterion" for line in one.lines) for one in still.values()),
            (sum(hit[one.id] for one in base), sum(hit[one.id] for one in base if one in positive)),
            (len(base), len([one for one in base if one in positive])),
        )
    if live is not None:
        was = {one.id: evaluate(live, one.facts, one.at) for one in history.cases}
        was_still = {lead: evaluate(live, known, AS_OF) for lead, known in history.leads.items()}
        for name, sign in (("entering", 1), ("leaving", -1)):
            rows = [
                (-sign * (said[one.id].total - was[one.id].total), one.id, "case", one.lead)
                for one in counted
                if said[one.id].mql != was[one.id].mql and said[one.id].mql == (sign > 0)
            ] + [
                (-sign * (still[lead].total - was_still[lead].total), lead, "open", lead)
                for lead in still
                if still[lead].mql != was_still[lead].mql and still[lead].mql == (sign > 0)
            ]
            found[name] = sorted(rows)
    return found


def compare(history: History, draft: Spec, live: Spec | None, goal: str, cases: str) -> None:
    result = asked(history, draft, live, goal=goal, cases=cases)
    assert sharing.read(sharing.written(result)) == result  # what another process of the host is told
    hand = by_hand(history, draft, live, goal, cases)
    effect = result.draft
    assert (result.base.rows, result.base.positive) == hand["base"]
    assert list(effect.weeks) == hand["weeks"]
    assert effect.open_mql == hand["open_mql"]
    assert {one.outcome: (one.rows, one.mql, one.mqo, one.gated) for one in effect.outcomes[:-1]} == hand["outcomes"]
    assert (effect.precision.labelled.rows, effect.precision.labelled.positive) == hand["precision"]
    assert effect.precision.unlabelled == hand["unlabelled"]
    assert (effect.recall.rows, effect.recall.positive) == hand["outcomes"]["won"][:2]
    total = effect.total
    points = Counter(
        {(name, total.low + at): n for name, line in total.counts.items() if name in OUTCOMES for at, n in enumerate(line) if n}
    )
    assert points == hand["total"]
    for histogram in (effect.fit, effect.engagement, effect.total):  # each row is somewhere
        assert sum(map(sum, histogram.counts.values())) == len(history.cases) + len(history.leads)
    of_criteria = {
        one.key: (one.open_hits, (one.hit.rows, one.hit.positive), (one.base.rows, one.base.positive)) for one in result.criteria
    }
    assert of_criteria == hand["criteria"]
    if live is not None:
        assert result.flips is not None
        for name in ("entering", "leaving"):
            side = getattr(result.flips, name)
            assert side.count == len(hand[name]) == sum(count for _, count in side.outcomes)
            sign = 1 if name == "entering" else -1
            found = [(-sign * row.delta, row.id, row.kind, row.lead) for row in side.rows]
            assert found == hand[name][:50]
            for row in side.rows:
                assert sum(line.after - line.before for line in row.lines) == row.delta
                assert row.because
                against = {f"{line.label} " for line in row.lines if line.key and (line.after - line.before) * sign < 0}
                assert not any(said.startswith(tuple(against)) for said in row.because if " → " in said)


few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@few
@given(
    models(),
    models(),
    st.sampled_from(sorted(HISTORIES)),
    st.sampled_from(("won", "accepted")),
    st.sampled_from(("all", "dated")),
)
def test_a_preview_is_what_one_counts_by_hand(draft, live, seed, goal, cases):
    compare(HISTORIES[seed], read_spec(draft, REGISTRY), read_spec(live, REGISTRY), goal, cases)


def test_flips_of_one_criterion_are_found_by_hand_too():
    live = spec(a_test("vp", 30, clause("lead.job_title", "words", values=["vp", "intern"])), a_tally("papers", 12, award="each"))
    draft = spec(
        a_test("vp", 12, clause("lead.job_title", "words", values=["vp", "intern"])),
        a_tally("papers", 15, award="each", cap=30),
        a_test("large", 20, clause("company.employees", "between", low=400)),
    )
    for seed, history in HISTORIES.items():
        compare(history, draft, live, "won", "all")
        found = asked(history, draft, live).flips
        assert found.entering.count, seed
        assert found.leaving.count, seed
        assert all(row.lines for side in (found.entering, found.leaving) for row in side.rows)


def test_a_flip_is_explained_by_what_moved_it_and_by_nothing_else():
    parts = (a_test("titled", 17, clause("lead.job_title", "known")), a_tally("papers", 1))
    lower = TOTAL | {"edges": [15, 40]}
    found = [asked(history, spec(*parts, decision=lower), spec(*parts)).flips for history in HISTORIES.values()]
    told = {said for flips in found for row in flips.entering.rows for said in row.because}
    line = TOTAL["edges"][TOTAL["tiers"].index(TOTAL["mql_from"]) - 1]
    assert told == {f"line moved from {line} to 15"}
    assert not any(flips.leaving.count for flips in found)
    back = [asked(history, spec(*parts), spec(*parts, decision=lower)).flips for history in HISTORIES.values()]
    assert {said for flips in back for row in flips.leaving.rows for said in row.because} == {f"line moved from 15 to {line}"}

    def why(was, now, lines, enters, gates=(None, None), judged=(True, True), live=TOTAL, draft=TOTAL):
        decisions = [read_decision(At("It", ""), one, REGISTRY) for one in (draft, live)]
        return why_flipped(*decisions, was, now, lines, enters=enters, gates=gates, judged=judged)

    up, down = FlipLine("up", "Size", 10, 15), FlipLine("down", "Took content", 6, 5)
    limits = FlipLine("", "Limits of groups and sums", 0, 3)
    assert why((40, line - 44), (45, line - 45), [up, down], True) == ("Size +10 → +15",)
    assert why((0, line - 3), (0, line), [down, limits], True) == ("Limits of groups and sums +3",)
    assert why((0, line), (0, line - 1), [up, down], False) == ("Took content +6 → +5",)
    assert why((0, line), (0, line), [up], True, gates=("Rival", None)) == ("no longer barred: Rival",)
    assert why((0, line), (0, 0), [], False, gates=(None, "Rival")) == ("now barred: Rival",)
    assert why((0, 0), (0, line), [up], True, judged=(False, True)) == ("It is judged only now",)
    both = why((0, line - 9), (0, line - 4), [up], True, draft=TOTAL | {"edges": [line - 5, 40]})
    assert both == (f"line moved from {line} to {line - 5}", "Size +10 → +15")
    grid = {"kind": "grid", "tiers": ["C", "B"], "fit_edges": [10], "engagement_edges": [10], "mql_from": "B"}
    low, high = grid | {"grid": [["C", "C"], ["C", "B"]]}, grid | {"grid": [["C", "C"], ["B", "B"]]}
    assert why((12, 3), (12, 3), [], True, live=low, draft=high) == ("the same fit and engagement are tier B instead of C",)


def test_a_planted_fault_is_found(monkeypatch):
    """An earlier decision of a lead counted as if it stood for it."""
    right = counting._rate
    monkeypatch.setattr(counting, "_rate", lambda some: right([(rows | True, good, picked) for rows, good, picked in some]))
    one = spec(a_test("known", 30))
    with pytest.raises(AssertionError):
        compare(HISTORIES[0], one, None, "won", "all")


@few
@given(models(), st.sampled_from(sorted(HISTORIES)))
def test_histograms_of_far_apart_sums_are_counted_otherwise_and_are_the_same(draft, seed):
    draft = read_spec(draft, REGISTRY)
    at_once = asked(HISTORIES[seed], draft)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "MOST_PAIRS", 0)
        assert asked(HISTORIES[seed], draft) == at_once


def test_two_cases_of_a_lead_in_a_week_are_one():
    history = HISTORIES[0]
    everyone = spec(a_tally("webinar", 30, "webinar_attended"))
    again = replace(history.snapshot, cases=(history.snapshot.cases[0], history.snapshot.cases[0]))
    one, two = (
        preview(everyone, None, snapshot=some, cache=ColumnCache(0)).draft.weeks
        for some in (replace(history.snapshot, cases=(history.snapshot.cases[0],)), again)
    )
    assert sum(one) > 0
    assert one == two


def test_another_threshold_reads_no_column_and_adds_up_nothing(monkeypatch):
    history, cache = HISTORIES[1], ColumnCache(2**24)
    parts = (a_test("vp", 15, clause("lead.job_title", "known")), a_tally("papers", 10, award="each"))
    first = asked(history, spec(*parts), spec(*parts), cache=cache)
    read = []
    right = evaluate_numpy._Reading.sums
    monkeypatch.setattr(evaluate_numpy._Reading, "sums", lambda self: read.append(1) or right(self))
    monkeypatch.setattr(counting, "_points", lambda *_: pytest.fail("a histogram was counted again"))
    other = spec(*parts, decision=TOTAL | {"edges": [10, 40]})
    second = asked(history, other, spec(*parts), cache=cache)
    assert read == []
    assert second.draft.total == first.draft.total
    assert second.draft.open_mql > first.draft.open_mql
    assert second.flips.entering.count > 0 == second.flips.leaving.count


def test_small_numbers_are_counts_and_sure_things_are_asked_about():
    def figures(rows: int, positive: int, base: tuple[int, int] = (400, 100)):
        return CriterionFigures("k", 0, Rate("k", rows, positive), Rate(None, *base), ())

    assert figures(29, 29).lift is None
    assert figures(29, 29).asks == ""
    assert figures(30, 29).asks == "always"
    assert figures(100, 95).asks == ""
    assert figures(100, 96).asks == "always"
    assert figures(100, 2).asks == ""
    assert figures(100, 1).asks == "never"
    one = figures(40, 20)
    assert one.lift == pytest.approx(2.0)
    low, high = wilson(20, 40)
    assert (one.lift_low, one.lift_high) == (pytest.approx(low / 0.25), pytest.approx(high / 0.25))


def test_the_interval_is_wilsons():
    """Compared with values of R's `prop.test(correct = FALSE)`."""
    assert wilson(8, 10) == (pytest.approx(0.4901625, abs=1e-6), pytest.approx(0.9433178, abs=1e-6))
    assert wilson(0, 10) == (0.0, pytest.approx(0.2775328, abs=1e-6))
    assert wilson(0, 0) == (0.0, 1.0)


def test_reasons_that_speak_of_a_criterions_facts_are_counted():
    history = some_history(7, cases=200, people=150)
    draft = spec(a_test("size", 10, clause("company.employees", "known")), a_test("title", 10))
    figures = criterion_figures(asked(history, draft))
    rejected = [one for one in standing(history, "won", "all") if one.outcome == "rejected" and one.reason == 1]
    said = figures["size"].reasons
    assert [(one.label, one.cases) for one in said] == [("Too small", len(rejected))]
    assert said[0].hits == sum(one.facts.values["company.employees"] is not None for one in rejected) > 0
    assert [one.label for one in figures["title"].reasons] == ["Wrong person"]


def test_the_bounds_hold_whatever_the_unlabelled_become():
    result = asked(HISTORIES[0], spec(a_test("known", 30))).draft.precision
    assert result.unlabelled > 0
    assert result.low < result.labelled.share < result.high


def test_one_sides_points_are_tried():
    one = spec(a_test("vp", 10), a_tally("papers", 5))
    tried = with_points(one, {"vp": 25})
    assert [criterion.points for criterion in tried.criteria] == [25, 5]
    assert tried.hash != one.hash


def test_a_preview_is_plain_json_with_what_it_works_out():
    history = HISTORIES[0]
    result = asked(history, spec(a_test("vp", 30)), spec(a_test("vp", 10)), capacity=12)
    data = json.loads(json.dumps(result.as_json()))
    assert data["question"] == {"goal": "won", "points": "agreed", "cases": "all", "capacity": 12}
    assert data["basis"]["cases"] == 60
    assert data["draft"]["precision"]["labelled"]["low"] == pytest.approx(result.draft.precision.labelled.low)
    assert data["criteria"][0]["lift"] == result.criteria[0].lift
    assert data["flips"]["entering"]["rows"][0]["delta"] == 20


def test_a_version_in_force_that_cannot_be_read_is_not_compared(monkeypatch):
    one = spec(a_test("vp", 30))
    right = asking.judge

    def judge(some, population, cache):
        if some is not one:
            raise asking.NotInSnapshot(["custom.gone"])
        return right(some, population, cache)

    monkeypatch.setattr(asking, "judge", judge)
    result = asked(HISTORIES[0], one, spec(a_test("vp", 10)))
    assert (result.live, result.flips) == (None, None)
