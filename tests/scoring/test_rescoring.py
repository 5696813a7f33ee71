from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from leads.actions.stage import change_stage
from leads.choices import Stage
from leads.models import Activity, ImportRun, Lead, Submission
from leads.revisions import touch_revisions
from scoring import looking, qualifying, waiting
from scoring.looking import score_now
from scoring.many import rescore_all
from scoring.models import FLAG_GATED, FLAG_MQL, FLAG_MQO, Activation, LeadScore, LeadState, Mark, Qualification, ScoreChange
from scoring.rescoring import score_dirty
from tests.builders import LONG_AGO, Builders
from tests.conftest import MONDAY
from tests.scoring.conftest import DEMO, qualifications_of, score_of
from tests.scoring.samples import TOTAL, a_tally, a_test, clause, when

pytestmark = pytest.mark.django_db

Agree = Callable[..., Any]
Did = Callable[..., Activity]
SIZE = a_test("size", 15, clause("company.employees", "between", low=100))
NOW = MONDAY


@pytest.fixture(autouse=True)
def clock(freeze: Callable[..., Any]) -> Any:
    return freeze(NOW)


def drain() -> int:
    done = 0
    while worked := score_dirty():
        done += worked
    return done


def test_a_new_activity_moves_the_score_and_qualifies(make: Builders, agree: Agree, did: Did) -> None:
    agree(SIZE, DEMO)
    lead = make.lead(company=make.company(employees=300))
    drain()
    assert score_of(lead) == (15, 0, 0, 0, None)
    did(lead, "demo_request", NOW)
    assert drain() == 1
    assert score_of(lead) == (15, 25, 2, FLAG_MQL, None)
    (qualification,) = qualifications_of(lead)
    assert (qualification.kind, qualification.nth, qualification.cause) == ("mql", 1, "event")
    assert (qualification.fit, qualification.engagement, qualification.tier, qualification.release_at) == (15, 25, 2, NOW)
    assert [(line["words"], line["points"], line["sub"]) for line in qualification.lines] == [
        ("Size", 15, "Employees: 300"),
        ("Demo", 25, "once"),
    ]
    lead.refresh_from_db()
    assert lead.stage == Stage.MQL


def test_only_entering_qualifies_and_only_once(make: Builders, agree: Agree, did: Did) -> None:
    agree(DEMO)
    lead = make.lead()
    for day in range(3):
        did(lead, "demo_request", NOW - timedelta(days=day))
        drain()
    assert len(qualifications_of(lead)) == 1


def test_a_lead_that_comes_back_qualifies_a_second_time(make: Builders, agree: Agree, did: Did, clock: Any) -> None:
    agree(DEMO)
    lead = make.lead()
    did(lead, "demo_request", NOW)
    drain()
    Qualification.objects.update(closed_at=NOW, closed_as="answered")
    clock.advance(timedelta(days=40))
    assert drain() == 1
    assert score_of(lead)[3] == 0
    did(lead, "demo_request", NOW + timedelta(days=40))
    drain()
    assert [q.nth for q in qualifications_of(lead)] == [1, 2]


def test_an_open_qualification_is_not_doubled_when_the_score_flaps(make: Builders, agree: Agree, did: Did, clock: Any) -> None:
    agree(DEMO)
    lead = make.lead()
    did(lead, "demo_request", NOW)
    drain()
    clock.advance(timedelta(days=40))
    drain()
    did(lead, "demo_request", NOW + timedelta(days=40))
    drain()
    assert len(qualifications_of(lead)) == 1


def test_an_mqo_is_a_qualification_of_its_own(make: Builders, agree: Agree, did: Did) -> None:
    mqo = {"tiers": ["A"], "when": when({"event": {"kinds": ["contact_request"]}, "days": 30, "at_least": 1})}
    agree(a_tally("demo", 45, "demo_request"), decision=TOTAL | {"mqo": mqo})
    lead = make.lead()
    did(lead, "demo_request", NOW)
    drain()
    did(lead, "contact_request", NOW)
    drain()
    assert [q.kind for q in qualifications_of(lead)] == ["mql", "mqo"]
    assert score_of(lead)[3] == FLAG_MQL | FLAG_MQO


def test_time_alone_lowers_a_score_on_the_due_day(make: Builders, agree: Agree, did: Did, clock: Any) -> None:
    agree(DEMO)
    lead = make.lead()
    did(lead, "demo_request", NOW)
    drain()
    assert LeadState.objects.get(lead=lead).due_on == date(2026, 7, 8)
    clock.move_to(datetime(2026, 7, 7, 23, 59, 59, tzinfo=UTC))
    assert drain() == 0
    clock.move_to(datetime(2026, 7, 8, 0, 0, 1, tzinfo=UTC))
    assert drain() == 1
    assert score_of(lead) == (0, 0, 0, 0, None)
    change = ScoreChange.objects.filter(lead=lead).first()
    assert (change.cause, change.old_engagement, change.new_engagement) == ("time", 25, 0)


def test_due_leads_are_looked_for_until_the_day_is_settled_and_then_no_more(make: Builders, agree: Agree) -> None:
    agree(SIZE)
    lead = make.lead()
    drain()
    assert Mark.objects.get(pk=waiting.DUE).txid == waiting.day_of(NOW)
    LeadState.objects.filter(lead=lead).update(due_on=NOW.date())
    assert score_dirty() == 0
    just_after_midnight = datetime(2026, 6, 9, 0, 0, 3, tzinfo=UTC)
    assert waiting.due_leads(just_after_midnight, 10) == [lead.pk]
    assert Mark.objects.get(pk=waiting.DUE).txid == waiting.day_of(NOW)


def test_scoring_again_writes_no_row(make: Builders, agree: Agree, did: Did) -> None:
    agree(SIZE, DEMO)
    lead = make.lead(company=make.company(employees=300))
    did(lead, "demo_request", NOW)
    drain()
    before = list(LeadScore.objects.values_list()), ScoreChange.objects.count(), Qualification.objects.count()
    with connection.cursor() as cursor:
        cursor.execute("SELECT ctid::text FROM scoring_leadscore")
        place = cursor.fetchall()
        score_now([lead.pk])
        cursor.execute("SELECT ctid::text FROM scoring_leadscore")
        assert cursor.fetchall() == place
    assert (list(LeadScore.objects.values_list()), ScoreChange.objects.count(), Qualification.objects.count()) == before


def test_dropping_and_rebuilding_gives_the_same_rows_and_no_new_qualification(make: Builders, agree: Agree, did: Did) -> None:
    agree(SIZE, DEMO)
    for employees in (50, 300, 400):
        did(make.lead(company=make.company(employees=employees)), "demo_request", NOW)
    drain()
    before = sorted(LeadScore.objects.values_list())
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM scoring_leadscore; DELETE FROM scoring_leadstate")
    list(rescore_all())
    assert sorted(LeadScore.objects.values_list()) == before
    assert Qualification.objects.count() == 3


def test_a_lead_out_of_scope_has_no_score_and_loses_the_one_it_had(make: Builders, agree: Agree) -> None:
    agree(SIZE, scope=when(clause("lead.country", "in", values=["de"])))
    inside, outside = make.lead(country="DE"), make.lead(country="FR")
    drain()
    assert score_of(inside) is not None
    assert score_of(outside) is None
    Lead.objects.filter(pk=inside.pk).update(country="FR")
    touch_revisions([inside.pk])
    drain()
    assert score_of(inside) is None


def test_every_active_model_scores_a_lead(make: Builders, agree: Agree, did: Did) -> None:
    agree(SIZE)
    agree(DEMO, name="Second")
    lead = make.lead(company=make.company(employees=300))
    did(lead, "demo_request", NOW)
    drain()
    assert sorted(LeadScore.objects.filter(lead_id=lead.pk).values_list("fit", "engagement")) == [(0, 25), (15, 0)]


def test_a_gate_bars_a_lead_and_is_named(make: Builders, agree: Agree, did: Did) -> None:
    gate = {"key": "rival", "label": "Rival", "when": when(clause("company.is_competitor", "is", value=True))}
    agree(DEMO, gates=[gate])
    lead = make.lead(company=make.company(is_competitor=True))
    did(lead, "demo_request", NOW)
    drain()
    assert score_of(lead) == (0, 25, None, FLAG_GATED, "rival")
    assert qualifications_of(lead) == []


def test_a_lead_that_cannot_be_reached_waits_and_enters_once_it_can(make: Builders, agree: Agree, did: Did) -> None:
    agree(DEMO)
    lead = make.lead(email="", contactable=False, contact_problem="no_contact", stage=Stage.INQUIRY)
    did(lead, "demo_request", NOW)
    drain()
    assert score_of(lead) == (0, 25, None, FLAG_GATED, "unreachable")
    Lead.objects.filter(pk=lead.pk).update(contactable=True, contact_problem="", stage=Stage.PROSPECT)
    touch_revisions([lead.pk])
    drain()
    assert [q.kind for q in qualifications_of(lead)] == ["mql"]


@pytest.mark.parametrize(
    ("stage", "hold"), [(Stage.DISQUALIFIED, "disqualified"), (Stage.REJECTED, "in_review"), (Stage.WON, "decided")]
)
def test_a_decided_lead_keeps_its_score_but_does_not_qualify(
    stage: Stage, hold: str, make: Builders, agree: Agree, did: Did
) -> None:
    agree(DEMO)
    lead = make.lead(stage=stage, stage_since=NOW)
    did(lead, "demo_request", NOW - timedelta(days=2))
    drain()
    assert score_of(lead) == (0, 25, 1, 0, hold)
    assert qualifications_of(lead) == []


def test_a_won_lead_that_engages_anew_opens_the_next_round(make: Builders, agree: Agree, did: Did) -> None:
    agree(DEMO)
    lead = make.lead(stage=Stage.WON, stage_since=NOW - timedelta(days=1))
    did(lead, "demo_request", NOW - timedelta(days=2))
    drain()
    did(lead, "demo_request", NOW)
    drain()
    assert len(qualifications_of(lead)) == 1


def test_a_recycled_lead_comes_back_on_its_day_or_by_a_new_engagement(make: Builders, agree: Agree, did: Did, clock: Any) -> None:
    agree(a_test("size", 30, clause("company.employees", "between", low=100)), DEMO)
    company = make.company(employees=300)
    by_day, by_deed = (
        make.lead(company=company, stage=Stage.RECYCLED, stage_since=LONG_AGO, return_on=day, engagement_from=LONG_AGO)
        for day in (date(2026, 6, 20), None)
    )
    drain()
    assert [score_of(lead)[3:] for lead in (by_day, by_deed)] == [(0, "nurture")] * 2
    did(by_deed, "demo_request", NOW)
    drain()
    assert len(qualifications_of(by_deed)) == 1
    assert qualifications_of(by_day) == []
    clock.move_to(datetime(2026, 6, 20, 6, 0, tzinfo=UTC))
    drain()
    assert len(qualifications_of(by_day)) == 1


def test_a_disqualified_lead_that_is_let_back_in_enters(make: Builders, agree: Agree, did: Did) -> None:
    agree(DEMO)
    lead = make.lead(stage=Stage.DISQUALIFIED)
    did(lead, "demo_request", NOW)
    drain()
    change_stage(lead, Stage.PROSPECT, actor=None, reason="A mistake")
    drain()
    assert len(qualifications_of(lead)) == 1


def test_leads_of_an_import_are_kept_back_until_they_do_something_themselves(make: Builders, agree: Agree, did: Did) -> None:
    agree(a_test("size", 30, clause("company.employees", "between", low=100)), DEMO)
    drain()
    run = ImportRun.objects.create(file="x.csv", file_name="x.csv", file_size=1, file_hash="0", created_at=NOW)
    lead = make.lead(company=make.company(employees=300))
    Submission.objects.create(channel="import", kind="lead", lead=lead, received_at=NOW, raw={}, status="created", import_run=run)
    drain()
    (qualification,) = qualifications_of(lead)
    assert (qualification.cause, qualification.release_at) == ("import", None)
    lead.refresh_from_db()
    assert lead.stage == Stage.PROSPECT
    did(lead, "demo_request", NOW, known_at=NOW + timedelta(microseconds=1))
    drain()
    (qualification,) = qualifications_of(lead)
    assert qualification.release_at == NOW
    lead.refresh_from_db()
    assert lead.stage == Stage.MQL


def test_leads_of_an_import_meant_for_sales_are_released(make: Builders, agree: Agree) -> None:
    agree(a_test("size", 30, clause("company.employees", "between", low=100)))
    drain()
    run = ImportRun.objects.create(
        file="x.csv", file_name="x.csv", file_size=1, file_hash="0", created_at=NOW, options={"hand_over": True}
    )
    lead = make.lead(company=make.company(employees=300))
    Submission.objects.create(channel="import", kind="lead", lead=lead, received_at=NOW, raw={}, status="created", import_run=run)
    drain()
    assert qualifications_of(lead)[0].release_at == NOW


def test_a_new_version_judges_every_lead_and_only_who_was_out_enters(make: Builders, agree: Agree, did: Did) -> None:
    first = agree(DEMO)
    inside, outside, low = (make.lead(company=make.company(employees=n)) for n in (10, 300, 10))
    did(inside, "demo_request", NOW)
    drain()
    second = agree(DEMO, a_test("size", 30, clause("company.employees", "between", low=100)))
    assert LeadScore.objects.filter(version_id=first.pk).count() == 3  # for a week, to look back at
    assert LeadScore.objects.filter(version_id=second.pk).count() == 3
    assert [len(qualifications_of(lead)) for lead in (inside, outside, low)] == [1, 1, 0]
    assert qualifications_of(outside)[0].cause == "activation"
    assert drain() == 2  # who entered was looked at at once
    activation = Activation.objects.get(version=second)
    assert (activation.step, activation.counts["scored"], activation.counts["entered"]) == (Activation.Step.SETTLED, 3, 1)
    moved = ScoreChange.objects.filter(version=second)
    assert list(moved.values_list("lead_id", "cause", "old_fit", "new_fit")) == [(outside.pk, "activation", 0, 30)]
    assert Qualification.objects.count() == 2


@pytest.mark.parametrize(("wave", "days"), [("now", [0, 0, 0]), ("none", [None] * 3)])
def test_the_wave_of_an_activation_says_when_sales_gets_them(
    wave: str, days: list[int | None], make: Builders, agree: Agree
) -> None:
    company = make.company(employees=300)
    leads = [make.lead(company=company) for _ in range(3)]
    agree(a_test("size", 30, clause("company.employees", "between", low=100)), wave=wave)
    drain()
    releases = [qualifications_of(lead)[0].release_at for lead in leads]
    assert releases == [None if day is None else NOW + timedelta(days=day) for day in days]


def test_a_spread_wave_keeps_to_what_reps_can_take(
    make: Builders, agree: Agree, monkeypatch: pytest.MonkeyPatch, clock: Any
) -> None:
    from scoring.slots import slots

    monkeypatch.setattr(slots, "weekly_capacity", lambda: 7)
    company = make.company(employees=300)
    leads = [make.lead(company=company) for _ in range(3)]
    agree(a_test("size", 30, clause("company.employees", "between", low=100)), wave="spread")
    drain()
    assert [qualifications_of(lead)[0].release_at for lead in leads] == [NOW + timedelta(days=day) for day in range(3)]
    assert list(Lead.objects.order_by("pk").values_list("stage", flat=True)) == ["mql", "prospect", "prospect"]
    clock.advance(timedelta(days=1))
    score_dirty()
    assert list(Lead.objects.order_by("pk").values_list("stage", flat=True)) == ["mql", "mql", "prospect"]


def test_two_versions_in_quick_succession_lose_nobody_and_double_nobody(make: Builders, agree: Agree, did: Did) -> None:
    agree(DEMO)
    leads = [make.lead() for _ in range(4)]
    for lead in leads:
        did(lead, "demo_request", NOW)
    drain()
    agree(DEMO, SIZE)
    score_dirty(limit=2)
    last = agree(DEMO, SIZE, a_test("more", 1))
    drain()
    assert LeadScore.objects.filter(version=last).count() == 4
    assert Qualification.objects.count() == 4


def test_more_than_a_batch_waits_its_turn_and_nothing_is_left(make: Builders, agree: Agree) -> None:
    agree(SIZE)
    for _ in range(7):
        make.lead()
    counts = []
    while worked := score_dirty(limit=3):
        counts.append(worked)
    assert max(counts) <= 3
    assert LeadScore.objects.count() == 7


def test_a_restored_dump_with_higher_marks_is_noticed_and_caught_up(make: Builders, agree: Agree) -> None:
    agree(SIZE)
    lead = make.lead()
    drain()
    Mark.objects.filter(pk=waiting.CHANGED).update(txid=2**50)
    touch_revisions([lead.pk])
    Lead.objects.filter(pk=lead.pk).update(company=make.company(employees=300))
    drain()
    assert score_of(lead)[0] == 15


def test_leads_that_cannot_be_reached_keep_no_place_in_the_queue_of_promotions(
    make: Builders, agree: Agree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qualifying, "MOST_PROMOTED", 1)
    agree(a_test("size", 30, clause("company.employees", "between", low=100)))
    company = make.company(employees=300)
    gone, there = (make.lead(company=company, stage=Stage.RECYCLED, return_on=NOW.date()) for _ in range(2))
    looking.score_batch([gone.pk, there.pk])
    Lead.objects.filter(pk=gone.pk).update(contactable=False, contact_problem="no_contact")
    assert qualifying.promote_released(NOW) == [there.pk]


def test_a_spec_that_can_no_longer_be_read_stops_nobody_else(
    make: Builders, agree: Agree, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from leads.errors import Invalid
    from scoring import compiler

    broken = agree(SIZE)
    agree(DEMO, name="Second")
    real = compiler.stored_spec

    def reading(version_id: int, spec_hash: str) -> Any:
        if version_id == broken.pk:
            raise Invalid("gone")
        return real(version_id, spec_hash)

    monkeypatch.setattr(compiler, "stored_spec", reading)
    make.lead()
    drain()
    assert LeadScore.objects.count() == 1
    assert "cannot be read" in caplog.text


def test_a_batch_takes_a_fixed_number_of_queries(make: Builders, agree: Agree, did: Did) -> None:
    agree(SIZE, DEMO)
    counts = []
    score_now([make.lead().pk])
    for size in (2, 20):
        leads = [make.lead(company=make.company(employees=300)) for _ in range(size)]
        for lead in leads:
            did(lead, "demo_request", NOW)
        with CaptureQueriesContext(connection) as queries:
            score_now([lead.pk for lead in leads])
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert counts[0] <= 25


def test_leads_that_are_gone_are_left_out(make: Builders, agree: Agree) -> None:
    agree(SIZE)
    score_now([2**40])
    assert LeadState.objects.count() == 0


def test_a_lead_somebody_moved_since_it_was_released_is_left_where_it_is(
    make: Builders, agree: Agree, did: Did, clock: Any
) -> None:
    agree(DEMO)
    lead = make.lead()
    did(lead, "demo_request", NOW)
    drain()
    clock.advance(timedelta(hours=1))
    lead.refresh_from_db()
    change_stage(lead, Stage.PROSPECT, actor=None, reason="Went to the account owner")
    drain()
    score_dirty()
    lead.refresh_from_db()
    assert lead.stage == Stage.PROSPECT
