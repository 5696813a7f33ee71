"""Leads and campaigns are known by what names them, however that is spelt; names that contradict each other are refused."""

import pytest

from leads.intake.batch import take_in_outcomes
from leads.intake.incoming import AboutLead, IncomingOutcome, Who
from leads.models import Activity, Campaign, Case, ExternalId, Lead
from tests.conftest import MONDAY
from tests.intake.test_api import IVY, error, sender  # noqa: F401 - the fixture

pytestmark = pytest.mark.django_db


def test_ids_of_other_systems_are_compared_trimmed_and_systems_in_any_case(sender):  # noqa: F811
    pk = sender.post("leads", {"external_ids": {"HubSpot": "12"}, "first_name": "Ivy"}).json()["lead_id"]
    for external in ({"hubspot": "12"}, {" HUBSPOT ": " 12 "}, {"hubspot": "12", "HubSpot": "12"}):
        again = sender.post("leads", {"external_ids": external}).json()
        assert (again["status"], again["lead_id"]) == ("attached", pk)
        told = sender.post("outcomes", {"lead": {"external_ids": external}, "outcome": "won"}).json()
        assert told["lead_id"] == pk
        event = {"lead": {"external_ids": external}, "kind": "call", "occurred_at": "2026-06-07T10:00:00Z"}
        assert sender.post("activities", event).json()["lead_id"] == pk
    for where in ("system=HUBSPOT&external_id=12", "system=%20hubspot&external_id=12%20"):
        assert sender.get(f"leads?{where}").json()["external_ids"] == {"hubspot": "12"}
    two = {"HubSpot": "12", "hubspot": "13"}
    assert error(sender.post("leads", {"external_ids": two}), 422)["code"] == "external_id_twice"
    assert error(sender.post("outcomes", {"lead": {"external_ids": two}, "outcome": "won"}), 422)["code"] == "external_id_twice"
    assert (Lead.objects.count(), ExternalId.objects.count(), Case.objects.count()) == (1, 1, 1)


def test_keys_of_different_leads_are_refused(sender, make):  # noqa: F811
    ivy = sender.post("leads", IVY | {"external_ids": {"crm": "1", "web": "9"}}).json()["lead_id"]
    otto = sender.post("leads", {"email": "otto@okafor-werke.de", "external_ids": {"crm": "2"}}).json()["lead_id"]
    for who in (
        {"id": ivy, "email": "otto@okafor-werke.de"},
        {"id": ivy, "external_ids": {"crm": "2"}},
        {"email": IVY["email"], "external_ids": {"crm": "2"}},
        {"external_ids": {"web": "9", "crm": "2"}},
    ):
        event = {"lead": who, "kind": "call", "occurred_at": "2026-06-07T10:00:00Z"}
        refused = error(sender.post("activities", event), 422)
        assert (refused["code"], refused["field"]) == ("different_leads", "lead")
        assert str(ivy) in refused["message"]
        assert str(otto) in refused["message"]
        assert error(sender.post("outcomes", {"lead": who, "outcome": "won"}), 422)["code"] == "different_leads"
    assert not Activity.objects.exists()
    assert not Case.objects.exists()
    # Keys that agree, or of which one is not known yet, name one lead.
    for who in (
        {"id": ivy, "email": IVY["email"], "external_ids": {"crm": "1"}},
        {"email": IVY["email"], "external_ids": {"x": "5"}},
    ):
        assert sender.post("outcomes", {"lead": who, "outcome": "won"}).json()["lead_id"] == ivy
    about = AboutLead(Who(email=IVY["email"], external={"crm": "2"}), outcome=IncomingOutcome("lost"))
    (taken,) = take_in_outcomes([about], actor=None, channel="import", at=MONDAY)
    assert (taken.status, taken.problems[0].code) == ("refused", "different_leads")


def test_campaigns_are_named_in_any_case_and_an_unknown_one_is_told(sender):  # noqa: F811
    spring, fair = (Campaign.objects.create(name=name).pk for name in ("Spring Webinar", "Straßen-Messe"))
    names = ["", "  STRASSEN-messe ", "spring  webinar", "Spring Wbinar"]
    events = [
        {"kind": "call", "occurred_at": "2026-06-07T10:00:00Z", "campaign": name, "source_id": str(number)}
        for number, name in enumerate(names)
    ]
    taken = sender.post("leads", IVY | {"campaign": "spring webinar", "activities": events}).json()
    assert [(one["code"], one["field"], one["value"]) for one in taken["problems"]] == [
        ("unknown_campaign", "activities[3].campaign", "Spring Wbinar")
    ]
    kept = dict(Activity.objects.values_list("source_id", "campaign_id"))
    assert kept == {"0": spring, "1": fair, "2": spring, "3": None}
    assert Lead.objects.get().first_campaign_id == spring
    event = events[3] | {"lead": {"email": IVY["email"]}, "source_id": "4"}
    assert error(sender.post("activities", event), 422)["code"] == "unknown_campaign"
    assert sender.post("activities", event | {"campaign": "STRASSEN-MESSE"}).status_code == 201
