"""A refusal speaks of fields by what people call them; the keys are for programs."""

import re

import pytest

from leads.intake.batch import take_in, take_in_outcomes
from leads.intake.incoming import AboutLead, Incoming, IncomingActivity, IncomingOutcome, Who
from leads.models import LeadField
from tests.conftest import MONDAY
from tests.intake.incoming import person

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("values", "code", "words"),
    [
        ({"lead__first_name": "I" * 121}, "too_long", "First name: longer than 120 characters."),
        ({"lead__phone": "12"}, "bad_phone", "Phone: “12” is not a phone number that can exist."),
        ({"email": "x@y"}, "bad_email", "E-mail: “x@y” is not an e-mail address that can exist."),
        ({"lead__country": "Atlantis"}, "unknown_country", "Country: “Atlantis” is not a country, such as DE or Germany."),
        ({"company__employees": "many"}, "not_number", "Employees: “many” is not a number."),
        ({"company__revenue": "-1"}, "not_positive", "Yearly revenue: “-1” is not a positive amount."),
        ({"lead__opt_out": "maybe"}, "not_boolean", "Opted out: “maybe” is not yes or no."),
        ({"custom__size": "Huge"}, "unknown_choice", "Size of the team: “Huge” is not one of the field’s choices."),
        ({"external": {"crm": "x" * 201}}, "too_long", "Id in crm: longer than 200 characters."),
        ({"source": "s" * 81}, "too_long", "Source: longer than 80 characters."),
        ({"occurred_at": MONDAY.replace(year=2999)}, "in_future", "When it happened: “2999-06-08T09:00:00+00:00” is not a time up to now."),
        ({"activities": [IncomingActivity("Chat!", MONDAY)]}, "bad_kind", "activities[0].kind: “Chat!” is not a kind in small letters"),
        ({"outcome": IncomingOutcome("won", reason="r" * 201)}, "too_long", "Reason: longer than 200 characters."),
        ({"outcome": IncomingOutcome("won", reason="rain")}, "unknown_reason", "Reason: “rain” is not a known reason."),
        ({"lead__product_interest": "Moon"}, "unknown_product", "Product interest: “Moon” is not a known product."),
    ],
)  # fmt: skip
def test_messages_name_fields_by_their_labels(values, code, words):
    LeadField.objects.create(key="size", label="Size of the team", type="choice", choices=["Big"])
    email = values.pop("email", "ivy@firma.de")
    (taken,) = take_in([person(email, **({"external": {"web": "1"}} | values))], actor=None, channel="api", at=MONDAY)
    (found,) = (problem for problem in taken.problems if problem.code == code)
    assert found.message.startswith(words)
    assert not re.search(r"\b(?:lead|company|custom|external)\.\w", found.message)


def test_outcomes_and_who_is_nobody_too(make):
    lead = make.lead()
    items = [AboutLead(Who(lead_id=lead.pk), outcome=IncomingOutcome("eaten")), AboutLead(Who(email="nobody@n.test"))]
    first, _ = take_in_outcomes(items, actor=None, channel="api", at=MONDAY)
    assert first.problems[0].message.startswith("Outcome: “eaten” is not one of ")
    (nobody,) = take_in([Incoming(values={"lead.phone": "12"})], actor=None, channel="api", at=MONDAY)
    assert nobody.problems[-1].message == "“12” cannot exist, and nothing else says who this is."
