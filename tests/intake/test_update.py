"""A person enters and corrects leads."""

from datetime import timedelta

import pytest

from leads.actions.update import update_lead
from leads.choices import Stage
from leads.errors import Conflict, Invalid, NotAllowed
from leads.intake.batch import take_in
from leads.intake.incoming import Incoming
from leads.models import Company, Lead, LeadEvent, LeadField, LeadRevision, Submission
from tests.conftest import MONDAY

pytestmark = pytest.mark.django_db
LATER = MONDAY + timedelta(hours=2)


@pytest.fixture
def lead(cast):
    said = {"lead.email": "ivy@okafor-werke.de", "lead.first_name": "Ivy", "lead.job_title": "Buyer", "lead.country": "DE"}
    (taken,) = take_in([Incoming(values=said)], actor=cast.marketer, channel="manual", at=MONDAY)
    return Lead.objects.get(pk=taken.lead_id)


def test_a_lead_entered_by_hand_names_who_entered_it(cast, lead):
    assert (lead.stage, lead.company.domain) == (Stage.PROSPECT, "okafor-werke.de")
    assert LeadEvent.objects.get(lead=lead).actor == cast.marketer
    assert Submission.objects.get().channel == "manual"


def test_a_rep_may_not_correct_leads(cast, lead):
    with pytest.raises(NotAllowed):
        update_lead(lead, {"lead.first_name": "Eve"}, actor=cast.rep)


def test_a_correction_leaves_history_and_revision(cast, lead):
    changed = update_lead(lead, {"lead.job_title": "Head of Purchasing", "lead.first_name": ""}, actor=cast.marketer, at=LATER)
    assert (changed.job_title, changed.seniority, changed.first_name) == ("Head of Purchasing", "director", "")
    event = LeadEvent.objects.get(kind="updated")
    assert event.actor == cast.marketer
    assert event.changes["lead.first_name"] == ["Ivy", ""]
    assert LeadRevision.objects.get().rev == 2


def test_a_corrected_seniority_stays_when_the_title_changes(cast, lead):
    update_lead(lead, {"lead.seniority": "c_level"}, actor=cast.marketer, at=LATER)
    changed = update_lead(lead, {"lead.job_title": "Intern"}, actor=cast.marketer, at=LATER)
    assert (changed.seniority, changed.title_corrected) == ("c_level", True)


def test_a_correction_that_changes_nothing_writes_nothing(cast, lead):
    update_lead(lead, {"lead.first_name": "Ivy"}, actor=cast.marketer, at=LATER)
    assert not LeadEvent.objects.filter(kind="updated").exists()
    assert LeadRevision.objects.get().rev == 1


def test_taking_the_only_contact_away_makes_an_inquiry_and_giving_one_back_a_prospect(cast, lead):
    changed = update_lead(lead, {"lead.email": ""}, actor=cast.marketer, at=LATER)
    assert (changed.stage, changed.contact_problem) == (Stage.INQUIRY, "no_contact")
    changed = update_lead(lead, {"lead.phone": "030 901820"}, actor=cast.marketer, at=LATER)
    assert (changed.stage, changed.phone_e164) == (Stage.PROSPECT, "+4930901820")
    assert [event.changes for event in LeadEvent.objects.filter(kind="stage").order_by("pk")] == [
        {"lead.stage": ["prospect", "inquiry"]},
        {"lead.stage": ["inquiry", "prospect"]},
    ]


def test_a_lead_on_its_way_to_sales_must_stay_reachable(cast, lead):
    Lead.objects.update(stage=Stage.MQL)
    with pytest.raises(Invalid) as refused:
        update_lead(lead, {"lead.email": ""}, actor=cast.marketer)
    assert refused.value.code == "contact_needed"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"lead.email": "ivy@okafor_werke.de"}, "bad_email"),
        ({"lead.phone": "12"}, "bad_phone"),
        ({"lead.country": "Atlantis"}, "unknown_country"),
        ({"lead.product_interest": "nothing"}, "unknown_product"),
        ({"lead.stage": "won"}, "unknown_field"),
        ({"company.employees": 5}, "unknown_field"),
        ({"custom.nothing": 5}, "unknown_field"),
    ],
)
def test_a_correction_that_cannot_be_is_refused_with_its_field(cast, lead, changes, code):
    with pytest.raises(Invalid) as refused:
        update_lead(lead, changes, actor=cast.marketer, at=LATER)
    assert (refused.value.code, refused.value.field) == (code, next(iter(changes)))
    assert LeadRevision.objects.get().rev == 1


def test_an_address_of_somebody_else_is_refused(cast, lead):
    take_in([Incoming(values={"lead.email": "otto@okafor-werke.de"})], actor=cast.marketer, channel="manual")
    with pytest.raises(Invalid) as refused:
        update_lead(lead, {"lead.email": "Otto@okafor-werke.de"}, actor=cast.marketer)
    assert refused.value.code == "email_taken"


def test_a_correction_of_what_was_changed_meanwhile_is_a_conflict(cast, lead):
    seen = lead.updated_at
    update_lead(lead, {"lead.first_name": "Eve"}, actor=cast.marketer, at=LATER)
    with pytest.raises(Conflict):
        update_lead(lead, {"lead.first_name": "Ada"}, actor=cast.marketer, at=LATER, seen=seen)
    assert Lead.objects.get().first_name == "Eve"


def test_a_person_names_another_company_or_none(cast, lead):
    changed = update_lead(lead, {"company.name": "Stahl AG"}, actor=cast.marketer, at=LATER)
    assert (changed.company.name, changed.company.domain) == ("Stahl AG", "")
    changed = update_lead(lead, {"company.name": ""}, actor=cast.marketer, at=LATER)
    assert changed.company is None
    assert Company.objects.count() == 2


def test_custom_fields_are_set_and_cleared(cast, lead):
    LeadField.objects.create(key="visits", label="Visits", type="number")
    assert update_lead(lead, {"custom.visits": "7"}, actor=cast.marketer, at=LATER).attributes == {"visits": 7}
    assert update_lead(lead, {"custom.visits": ""}, actor=cast.marketer, at=LATER).attributes == {}
