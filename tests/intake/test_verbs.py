"""Stages, owners, notes and outcomes of leads change by verbs, each with its event."""

from datetime import timedelta
from decimal import Decimal

import pytest

from leads import hooks
from leads.actions.note import add_note
from leads.actions.outcome import freeze_case, record_outcome
from leads.actions.owner import set_owner
from leads.actions.stage import change_stage
from leads.choices import Outcome, Stage
from leads.errors import Conflict, Invalid, NotAllowed
from leads.models import Case, Lead, LeadEvent, LeadNote, LeadRevision, Reason
from leads.stages import MOVE, MOVES, sources_of
from tests.conftest import MONDAY

pytestmark = pytest.mark.django_db


def test_a_move_is_written_with_its_event(make, cast):
    lead = make.lead()
    assert change_stage(lead, Stage.MQL, actor=cast.marketer, reason="Asked for a demo", at=MONDAY) == [lead.pk]
    stored = Lead.objects.get()
    assert (
        (stored.stage, stored.stage_since, stored.stage_reason)
        == (Stage.MQL, MONDAY, "Asked for a demo")
        == (
            lead.stage,
            lead.stage_since,
            lead.stage_reason,
        )
    )
    event = LeadEvent.objects.get()
    assert (event.kind, event.actor, event.changes) == ("stage", cast.marketer, {"lead.stage": ["prospect", "mql"]})


def test_the_loser_of_a_race_is_told(make):
    lead = make.lead()
    Lead.objects.update(stage=Stage.DISQUALIFIED)
    with pytest.raises(Conflict):
        change_stage(lead, Stage.MQL, actor=None)
    assert not LeadEvent.objects.exists()


def test_a_move_that_does_not_exist_is_refused(make):
    lead = make.lead()
    with pytest.raises(Invalid) as refused:
        change_stage(lead, Stage.SQL, actor=None)
    assert refused.value.code == "no_such_move"


def test_who_cannot_be_reached_becomes_no_prospect(make):
    lead = make.lead(stage=Stage.INQUIRY, contactable=False, contact_problem="no_contact")
    with pytest.raises(Invalid) as refused:
        change_stage(lead, Stage.PROSPECT, actor=None)
    assert refused.value.code == "not_contactable"
    assert change_stage([lead.pk], Stage.PROSPECT, actor=None) == []


def test_of_many_those_move_that_may(make):
    free, lost = make.lead(), make.lead(stage=Stage.DISQUALIFIED)
    assert change_stage([free.pk, lost.pk], Stage.MQL, actor=None) == [free.pk]
    assert LeadEvent.objects.count() == 1


def test_many_take_as_many_queries_as_one(make, django_assert_num_queries):
    ids = [make.lead().pk for _ in range(20)]
    with django_assert_num_queries(5):
        change_stage(ids, Stage.MQL, actor=None, at=MONDAY)


def test_marketing_and_sales_each_make_their_own_moves(make, cast):
    lead = make.lead(stage=Stage.MQL)
    with pytest.raises(NotAllowed):
        change_stage(lead, Stage.SAL, actor=cast.marketer)
    change_stage(lead, Stage.SAL, actor=cast.rep)
    prospect = make.lead()
    with pytest.raises(NotAllowed):
        change_stage(prospect, Stage.DISQUALIFIED, actor=cast.rep)
    with pytest.raises(NotAllowed):
        change_stage([prospect.pk], Stage.DISQUALIFIED, actor=cast.outsider)


def test_recycling_keeps_the_day_of_return_and_restarts_engagement(make):
    lead = make.lead(stage=Stage.REJECTED)
    change_stage(lead, Stage.RECYCLED, actor=None, return_on=MONDAY.date(), engagement_from=MONDAY)
    stored = Lead.objects.get()
    assert (stored.return_on, stored.engagement_from) == (MONDAY.date(), MONDAY)
    assert LeadRevision.objects.get().rev == 2
    change_stage(stored, Stage.PROSPECT, actor=None)
    assert Lead.objects.get().return_on is None


def test_every_stage_can_be_left_and_entered():
    assert {move.source for move in MOVES} == set(Stage)
    assert all(sources_of(stage) for stage in Stage)
    assert len(MOVE) == len(MOVES)


def test_an_owner_is_set_once_and_the_second_is_told(make, cast):
    lead = make.lead()
    stale = Lead.objects.get()
    assert set_owner(lead, cast.rep, actor=None, at=MONDAY) == [lead.pk]
    with pytest.raises(Conflict):
        set_owner(stale, cast.other_rep, actor=None)
    assert Lead.objects.get().owner == cast.rep
    assert LeadEvent.objects.get().changes == {"lead.owner": [None, cast.rep.pk]}


def test_a_rep_gives_back_their_own_and_takes_what_is_free_but_no_more(make, cast):
    lead = make.lead(owner=cast.rep)
    with pytest.raises(NotAllowed):
        set_owner(lead, cast.other_rep, actor=cast.other_rep)
    with pytest.raises(NotAllowed):
        set_owner(lead, cast.other_rep, actor=cast.rep)
    set_owner(lead, None, actor=cast.rep)
    set_owner(lead, cast.other_rep, actor=cast.other_rep)
    set_owner([lead.pk], cast.rep, actor=cast.manager)
    assert Lead.objects.get().owner == cast.rep


def test_nobody_inactive_gets_a_lead(make, cast):
    cast.rep.is_active = False
    with pytest.raises(Invalid):
        set_owner(make.lead(), cast.rep, actor=None)


def test_a_note_is_kept_with_its_author(make, cast):
    lead = make.lead()
    note = add_note(lead, "  Call after the fair ", actor=cast.rep, at=MONDAY)
    assert (note.text, note.author) == ("Call after the fair", cast.rep)
    assert LeadEvent.objects.get().kind == "note"
    with pytest.raises(Invalid):
        add_note(lead, "   ", actor=cast.rep)
    with pytest.raises(NotAllowed):
        add_note(lead, "Hello", actor=cast.outsider)


def test_a_case_keeps_the_facts_of_its_moment(make):
    lead = make.lead(job_title="CTO", company=make.company(employees=200), attributes={"visits": 3})
    case = freeze_case(lead, kind="decision", outcome="working", decided_at=MONDAY, score={"fit": 40})
    lead.company.employees = 900
    lead.company.save()
    stored = Case.objects.get(pk=case.pk)
    assert (stored.facts["lead.job_title"], stored.facts["company.employees"], stored.facts["custom.visits"]) == ("CTO", 200, 3)
    assert stored.score == {"fit": 40}


def test_an_outcome_ends_the_open_case_and_moves_the_lead(make, cast):
    lead = make.lead(stage=Stage.SQL)
    case = freeze_case(lead, kind="decision", outcome="working", decided_at=MONDAY)
    heard = []
    hooks.outcome_recorded.append(lambda *args: heard.append(args))
    try:
        told = record_outcome(
            lead, Outcome.WON, actor=cast.rep, at=MONDAY + timedelta(days=3), amount=Decimal("1200.50"), note="Signed"
        )
    finally:
        hooks.outcome_recorded.pop()
    stored = Case.objects.get()
    assert told.pk == case.pk == stored.pk
    assert (stored.outcome, stored.outcome_at, stored.amount) == ("won", MONDAY + timedelta(days=3), Decimal("1200.50"))
    assert lead.stage == Lead.objects.get().stage == Stage.WON
    assert heard[0][1:] == (told, cast.rep)
    assert LeadNote.objects.get().text == "Signed"
    assert set(LeadEvent.objects.values_list("kind", flat=True)) == {"outcome", "stage", "note"}


def test_the_same_outcome_again_changes_nothing_and_another_corrects_it(make):
    lead = make.lead(stage=Stage.SQL)
    first = record_outcome(lead, "lost", actor=None, at=MONDAY)
    events = LeadEvent.objects.count()
    assert record_outcome(lead, "lost", actor=None, at=MONDAY).pk == first.pk
    assert LeadEvent.objects.count() == events
    assert record_outcome(lead, "won", actor=None, at=MONDAY).pk == first.pk
    assert (Case.objects.get().outcome, Lead.objects.get().stage) == ("won", "won")


def test_an_outcome_after_a_rejection_is_a_case_of_its_own(make):
    lead = make.lead(stage=Stage.MQL)
    reason = Reason.objects.create(code="too_small", label="Too small")
    record_outcome(lead, "rejected", actor=None, at=MONDAY, reason=reason)
    record_outcome(lead, "won", actor=None, at=MONDAY + timedelta(days=9))
    assert list(Case.objects.order_by("decided_at").values_list("outcome", "reason__code")) == [
        ("rejected", "too_small"),
        ("won", None),
    ]


def test_marketing_does_not_say_what_was_won(make, cast):
    with pytest.raises(NotAllowed):
        record_outcome(make.lead(), "won", actor=cast.marketer)
