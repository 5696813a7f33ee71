"""An outcome told again adds what it did not say before; blank says nothing, and what cannot be used is always told."""

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import permutations
from zoneinfo import ZoneInfo

import pytest

from leads import hooks, jobs
from leads.choices import Stage
from leads.importing import actions
from leads.intake.batch import take_in, take_in_outcomes
from leads.intake.incoming import AboutLead, Incoming, IncomingOutcome, Who
from leads.models import Case, ImportRun, Lead, LeadEvent, Reason
from tests.conftest import MONDAY
from tests.importing.samples import text

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def ivy(make, freeze):
    freeze(MONDAY)
    Reason.objects.create(code="too_small", label="Too small")
    Reason.objects.create(code="no_budget", label="No budget")
    return make.lead("ivy@fern.test")


def tell(*outcomes, at=MONDAY):
    items = [AboutLead(Who(email="ivy@fern.test"), outcome=outcome) for outcome in outcomes]
    return take_in_outcomes(items, actor=None, channel="api", at=at)


def codes(taken):
    return [problem.code for problem in taken.problems]


def test_an_amount_told_later_is_kept_and_recorded(ivy):
    tell(IncomingOutcome("won"))
    (taken,) = tell(IncomingOutcome("won", amount=Decimal(1200)), at=MONDAY + DAY)
    case = Case.objects.get()
    assert (taken.status, taken.case_id, taken.problems) == ("updated", case.pk, ())
    assert (case.amount, case.outcome_at) == (Decimal("1200.00"), MONDAY)
    event = LeadEvent.objects.filter(kind="outcome").latest("pk")
    assert (event.at, event.changes) == (MONDAY + DAY, {"amount": [None, "1200.00"]})
    (taken,) = tell(IncomingOutcome("won", amount=Decimal("1200.00")))
    assert (taken.status, LeadEvent.objects.filter(kind="outcome").count()) == ("attached", 2)


def test_a_reason_told_later_is_kept_and_another_corrects_it(ivy):
    tell(IncomingOutcome("rejected"))
    assert tell(IncomingOutcome("rejected", reason="too_small"))[0].status == "updated"
    assert Case.objects.get().reason.code == "too_small"
    assert tell(IncomingOutcome("rejected", reason="No budget"))[0].status == "updated"
    assert Case.objects.get().reason.code == "no_budget"
    event = LeadEvent.objects.filter(kind="outcome").latest("pk")
    assert (event.changes, event.reason) == ({"reason": ["Too small", "No budget"]}, "No budget")


def test_a_time_told_later_corrects_that_of_the_outcome(ivy):
    tell(IncomingOutcome("won"))
    (taken,) = tell(IncomingOutcome("won", at=MONDAY - DAY))
    assert (taken.status, Case.objects.get().outcome_at) == ("updated", MONDAY - DAY)
    assert LeadEvent.objects.filter(kind="outcome").latest("pk").changes == {
        "outcome_at": ["2026-06-08 09:00 UTC", "2026-06-07 09:00 UTC"]
    }


def test_blank_says_nothing(ivy):
    tell(IncomingOutcome("rejected", reason="too_small", amount=Decimal(5), at=MONDAY - DAY))
    (taken,) = tell(IncomingOutcome("rejected"))
    case = Case.objects.get()
    assert (taken.status, case.reason.code, case.amount, case.outcome_at) == ("attached", "too_small", 5, MONDAY - DAY)


def test_an_unknown_reason_is_told_and_the_known_one_stays(ivy):
    tell(IncomingOutcome("rejected", reason="too_small"))
    (taken,) = tell(IncomingOutcome("rejected", reason="bad_weather"))
    assert (taken.status, codes(taken)) == ("attached", ["unknown_reason"])
    assert Case.objects.get().reason.code == "too_small"


def test_several_words_on_one_lead_in_a_batch_come_to_the_same_as_one_after_the_other(ivy):
    taken = tell(IncomingOutcome("won", amount=Decimal(1200), reason="bad_weather"), IncomingOutcome("won", reason="no_budget"))
    assert [codes(one) for one in taken] == [["unknown_reason"], []]
    case = Case.objects.get()
    assert (case.amount, case.reason.code) == (1200, "no_budget")


OLD = IncomingOutcome("lost", at=MONDAY - 900 * DAY, reason="no_budget")
NEW = IncomingOutcome("won", at=MONDAY - 5 * DAY, amount=Decimal(900))
FIRST = IncomingOutcome("won", at=MONDAY - 400 * DAY, amount=Decimal(100), reason="too_small")


@pytest.mark.parametrize("order", list(permutations((OLD, FIRST, NEW))))
def test_the_newest_outcome_counts_in_whatever_order_they_are_told(ivy, make, order):
    tell(*order)
    zoe = make.lead("zoe@fern.test")
    singly = [take_in_outcomes([AboutLead(Who(lead_id=zoe.pk), outcome=one)], actor=None, channel="api") for one in order]
    values = {"lead.email": "ann@fern.test"}
    take_in([Incoming(values=values, outcome=one) for one in order], actor=None, channel="api")
    for lead in Lead.objects.all():
        assert lead.stage == Stage.WON
        case = Case.objects.get(lead=lead)
        assert (case.outcome, case.outcome_at, case.amount, case.reason.code) == ("won", NEW.at, 900, "too_small")
    for outcome, (taken,) in zip(order, singly, strict=True):
        is_older = any(before.at > outcome.at for before in order[: order.index(outcome)])
        assert codes(taken) == (["older_outcome"] if is_older else [])


def test_a_day_without_an_hour_is_not_older_than_an_hour_of_it(ivy):
    tell(IncomingOutcome("won", at=MONDAY))
    midnight = datetime(2026, 6, 8, tzinfo=ZoneInfo("Europe/Berlin"))
    (taken,) = tell(IncomingOutcome("lost", at=midnight), at=MONDAY + DAY)
    assert (taken.status, taken.problems, Lead.objects.get().stage) == ("updated", (), Stage.LOST)
    (taken,) = tell(IncomingOutcome("won", at=midnight - timedelta(hours=20)))
    assert (taken.status, codes(taken), Lead.objects.get().stage) == ("attached", ["older_outcome"], Stage.LOST)


def test_those_above_are_not_told_of_an_end_they_know(ivy):
    tell(IncomingOutcome("won"))
    Lead.objects.filter(pk=ivy.pk).update(stage=Stage.WON)
    heard = []
    hooks.outcome_recorded.append(lambda *args: heard.append(args))
    try:
        tell(IncomingOutcome("won", amount=Decimal(7)))
    finally:
        hooks.outcome_recorded.pop()
    assert heard == []


class TestThroughTheImport:
    @pytest.fixture
    def bring(self, cast, settings, tmp_path):
        settings.MEDIA_ROOT = tmp_path

        def run(content, kind="outcomes"):
            run = actions.upload(text(content), name="outcomes.csv", kind=kind, actor=cast.marketing_ops)
            actions.start(run, actor=cast.marketing_ops)
            while jobs.run_once():
                pass
            return ImportRun.objects.get(pk=run.pk)

        return run

    @pytest.mark.parametrize("kind", ["outcomes", "leads"])
    def test_a_file_adds_what_an_earlier_one_left_out(self, ivy, bring, kind):
        bring("Email,Outcome\nivy@fern.test,won\n", kind)
        run = bring('Email,Outcome,Amount,Reason,Closed date\nivy@fern.test,won,"1,200",too_small,2026-05-04\n', kind)
        assert (run.state, run.received, run.updated, run.cases) == ("done", 1, 1, 0)
        case = Case.objects.get()
        assert (case.amount, case.reason.code, case.outcome_at.date().isoformat()) == (1200, "too_small", "2026-05-04")

    def test_undo_lists_that_what_was_added_stays(self, ivy, bring, cast, freeze):
        bring("Email,Outcome\nivy@fern.test,won\n")
        freeze(MONDAY + DAY)
        run = bring("Email,Outcome,Amount\nivy@fern.test,won,1200\n")
        actions.undo(run, actor=cast.marketing_ops)
        while jobs.run_once():
            pass
        run.refresh_from_db()
        assert (run.state, Case.objects.get().amount) == ("undone", 1200)
        assert run.undo_result["left"] == [{"name": str(ivy), "why": "its case was there before and keeps what the import added"}]
