"""A version's way into force: prepared aside, checked, kept up to date, and changed in one moment."""

from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from leads import clock, jobs
from leads.choices import Stage
from leads.errors import AccordError, Conflict, Invalid
from leads.models import ImportRun, Job, Lead, LeadField, LeadRevision, Submission
from leads.notify import bell, notices
from leads.revisions import touch_revisions
from scoring import by_columns, effect, filling, partitions
from scoring.actions.activating import activate_version, begin_due, begin_trial, call_off, end_trial, go_on, put_into_force
from scoring.actions.signing import give_verdict, propose_version, take_back
from scoring.actions.versions import create_draft, create_model, write_content
from scoring.activation import activate_here, drop_old_scores
from scoring.closed_leads import closed_leads
from scoring.effect_words import summary
from scoring.holds import HOLD_WORDS, IN_REVIEW
from scoring.looking import score_now
from scoring.many import rescore_by_columns
from scoring.models import Activation, LeadScore, LeadState, ModelVersion, Qualification, ScoreChange
from scoring.newcomers import newcomers
from scoring.rescoring import score_dirty
from scoring.signoff import NOBODY
from scoring.snapshot.building import rebuild
from scoring.snapshot.files import Damaged
from scoring.snapshot.mark import Mark
from tests.scoring.conftest import score_of, steps
from tests.scoring.samples import TOTAL, a_tally, a_test, clause, when

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 8, 9, 30, tzinfo=UTC)
SIZE = a_test("size", 60, clause("company.employees", "between", low=100))
DEMO = a_tally("demo", 25, "demo_request", days=30, award="each", half_life=10)
GATE = {"key": "rival", "label": "Rival", "when": when(clause("company.is_competitor", "is", value=True))}
Step = Activation.Step
REACHABLE = (Stage.PROSPECT, Stage.MQL, Stage.SAL, Stage.SQL)


@pytest.fixture(autouse=True)
def hands(freeze: Any) -> Any:
    return freeze(NOW)


def a_version(*criteria: dict[str, Any], signers: Any = NOBODY, **parts: Any) -> ModelVersion:
    """A draft of the model of the test, the first or the next one."""
    before = ModelVersion.objects.order_by("-no").first()
    version = (
        create_draft(before.model, actor=None, start="empty")
        if before
        else create_model("Main", actor=None, start="empty", signers=signers)
    )
    write_content(version, {"decision": TOTAL, "criteria": list(criteria)} | parts)
    return version


def finish(job: Job) -> Job:
    jobs.work_on(job, give_way=False)
    job.refresh_from_db()
    return job


def crowd(make: Any, count: int = 60) -> list[Lead]:
    """Leads in every stage, with and without company, reachable or not, some with activities."""
    rng = Random(7)
    companies = [make.company(employees=number, is_competitor=rival) for number in (10, 300, 900) for rival in (False, True)]
    leads = []
    for _ in range(count):
        stage = rng.choice(list(Stage))
        problem = "no_contact" if stage == Stage.INQUIRY or (stage not in REACHABLE and rng.random() < 0.3) else ""
        lead = make.lead(
            stage=stage,
            company=rng.choice([*companies, None]),
            contactable=not problem,
            contact_problem=problem,
            return_on=rng.choice([None, NOW.date(), NOW.date() + timedelta(days=9)]),
        )
        for _ in range(rng.randrange(4)):
            make.activity(lead, rng.choice(["demo_request", "page_view"]), NOW - timedelta(days=rng.randrange(50)))
        leads.append(lead)
    return leads


def stored(version: ModelVersion) -> list[tuple[Any, ...]]:
    rows = LeadScore.objects.filter(version=version).order_by("lead_id")
    return list(rows.values_list("lead_id", "fit", "engagement", "tier", "flags", "gate"))


@pytest.mark.parametrize("own_table", [True, False])
def test_what_is_stored_is_what_the_reference_says_of_every_lead(
    make: Any, own_table: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "may_create", lambda: own_table)
    leads = crowd(make)
    version = a_version(SIZE, DEMO, gates=[GATE], scope=when(clause("company.employees", "between", low=5)))
    activate_here(version, actor=None, reason="Go", wave="none")
    assert partitions.is_attached(version.pk) == own_table
    made = stored(version)
    assert 20 < len(made) < len(leads)
    assert {gate for *_, gate in made} >= {None, "rival", "decided", "in_review"}
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM scoring_leadscore")
    score_now([lead.pk for lead in leads])
    assert stored(version) == made


def test_who_looks_meanwhile_sees_the_version_before_and_then_the_new_one_whole(make: Any) -> None:
    leads = [make.lead(company=make.company(employees=300)) for _ in range(5)]
    first = a_version(a_test("title", 5), SIZE)
    activate_here(first, actor=None, reason="Go")
    second = a_version(a_test("known", 40, clause("company.employees", "known")))
    job = steps(activate_version(second, actor=None, rev=1, reason="Better").job, "swap")
    assert [score_of(lead)[0] for lead in leads] == [60] * 5
    assert len(stored(second)) == 5
    assert first.model.versions.get(status="active") == first
    finish(job)
    assert [score_of(lead)[0] for lead in leads] == [40] * 5
    first.refresh_from_db()
    assert first.status == "retired"


@pytest.mark.parametrize("before", ["compare", "attach", "rest", "keep", "catch_up", "swap"])
def test_a_lead_that_changes_or_comes_meanwhile_is_judged_as_it_is_then(make: Any, before: str) -> None:
    small = make.company(employees=10)
    changed, gone = make.lead(company=small), make.lead(company=make.company(employees=300))
    version = a_version(SIZE)
    job = steps(activate_version(version, actor=None, rev=1, reason="Go").job, before)
    Lead.objects.filter(pk=changed.pk).update(company=make.company(employees=300))
    touch_revisions([changed.pk])
    fresh = make.lead(company=make.company(employees=900))
    score_dirty()
    Lead.objects.filter(pk=gone.pk).update(company=small)
    touch_revisions([gone.pk])
    finish(job)
    while score_dirty():
        pass
    assert [score_of(lead)[0] for lead in (changed, gone, fresh)] == [60, 0, 60]
    assert sorted(Qualification.objects.values_list("lead_id", flat=True)) == sorted([changed.pk, fresh.pk])


def test_a_difference_between_the_evaluators_stops_it_and_it_can_be_tried_again(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        make.lead(company=make.company(employees=300))
    LeadRevision.objects.update(txid=1)  # long before the figures were read
    version = a_version(SIZE)
    asked = activate_version(version, actor=None, rev=1, reason="Go")
    right = partitions.fill
    monkeypatch.setattr(
        partitions,
        "fill",
        lambda table, pk, leads, columns, gates, **more: right(table, pk, leads, [columns[0] + 1, *columns[1:]], gates, **more),
    )
    jobs.run_once()
    asked.refresh_from_db()
    assert asked.step == Step.FAILED
    assert "The two ways of scoring differ" in asked.job.error
    assert not ModelVersion.objects.filter(status="active").exists()
    monkeypatch.setattr(partitions, "fill", right)
    go_on(asked, actor=None)
    jobs.run_once()
    assert ModelVersion.objects.get(status="active") == version
    with pytest.raises(Conflict):
        go_on(asked, actor=None)


@pytest.mark.parametrize("before", ["fill", "attach", "catch_up", "swap"])
def test_what_is_taken_back_meanwhile_does_not_come_into_force(make: Any, before: str) -> None:
    make.lead()
    version = a_version(SIZE)
    asked = activate_version(version, actor=None, rev=1, reason="Go")
    job = steps(asked.job, before)
    take_back(version, actor=None)
    finish(job)
    asked.refresh_from_db()
    version.refresh_from_db()
    assert (asked.step, version.status, version.kept_since) == (Step.CANCELLED, "withdrawn", None)
    drop_old_scores(clock.now())
    assert version.pk not in partitions.own_tables()
    assert not LeadScore.objects.exists()


def test_an_objection_at_the_last_moment_keeps_the_version_before(cast: Any, make: Any) -> None:
    make.lead()
    version = a_version(SIZE, signers={})
    propose_version(version, actor=cast.marketer, rev=1, reason="Better")
    for head in (cast.head_of_marketing, cast.head_of_sales):
        give_verdict(version, actor=head, verdict="agree", spec_hash=version.spec_hash)
    job = steps(activate_version(version, actor=cast.head_of_sales, rev=1, reason="Go").job, "swap")
    give_verdict(version, actor=cast.manager, verdict="object", spec_hash=version.spec_hash, note="Not yet.")
    finish(job)
    assert "Mona Manager asked for a change" in job.error
    assert not ModelVersion.objects.filter(status="active").exists()


def test_a_planned_version_waits_for_its_time_and_can_be_called_off(make: Any, hands: Any) -> None:
    make.lead(company=make.company(employees=300))
    version = a_version(SIZE)
    with pytest.raises(Invalid, match="at most 90 days ahead"):
        activate_version(version, actor=None, rev=1, reason="Go", effective_at=NOW + timedelta(days=91))
    later = NOW + timedelta(hours=3)
    asked = activate_version(version, actor=None, rev=1, reason="Go", effective_at=later)
    assert (asked.step, asked.job, begin_due(NOW)) == (Step.PLANNED, None, 0)
    with pytest.raises(Conflict, match="on its way"):
        activate_version(version, actor=None, rev=1, reason="Go")
    call_off(asked, actor=None)
    assert (asked.step, begin_due(later)) == (Step.CANCELLED, 0)
    with pytest.raises(Conflict, match="called off"):
        call_off(asked, actor=None)
    activate_version(version, actor=None, rev=1, reason="Go", effective_at=later)
    hands.move_to(later)
    assert begin_due(later) == 1
    jobs.run_once()
    version.refresh_from_db()
    assert (version.status, version.activated_at) == ("active", later)


def test_those_who_did_something_meanwhile_are_released_whatever_the_wave(make: Any, hands: Any) -> None:
    quiet, busy = (make.lead(company=make.company(employees=300)) for _ in range(2))
    version = a_version(SIZE)
    job = steps(activate_version(version, actor=None, rev=1, reason="Go", wave="none").job, "catch_up")
    hands.advance(timedelta(seconds=5))
    make.activity(busy, "page_view", clock.now())
    touch_revisions([busy.pk])
    score_dirty()
    finish(job)
    released = dict(Qualification.objects.values_list("lead_id", "release_at"))
    assert (released[quiet.pk], released[busy.pk] is None) == (None, False)


def test_the_best_are_handed_over_first_in_a_spread_wave(make: Any) -> None:
    low = make.lead(company=make.company(employees=300))
    high = make.lead(company=make.company(employees=300))
    make.activity(high, "demo_request", NOW - timedelta(hours=1))
    version = a_version(SIZE, DEMO)
    activate_here(version, actor=None, reason="Go", wave="spread")
    released = dict(Qualification.objects.values_list("lead_id", "release_at"))
    assert released[high.pk] == NOW < released[low.pk]


def test_scores_move_by_themselves_on_the_right_day_under_a_new_version(make: Any, hands: Any) -> None:
    lead = make.lead()
    make.activity(lead, "demo_request", NOW - timedelta(days=1))
    activate_here(a_version(a_test("title", 1)), actor=None, reason="Go")
    while score_dirty():
        pass
    second = a_version(a_tally("demo", 25, "demo_request", days=3))
    activate_here(second, actor=None, reason="Go")
    assert score_of(lead)[1] == 25
    hands.advance(timedelta(seconds=1))
    while score_dirty():
        pass
    assert LeadState.objects.get(lead=lead).due_on == NOW.date() + timedelta(days=2)
    assert [change.cause for change in ScoreChange.objects.filter(version=second)] == ["activation"]
    hands.advance(timedelta(days=2))
    score_dirty()
    assert score_of(lead)[1] == 0


def test_a_trial_scores_every_lead_and_nothing_comes_of_it(cast: Any, make: Any, did: Any) -> None:
    large = make.lead(company=make.company(employees=300))
    first = a_version(DEMO)
    activate_here(first, actor=None, reason="Go")
    second = a_version(SIZE, signers={})
    propose_version(second, actor=None, rev=1, reason="Better")
    begin_trial(second, actor=None)
    jobs.run_once()
    fresh = make.lead(company=make.company(employees=900))
    while score_dirty():
        pass
    assert [row[0] for row in stored(second)] == [large.pk, fresh.pk]
    assert not Qualification.objects.exists()
    assert not ScoreChange.objects.filter(version=second).exists()
    from scoring.signing_card import trial_figures

    second.refresh_from_db()
    figures = trial_figures(second)
    assert (figures.is_kept, figures.both, figures.only_trial, figures.only_active) == (True, 0, 2, 0)
    with pytest.raises(Conflict):
        begin_trial(second, actor=None)
    end_trial(second, actor=None)
    late = make.lead(company=make.company(employees=900))
    while score_dirty():
        pass
    assert late.pk not in [row[0] for row in stored(second)]
    with pytest.raises(Conflict):
        end_trial(second, actor=None)


def test_a_version_on_trial_comes_into_force_like_any_other(make: Any) -> None:
    make.lead(company=make.company(employees=300))
    activate_here(a_version(DEMO), actor=None, reason="Go")
    second = a_version(SIZE)
    propose_version(second, actor=None, rev=1, reason="Better")
    begin_trial(second, actor=None)
    jobs.run_once()
    activate_here(second, actor=None, reason="Go")
    assert (second.status, second.trial_since, second.kept_since) == ("active", None, None)
    assert Qualification.objects.get().cause == "activation"


def test_old_scores_go_a_week_after_they_were_replaced(make: Any, hands: Any) -> None:
    make.lead()
    first = a_version(SIZE)
    activate_here(first, actor=None, reason="Go")
    second = a_version(DEMO)
    activate_here(second, actor=None, reason="Better")
    drop_old_scores(clock.now())
    assert (len(stored(first)), len(stored(second))) == (1, 1)
    hands.advance(timedelta(days=8))
    assert drop_old_scores(clock.now()) == 1
    assert (len(stored(first)), len(stored(second))) == (0, 1)
    assert drop_old_scores(clock.now()) == 0


def test_a_criterion_on_what_never_enters_the_files_is_scored_by_the_reference(make: Any) -> None:
    LeadField.objects.create(key="nickname", label="Nickname", type="text", personal=True)
    lead = make.lead(attributes={"nickname": "Bob"}, folded={"custom.nickname": " bob "})
    version = a_version(a_test("named", 30, clause("custom.nickname", "known")))
    activate_here(version, actor=None, reason="Go")
    assert score_of(lead)[0] == 30


def test_nothing_is_put_into_force_by_a_job_that_was_called_off(make: Any) -> None:
    version = a_version(SIZE)
    asked = activate_version(version, actor=None, rev=1, reason="Go")
    call_off(asked, actor=None)
    assert Job.objects.get(pk=asked.job_id).state == Job.State.STOPPED
    version.refresh_from_db()
    assert version.status == "proposed"
    with pytest.raises(AccordError):
        put_into_force(asked.pk, generation=1)


def test_everybody_is_told_in_plain_words_what_a_version_changed(cast: Any, client_of: Any, make: Any) -> None:
    make.lead(company=make.company(employees=300))
    make.lead(company=make.company(employees=50))
    activate_here(a_version(SIZE), actor=None, reason="Go")
    second = a_version(SIZE | {"when": when(clause("company.employees", "between", low=20))}, signers=NOBODY)
    activate_here(second, actor=cast.head_of_sales, reason="Small firms buy, too.", wave="none")
    told = notices.told("scoring.in_force", second.pk)
    assert told.notice.title == "Main v2 is in force"
    assert told.notice.lines == [
        "Why: Small firms buy, too.",
        "Size: when Employees is 100 or more → Employees is 20 or more.",
        "1 lead newly qualifies, 0 no longer do. Nobody is handed over by this alone.",
    ]
    assert cast.rep in told.missing
    assert cast.head_of_sales not in told.missing
    assert cast.outsider not in told.missing
    page = client_of(cast.head_of_sales).get(f"/criteria/versions/{second.pk}/").content.decode()
    assert "Told and acknowledged" in page
    assert "Remind" in page


def test_signers_hear_of_a_proposal_and_its_author_of_an_objection(cast: Any) -> None:
    version = a_version(SIZE, signers={"sales": {"doer": 1}})
    propose_version(version, actor=cast.marketer, rev=1, reason="Better")
    waiting = [
        user for user in (cast.head_of_marketing, cast.head_of_sales, cast.manager, cast.rep, cast.marketer) if bell.unread(user)
    ]
    assert waiting == [cast.head_of_marketing, cast.head_of_sales, cast.manager]
    give_verdict(version, actor=cast.manager, verdict="object", spec_hash=version.spec_hash, note="Too wide.")
    (line,) = bell.latest(cast.marketer)
    assert line.title == "Mona Manager asked for a change of Main v1"


def test_without_data_to_count_on_the_form_leaves_the_count_out(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above what a page builds itself, damaged data is the keeper's to mend: nothing fails for it meanwhile."""
    crowd(make)
    version = a_version(SIZE)
    propose_version(version, actor=None, rev=1, reason="Better")

    def damaged() -> None:
        raise Damaged("a file is cut short")

    monkeypatch.setattr(effect, "built_at_once", lambda: None)
    monkeypatch.setattr(effect, "current_snapshot", damaged)
    assert newcomers(version) is None
    assert effect.report_on(effect.stored_spec(version.pk, version.spec_hash), version.model_id).why_not


def test_the_count_before_choosing_a_wave_is_how_many_enter_then(make: Any) -> None:
    crowd(make)
    activate_here(a_version(a_tally("demo", 25, "demo_request", days=30)), actor=None, reason="Go")
    second = a_version(SIZE, gates=[GATE])
    propose_version(second, actor=None, rev=1, reason="Better")
    said = newcomers(second)
    activation = activate_here(second, actor=None, reason="Go", wave="none")
    assert (said.count, said.is_exact) == (activation.counts["entered"], True)
    assert 0 < said.count < LeadScore.objects.filter(version=second, fit=60).count()
    assert said.coming - sum(number for _, number in said.held) + said.freed == said.count
    assert {words for words, _ in said.held} == {HOLD_WORDS[IN_REVIEW]}
    shown = summary(second.reports.get().result)
    assert (said.coming, said.meet, said.met) == (shown.opening, shown.qualify, shown.qualified)


# --- Who enters is looked at once the version is in force ------------------------------------------------------------------------------


def said_of(lead: Lead) -> list[tuple[str, int]]:
    """What the lead's only qualification says of it."""
    (held,) = Qualification.objects.filter(lead=lead)
    assert sum(line["points"] for line in held.lines) == held.total
    return [(line["label"], line["points"]) for line in held.lines]


def large(make: Any, count: int) -> list[Lead]:
    company = make.company(employees=300)
    return [make.lead(company=company) for _ in range(count)]


def one_step(job: Job) -> bool:
    """Do the step a job in our hands has come to, as another worker would that takes it up there."""
    work = jobs.works[job.kind](job)
    work.begin()
    return jobs._step(job, work)


def test_the_moment_takes_as_many_statements_for_few_as_for_many(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "BATCH", 10)
    taken = []
    activate_here(a_version(DEMO), actor=None, reason="Go")
    for number, more in enumerate((3, 45)):
        large(make, more)
        version = a_version(SIZE | {"points": 60 + number})
        job = steps(activate_version(version, actor=None, rev=1, reason="Go").job, "swap")
        Qualification.objects.update(closed_at=NOW, closed_as="answered")
        LeadScore.objects.exclude(version=version).delete()  # so that all of them enter again
        LeadRevision.objects.update(txid=1)
        with CaptureQueriesContext(connection) as seen:
            assert one_step(job)
        taken.append(len(seen))
        assert Activation.objects.get(version=version).counts["entered"] == Lead.objects.count()
        finish(job)
    assert Qualification.objects.filter(closed_at=None).count() == 48
    assert max(Qualification.objects.values_list("nth", flat=True)) == 2
    assert taken[0] == taken[1]


@pytest.mark.django_db(transaction=True)
def test_what_changes_too_much_in_the_last_moment_sends_it_back_a_phase(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "BATCH", 4)
    leads = large(make, 9)
    small = make.company(employees=10)
    version = a_version(SIZE, a_test("small", 55, clause("company.employees", "between", high=50)))
    job = steps(activate_version(version, actor=None, rev=1, reason="Go").job, "swap")
    touched = [lead.pk for lead in leads[:6]]
    Lead.objects.filter(pk__in=touched).update(company=small)
    touch_revisions(touched)
    assert one_step(job)
    assert version.model.versions.get().status == "proposed"
    assert not Qualification.objects.exists()
    finish(job)
    assert [said_of(lead) for lead in leads] == [[("Small", 55)]] * 6 + [[("Size", 60)]] * 3


@pytest.mark.parametrize("looked_at_by", ["the job", "the worker's pass", "columns"])
def test_what_changes_between_the_moment_and_the_first_look(
    make: Any, hands: Any, monkeypatch: pytest.MonkeyPatch, looked_at_by: str
) -> None:
    """Whoever looks: lines are of then, who meets the version no more gets nothing, who did something is released."""
    same, smaller, left, busy, brought = large(make, 5)
    never = make.lead(company=make.company(employees=10))
    version = a_version(SIZE, a_test("small", 60, clause("company.employees", "between", low=20, high=50)))
    job = steps(activate_version(version, actor=None, rev=1, reason="Go", wave="none").job, "swap")
    assert one_step(job)
    assert Activation.objects.get().counts["entered"] == 5
    assert not Qualification.objects.exists()
    hands.advance(timedelta(seconds=5))
    Lead.objects.filter(pk=smaller.pk).update(company=make.company(employees=30))
    Lead.objects.filter(pk=left.pk).update(company=never.company)
    make.activity(busy, "page_view", clock.now())
    run = ImportRun.objects.create(file="x.csv", file_name="x.csv", file_size=1, file_hash="0", created_at=NOW)
    Submission.objects.create(
        channel="import", kind="lead", lead=brought, received_at=clock.now(), raw={}, status="created", import_run=run
    )
    touch_revisions([smaller.pk, left.pk, busy.pk, brought.pk])
    if looked_at_by == "columns":
        with connection.cursor() as cursor:  # the test is one transaction, which would count as open
            cursor.execute("SELECT txid_current() + 1")
            ended = cursor.fetchone()[0]
        monkeypatch.setattr(Mark, "now", lambda: Mark(f"{ended}:{ended}:"))
        monkeypatch.setattr(by_columns, "refresh", rebuild)
        monkeypatch.setattr(by_columns, "closed_leads", partial(closed_leads, anew=True))
        assert list(rescore_by_columns([lead.pk for lead in Lead.objects.order_by("pk")])) == [(never.pk, 6)]
    for work in (lambda: finish(job), score_dirty) if looked_at_by == "the job" else (score_dirty, lambda: finish(job)):
        while work() and work is score_dirty:
            pass
    while score_dirty():
        pass
    assert [said_of(lead) for lead in (same, smaller)] == [[("Size", 60)], [("Small", 60)]]
    held = dict(Qualification.objects.values_list("lead_id", "cause"))
    assert held == {same.pk: "activation", smaller.pk: "activation", busy.pk: "event", brought.pk: "import"}
    released = set(Qualification.objects.filter(release_at__isnull=False).values_list("lead_id", flat=True))
    assert released == {busy.pk}
    changes = ScoreChange.objects.values_list("lead_id", "cause")
    assert sorted(changes) == sorted((lead.pk, "activation") for lead in (same, smaller, left, busy, brought, never))


def test_who_entered_with_the_version_before_is_not_forgotten_by_the_next(make: Any) -> None:
    leads = large(make, 3)
    steps(activate_version(a_version(SIZE), actor=None, rev=1, reason="Go").job, "hand_over")
    second = a_version(SIZE | {"points": 70})
    assert not Qualification.objects.exists()
    activate_here(second, actor=None, reason="Better")
    assert sorted(Qualification.objects.values_list("lead_id", "version__no")) == [(lead.pk, 1) for lead in leads]
    assert Activation.objects.get(version=second).counts["entered"] == 0


def test_who_is_in_sales_hands_already_is_not_handed_over_again(make: Any) -> None:
    held, fresh = large(make, 2)
    first = a_version(a_test("title", 1))
    activate_here(first, actor=None, reason="Go")
    Qualification.objects.create(
        lead=held, model=first.model, version=first, kind="mql", cause="facts", at=NOW, fit=1, engagement=0, lines=[]
    )
    activation = activate_here(a_version(SIZE), actor=None, reason="Go")
    assert activation.counts["entered"] == 1
    assert sorted(Qualification.objects.values_list("lead_id", "nth")) == [(held.pk, 1), (fresh.pk, 1)]
