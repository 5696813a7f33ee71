"""What became of a lead before the present hand-off is history: it ends nothing that goes on."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from handoff.actions import accept_handoff, recycle_handoff
from leads.choices import CaseKind, Stage
from leads.intake.batch import take_in, take_in_outcomes
from leads.intake.incoming import AboutLead, Incoming, IncomingOutcome, Who
from leads.models import Case, Lead, LeadEvent
from tests.handoff.conftest import MONDAY

pytestmark = pytest.mark.usefixtures("defaults", "hands")
LONG_AGO = datetime(2019, 3, 1, tzinfo=UTC)


def tell(lead, outcome, at=None, **said):
    about = AboutLead(Who(email=lead.email), outcome=IncomingOutcome(outcome, at=at, **said))
    (taken,) = take_in_outcomes([about], actor=None, channel="import")
    return taken.status, [problem.code for problem in taken.problems]


def test_an_outcome_from_before_the_hand_off_is_a_past_case_only(work, cast):
    handoff = work.offered()
    lead = handoff.lead
    assert tell(lead, "lost", LONG_AGO) == ("created", ["older_outcome"])
    assert tell(lead, "lost", LONG_AGO) == ("attached", [])
    assert tell(lead, "lost", LONG_AGO, amount=Decimal(70)) == ("updated", [])
    assert tell(lead, "won", MONDAY - timedelta(hours=1)) == ("created", ["older_outcome"])
    known = Incoming(values={"lead.email": lead.email}, outcome=IncomingOutcome("rejected", at=LONG_AGO + timedelta(days=30)))
    (taken,) = take_in([known], actor=None, channel="import")
    assert (taken.status, taken.problems[-1].code) == ("updated", "older_outcome")
    fresh = work.fresh(handoff)
    assert (fresh.state, fresh.version, fresh.lead.stage) == ("offered", handoff.version, Stage.MQL)
    cases = Case.objects.filter(lead=lead, kind=CaseKind.IMPORTED).order_by("decided_at")
    assert [(case.outcome, case.amount) for case in cases] == [("lost", 70), ("rejected", None), ("won", None)]
    assert [case.decided_at for case in cases] == [case.outcome_at for case in cases]
    event = LeadEvent.objects.filter(lead=lead, kind=LeadEvent.Kind.OUTCOME).earliest("pk")
    expected = {"outcome": [None, "lost"], "outcome_at": [None, "2019-03-01 00:00 UTC"], "case": cases[0].pk}
    assert event.changes == expected

    accept_handoff(fresh, actor=cast.rep)
    assert tell(lead, "lost", LONG_AGO + timedelta(days=1))[1] == ["older_outcome"]
    assert work.fresh(handoff).state == "accepted"
    # The day of the hand-off, told without an hour, is the hand-off's own.
    assert tell(lead, "won", datetime(2026, 6, 8, tzinfo=ZoneInfo("Europe/Berlin"))) == ("updated", [])
    fresh = work.fresh(handoff)
    assert (fresh.state, fresh.closed_as, fresh.lead.stage) == ("closed", "won", Stage.WON)


def test_an_outcome_from_before_the_lead_went_back_to_marketing_does_not_move_it(work, cast, steps):
    handoff = accept_handoff(work.offered(), actor=cast.rep)
    recycle_handoff(handoff, actor=cast.rep, note="No answer")
    assert tell(handoff.lead, "won", LONG_AGO) == ("created", ["older_outcome"])
    assert Lead.objects.get(pk=handoff.lead_id).stage == Stage.RECYCLED
    assert tell(handoff.lead, "lost") == ("created", [])
    assert Lead.objects.get(pk=handoff.lead_id).stage == Stage.LOST
