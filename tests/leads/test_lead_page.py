"""The page of a lead: who may open it, what it says, and notes with and without script."""

import itertools
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from leads.choices import Stage
from leads.models import Campaign, ExternalId, LeadEvent, LeadField, LeadNote, Product
from leads.slots import LeadPanel, slots
from leads.stage_words import STAGE_WORDS
from tests.builders import LONG_AGO

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def lead(make, cast):
    return make.lead(
        "ivy@northwind.test",
        first_name="Ivy",
        last_name="Okafor",
        owner=cast.rep,
        job_title="IT manager",
        company=make.company("Northwind"),
        first_source="Trade show",
        phone="+49 30 1234567",
        phone_e164="+49301234567",
    )


PARTS = ["", "timeline/", "changes/"]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("rep", 200),
        ("other_rep", 404),
        ("manager", 200),
        ("marketer", 200),
        ("marketing_ops", 200),
        ("head_of_sales", 200),
        ("admin", 200),
        ("outsider", 302),
    ],
)
def test_only_who_may_see_the_lead_opens_its_page(cast, client_of, lead, who, status, part):
    response = client_of(getattr(cast, who)).get(f"/leads/{lead.pk}/{part}", headers=HTMX if part else {})
    assert response.status_code == (204 if part and status == 302 else status)
    assert (b"Okafor" in response.content) is (status == 200 and not part)


def test_a_lead_that_is_not_there_and_one_that_may_not_be_seen_look_the_same(cast, client_of, lead):
    browser = client_of(cast.other_rep)
    assert browser.get(f"/leads/{lead.pk}/").status_code == browser.get("/leads/999999999/").status_code == 404


@pytest.mark.parametrize(
    ("who", "status"), [("rep", 302), ("other_rep", 404), ("manager", 302), ("marketer", 302), ("outsider", 302)]
)
def test_only_who_sees_the_lead_writes_notes(cast, client_of, lead, who, status):
    response = client_of(getattr(cast, who)).post(f"/leads/{lead.pk}/notes/", {"text": "Hello"})
    assert response.status_code == status
    assert LeadNote.objects.exists() is (who in ("rep", "manager", "marketer"))


def test_the_page_tells_who_where_and_how_to_reach(cast, client_of, lead):
    lead.first_campaign = Campaign.objects.create(name="Spring fair")
    lead.product_interest = Product.objects.create(key="fleet", name="Fleet")
    lead.save()
    ExternalId.objects.create(lead=lead, system="hubspot", value="90210")
    page = client_of(cast.rep).get(f"/leads/{lead.pk}/").content.decode()
    for text in (
        "Ivy Okafor",
        "IT manager",
        "Northwind",
        "Rita Rep",
        "ivy@northwind.test",
        "Trade show",
        "Spring fair",
        "Fleet",
        "hubspot",
        "90210",
        'data-copy="+49301234567"',
        'aria-current="step"',
        "A person we can reach",
    ):
        assert text in page


def test_why_nobody_can_reach_them_and_that_they_must_not_be_mailed(cast, client_of, make):
    lead = make.lead("", contactable=False, contact_problem="no_contact", stage=Stage.INQUIRY, consent="refused")
    page = client_of(cast.marketer).get(f"/leads/{lead.pk}/").content.decode()
    assert "Neither e-mail nor phone" in page
    assert "Cannot be reached" in page
    assert "Do not mail them" in page


def test_own_fields_are_told_in_words_and_in_order(cast, client_of, make):
    for place, (key, kind) in enumerate(
        [("tools", "multi"), ("agreed", "boolean"), ("seats", "number"), ("renewal", "date"), ("none", "text")]
    ):
        LeadField.objects.create(key=key, label=f"Label {key}", type=kind, position=place)
    lead = make.lead(attributes={"tools": ["SAP", "R"], "agreed": False, "seats": 12000, "renewal": "2027-03-01", "gone": "x"})
    facts = client_of(cast.marketer).get(f"/leads/{lead.pk}/").context["view"].own_facts
    assert [(fact.label, fact.words) for fact in facts] == [
        ("Label tools", "SAP, R"),
        ("Label agreed", "no"),
        ("Label seats", "12,000"),
        ("Label renewal", "1 Mar 2027"),
    ]


def test_colleagues_are_those_the_reader_may_see(cast, client_of, make, lead):
    make.lead(first_name="Seen", company=lead.company, owner=cast.rep)
    make.lead(first_name="Hidden", company=lead.company, owner=cast.other_rep)
    page = client_of(cast.rep).get(f"/leads/{lead.pk}/").content.decode()
    assert "Seen" in page
    assert "Hidden" not in page


def test_the_track_counts_how_often_a_lead_qualified(cast, client_of, make):
    lead = make.lead(stage=Stage.MQL)
    for number in range(2):
        LeadEvent.objects.create(
            lead=lead, kind="stage", at=LONG_AGO + timedelta(days=number), changes={"lead.stage": ["prospect", "mql"]}
        )
    LeadEvent.objects.create(lead=lead, kind="stage", at=LONG_AGO, changes={"lead.stage": ["mql", "sal"]})
    assert "MQL, 2nd time" in client_of(cast.marketer).get(f"/leads/{lead.pk}/").content.decode()


@pytest.mark.parametrize(
    ("way", "passed"),
    [
        ([], ["Inquiry"]),
        (["prospect", "lost"], ["Inquiry", "Prospect"]),
        (["prospect", "mql", "sal", "mql", "rejected"], ["Inquiry", "Prospect", "MQL"]),
        (["prospect", "mql", "sal", "sql", "won"], ["Inquiry", "Prospect", "MQL", "SAL", "SQL"]),
        (["mql", "rejected", "recycled", "prospect"], ["Inquiry"]),
    ],
)
def test_the_track_shows_the_stages_a_lead_was_in_and_no_other(cast, client_of, make, way, passed):
    lead = make.lead(stage=way[-1] if way else Stage.PROSPECT)
    for number, (old, new) in enumerate(itertools.pairwise(way)):
        at = LONG_AGO + timedelta(days=number)
        LeadEvent.objects.create(lead=lead, kind="stage", at=at, changes={"lead.stage": [old, new]})
    html = client_of(cast.marketer).get(f"/leads/{lead.pk}/").content.decode()
    assert re.findall(r'<li class="is-done"><span><span class="p-track-dot"></span>(\w+)', html) == passed


def test_every_stage_has_its_words_on_the_page(cast, client_of, make):
    assert set(STAGE_WORDS) == set(Stage)
    for stage in Stage:
        page = client_of(cast.marketer).get(f"/leads/{make.lead(stage=stage).pk}/")
        assert page.status_code == 200
        assert STAGE_WORDS[stage].meaning in page.content.decode().replace("&#x27;", "'")


def test_cards_of_the_layers_above_stand_where_they_belong(cast, client_of, lead, monkeypatch):
    panels = [
        LeadPanel("none", 1, "leads/missing.html", lambda request, lead: None),
        LeadPanel("score", 5, "partials/empty.html", lambda request, lead: {"fact": "x"}, column="side"),
    ]
    monkeypatch.setattr(slots, "lead_panels", panels)
    context = client_of(cast.rep).get(f"/leads/{lead.pk}/").context
    assert [panel.slot.key for panel in context["side_panels"]] == ["score"]
    assert context["main_panels"] == []


def test_a_note_by_htmx_answers_with_the_timeline_that_holds_it(cast, client_of, lead):
    response = client_of(cast.rep).post(
        f"/leads/{lead.pk}/notes/", {"text": "Called <b>twice</b>.\nBack on Monday."}, headers=HTMX
    )
    page = response.content.decode()
    assert response.status_code == 200
    assert page.lstrip().startswith('<section class="p-card" id="timeline"')
    assert "Called &lt;b&gt;twice&lt;/b&gt;.<br>Back on Monday." in page
    assert LeadNote.objects.get().author == cast.rep


def test_a_note_without_script_leads_back_to_the_timeline(cast, client_of, lead):
    response = client_of(cast.rep).post(f"/leads/{lead.pk}/notes/", {"text": "Called."})
    assert (response.status_code, response["Location"]) == (302, f"/leads/{lead.pk}/#timeline")


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize("text", ["", "   ", "x" * 5001])
def test_a_refused_note_comes_back_as_it_was_written_with_the_reason(cast, client_of, lead, headers, text):
    response = client_of(cast.rep).post(f"/leads/{lead.pk}/notes/", {"text": text}, headers=headers)
    page = response.content.decode()
    assert response.status_code == 422
    assert "A note has 1 to 5000 characters." in page
    assert f">{text}</textarea>" in page
    assert ("<html" in page) is not bool(headers)
    assert not LeadNote.objects.exists()


def test_notes_are_posted_never_gotten(cast, client_of, lead):
    assert client_of(cast.rep).get(f"/leads/{lead.pk}/notes/").status_code == 405


def test_earlier_entries_come_as_further_lines(cast, client_of, make, lead):
    for number in range(45):
        make.activity(lead, f"kind_{number}", LONG_AGO + timedelta(hours=number))
    browser = client_of(cast.rep)
    page = browser.get(f"/leads/{lead.pk}/")
    assert "Show earlier" in page.content.decode()
    after = page.context["timeline"].after
    more = browser.get(f"/leads/{lead.pk}/timeline/", {"after": str(after)}, headers=HTMX).content.decode()
    assert "Kind 24" in more
    assert "Kind 25" not in more
    assert "<section" not in more
    plain = browser.get(f"/leads/{lead.pk}/timeline/", {"after": str(after)})
    assert plain.status_code == 302
    assert "Kind 24" in browser.get(plain["Location"]).content.decode()


def test_a_place_nobody_wrote_is_an_honest_error(cast, client_of, lead):
    assert client_of(cast.rep).get(f"/leads/{lead.pk}/timeline/", {"after": "x"}, headers=HTMX).status_code == 422


def test_earlier_changes_come_as_rows_or_as_a_page(cast, client_of, lead):
    for number in range(12):
        LeadEvent.objects.create(
            lead=lead, kind="updated", at=LONG_AGO + timedelta(hours=number), changes={"lead.country": ["", f"C{number}"]}
        )
    browser = client_of(cast.rep)
    after = str(browser.get(f"/leads/{lead.pk}/").context["changes"].after)
    rows = browser.get(f"/leads/{lead.pk}/changes/", {"after": after}, headers=HTMX).content.decode()
    assert rows.lstrip().startswith("<tr>")
    assert "C1<" in rows
    page = browser.get(f"/leads/{lead.pk}/changes/", {"after": after}).content.decode()
    assert "<html" in page
    assert "C1<" in page
    assert (
        "no earlier changes"
        in browser.get(f"/leads/{lead.pk}/changes/", {"after": "2000-01-01T00:00:00+00:00~1~1"}).content.decode()
    )


def test_the_number_of_queries_is_fixed(cast, client_of, make, lead):
    browser = client_of(cast.rep)
    counts = []
    for _ in range(2):
        for number in range(8):
            make.activity(lead, f"kind_{number}")
            make.lead(company=lead.company, owner=cast.rep)
            ExternalId.objects.create(lead=lead, system="s", value=str(ExternalId.objects.count()))
            LeadEvent.objects.create(
                lead=lead, kind="owner", at=LONG_AGO, changes={"lead.owner": [None, cast.rep.pk]}, actor=cast.manager
            )
        browser.get(f"/leads/{lead.pk}/")
        with CaptureQueriesContext(connection) as queries:
            browser.get(f"/leads/{lead.pk}/")
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 24
