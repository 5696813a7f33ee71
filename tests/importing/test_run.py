"""An import from upload to undo: totals add up, nothing is doubled, nothing is half written."""

import pytest

from leads import hooks, jobs
from leads.choices import CaseKind, Outcome, Stage
from leads.errors import Conflict, Invalid, NotAllowed
from leads.importing import actions, batches, mapping
from leads.importing.limits import FileRefused
from leads.importing.refused import correct
from leads.intake.incoming import AboutLead, IncomingOutcome, Who
from leads.models import (
    Activity,
    Campaign,
    Case,
    Company,
    ImportRefusal,
    ImportRun,
    Job,
    Lead,
    LeadEvent,
    LeadField,
    LeadNote,
    Reason,
    Submission,
)
from tests.importing.samples import LEADS, lines, text, workbook


def totals(run):
    assert run.received == run.created + run.updated + run.attached + run.refused
    return (run.received, run.created, run.updated, run.attached, run.refused)


def test_every_row_becomes_a_lead_with_its_facts(imported):
    run = imported(LEADS + lines(5))
    assert (run.state, totals(run)) == ("done", (5, 5, 0, 0, 0))
    lead = Lead.objects.select_related("company").get(email="lead3@company3.io")
    assert (lead.first_name, lead.company.employees, lead.attributes, lead.stage) == ("Ivy3", 3, {"city": "Oslo"}, Stage.PROSPECT)
    assert LeadField.objects.get().label == "City"


def test_workbooks_come_in_the_same_way(imported):
    run = imported(workbook(["Email", "Employees"], ["a@north.test", 480], ["b@north.test", "many"]))
    assert totals(run) == (2, 1, 0, 0, 1)
    assert ImportRefusal.objects.get().line == 3


def test_refused_rows_keep_line_content_and_reason(imported):
    run = imported(LEADS + lines(2) + ",No,Body,,,\n" + "x@y.test,A,B,C,lots,\n" + "too,many,cells,in,this,row,of,file\n")
    assert totals(run) == (5, 2, 0, 0, 3)
    found = list(ImportRefusal.objects.all())
    assert [refusal.line for refusal in found] == [4, 5, 6]
    assert [refusal.problems[0]["code"] for refusal in found] == ["no_identity", "not_number", "too_many_cells"]
    assert found[1].content == {"Email": "x@y.test", "First Name": "A", "Last Name": "B", "Company": "C", "Employees": "lots"}
    assert found[1].problems[0]["field"] == "Employees"
    assert Submission.objects.filter(status="refused").count() == 3
    assert Lead.objects.count() == 2


def test_the_same_person_twice_in_a_file_is_one_lead(imported):
    run = imported("Email,City\nIVY@n.test,Oslo\nivy@n.test,Bergen\nivy@n.test,Bergen\n")
    assert run.received == 3
    assert run.created == 1
    assert Lead.objects.get().attributes == {"city": "Bergen"}


def test_the_check_counts_what_the_import_then_does_and_stores_nothing(upload, ops, work, monkeypatch):
    monkeypatch.setattr(batches, "SIZE", 10)
    run = upload(LEADS + lines(25) + lines(5) + "bad,,,,x,\n")
    actions.start_check(run, actor=ops)
    work()
    run.refresh_from_db()
    assert run.state == "checked"
    result = run.check_result
    assert (result["received"], result["created"], result["refused"]) == (31, 25, 1)
    assert result["updated"] + result["attached"] == 5
    assert (Lead.objects.count(), Company.objects.count(), LeadField.objects.count(), Submission.objects.count()) == (0, 0, 0, 0)
    assert ImportRefusal.objects.get().line == 32
    actions.start(run, actor=ops)
    work()
    run.refresh_from_db()
    assert (run.received, run.created, run.refused) == (31, 25, 1)
    assert run.updated + run.attached == 5
    assert ImportRefusal.objects.count() == 1


def test_a_fault_in_the_last_line_is_known_before_the_first_row_is_stored(imported, monkeypatch):
    monkeypatch.setattr(actions, "SAMPLE_ROWS", 20)
    monkeypatch.setattr("leads.importing.reader.SAMPLE_ROWS", 20)
    run = imported(LEADS + lines(50) + '"open@n.test,Ivy\n')
    assert run.state == "failed"
    assert "line 52" in run.error
    assert (totals(run), Lead.objects.count()) == ((0, 0, 0, 0, 0), 0)


def test_the_same_file_again_is_recognised_and_doubles_nobody(imported, upload):
    first = imported(LEADS + lines(5))
    again = upload(LEADS + lines(5))
    assert actions.earlier_run(again) == first
    other = upload(LEADS + lines(6))
    assert actions.earlier_run(other) is None
    run = imported(LEADS + lines(5))
    assert (run.created, run.received) == (0, 5)
    assert Lead.objects.count() == 5


def test_outcomes_become_cases_that_say_they_are_imported(imported):
    run = imported(
        "Email,Stage,Closed date,Lost reason\na@n.test,Closed Won,2026-01-05,\nb@n.test,Closed "
        "Lost,2026-01-06,\nc@n.test,Open,,\nd@n.test,Zzz,,\n"
    )
    assert (totals(run), run.cases) == ((4, 3, 0, 0, 1), 2)
    won = Case.objects.get(outcome=Outcome.WON)
    assert (won.kind, won.basis, won.lead.stage) == (CaseKind.IMPORTED, "import", Stage.WON)
    assert won.decided_at.date().isoformat() == "2026-01-05"
    assert ImportRefusal.objects.get().problems[0]["code"] == "outcome_not_mapped"


def test_kinds_other_than_leads(imported, make):
    lead = make.lead("ivy@fern.test")
    assert totals(imported("Company Name,Website,Employees\nFern,fern.test,12\nOak,oak.test,\n,,\n", "companies")) == (
        2,
        2,
        0,
        0,
        0,
    )
    assert Company.objects.get(domain="fern.test").employees == 12
    activities = (
        "Email,Activity type,Date,Page\nivy@fern.test,Demo Request,2026-01-05 10:00,/demo\nnobody@fern.test,chat,2026-01-05,\n"
    )
    run = imported(activities, "activities")
    assert totals(run) == (2, 1, 0, 0, 1)
    activity = Activity.objects.get()
    assert (activity.lead, activity.kind, activity.properties) == (lead, "demo_request", {"page": "/demo"})
    assert activity.known_at == activity.occurred_at
    again = imported(activities, "activities")
    assert totals(again) == (2, 0, 0, 1, 1)
    run = imported('Email,Outcome,Amount\nivy@fern.test,won,"1,200"\nnobody@fern.test,lost,\n', "outcomes")
    assert (totals(run), run.cases) == ((2, 1, 0, 0, 1), 1)
    assert Case.objects.get().amount == 1200


def test_an_amount_below_nothing_is_refused_by_its_column(imported, make):
    make.lead("ivy@fern.test")
    run = imported("Email,Outcome,Deal value\nivy@fern.test,won,-5\n", "outcomes")
    assert (totals(run), run.cases, Case.objects.count()) == ((1, 0, 0, 0, 1), 0, 0)
    (problem,) = ImportRefusal.objects.get().problems
    assert (problem["code"], problem["field"]) == ("bad_amount", "Deal value")
    assert problem["message"] == "“-5” in column “Deal value” is not an amount from 0 to 999,999,999,999.99."


def test_ids_of_another_system_find_their_leads_again(imported):
    imported("Record ID,Lifecycle Stage,Company domain name,City\n17,lead,fern.test,Oslo\n18,lead,oak.test,Bergen\n")
    run = imported("Record ID,Outcome\n17,won\n99,won\n", "outcomes")
    assert totals(run) == (2, 1, 0, 0, 1)
    assert Case.objects.get().lead.external_ids.get().system == "hubspot"


def test_a_case_somebody_else_made_meanwhile_is_not_counted(imported, make, monkeypatch):
    ivy = make.lead("ivy@fern.test")
    real = batches.batch.take_in_outcomes

    def overtaken(items, **how):
        made = real([AboutLead(Who(lead_id=ivy.pk), outcome=IncomingOutcome("won"))], actor=None, channel="api")
        assert made[0].is_new_case
        return real(items, **how)

    monkeypatch.setattr(batches.batch, "take_in_outcomes", overtaken)
    run = imported("Email,Outcome\nivy@fern.test,won\n", "outcomes")
    assert (totals(run), run.cases, Case.objects.count()) == ((1, 0, 0, 1, 0), 0, 1)


def test_campaigns_of_a_column_are_made_once(imported, make):
    run = imported("Email,Campaign\na@n.test,Spring Fair\nb@n.test,spring fair\nc@n.test,Autumn Fair\n")
    assert run.created == 3
    assert list(Lead.objects.order_by("email").values_list("first_campaign__name", flat=True)) == [
        "Spring Fair", "Spring Fair", "Autumn Fair",
    ]  # fmt: skip
    assert Campaign.objects.count() == 2


def test_a_campaign_given_by_name_is_made_by_the_run_and_counted_by_the_check(upload, ops, work, make):
    make.lead("ivy@fern.test", first_name="Ivy")
    content = "Email,First name,Campaign\nivy@fern.test,Ivy,\nben@fern.test,Ben,Expo\n"
    dropped = upload(content, campaign=" Spring  fair ")
    actions.start_check(dropped, actor=ops)
    work()
    dropped.refresh_from_db()
    assert [dropped.check_result[name] for name in ("created", "updated", "attached")] == [1, 1, 0]
    actions.discard(dropped, actor=ops)
    assert not Campaign.objects.exists()
    run = actions.start(upload(content, campaign=" Spring  fair "), actor=ops)
    work()
    run.refresh_from_db()
    assert (totals(run), run.campaign.name) == ((2, 1, 1, 0, 0), "Spring fair")
    assert dict(Lead.objects.values_list("email", "first_campaign__name")) == {
        "ivy@fern.test": "Spring fair", "ben@fern.test": "Expo",
    }  # fmt: skip
    assert sorted(run.options["campaigns_made"]) == sorted(Campaign.objects.values_list("pk", flat=True))


class TestStopAndResume:
    @pytest.fixture
    def small(self, monkeypatch):
        monkeypatch.setattr("leads.importing.run.SIZE", 10)
        monkeypatch.setattr("leads.importing.batches.pieces.__defaults__", (10,))

    def test_stop_in_the_middle_and_resume_take_each_row_once(self, upload, ops, small, work):
        run = actions.start(upload(LEADS + lines(35)), actor=ops)
        job = jobs.take()
        done = []

        def beat():
            done.append(1)
            if len(done) == 4:
                actions.stop(ImportRun.objects.select_related("job").get(pk=run.pk), actor=ops)

        jobs.work_on(job, beat=beat)
        run.refresh_from_db()
        assert run.state == "stopped"
        assert 0 < run.received < 35
        assert run.received == Lead.objects.count() == Job.objects.get(pk=job.pk).position
        actions.resume(run, actor=ops)
        work()
        run.refresh_from_db()
        assert (run.state, totals(run), Lead.objects.count(), Submission.objects.count()) == ("done", (35, 35, 0, 0, 0), 35, 35)

    def test_a_run_that_waits_stops_at_once(self, upload, ops):
        run = actions.start(upload(LEADS + lines(3)), actor=ops)
        actions.stop(run, actor=ops)
        run.refresh_from_db()
        assert run.state == "stopped"
        assert jobs.run_once() == 0
        with pytest.raises(Conflict):
            actions.stop(ImportRun.objects.select_related("job").get(pk=run.pk), actor=ops)

    def test_a_worker_whose_lease_was_taken_over_commits_nothing_more(self, upload, ops, small, work):
        run = actions.start(upload(LEADS + lines(35)), actor=ops)
        first = jobs.take()
        beats = []

        def lose_it():
            beats.append(1)
            if len(beats) == 4:
                Job.objects.filter(pk=first.pk).update(lease_until=first.created_at)
                second = jobs.take()
                assert second.pk == first.pk

        jobs.work_on(first, beat=lose_it)
        held = Job.objects.get(pk=first.pk)
        assert held.state == "running"
        assert held.position == ImportRun.objects.get(pk=run.pk).received == Lead.objects.count()
        Job.objects.filter(pk=first.pk).update(lease_until=first.created_at)
        work()
        run.refresh_from_db()
        assert totals(run) == (35, 35, 0, 0, 0)

    def test_a_job_that_kills_its_worker_every_time_is_given_up(self, upload, ops):
        run = actions.start(upload(LEADS + lines(3)), actor=ops)
        for _ in range(jobs.MAX_CRASHES + 1):
            job = jobs.take()
            assert job is not None
            Job.objects.filter(pk=job.pk).update(lease_until=job.created_at)
        assert jobs.run_once() == 1
        run.refresh_from_db()
        assert run.state == "failed"
        assert "died several times" in run.error


class TestUndo:
    def test_undo_removes_what_nobody_touched_and_lists_the_rest(self, imported, ops, work, cast):
        run = imported(LEADS + lines(6))
        note, owner, again = Lead.objects.order_by("pk")[:3]
        LeadNote.objects.create(lead=note, author=cast.rep, text="called", at=run.finished_at)
        Lead.objects.filter(pk=owner.pk).update(owner=cast.rep)
        imported(f"Email,City\n{again.email},Rome\n")
        actions.undo(run, actor=ops)
        work()
        run.refresh_from_db()
        assert run.state == "undone"
        assert set(Lead.objects.values_list("pk", flat=True)) == {note.pk, owner.pk, again.pk}
        assert run.undo_result["removed"] == 3
        assert {item["name"]: item["why"] for item in run.undo_result["left"]} == {
            note.name: "a note was written", owner.name: "they have an owner", again.name: "they came in again another way",
            "Field City": "leads have a value in it",
        }  # fmt: skip
        assert LeadField.objects.filter(key="city").exists()

    def test_undo_takes_companies_and_fields_along_when_all_goes(self, imported, ops, work):
        run = imported(LEADS + lines(6))
        actions.undo(run, actor=ops)
        work()
        run.refresh_from_db()
        assert (Lead.objects.count(), Company.objects.count(), LeadField.objects.count()) == (0, 0, 0)
        assert run.undo_result == {"removed": 6, "left_count": 0, "left": []}
        with pytest.raises(Conflict):
            actions.undo(run, actor=ops)

    def test_leads_that_were_there_before_stay_and_are_counted(self, imported, ops, work, make):
        before = make.lead("lead1@company1.io")
        run = imported(LEADS + lines(3))
        actions.undo(run, actor=ops)
        work()
        run.refresh_from_db()
        assert list(Lead.objects.all()) == [before]
        assert [item["name"] for item in run.undo_result["left"]] == ["Field City", "1 lead that was there before"]

    def test_imported_cases_of_known_leads_go_and_their_stage_comes_back(self, imported, ops, work, make):
        lead = make.lead("ivy@fern.test")
        run = imported("Email,Outcome\nivy@fern.test,won\n", "outcomes")
        lead.refresh_from_db()
        assert lead.stage == Stage.WON
        actions.undo(run, actor=ops)
        work()
        lead.refresh_from_db()
        assert (Case.objects.count(), lead.stage) == (0, Stage.PROSPECT)
        assert LeadEvent.objects.filter(lead=lead, kind="undone").count() == 1

    def test_imported_activities_and_companies_go(self, imported, ops, work, make):
        lead = make.lead("ivy@fern.test")
        kept = make.activity(lead)
        run = imported(
            "Email,Activity type,Date\nivy@fern.test,chat,2026-01-05\nivy@fern.test,demo_request,2026-01-06\n", "activities"
        )
        companies = imported("Company Name,Website\nFern,fern.test\nOak,oak.test\n", "companies")
        for one in (run, companies):
            actions.undo(one, actor=ops)
        work()
        assert list(Activity.objects.all()) == [kept]
        assert Company.objects.count() == 0

    def test_an_activity_of_another_source_with_the_same_id_stays(self, imported, ops, work, make):
        lead = make.lead("ivy@fern.test")
        kept = make.activity(lead, source="website", source_id="e-1")
        run = imported("Email,Activity type,Date,Event ID\nivy@fern.test,chat,2026-01-05,e-1\n", "activities", source="crm")
        assert set(Activity.objects.values_list("source", "source_id")) == {("website", "e-1"), ("crm", "e-1")}
        actions.undo(run, actor=ops)
        work()
        assert list(Activity.objects.all()) == [kept]

    def test_companies_go_batch_by_batch_and_those_in_use_stay(self, imported, ops, monkeypatch, make, cast):
        rows = "".join(f"Fern {n},fern{n}.test\n" for n in range(7))
        run = imported("Company Name,Website\n" + rows, "companies")
        first, second = Company.objects.order_by("pk")[:2]
        make.lead("ivy@fern0.test", company=first)
        Company.objects.filter(pk=second.pk).update(account_owner=cast.rep)
        monkeypatch.setattr("leads.importing.undo.BATCH", 2)
        actions.undo(run, actor=ops)
        seen = []
        jobs.work_on(jobs.take(), beat=lambda: seen.append(Company.objects.count()))
        run.refresh_from_db()
        assert set(Company.objects.all()) == {first, second}
        assert len(set(seen)) >= 3
        assert run.undo_result == {
            "removed": 5, "left_count": 2,
            "left": [
                {"name": "Fern 0", "why": "leads work there by now"}, {"name": "Fern 1", "why": "it has an account owner"},
            ],
        }  # fmt: skip

    @pytest.mark.parametrize("where", ["criterion", "gate", "scope", "spec", "case", "reason"])
    def test_a_custom_field_in_use_stays_and_is_listed(self, imported, ops, work, make, where):
        from scoring.actions.versions import create_model
        from scoring.models import Criterion, Gate, ModelVersion
        from scoring.signoff import NOBODY

        run = imported(LEADS + lines(3))
        condition = {"op": "is", "field": "custom.city", "value": "Oslo"}
        version = create_model("Main", actor=None, signers=NOBODY)
        match where:
            case "criterion":
                Criterion.objects.create(
                    version=version, key="c", label="C", dimension="fit", shape="test", points=1, condition=condition
                )
            case "gate":
                Gate.objects.create(version=version, key="g", label="G", condition=condition)
            case "scope":
                ModelVersion.objects.filter(pk=version.pk).update(scope=condition)
            case "spec":
                ModelVersion.objects.filter(pk=version.pk).update(spec={"gates": [condition]})
            case "case":
                other = make.lead("other@fern.test")
                Case.objects.create(lead=other, kind=CaseKind.IMPORTED, decided_at=run.finished_at, facts={"custom.city": "Oslo"})
            case "reason":
                Reason.objects.create(code="far", label="Too far", field_keys=["custom.city"])
        actions.undo(run, actor=ops)
        work()
        run.refresh_from_db()
        assert LeadField.objects.filter(key="city").exists()
        assert run.state == "undone"
        assert [item["name"] for item in run.undo_result["left"]] == ["Field City"]

    def test_what_the_layers_above_use_stays(self, imported, ops, work, monkeypatch):
        run = imported(LEADS + lines(2))
        used = Lead.objects.first()
        monkeypatch.setattr(hooks, "leads_in_use", [lambda ids: {used.pk: "sales has them"}])
        actions.undo(run, actor=ops)
        work()
        run.refresh_from_db()
        assert list(Lead.objects.all()) == [used]
        assert run.undo_result["left"] == [
            {"name": used.name, "why": "sales has them"},
            {"name": "Field City", "why": "leads have a value in it"},
        ]

    def test_scores_made_meanwhile_go_with_their_leads(self, upload, ops, work):
        from scoring.actions.versions import create_model
        from scoring.activation import activate_here
        from scoring.models import LeadScore, LeadState
        from scoring.signoff import NOBODY

        version = create_model("Main", actor=None, signers=NOBODY)
        activate_here(version, actor=None, reason="Agreed", wave="none")
        run = actions.start(upload(LEADS + lines(4)), actor=ops, options={"score_after": True})
        work()
        run.refresh_from_db()
        assert run.state == "done"
        assert LeadState.objects.count() == 4
        actions.undo(run, actor=ops)
        work()
        run.refresh_from_db()
        assert (run.state, run.undo_result["removed"], Lead.objects.count()) == ("undone", 4, 0)
        assert (LeadScore.objects.count(), LeadState.objects.count()) == (0, 0)

    def test_after_a_day_it_is_too_late(self, imported, ops):
        run = imported(LEADS + lines(2))
        ImportRun.objects.filter(pk=run.pk).update(finished_at=run.finished_at - actions.UNDO_FOR * 2)
        run.refresh_from_db()
        with pytest.raises(Conflict) as caught:
            actions.undo(run, actor=ops)
        assert caught.value.code == "undo_over"


class TestCorrecting:
    def test_a_corrected_row_changes_sides_in_the_totals(self, imported, ops):
        run = imported(LEADS + lines(2) + "x@y.test,A,B,C,lots,\n")
        refusal = ImportRefusal.objects.get()
        still = correct(refusal, {**refusal.content, "Employees": "loads"}, actor=ops)
        assert still.corrected_at is None
        assert "loads" in still.problems[0]["message"]
        done = correct(refusal, {**refusal.content, "Employees": "12"}, actor=ops)
        assert done.corrected_at is not None
        run.refresh_from_db()
        assert totals(run) == (3, 3, 0, 0, 0)
        assert Lead.objects.filter(email="x@y.test").exists()
        with pytest.raises(Conflict):
            correct(refusal, refusal.content, actor=ops)

    def test_a_list_takes_new_values_only_where_that_is_wanted(self, imported, upload, ops, work):
        LeadField.objects.create(key="size", label="Size", type="choice", choices=["Big"])
        run = imported("Email,Size\na@n.io,big\nb@n.io,Huge\n")
        assert totals(run) == (2, 2, 0, 0, 0)
        assert LeadField.objects.get().choices == ["Big", "Huge"]
        strict = upload("Email,Size\nc@n.io,Tiny\nd@n.io,Big\n")
        chosen = mapping.FileMapping.from_json(strict.mapping)
        goes = tuple(mapping.replace(one, extend=False) for one in chosen.goes)
        actions.start(actions.set_mapping(strict, mapping.replace(chosen, goes=goes), actor=ops), actor=ops)
        work()
        strict.refresh_from_db()
        assert totals(strict) == (2, 1, 0, 0, 1)
        assert LeadField.objects.get().choices == ["Big", "Huge"]

    def test_all_refused_rows_are_tried_again_when_the_reason_is_gone(self, upload, ops, work):
        field = LeadField.objects.create(key="size", label="Size", type="choice", choices=["Big"])
        given = upload("Email,Size\na@n.test,Big\nb@n.test,Huge\nc@n.test,Huge\n")
        chosen = mapping.FileMapping.from_json(given.mapping)
        goes = tuple(mapping.replace(one, extend=False) for one in chosen.goes)
        run = actions.start(actions.set_mapping(given, mapping.replace(chosen, goes=goes), actor=ops), actor=ops)
        work()
        run.refresh_from_db()
        assert totals(run) == (3, 1, 0, 0, 2)
        LeadField.objects.filter(pk=field.pk).update(choices=["Big", "Huge"])
        ended = run.finished_at
        actions.retry(run, actor=ops)
        work()
        run.refresh_from_db()
        assert (run.state, totals(run), run.finished_at) == ("done", (3, 3, 0, 0, 0), ended)
        assert not ImportRefusal.objects.filter(corrected_at=None).exists()


class TestVerbs:
    def test_only_who_may_import_imports(self, cast):
        with pytest.raises(NotAllowed):
            actions.upload(text(LEADS + lines(1)), name="x.csv", kind="leads", actor=cast.rep)

    def test_a_refused_file_leaves_nothing_behind(self, upload, tmp_path):
        with pytest.raises(FileRefused):
            upload("a,b\n")
        assert not ImportRun.objects.exists()
        assert not [path for path in tmp_path.rglob("*") if path.is_file()]

    def test_a_mapping_that_cannot_work_starts_nothing(self, upload, ops):
        run = upload("City,Size\nOslo,3\n")
        for start in (actions.start_check, actions.start):
            with pytest.raises(Invalid) as caught:
                start(run, actor=ops)
            assert caught.value.code == "no_identity"
        assert not Job.objects.exists()

    def test_one_start_wins(self, upload, ops):
        run = upload(LEADS + lines(2))
        stale = ImportRun.objects.get(pk=run.pk)
        actions.start(run, actor=ops)
        with pytest.raises(Conflict):
            actions.start(stale, actor=ops)
        assert Job.objects.count() == 1

    def test_a_changed_mapping_asks_for_a_new_check(self, upload, ops, work):
        run = upload(LEADS + lines(2))
        actions.start_check(run, actor=ops)
        work()
        run.refresh_from_db()
        chosen = mapping.FileMapping.from_json(run.mapping)
        actions.set_mapping(run, chosen, actor=ops)
        assert run.state == "checked"
        actions.set_mapping(run, mapping.replace(chosen, system="crm"), actor=ops)
        assert (run.state, run.check_result) == ("mapped", {})

    def test_columns_changed_while_they_are_checked_make_the_check_worthless(self, upload, ops, work, monkeypatch):
        monkeypatch.setattr("leads.importing.plan.pieces", lambda rows: batches.pieces(rows, 1))
        run = upload(LEADS + lines(3))
        actions.start_check(run, actor=ops)
        job = jobs.take()
        beats = []

        def change():
            beats.append(1)
            if len(beats) == 4:
                now = ImportRun.objects.get(pk=run.pk)
                actions.set_mapping(now, mapping.replace(mapping.FileMapping.from_json(now.mapping), system="crm"), actor=ops)

        jobs.work_on(job, beat=change)
        run.refresh_from_db()
        assert (run.state, run.check_result) == ("mapped", {})
        assert Job.objects.get().result == {"code": "check_outdated"}
        with pytest.raises(Conflict):
            actions.start(run, actor=ops, checked=True)

    def test_writers_in_the_way_are_waited_for(self, upload, ops, work, monkeypatch):
        run = actions.start(upload(LEADS + lines(3)), actor=ops)
        real, calls = batches.batch.take_in, []

        def busy_at_first(*args, **kwargs):
            calls.append(1)
            if len(calls) == 1:
                raise Conflict("Others are writing.", code="busy")
            return real(*args, **kwargs)

        monkeypatch.setattr(batches.batch, "take_in", busy_at_first)
        work()
        run.refresh_from_db()
        assert (run.state, run.received) == ("done", 3)

    def test_discarding_forgets_the_file(self, upload, ops, tmp_path):
        run = upload(LEADS + lines(2))
        actions.discard(run, actor=ops)
        assert not ImportRun.objects.exists()
        assert not [path for path in tmp_path.rglob("*") if path.is_file()]

    def test_a_corrected_download_goes_where_its_columns_went(self, imported, upload):
        first = imported("Email,Weird name\na@n.test,Oslo\n")
        run = upload("Line in file,Why refused,Email,Weird name\n3,because,b@n.test,Rome\n", corrects=first)
        assert [goes["target"] for goes in run.mapping["goes"]] == ["ignore", "ignore", "lead.email", "custom.weird_name"]

    def test_a_corrected_file_settles_what_it_took_in_and_its_undo_lets_it_wait_again(self, imported, ops, work, client_of):
        browser = client_of(ops)

        def download(run):
            answer = browser.get(f"/leads/imports/{run.pk}/refused.csv")
            return b"".join(answer.streaming_content).decode("utf-8-sig")

        def waiting(*runs):
            return [list(run.refusals.filter(corrected_at=None).values_list("line", flat=True)) for run in runs]

        first = imported("Email,First name\na@n.io,A\n,B\n,C\n,D\n")
        assert waiting(first) == [[3, 4, 5]]
        second = imported(download(first).replace(",B", "b@n.io,B"), corrects=first)
        assert (totals(second), waiting(first, second)) == ((3, 1, 0, 0, 2), [[4, 5], [3, 4]])
        third = imported(download(second).replace(",C", "c@n.io,C"), corrects=second)
        assert (totals(third), waiting(first, second, third)) == ((2, 1, 0, 0, 1), [[5], [4], [3]])
        last = third.refusals.get()
        correct(last, {**last.content, "Email": "d@n.io"}, actor=ops)
        assert waiting(first, second, third) == [[], [], []]
        first.refresh_from_db()
        assert totals(first) == (4, 1, 0, 0, 3)
        shown = browser.get(f"/leads/imports/{first.pk}/").content.decode()
        assert "1 new; 1 of the refused rows came in with it" in shown
        assert "Look and correct" not in shown
        third.refresh_from_db()
        assert third.options["settled"] == 2
        actions.undo(third, actor=ops)
        work()
        assert (waiting(first, second), Lead.objects.count()) == ([[4, 5], [3, 4]], 2)

    def test_uploaded_files_keep_hostile_names_for_show_only(self, upload, tmp_path):
        run = upload(LEADS + lines(1), name="../../etc/<script>alert(1)</script>.csv")
        assert run.file_name == "script>.csv"
        assert run.file.path.startswith(str(tmp_path))


class TestNewFields:
    def test_a_value_too_long_for_a_list_makes_the_field_a_text(self, upload, ops, work):
        long, longer = "A" * 130 + "x", "A" * 130 + "y"
        LeadField.objects.create(key="size", label="Size", type="choice", choices=["Big"])
        rows = "".join(f"l{n}@n.io,{(long, longer)[n % 2]},{'Big' if n else long}\n" for n in range(12))
        given = upload("Email,Horizon,Size\n" + rows)
        chosen = mapping.FileMapping.from_json(given.mapping)
        goes = list(chosen.goes)
        goes[1] = mapping.propose_field(actions.profiles_of(given)[1], set(), "choice")
        assert goes[1].new.type == "choice"
        run = actions.start(actions.set_mapping(given, mapping.replace(chosen, goes=tuple(goes)), actor=ops), actor=ops)
        work()
        run.refresh_from_db()
        assert totals(run) == (12, 11, 0, 0, 1)  # a list there is takes no value that it cannot hold
        assert dict(LeadField.objects.values_list("key", "type")) == {"size": "choice", "horizon": "text"}
        assert Lead.objects.filter(attributes__horizon=longer).count() == 6

    def test_of_two_waiting_imports_the_second_shares_the_first_ones_field_or_comes_back(self, upload, ops, work, client_of):
        def rows(words):
            return "Email,Hat,Shoe\n" + "".join(f"{words}{n}@n.io,{(words, 'felt')[n % 2]},{n}\n" for n in range(10))

        texts = "Email,Shoe\n" + "".join(f"t{n}@n.io,size {n} and more\n" for n in range(10))
        first, second, third = upload(rows("straw")), upload(rows("wool")), upload(texts)
        for run in (first, second, third):
            actions.start(run, actor=ops)
        work()
        for run in (first, second, third):
            run.refresh_from_db()
        assert [totals(run) for run in (first, second)] == [(10, 10, 0, 0, 0)] * 2
        assert (first.options["fields_made"], "fields_made" in second.options) == (["hat", "shoe"], False)
        assert LeadField.objects.get(key="hat").choices == ["felt", "straw", "wool"]
        assert (third.state, totals(third), Lead.objects.count()) == ("mapped", (0, 0, 0, 0, 0), 20)
        assert third.error.startswith("Meanwhile there is a custom field shoe (number), and here it is to be made as text.")
        detail, columns = (f"/leads/imports/{third.pk}/{page}" for page in ("", "columns/"))
        browser = client_of(ops)
        assert browser.get(detail, headers={"HX-Request": "true"})["HX-Redirect"] == columns
        assert "Meanwhile there is a custom field shoe" in browser.get(detail, follow=True).content.decode()


def test_what_the_intake_refuses_is_told_in_the_words_of_the_file(imported, make):
    make.lead(email="a@n.test")
    run = imported("Mail;Outcome;Close Date\na@n.test;won;01.01.2031\n", kind="outcomes")
    (problem,) = ImportRefusal.objects.get(run=run).problems
    assert (problem["code"], problem["field"], problem["value"]) == ("in_future", "Close Date", "01.01.2031")
    assert problem["message"] == "“01.01.2031” in column “Close Date” is not a time up to now."
