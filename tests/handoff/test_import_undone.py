"""An import told what became of leads that sales had: what ended with it is not half taken back."""

from leads import jobs
from leads.importing import actions
from leads.models import Case
from tests.importing.samples import text


def test_an_outcome_that_ended_a_hand_off_stays_when_its_import_is_undone(work, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    handoff, going_on = work.offered(), work.offered()
    lead, other = handoff.lead, work.make.lead("ben@fern.test")
    rows = f"{lead.email},lost,\n{other.email},won,\n{going_on.lead.email},lost,2019-03-01\n"
    run = actions.upload(text("Email,Outcome,Closed\n" + rows), name="o.csv", kind="outcomes", actor=None)
    for act in (actions.start, actions.undo):
        act(run, actor=None)
        assert jobs.run_once()
        run.refresh_from_db()
    assert (run.state, run.cases, work.fresh(going_on).state) == ("undone", 3, "offered")
    lead.refresh_from_db()
    handoff, case = work.fresh(handoff), Case.objects.get()
    assert (handoff.state, handoff.closed_as, lead.stage, case.lead, case.outcome) == ("closed", "lost", "lost", lead, "lost")
    assert run.undo_result == {
        "removed": 2,
        "left_count": 1,
        "left": [{"name": lead.name, "why": "its hand-off ended with this outcome; case and stage stay"}],
    }
