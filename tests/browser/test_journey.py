"""The journey of a lead, as people live it: in real browsers, with the real worker running beside the web server."""

import pytest
from playwright.sync_api import expect

from handoff.defaults import install_defaults
from handoff.models import Handoff, Rep, WorkCalendar
from leads.models import Case, Lead
from scoring.actions.criteria import add_criterion
from scoring.actions.parts import set_decision
from scoring.actions.versions import create_model
from scoring.activation import activate_here
from scoring.signoff import NOBODY
from tests.worker import running_worker

pytestmark = pytest.mark.slow
FILE = """Email,First name,Last name,Job title,Company,Website,Employees,Country
ivy.okafor@northwind-freight.example,Ivy,Okafor,Head of Logistics,Northwind Freight,northwind-freight.example,480,Netherlands
luis.brandt@vantage-rail.example,Luis,Brandt,VP Operations,Vantage Rail,vantage-rail.example,2600,Germany
mini@corner-shop.example,Mini,Klein,Student,Corner Shop,corner-shop.example,2,Germany
winnie-the-pooh@hundred_acre_wood.org,Winnie,Pooh,Director,Hundred Acre Wood,,900,United Kingdom
"""
WAIT = 20_000


@pytest.fixture
def agreement(people):
    """A calendar that is always open, reasons, one rep who takes leads, and a model in force that asks for size and rank."""
    install_defaults("Europe/Berlin")
    WorkCalendar.objects.update(weekly={str(day): [[0, 1440]] for day in range(7)})
    Rep.objects.create(user=people.rep)
    head = people.head_of_sales
    version = create_model("Standard", actor=head, start="empty", signers=NOBODY)
    size = {"all": [{"field": "company.employees", "op": "between", "low": 50}]}
    rank = {"all": [{"field": "lead.seniority", "op": "in", "values": ["vp", "director", "c_level", "owner"]}]}
    for key, label, points, when in (("size", "50 people or more", 30, size), ("decides", "Decides", 25, rank)):
        data = {"key": key, "label": label, "dimension": "fit", "shape": "test", "points": points, "when": when}
        add_criterion(version, data, actor=head, rev=version.rev)
    set_decision(version, {"kind": "total", "tiers": ["B", "A"], "edges": [50], "mql_from": "A"}, actor=head, rev=version.rev)
    activate_here(version, actor=head, reason="Agreed in the kick-off.")
    return people


@pytest.fixture
def worker(live, settings, tmp_path):
    """The worker as it runs in production, on the tests' database and upload folder."""
    settings.MEDIA_ROOT = tmp_path / "uploads"
    with running_worker(var_dir=tmp_path, secret_key=settings.SECRET_KEY) as process:
        yield process


def test_a_lead_comes_in_is_handed_over_answered_and_read_about(agreement, worker, page_as, complaints, tmp_path):
    people = agreement
    file = tmp_path / "expo.csv"
    file.write_text(FILE)

    maya = page_as(people.marketer)
    maya.set_default_timeout(WAIT)
    maya.goto("/leads/imports/new/")
    maya.locator("input[type=file]").set_input_files(str(file))
    maya.get_by_role("button", name="Upload and continue").click()
    maya.get_by_role("button", name="Check the whole file").click()
    hand_over = maya.locator("input[name=hand_over]")
    expect(hand_over).to_be_visible(timeout=WAIT)
    hand_over.check()
    maya.get_by_role("button", name="Import 4 rows").click()
    expect(maya.get_by_role("link", name="Show the leads")).to_be_visible(timeout=WAIT)
    assert Lead.objects.get(first_name="Winnie").stage == "inquiry"

    rita = page_as(people.rep)
    rita.set_default_timeout(WAIT)
    rita.goto("/inbox/")
    rows = rita.locator("[data-row]")
    for _ in range(20):
        if rows.count() == 2:
            break
        rita.wait_for_timeout(500)
        rita.reload()
    expect(rows).to_have_count(2)
    rita.locator("[data-row]", has_text="Northwind Freight").get_by_role("button", name="Accept").click()
    expect(rita.get_by_text("Northwind Freight accepted.")).to_be_visible()
    vantage = rita.locator("[data-row]", has_text="Vantage Rail")
    vantage.focus()
    rita.keyboard.press("r")
    expect(rita.get_by_text("Why? Marketing reads this.").locator("visible=true")).to_be_visible()
    rita.keyboard.press("1")
    expect(rita.get_by_text("Vantage Rail rejected")).to_be_visible()
    rejected = Handoff.objects.get(lead__first_name="Luis")
    assert (rejected.state, rejected.reason.code) == ("rejected", "too_small")
    assert {case.outcome for case in Case.objects.all()} == {"working", "rejected"}

    maya.goto("/rejections/")
    expect(maya.get_by_text("Vantage Rail").locator("visible=true").first).to_be_visible()
    expect(maya.get_by_text("Too small").locator("visible=true").first).to_be_visible()

    complaints.expect(404)
    otto = page_as(people.other_rep)
    accepted = Handoff.objects.get(lead__first_name="Ivy")
    for address_of in (f"/handoffs/{accepted.pk}/", f"/leads/{accepted.lead_id}/"):
        assert otto.goto(address_of).status == 404
