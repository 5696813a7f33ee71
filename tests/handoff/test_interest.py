"""New interest of somebody in a rep's hands: noted from what scoring paid for, one note a hand-off and day."""

from datetime import timedelta

import pytest

from handoff import pipeline
from handoff.actions import accept_handoff, reject_handoff
from handoff.actions.interest import note_interest
from leads import clock
from leads.models import Outbox
from leads.notify.registry import kinds
from scoring.models import Qualification, ScoreChange
from tests.handoff.conftest import HOUR, MONDAY


def paid(work, handoff, kind="pricing_view", was=50, now=62, cause="event"):
    """The lead does something now, and scoring pays for it."""
    work.make.activity(handoff.lead, kind, clock.now())
    return ScoreChange.objects.create(
        lead_id=handoff.lead_id, version=work.version, old_fit=22, old_engagement=was, new_fit=22, new_engagement=now, new_flags=1,
        cause=cause, at=clock.now(),
    )  # fmt: skip


def notes(channel="inapp"):
    return list(Outbox.objects.filter(kind="handoff.interest", channel=channel).order_by("pk"))


@pytest.fixture
def handoff(work, cast):
    handoff = work.offered()
    accept_handoff(handoff, actor=cast.rep)
    work.hands.advance(HOUR)
    return handoff


def test_the_owner_is_told_what_somebody_in_hand_did(work, cast, handoff):
    paid(work, handoff)
    assert note_interest() == 1
    (note,) = notes()
    assert note.recipient == cast.rep
    rendered = kinds["handoff.interest"].render([note])
    assert "Viewed the pricing page; the score rose" in rendered.text
    event = handoff.events.order_by("-pk").first()
    assert (event.verb, event.actor, event.detail["did"]) == ("interest", None, "Viewed the pricing page")
    assert note_interest() == 0


def test_one_note_a_day_tells_of_everything_since_the_last(work, cast, handoff):
    paid(work, handoff)
    note_interest()
    work.hands.advance(HOUR)
    paid(work, handoff, "ebook", 62, 66)
    work.hands.advance(2 * HOUR)
    paid(work, handoff, "webinar_attended", 66, 74)
    assert note_interest() == 0
    work.hands.move_to(MONDAY + 26 * HOUR)
    assert note_interest() == 1
    assert [note.payload["did"] for note in notes()] == [
        "Viewed the pricing page", "Attended a webinar, Downloaded an e-book"
    ]  # fmt: skip
    work.hands.advance(timedelta(days=3))
    assert note_interest() == 0


@pytest.mark.parametrize(
    "change", [{"was": 50, "now": 50}, {"was": 50, "now": 40}, {"cause": "time"}, {"cause": "import"}, {"cause": "facts"}]
)
def test_what_no_criterion_pays_for_is_no_news(work, handoff, change):
    paid(work, handoff, **change)
    assert note_interest() == 0


def test_what_came_before_the_offer_and_what_is_in_nobodys_hands_is_no_news(work, cast):
    handoff = work.queued()
    paid(work, handoff)
    assert note_interest() == 0
    work.hands.advance(timedelta(minutes=1))
    from handoff.routing import route_waiting

    route_waiting()
    assert note_interest() == 0
    reject_handoff(work.fresh(handoff), actor=cast.rep, reason="bad_timing")
    work.hands.advance(HOUR)
    paid(work, handoff)
    assert note_interest() == 0


def test_interest_that_qualifies_anew_is_told_once_when_it_joins(work, handoff):
    from handoff.actions import open_handoffs

    paid(work, handoff)
    work.qualification(lead=handoff.lead, kind="mqo", at=clock.now())
    assert note_interest() == 0
    work.hands.advance(timedelta(seconds=1))
    open_handoffs()
    assert note_interest() == 0
    assert len(notes()) == 1


def test_changed_criteria_are_not_told_as_interest(work, handoff):
    from handoff.actions import open_handoffs
    from leads.models import Activity

    # In force anew, nothing to do for the owner: joined in silence, and no bar to a true note later.
    Qualification.objects.filter(pk=handoff.qualification_id).update(closed_at=clock.now(), closed_as="answered")
    work.qualification(lead=handoff.lead, cause="activation", at=clock.now())
    assert open_handoffs() == 1
    assert (notes(), Outbox.objects.filter(kind="handoff.regraded").count()) == ([], 0)
    # An MQO by the new criteria has a clock, so it is told, with the true cause and no interest in the timeline.
    work.qualification(lead=handoff.lead, kind="mqo", cause="activation", at=clock.now())
    assert open_handoffs() == 1
    assert not notes()
    told = Outbox.objects.filter(kind="handoff.regraded", channel="inapp").get()
    rendered = kinds["handoff.regraded"].render([told])
    assert "counts as an MQO now" in rendered.title
    assert "because the criteria changed, not because of anything it did" in rendered.text
    assert "interest" not in rendered.title + rendered.text
    assert not Activity.objects.filter(lead=handoff.lead, kind="interest").exists()
    # What the lead then does itself is news at once.
    work.hands.advance(HOUR)
    paid(work, handoff)
    assert note_interest() == 1
    assert len(notes()) == 1
    # Kept back at an activation, released by an activity of its own: that is interest.
    kept = work.qualification(lead=handoff.lead, cause="activation", at=clock.now())
    work.hands.advance(HOUR)
    work.make.activity(handoff.lead, "demo_request", clock.now())
    assert open_handoffs() == 1
    kept.refresh_from_db()
    assert kept.closed_as == "joined"
    assert len(notes()) == 2


def test_the_pipeline_looks_for_it(work, handoff, monkeypatch):
    monkeypatch.setattr(pipeline, "_interest_at", -pipeline.INTEREST_EVERY_S)
    paid(work, handoff)
    assert pipeline.run_once() >= 1
    assert len(notes()) == 1


def test_the_number_of_queries_does_not_grow_with_the_hand_offs(work, cast, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    counts = []
    for number in (1, 6):
        for _ in range(number):
            handoff = work.offered()
            work.hands.advance(timedelta(minutes=1))
            paid(work, handoff)
        with CaptureQueriesContext(connection) as queries:
            assert note_interest() == number
        counts.append(len(queries))
    assert counts[0] == counts[1]
