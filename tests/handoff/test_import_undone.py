"""An import told what became of leads that sales had: what ended with it is not half taken back."""

from leads import jobs
from leads.importing import actions
from leads.models import Case
from tests.importing.samples import text


def test_an_outcome_that_ended_a_hand_off_stays_when_its_import_is_undone(work, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    handoff = work.offered()
    lead, other = handoff.lead, work.make.lead("ben@fern.test")
    run = actions.upload(
        text(f"Email,Outcome\n{lead.email},lost\n{other.email},won\n"), name="o.csv", kind="outcomes", actor=None
    )
    for act in (actions.start, actions.undo):
        act(run, actor=None)
        assert jobs.run_once()
        run.refresh_from_db()
    assert run.state == "undone"
    lead.refresh_from_db()
    handoff, case = work.fresh(handoff), Case.objects.get()
    assert (handoff.state, handoff.closed_as, lead.stage, case.lead, case.outcome) == ("closed", "lost", "lost", lead, "lost")
    assert run.undo_result == {
        "removed": 1,
        "left_count": 1,
        "left": [{"name": lead.name, "why": "its hand-off ended with this outcome; case and stage stay"}],
    }
