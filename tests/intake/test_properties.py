"""What holds for any batch: it adds up, a repeat makes nothing new, order within a second does not double anybody."""

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leads.intake.batch import take_in, take_in_activities, take_in_companies, take_in_outcomes
from leads.intake.incoming import AboutLead, Incoming, IncomingActivity, IncomingOutcome, Who
from leads.models import Activity, Case, Company, ExternalId, Lead, LeadEvent, LeadRevision, Submission
from tests.conftest import MONDAY
from tests.intake.incoming import company, person

pytestmark = pytest.mark.django_db
any_text = st.text(max_size=12)
# What tells each of these apart; an item may leave some of it out.
PERSONAS = [
    ("ivy@firma.de", "1", "+4930901820", "Okafor"),
    ("x@hundred_acre.org", "2", "+4930901821", "Pooh"),
    ("a@mailinator.com", "3", "12", "Gone"),
    ("b@gmail.com", "", "", "Free"),
    ("", "5", "+4930901825", "Phone"),
    ("none", "", "", "Nobody"),
]


@st.composite
def an_item(draw):
    email, external, phone, surname = draw(st.sampled_from(PERSONAS))
    values = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "lead.email": st.sampled_from([email, email.upper()]),
                "lead.phone": st.just(phone),
                "lead.last_name": st.sampled_from([surname, surname.upper()]),
                "lead.first_name": any_text,
                "lead.job_title": any_text,
                "lead.country": st.sampled_from(["DE", "France", "Nowhere"]),
                "company.name": any_text,
                "company.employees": st.one_of(st.integers(-1, 500), st.floats(), any_text),
            },
        )
    )
    said = draw(st.one_of(st.none(), st.integers(0, 5).map(lambda days: MONDAY - timedelta(days=days))))
    return Incoming(values=values, external={"crm": external} if draw(st.booleans()) else {}, occurred_at=said, raw=values)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), report_multiple_bugs=False)
@given(st.lists(an_item(), max_size=12))
def test_any_batch_adds_up_and_its_repeat_creates_nobody(batch):
    for model in (Submission, LeadEvent, LeadRevision, ExternalId, Lead, Company):
        model.objects.all().delete()
    answers = take_in(batch, actor=None, channel="api", at=MONDAY)
    counts = Counter(taken.status for taken in answers)
    assert sum(counts.values()) == len(batch) == Submission.objects.count()
    assert counts["created"] == Lead.objects.count() == LeadRevision.objects.count()
    assert all((taken.lead_id is None) == (taken.status == "refused") for taken in answers)
    assert all(taken.problems for taken in answers if taken.status == "refused")
    for lead in Lead.objects.all():
        assert lead.contactable == (lead.stage == "prospect")
        assert lead.contactable == bool(lead.email_usable or lead.phone_e164)
    people = Lead.objects.count()
    again = take_in(batch, actor=None, channel="api", at=MONDAY)
    assert Counter(taken.status for taken in again)["refused"] == counts["refused"]
    assert Lead.objects.count() == people


def queries_of(work, django_assert_max_num_queries):
    with django_assert_max_num_queries(200) as captured:
        work()
    return len(captured)


def lead_batch(start, count):
    return [
        person(
            f"p{n}@firma{n % 5}.de",
            lead__phone=f"+4930{9010000 + n}",
            lead__job_title="CTO",
            company__name=f"Firma {n % 5}",
            company__employees=n,
            external={"crm": str(n)},
            outcome=IncomingOutcome("won"),
            activities=[IncomingActivity("page_view", MONDAY, source="web", source_id=str(n))],
        )
        for n in range(start, start + count)
    ]


def test_a_batch_takes_as_many_queries_as_one_item(django_assert_max_num_queries):
    def take(start, count):
        return queries_of(
            lambda: take_in(lead_batch(start, count), actor=None, channel="api", at=MONDAY), django_assert_max_num_queries
        )

    take(0, 20)
    one, many = take(100, 1), take(200, 300)
    assert one == many
    assert many <= 35
    again_one, again_many = take(100, 1), take(200, 300)
    assert again_one == again_many


def test_other_batches_take_as_many_queries_as_one_item(django_assert_max_num_queries):
    take_in([person(f"p{n}@firma.de") for n in range(300)], actor=None, channel="api", at=MONDAY)

    def about(start, count, **what):
        return [AboutLead(Who(email=f"p{n}@firma.de"), **what) for n in range(start, start + count)]

    def count(take, given):
        return queries_of(lambda: take(given, actor=None, channel="api", at=MONDAY), django_assert_max_num_queries)

    view = {"activity": IncomingActivity("page_view", MONDAY)}
    assert count(take_in_activities, about(0, 1, **view)) == count(take_in_activities, about(1, 200, **view)) <= 10
    won = {"outcome": IncomingOutcome("won", at=MONDAY)}
    assert count(take_in_outcomes, about(0, 1, **won)) == count(take_in_outcomes, about(1, 200, **won)) <= 22
    assert (Activity.objects.count(), Case.objects.count()) == (201, 201)
    firms = [company(f"Werk {n}", f"werk{n}.de", employees=n + 1) for n in range(201)]
    assert count(take_in_companies, firms[:1]) == count(take_in_companies, firms[1:]) <= 9


def test_companies_are_made_updated_and_left_alone():
    taken = take_in_companies(
        [
            company("Okafor", "okafor.de", employees=5),
            company("Okafor Werke", "www.okafor.de", employees="9"),
            company(domain="okafor.de"),
            company(),
            company("Stahl", employees="many"),
        ],
        actor=None,
        channel="import",
        at=MONDAY,
    )
    assert [one.status for one in taken] == ["created", "updated", "attached", "refused", "refused"]
    stored = Company.objects.get()
    assert (stored.name, stored.employees, stored.folded["name"]) == ("Okafor Werke", 9, " okafor werke ")


def test_a_changed_company_raises_the_revision_of_its_leads():
    take_in([person("a@okafor.de"), person("b@okafor.de")], actor=None, channel="api", at=MONDAY)
    take_in_companies([company(domain="okafor.de", industry="Steel")], actor=None, channel="import", at=MONDAY)
    assert set(LeadRevision.objects.values_list("rev", flat=True)) == {2}
