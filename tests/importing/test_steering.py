"""Jobs of imports that are stopped, resumed, orphaned or cannot even begin: the run and its job never part."""

import pytest
from django.core.management import call_command

from leads import jobs
from leads.actions.machine import resume_job, stop_job
from leads.errors import Conflict
from leads.importing import actions, undo
from leads.models import ImportRefusal, ImportRun, Job, Lead, LeadNote
from tests.importing.samples import LEADS, lines, workbook


@pytest.fixture
def small(monkeypatch):
    """Batches of ten rows."""
    monkeypatch.setattr("leads.importing.batches.pieces.__defaults__", (10,))


@pytest.fixture
def hurried(monkeypatch):
    """Every turn is over at once."""
    monkeypatch.setattr(jobs, "TURN", -jobs.TURN)


class TestWhatCannotBegin:
    def test_a_job_whose_file_is_gone_fails_and_says_so(self, upload, ops):
        run = actions.start(upload(LEADS + lines(3)), actor=ops)
        run.file.storage.delete(run.file.name)
        assert jobs.run_once() == 1
        run.refresh_from_db()
        assert (run.state, run.job.state) == ("failed", "failed")
        assert "file is missing" in run.error
        assert jobs.run_once() == 0

    def test_a_check_whose_run_is_gone_fails_once(self, upload, ops):
        run = actions.start_check(upload(LEADS + lines(3)), actor=ops)
        ImportRun.objects.filter(pk=run.pk).delete()
        assert jobs.run_once() == 1
        job = Job.objects.get()
        assert (job.state, job.result["code"]) == ("failed", "import_gone")
        assert jobs.run_once() == 0

    def test_a_job_that_crashed_too_often_fails_although_its_run_is_gone(self, upload, ops):
        run = actions.start_check(upload(LEADS + lines(3)), actor=ops)
        ImportRun.objects.filter(pk=run.pk).delete()
        Job.objects.update(payload={"run": run.pk, "crashes": jobs.MAX_CRASHES})
        assert jobs.run_once() == 1
        assert Job.objects.get().state == "failed"

    def test_a_fault_while_failing_does_not_keep_the_job(self, upload, ops, monkeypatch):
        actions.start(upload(LEADS + lines(3)), actor=ops)

        class Hopeless(jobs.Work):
            def step(self):
                raise ValueError("first")

            def failed(self, error):
                raise ValueError("second")

        monkeypatch.setitem(jobs.works, actions.RUN, Hopeless)
        assert jobs.run_once() == 1
        assert Job.objects.get().state == "failed"

    def test_discarding_ends_the_check_that_waits(self, upload, ops):
        run = actions.start_check(upload(LEADS + lines(3)), actor=ops)
        actions.discard(run, actor=ops)
        assert Job.objects.get().state == "stopped"
        assert jobs.run_once() == 0

    def test_discarding_a_run_that_began_meanwhile_loses_nothing(self, upload, ops, work):
        run = upload(LEADS + lines(3))
        actions.start(ImportRun.objects.get(pk=run.pk), actor=ops)
        with pytest.raises(Conflict):
            actions.discard(run, actor=ops)
        work()
        assert Lead.objects.count() == 3


class TestRetrying:
    def test_refused_rows_of_a_stopped_import_wait_for_its_end(self, upload, ops, small, work):
        run = actions.start(upload(LEADS + "x@y.test,A,B,C,lots,\n" + lines(25)), actor=ops)
        actions.stop(run, actor=ops)
        run.refresh_from_db()
        with pytest.raises(Conflict) as caught:
            actions.retry(run, actor=ops)
        assert "Let it go on" in caught.value.message
        actions.resume(run, actor=ops)
        work()
        run.refresh_from_db()
        assert (run.state, run.received, run.refused) == ("done", 26, 1)
        actions.retry(run, actor=ops)
        work()
        run.refresh_from_db()
        assert (run.state, run.received) == ("done", 26)


class TestTurns:
    def test_what_the_check_refused_is_no_row_of_an_import_that_never_began(self, upload, ops, work):
        run = upload("Email,First name\na@n.test,A\n,B\n")
        actions.start_check(run, actor=ops)
        work()
        run.refresh_from_db()
        assert (run.state, ImportRefusal.objects.filter(run=run).count()) == ("checked", 1)
        actions.stop(actions.start(run, actor=ops, checked=True), actor=ops)
        assert not ImportRefusal.objects.filter(run=run).exists()
        run.refresh_from_db()
        actions.resume(run, actor=ops)
        work()
        run.refresh_from_db()
        assert (run.state, run.received, run.refused, ImportRefusal.objects.filter(run=run).count()) == ("done", 2, 1, 1)

    def test_two_long_checks_both_end(self, upload, ops, small, hurried):
        runs = [actions.start_check(upload(LEADS + lines(35, first=first)), actor=ops) for first in (0, 100)]
        for _ in runs:
            jobs.run_once()
        assert [ImportRun.objects.get(pk=run.pk).state for run in runs] == ["checked", "checked"]

    def test_a_workbook_is_not_read_from_its_beginning_each_turn(self, upload, ops, small, hurried):
        book = workbook(["Email", "City"], *([f"ivy{n}@n{n}.test", "Oslo"] for n in range(35)))
        run = actions.start(upload(book, name="leads.xlsx"), actor=ops)
        actions.start(upload(LEADS + lines(3)), actor=ops)
        jobs.run_once()
        run.refresh_from_db()
        assert (run.state, run.received) == ("done", 35)

    def test_a_table_of_text_gives_way_and_comes_again(self, upload, ops, small, hurried, work):
        runs = [actions.start(upload(LEADS + lines(35, first=first)), actor=ops) for first in (0, 100)]
        for _ in range(3):
            jobs.run_once()  # the first, the second, the first again
        first = ImportRun.objects.get(pk=runs[0].pk)
        assert first.job.state == "queued"
        assert 0 < first.received < 35
        work()
        assert [ImportRun.objects.get(pk=run.pk).received for run in runs] == [35, 35]

    def test_who_works_a_job_alone_gives_way_to_nobody(self, upload, ops, small, hurried):
        run = actions.start(upload(LEADS + lines(35)), actor=ops, here=True)
        actions.start(upload(LEADS + lines(3)), actor=ops)
        jobs.work_on(run.job, give_way=False)
        run.refresh_from_db()
        assert (run.state, run.received) == ("done", 35)

    def test_the_command_imports_to_the_end_while_others_wait(self, upload, ops, small, hurried, tmp_path, capsys):
        actions.start(upload(LEADS + lines(3)), actor=ops)
        file = tmp_path / "leads.csv"
        file.write_text(LEADS + lines(35, first=100))
        call_command("import_leads", str(file), "--create-fields", "--no-score")
        assert "35 received" in capsys.readouterr().out
        assert Lead.objects.count() == 35


class TestSteeringByAnAdministrator:
    def test_an_import_that_was_undone_does_not_go_on(self, upload, ops, small, work, cast):
        run = actions.start(upload(LEADS + lines(35)), actor=ops)
        old = jobs.take()
        beats = []

        def beat():
            beats.append(1)
            if len(beats) == 4:
                stop_job(Job.objects.get(pk=old.pk), actor=cast.admin)

        jobs.work_on(old, beat=beat)
        run.refresh_from_db()
        assert run.state == "stopped"
        actions.undo(run, actor=ops)
        work()
        with pytest.raises(Conflict):
            resume_job(Job.objects.get(pk=old.pk), actor=cast.admin)
        Job.objects.filter(pk=old.pk).update(state="queued", stop_asked=False)
        work()
        run.refresh_from_db()
        assert (run.state, Lead.objects.count()) == ("undone", 0)
        assert Job.objects.get(pk=old.pk).result["code"] == "import_moved_on"

    def test_a_waiting_import_stops_with_its_run_and_both_go_on(self, upload, ops, work, cast):
        run = actions.start(upload(LEADS + lines(3)), actor=ops)
        stop_job(run.job, actor=cast.admin)
        run.refresh_from_db()
        assert (run.state, run.job.state) == ("stopped", "stopped")
        resume_job(run.job, actor=cast.admin)
        run.refresh_from_db()
        assert (run.state, run.job.state) == ("running", "queued")
        work()
        run.refresh_from_db()
        assert (run.state, run.received) == ("done", 3)

    def test_a_stopped_undo_can_go_on(self, imported, ops, work, cast):
        run = imported(LEADS + lines(3))
        actions.undo(run, actor=ops)
        stop_job(run.job, actor=cast.admin)
        run.refresh_from_db()
        assert run.state == "stopped"
        actions.resume(run, actor=ops)
        work()
        run.refresh_from_db()
        assert (run.state, Lead.objects.count()) == ("undone", 0)

    def test_asking_for_the_undo_again_goes_on_with_the_one_that_stopped(self, imported, ops, work, cast):
        run = imported(LEADS + lines(3))
        actions.undo(run, actor=ops)
        stop_job(run.job, actor=cast.admin)
        run.refresh_from_db()
        first = run.job_id
        actions.undo(run, actor=ops)
        work()
        run.refresh_from_db()
        assert (run.state, run.job_id, Lead.objects.count()) == ("undone", first, 0)

    def test_a_failed_undo_keeps_its_count_and_goes_on(self, imported, ops, work, cast, monkeypatch):
        monkeypatch.setattr(undo, "BATCH", 2)
        run = imported(LEADS + lines(6))
        noted = Lead.objects.order_by("pk").first()
        LeadNote.objects.create(lead=noted, author=cast.rep, text="called", at=run.finished_at)
        real = undo.UndoWork._remove_leads

        def fault(self, ids):
            if self.job.position:
                raise ValueError("a fault")
            real(self, ids)

        monkeypatch.setattr(undo.UndoWork, "_remove_leads", fault)
        actions.undo(run, actor=ops)
        work()
        run.refresh_from_db()
        assert run.state == "failed"
        assert run.job.result["removed"] == 1
        monkeypatch.setattr(undo.UndoWork, "_remove_leads", real)
        resume_job(run.job, actor=cast.admin)
        work()
        run.refresh_from_db()
        assert (run.state, list(Lead.objects.all())) == ("undone", [noted])
        assert run.undo_result == {
            "removed": 5,
            "left_count": 2,
            "left": [
                {"name": noted.name, "why": "a note was written"},
                {"name": "Field City", "why": "leads have a value in it"},
            ],
        }  # fmt: skip

    def test_a_stopped_retry_gives_the_run_back(self, imported, ops, cast):
        run = imported(LEADS + lines(2) + "x@y.test,A,B,C,lots,\n")
        actions.retry(run, actor=ops)
        stop_job(run.job, actor=cast.admin)
        run.refresh_from_db()
        assert run.state == "done"
