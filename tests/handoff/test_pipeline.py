"""The stations of the pipeline: one that fails stops no other, and one bad lead no other lead."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from handoff import pipeline
from handoff.models import Handoff
from handoff.routing import route_waiting
from leads.revisions import touch_revisions
from scoring import looking
from scoring.models import LeadState
from tests.handoff.conftest import MONDAY

DAY = timedelta(days=1)


@pytest.fixture
def bad(monkeypatch):
    """Ids of leads that cannot be scored."""
    ids, score = set(), looking.score_batch

    def score_batch(lead_ids):
        score(lead_ids)
        if ids & set(lead_ids):
            raise ValueError("this lead cannot be scored")

    monkeypatch.setattr(pipeline, "score_batch", score_batch)
    return ids


def test_a_station_that_fails_stops_no_other(work, monkeypatch):
    work.qualification()

    def fails():
        raise ValueError("broken")

    monkeypatch.setattr(pipeline, "score_guarded", fails)
    assert pipeline.run_once() == 2
    assert Handoff.objects.get().state == "offered"


def test_with_nothing_queued_routing_asks_one_question(work):
    work.offered()
    with CaptureQueriesContext(connection) as asked:
        assert route_waiting() == 0
    assert len(asked) == 1


def test_a_failure_is_raised_when_nothing_was_done(work, monkeypatch):
    def fails():
        raise ValueError("broken")

    monkeypatch.setattr(pipeline, "open_handoffs", fails)
    with pytest.raises(ValueError, match="broken"):
        pipeline.run_once()


def test_a_lead_that_cannot_be_scored_stops_no_other_and_is_tried_again_tomorrow(work, make, bad, caplog):
    leads = [make.lead() for _ in range(7)]
    touch_revisions([lead.pk for lead in leads])
    bad.add(leads[3].pk)
    assert pipeline.score_guarded() == 7
    assert f"lead {leads[3].pk} could not be scored" in caplog.text
    states = LeadState.objects.in_bulk(field_name="lead_id")
    assert {lead.pk for lead in leads} <= set(states)
    assert states[leads[3].pk].due_on == (MONDAY + DAY).date()
    assert pipeline.score_guarded() == 0
    bad.clear()
    touch_revisions([leads[3].pk])
    assert pipeline.score_guarded() == 1
    assert LeadState.objects.get(lead_id=leads[3].pk).due_on is None


def test_a_lead_put_off_is_tried_again_the_next_day(work, make, bad):
    lead = make.lead()
    touch_revisions([lead.pk])
    bad.add(lead.pk)
    assert pipeline.score_guarded() == 1
    bad.clear()
    work.hands.advance(DAY)
    assert pipeline.score_guarded() == 1
    assert LeadState.objects.get(lead_id=lead.pk).due_on is None
